//! [`Component`]: one component, the last answer of its check, and how long that answer is valid.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Check;
use crate::breaker::State as Circuit;

/// The status of a component; a greater status is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The component works.
    Up,
    /// The component works, but not as it should.
    Degraded,
    /// The component has not been checked yet, or its last answer is too old.
    Unknown,
    /// The component does not work.
    Down,
}

impl Status {
    /// Whether the component works, fully or degraded.
    #[must_use]
    pub const fn works(self) -> bool {
        matches!(self, Self::Up | Self::Degraded)
    }

    /// A stable name for bodies and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Down => "down",
        }
    }
}

/// How a component is checked. It begins with [`CheckConfig::critical`] or another constructor; its
/// fields are then set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CheckConfig {
    /// Whether no work can be done without this component.
    pub critical: bool,
    /// The time limit of a check; 2 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub timeout: Duration,
    /// The time between two checks; 5 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub interval: Duration,
    /// How long an answer is valid; 30 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub stale_after: Duration,
    /// The number of failures in a row after which the component is down; 1 by default.
    pub down_after: u32,
    /// The number of successes in a row after which the component is up again; 1 by default.
    pub up_after: u32,
}

impl Default for CheckConfig {
    /// The settings of a critical component.
    fn default() -> Self {
        Self::critical()
    }
}

impl CheckConfig {
    /// The settings of a component without which no work can be done.
    #[must_use]
    pub const fn critical() -> Self {
        Self {
            critical: true,
            timeout: Duration::from_secs(2),
            interval: Duration::from_secs(5),
            stale_after: Duration::from_secs(30),
            down_after: 1,
            up_after: 1,
        }
    }

    /// The settings of a component whose failure only degrades the process.
    #[must_use]
    pub const fn optional() -> Self {
        Self { critical: false, ..Self::critical() }
    }
}

/// One component at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The name of the component.
    pub name: String,
    /// The status of the component.
    pub status: Status,
    /// Whether no work can be done without this component.
    pub critical: bool,
    /// How long the last check took; `None` if there was none.
    pub latency: Option<Duration>,
    /// The error of the last check; `None` if it succeeded.
    pub complaint: Option<String>,
}

/// Where the status of a component comes from.
pub(super) enum Source {
    Check(Check),
    Breaker(Arc<dyn Fn() -> Circuit + Send + Sync>),
}

/// The result of a check.
pub(super) struct Answer {
    pub(super) result: Result<(), String>,
    pub(super) took: Duration,
}

/// A component and what is known about it.
pub(super) struct Known {
    pub(super) config: CheckConfig,
    source: Source,
    status: Status,
    /// When the last answer came.
    heard: Option<Instant>,
    latency: Option<Duration>,
    complaint: Option<String>,
    /// The number of answers in a row that contradict the status.
    otherwise: u32,
    /// When the last check began.
    begun: Option<Instant>,
}

/// What is known about a component under the lock. A breaker is asked outside of the lock, because
/// it may call its observers.
pub(super) enum Said {
    Status(Status),
    Ask(Arc<dyn Fn() -> Circuit + Send + Sync>),
}

impl Said {
    pub(super) fn status(self) -> Status {
        match self {
            Self::Status(status) => status,
            Self::Ask(state) => match state() {
                Circuit::Open | Circuit::ForcedOpen => Status::Down,
                Circuit::HalfOpen => Status::Degraded,
                Circuit::Closed | Circuit::Disabled | Circuit::MetricsOnly => Status::Up,
            },
        }
    }
}

impl Known {
    pub(super) const fn new(config: CheckConfig, source: Source) -> Self {
        let (heard, latency, complaint, begun) = (None, None, None, None);
        Self { config, source, status: Status::Unknown, heard, latency, complaint, otherwise: 0, begun }
    }

    /// Whether a check is due now. If so, the next one is due an interval later.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= self.config.interval);
        if due {
            self.begun = Some(now);
        }
        due
    }

    /// The check to make; `None` if a breaker gives the status.
    pub(super) fn check(&self) -> Option<Check> {
        match &self.source {
            Source::Check(check) => Some(Check::clone(check)),
            Source::Breaker(_) => None,
        }
    }

    /// Updates the status from the answer of a check. A change of status takes as many answers in a
    /// row as configured; the first answer of all is taken as it is.
    pub(super) fn learn(&mut self, answer: Answer, now: Instant) {
        let (said, enough) = match answer.result {
            Ok(()) => (Status::Up, self.config.up_after),
            Err(_) => (Status::Down, self.config.down_after),
        };
        if !self.is_fresh(now) {
            // The earlier answer has expired, so it does not count against the new one.
            (self.status, self.otherwise) = (Status::Unknown, 0);
        }
        (self.heard, self.latency, self.complaint) = (Some(now), Some(answer.took), answer.result.err());
        self.otherwise = if said == self.status { 0 } else { self.otherwise + 1 };
        if self.otherwise >= enough || self.status == Status::Unknown {
            (self.status, self.otherwise) = (said, 0);
        }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.saturating_duration_since(heard) <= self.config.stale_after)
    }

    pub(super) fn said(&self, now: Instant) -> Said {
        match &self.source {
            Source::Breaker(state) => Said::Ask(Arc::clone(state)),
            Source::Check(_) => Said::Status(if self.is_fresh(now) { self.status } else { Status::Unknown }),
        }
    }

    /// The component, without its status.
    pub(super) fn component(&self, name: &str) -> Component {
        Component {
            name: name.to_owned(),
            status: Status::Unknown,
            critical: self.config.critical,
            latency: self.latency,
            complaint: self.complaint.clone(),
        }
    }
}
