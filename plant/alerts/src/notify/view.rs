//! [`AlertView`]: what must be known of an alert to tell people about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use crate::rule::Severity;
use crate::words::Words;

/// An alert as the [`Notifier`](super::Notifier) sees it at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertView {
    /// The key of the alert: stable for as long as its rule and its labels are.
    pub key: String,
    /// The name of its rule.
    pub alertname: String,
    /// The severity of its rule.
    pub severity: Severity,
    /// Its labels, without `alertname` and `severity`.
    pub labels: BTreeMap<String, String>,
    /// One line that names what is wrong, with its placeholders.
    pub summary: Words,
    /// What it means for the trays, with its placeholders.
    pub description: Words,
    /// The page under `docs/runbook/`, without `.md`.
    pub runbook: String,
    /// When it began to fire.
    pub began: Timestamp,
    /// When it ended; `None` while it fires.
    pub resolved: Option<Timestamp>,
    /// The person who works on it, if one does.
    pub acknowledged_by: Option<String>,
    /// The value that the rule found last.
    pub value: Option<f64>,
}

impl AlertView {
    /// The value of a label, of `alertname` or of `severity`; `None` if the alert has no such
    /// label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        match name {
            "alertname" => Some(&self.alertname),
            "severity" => Some(self.severity.as_str()),
            _ => self.labels.get(name).map(String::as_str),
        }
    }

    /// Whether the alert fires.
    #[must_use]
    pub const fn is_firing(&self) -> bool {
        self.resolved.is_none()
    }

    /// Whether a person works on the alert.
    #[must_use]
    pub const fn is_acknowledged(&self) -> bool {
        self.acknowledged_by.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_and_the_severity_are_labels_that_no_label_hides() {
        let labels = [("device", "POSTE1"), ("severity", "none"), ("alertname", "Other")];
        let alert = AlertView {
            key: "k".to_owned(),
            alertname: "StationSilent".to_owned(),
            severity: Severity::Warning,
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            summary: Words::default(),
            description: Words::default(),
            runbook: "station-silent".to_owned(),
            began: Timestamp::from_micros(0).unwrap(),
            resolved: None,
            acknowledged_by: None,
            value: Some(1.0),
        };
        let of = |name| alert.label(name);
        assert_eq!((of("alertname"), of("severity")), (Some("StationSilent"), Some("warning")));
        assert_eq!((of("device"), of("cluster")), (Some("POSTE1"), None));
    }
}
