//! [`Rejected`]: a call that was not attempted, why, and when it may be tried again.

use std::fmt;
use std::time::Duration;

use crate::clock::whole_seconds;

/// Why a call was not attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The breaker is open: the target was failing a moment ago.
    CircuitOpen,
    /// The breaker was opened by hand.
    CircuitForcedOpen,
    /// The breaker is half open and all its probes are under way.
    ProbesExhausted,
    /// The bucket does not hold enough tokens now.
    RateLimited,
    /// The request asks for more tokens than the bucket can ever hold.
    ExceedsCapacity,
    /// All places of the bulkhead are taken, and its queue is full.
    BulkheadFull,
    /// The time limit for the wait for a place was over.
    QueueTimeout,
    /// The queue is too slow: its callers have waited too long already.
    Overloaded,
    /// The process is ending.
    ShuttingDown,
}

impl Reason {
    /// A stable name for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::CircuitForcedOpen => "circuit_forced_open",
            Self::ProbesExhausted => "probes_exhausted",
            Self::RateLimited => "rate_limited",
            Self::ExceedsCapacity => "exceeds_capacity",
            Self::BulkheadFull => "bulkhead_full",
            Self::QueueTimeout => "queue_timeout",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// The HTTP status that fits best: 429 if the caller asked for too much, 503 if this service
    /// cannot take the call.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::RateLimited | Self::ExceedsCapacity => 429,
            _ => 503,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CircuitOpen => "the circuit is open",
            Self::CircuitForcedOpen => "the circuit was opened by hand",
            Self::ProbesExhausted => "the circuit is half open and its probes are under way",
            Self::RateLimited => "the rate limit is reached",
            Self::ExceedsCapacity => "it asks for more tokens than the limit ever holds",
            Self::BulkheadFull => "all places are taken and the queue is full",
            Self::QueueTimeout => "no place became free in time",
            Self::Overloaded => "the queue is too slow: its callers have waited too long already",
            Self::ShuttingDown => "the process is ending",
        })
    }
}

/// The call was refused before it was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not attempted: {reason}{}", .retry_after.map_or_else(String::new, |after| format!("; try again in {} s", whole_seconds(after).max(1))))]
#[non_exhaustive]
pub struct Rejected {
    /// Why the call was refused.
    pub reason: Reason,
    /// The least time to wait before another try can succeed, if it is known.
    pub retry_after: Option<Duration>,
}

impl Rejected {
    /// A refusal without a known time to wait.
    #[must_use]
    pub const fn because(reason: Reason) -> Self {
        Self { reason, retry_after: None }
    }

    /// A refusal with the least time to wait.
    #[must_use]
    pub const fn until(reason: Reason, time: Duration) -> Self {
        Self { reason, retry_after: Some(time) }
    }

    /// The value of a `Retry-After` field: whole seconds, rounded up, at least 1; `None` if the
    /// time is not known.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|time| whole_seconds(time).max(1))
    }
}
