//! [`AlertRule`]: what is asked of the metrics, how long it must hold, and what people are told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::query::{Query, is_label_name};
use crate::words::Words;

/// Who is told, and how fast something must be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A person looks at it in the shift: Slack, mail.
    Warning,
    /// A person is called now: the pager.
    Critical,
}

impl Severity {
    /// Every severity.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// The value of the label `severity`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// The name of an alert, as Prometheus writes it: a letter or `_`, then letters, digits and `_`, at
/// most 64 in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleName(String);

/// A rule that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// The name is not the name of an alert.
    #[error("alert name {0:?}: expected 1 to 64 letters, digits and _, and no digit at the beginning")]
    Name(String),
    /// A label of the rule has a name that Prometheus refuses or that the rule sets itself.
    #[error(
        "label {0:?}: expected letters, digits and _, no digit at the beginning, and neither severity nor alertname"
    )]
    Label(String),
}

impl RuleName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidRule::Name`] if Prometheus would not take it, or if it is longer than 64.
    pub fn new(name: &str) -> Result<Self, InvalidRule> {
        if name.len() > 64 || !is_label_name(name) {
            return Err(InvalidRule::Name(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RuleName {
    type Error = InvalidRule;

    fn try_from(name: String) -> Result<Self, InvalidRule> {
        Self::new(&name)
    }
}

impl From<RuleName> for String {
    fn from(name: RuleName) -> Self {
        name.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How long a condition must hold before the alert fires, and how long the alert goes on firing
/// after it no longer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The time for which the condition must hold: `for` in Prometheus.
    pub before: Duration,
    /// The time for which the alert fires on: `keep_firing_for` in Prometheus.
    pub after: Duration,
}

impl Hold {
    /// A condition that must hold for `minutes`.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self { before: Duration::from_secs(60 * minutes), after: Duration::ZERO }
    }

    /// Sets the minutes for which the alert fires on.
    #[must_use]
    pub const fn keeping(mut self, minutes: u64) -> Self {
        self.after = Duration::from_secs(60 * minutes);
        self
    }
}

/// A rule: each label set that its query finds is an alert of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    name: RuleName,
    severity: Severity,
    query: Query,
    hold: Hold,
    labels: BTreeMap<String, String>,
    summary: Words,
    description: Words,
    runbook: &'static str,
}

impl AlertRule {
    /// A rule without labels of its own. `summary` is one line that names what is wrong;
    /// `description` says what it means for the trays. `runbook` is the page under `docs/runbook/`
    /// without `.md`.
    ///
    /// # Errors
    ///
    /// [`InvalidRule::Name`] if Prometheus would not take the name.
    pub fn new(
        name: &str,
        severity: Severity,
        query: Query,
        hold: Hold,
        summary: Words,
        description: Words,
        runbook: &'static str,
    ) -> Result<Self, InvalidRule> {
        let name = RuleName::new(name)?;
        Ok(Self { name, severity, query, hold, labels: BTreeMap::new(), summary, description, runbook })
    }

    /// Adds a label that every alert of the rule has.
    ///
    /// # Errors
    ///
    /// [`InvalidRule::Label`] if Prometheus would not take the name of the label, or if it is
    /// `severity` or `alertname`.
    pub fn labelled(mut self, name: &str, value: &str) -> Result<Self, InvalidRule> {
        if !is_label_name(name) || matches!(name, "severity" | "alertname") {
            return Err(InvalidRule::Label(name.to_owned()));
        }
        self.labels.insert(name.to_owned(), value.to_owned());
        Ok(self)
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &RuleName {
        &self.name
    }

    /// The severity.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// What is asked of the metrics. Each element of the answer is an alert.
    #[must_use]
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// How long the condition must hold.
    #[must_use]
    pub const fn hold(&self) -> Hold {
        self.hold
    }

    /// The labels of the rule beside its severity.
    #[must_use]
    pub const fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// One line that names what is wrong.
    #[must_use]
    pub const fn summary(&self) -> &Words {
        &self.summary
    }

    /// What it means for the trays.
    #[must_use]
    pub const fn description(&self) -> &Words {
        &self.description
    }

    /// The page under `docs/runbook/`, without `.md`.
    #[must_use]
    pub const fn runbook(&self) -> &'static str {
        self.runbook
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_prometheus_refuses_is_no_name() {
        for name in ["HighErrorRate", "_a1", &"x".repeat(64)] {
            assert_eq!(RuleName::new(name).unwrap().as_str(), name);
        }
        for name in ["", "1a", "a-b", "é", &"x".repeat(65)] {
            assert_eq!(RuleName::new(name), Err(InvalidRule::Name(name.to_owned())));
        }
    }
}
