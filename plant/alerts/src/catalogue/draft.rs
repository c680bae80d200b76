//! [`DraftRule`]: a rule of the catalogue while it is written down.

use crate::query::Query;
use crate::rule::{AlertRule, Hold, Severity};
use crate::words::Words;

/// A rule without its texts.
pub(super) struct DraftRule {
    name: &'static str,
    runbook: &'static str,
    severity: Severity,
    query: Query,
    hold: Hold,
}

impl DraftRule {
    /// A rule for which a person is called.
    pub(super) fn critical(name: &'static str, runbook: &'static str, query: Query) -> Self {
        Self { name, runbook, severity: Severity::Critical, query, hold: Hold::default() }
    }

    /// A rule at which a person looks in the shift.
    pub(super) fn warning(name: &'static str, runbook: &'static str, query: Query) -> Self {
        Self { name, runbook, severity: Severity::Warning, query, hold: Hold::default() }
    }

    /// Sets the time for which the query must find something.
    pub(super) const fn held(mut self, hold: Hold) -> Self {
        self.hold = hold;
        self
    }

    /// The rule with its summary and its description, each in English and French.
    pub(super) fn says(self, summary: [&str; 2], description: [&str; 2]) -> AlertRule {
        let [summary, description] = [summary, description].map(|[en, fr]| Words::new(en, fr));
        let Self { name, runbook, severity, query, hold } = self;
        AlertRule::new(name, severity, query, hold, summary, description, runbook)
            .unwrap_or_else(|_| unreachable!("names of the catalogue are constants, and a test builds each"))
    }
}
