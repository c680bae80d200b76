//! [`Component`]: one part, what was last heard of it, and when to believe it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Check;
use crate::State as Circuit;

/// How a part is; the greater the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It works.
    Up,
    /// It works, but not as it should.
    Degraded,
    /// Nobody has looked yet, or not for too long.
    Unknown,
    /// It does not work.
    Down,
}

impl Status {
    /// Whether work can be done.
    #[must_use]
    pub const fn works(self) -> bool {
        matches!(self, Self::Up | Self::Degraded)
    }

    /// A name for bodies and labels, which does not change.
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

/// How a part is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct CheckConfig {
    /// Whether nothing can be done without it.
    pub critical: bool,
    /// So long a check may take; 2 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub timeout: Duration,
    /// So often it is checked; every 5 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub interval: Duration,
    /// So long an answer is believed; 30 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub stale_after: Duration,
    /// After so many failures in a row it is down; after the first by default.
    pub down_after: u32,
    /// After so many successes in a row it is up again; after the first by default.
    pub up_after: u32,
}

impl Default for CheckConfig {
    /// A critical part.
    fn default() -> Self {
        Self::critical()
    }
}

impl CheckConfig {
    /// A part without which nothing can be done.
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

    /// A part whose failure degrades and no more.
    #[must_use]
    pub const fn optional() -> Self {
        Self { critical: false, ..Self::critical() }
    }
}

/// One part at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// How it is.
    pub status: Status,
    /// Whether nothing can be done without it.
    pub critical: bool,
    /// How long its last check took; `None` if there was none.
    pub latency: Option<Duration>,
    /// What its last check complained of.
    pub complaint: Option<String>,
}

/// Where the knowledge comes from.
pub(super) enum Source {
    Check(Check),
    Breaker(Arc<dyn Fn() -> Circuit + Send + Sync>),
}

/// What a check came to.
pub(super) struct Answer {
    pub(super) result: Result<(), String>,
    pub(super) took: Duration,
}

/// A part and what is known of it.
pub(super) struct Known {
    pub(super) config: CheckConfig,
    source: Source,
    status: Status,
    /// When it was last heard of.
    heard: Option<Instant>,
    latency: Option<Duration>,
    complaint: Option<String>,
    /// Answers in a row that say otherwise than the status.
    otherwise: u32,
    /// When it was checked last.
    begun: Option<Instant>,
}

/// What is known of a part under the lock; a breaker is asked outside of it, for it tells its observers.
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

    /// Whether it is to be checked now; if so, the next time is an interval later.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= self.config.interval);
        if due {
            self.begun = Some(now);
        }
        due
    }

    /// The check to make, if it is known by checking.
    pub(super) fn check(&self) -> Option<Check> {
        match &self.source {
            Source::Check(check) => Some(Check::clone(check)),
            Source::Breaker(_) => None,
        }
    }

    /// Learns from a check. A change of status takes as many answers in a row as configured; the first answer of all is believed.
    pub(super) fn learn(&mut self, answer: Answer, now: Instant) {
        let (said, enough) = match answer.result {
            Ok(()) => (Status::Up, self.config.up_after),
            Err(_) => (Status::Down, self.config.down_after),
        };
        if !self.is_fresh(now) {
            // What was known is too old to outvote anything.
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

    /// The part, without its status.
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
