//! [`Alert`]: one entry of the book, with what people have done about it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::author::{Author, ServerName};
use super::finding::Finding;
use super::key::AlertKey;
use super::remark::Remark;
use crate::notify::AlertView;
use crate::times::between;
use crate::{RuleName, Severity, Words};

/// A person works on an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The person.
    pub by: Author,
    /// The time of the acknowledgement.
    pub at: Timestamp,
    /// What the person wrote.
    pub note: Remark,
}

/// Why there was an alert, and what was done, as a person has found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignedCause {
    /// The cause.
    pub cause: Remark,
    /// What was done about it.
    pub action: Remark,
    /// The person.
    pub by: Author,
    /// The time of the assignment.
    pub at: Timestamp,
}

/// An alert from its beginning to its end.
///
/// If it begins again soon after its end, it is the same alert with one more [flap](Self::flaps).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The key, equal on all servers.
    pub key: AlertKey,
    /// The name of the rule.
    pub rule: RuleName,
    /// The severity of the rule.
    pub severity: Severity,
    /// The labels, without `alertname` and `severity`.
    pub labels: BTreeMap<String, String>,
    /// One line that names what is wrong, with its placeholders.
    pub summary: Words,
    /// What it means for the trays, with its placeholders.
    pub description: Words,
    /// The page under `docs/runbook/`, without `.md`.
    pub runbook: String,
    /// The value when it was last written down; `None` if that is not a finite number.
    pub value: Option<f64>,
    /// The first evaluation at which the condition held.
    pub began: Timestamp,
    /// The end; `None` while a server finds the alert.
    pub resolved: Option<Timestamp>,
    /// The server that found the alert last.
    pub seen_by: ServerName,
    /// The servers that find the alert, each with the time, by its own clock, at which it last
    /// wrote that down.
    pub confirmed: BTreeMap<ServerName, Timestamp>,
    /// The person who works on it.
    pub acknowledged: Option<Acknowledgement>,
    /// Why there was an alert.
    pub cause: Option<AssignedCause>,
    /// How often the alert ended and began again soon after.
    pub flaps: u32,
}

impl Alert {
    /// An alert that `server` has found and that is not yet in the book. A server whose database is
    /// away tells of it by this.
    #[must_use]
    pub fn found(finding: &Finding, server: &ServerName, now: Timestamp) -> Self {
        let Finding { key, rule, severity, labels, summary, description, runbook, value, since } = finding.clone();
        let confirmed = BTreeMap::from([(*server, now)]);
        let (resolved, seen_by, acknowledged, cause, flaps) = (None, *server, None, None, 0);
        Self {
            key,
            rule,
            severity,
            labels,
            summary,
            description,
            runbook,
            value,
            began: since,
            resolved,
            seen_by,
            confirmed,
            acknowledged,
            cause,
            flaps,
        }
    }

    /// Whether `server` finds the alert, as far as the book knows.
    #[must_use]
    pub fn is_confirmed_by(&self, server: &ServerName) -> bool {
        self.confirmed.contains_key(server)
    }

    /// The value of a label, of `alertname` or of `severity`; `None` if the alert has no such
    /// label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        match name {
            "alertname" => Some(self.rule.as_str()),
            "severity" => Some(self.severity.as_str()),
            _ => self.labels.get(name).map(String::as_str),
        }
    }

    /// How long the alert has lasted at `now`, or lasted until its end.
    #[must_use]
    pub fn lasted(&self, now: Timestamp) -> Duration {
        between(self.began, self.resolved.unwrap_or(now))
    }

    /// Writes down that `server` finds the alert, and what it finds.
    pub(super) fn confirm(&mut self, finding: &Finding, server: &ServerName, now: Timestamp) {
        self.summary.clone_from(&finding.summary);
        self.description.clone_from(&finding.description);
        self.runbook.clone_from(&finding.runbook);
        (self.value, self.seen_by) = (finding.value, *server);
        self.confirmed.insert(*server, now);
    }
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        Self {
            key: alert.key.to_string(),
            alertname: alert.rule.to_string(),
            severity: alert.severity,
            labels: alert.labels.clone(),
            summary: alert.summary.clone(),
            description: alert.description.clone(),
            runbook: alert.runbook.clone(),
            began: alert.began,
            resolved: alert.resolved,
            acknowledged_by: alert.acknowledged.as_ref().map(|by| by.by.to_string()),
            value: alert.value,
        }
    }
}
