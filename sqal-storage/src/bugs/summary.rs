//! [`BugSummary`] and [`BugDay`]: how many bugs there are, and how it went day by day.

use std::collections::BTreeMap;

use super::words::{BugSeverity, BugStatus};

/// How many bugs there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BugSummary {
    /// Bugs by status and severity; a pair without bugs is absent.
    pub bugs: BTreeMap<(BugStatus, BugSeverity), u64>,
    /// Bugs that were reported within the span that was asked for.
    pub created: u64,
    /// How often a bug ended within the span that was asked for: see [`BugDay::ended`].
    pub ended: u64,
    /// The sum of the times from the report to the end, over bugs that are ended now, in
    /// microseconds.
    pub ended_after_micros: u64,
}

impl BugSummary {
    /// The number of bugs with a status.
    #[must_use]
    pub fn with_status(&self, status: BugStatus) -> u64 {
        self.bugs.iter().filter(|((of, _), _)| *of == status).map(|(_, count)| count).sum()
    }

    /// The number of bugs with a severity.
    #[must_use]
    pub fn with_severity(&self, severity: BugSeverity) -> u64 {
        self.bugs.iter().filter(|((_, of), _)| *of == severity).map(|(_, count)| count).sum()
    }

    /// The number of bugs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bugs.values().sum()
    }

    /// The number of bugs that are resolved or closed.
    #[must_use]
    pub fn total_ended(&self) -> u64 {
        self.bugs.iter().filter(|((of, _), _)| of.is_ended()).map(|(_, count)| count).sum()
    }
}

/// A day, or another span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BugDay {
    /// Bugs that were reported in it.
    pub created: u64,
    /// How often a bug ended in it, that is, became resolved or closed without having been either.
    pub ended: u64,
    /// How often a bug was taken up again in it.
    pub reopened: u64,
    /// Bugs that were not ended at the end of it.
    pub open: u64,
    /// The median of the times from the report to the end, in microseconds, over bugs that are
    /// ended now and ended in it: the nearest rank (the smallest value that at least half do not
    /// exceed); `None` without such bugs.
    pub median_micros: Option<u64>,
    /// The 90th percentile of the times of `median_micros`: the nearest rank.
    pub ninetieth_micros: Option<u64>,
}
