//! [`Event`] and [`Observer`]: what a breaker reports about its changes of state.

use super::State;

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The number of failures in a row reached its limit.
    Failures,
    /// The share of failures in the window reached its limit.
    FailureRate,
    /// The share of slow calls in the window reached its limit.
    SlowRate,
    /// The share of abandoned calls in the window exceeded its limit.
    AbandonedRate,
    /// The open time was over.
    OpenTimeOver,
    /// A probe failed.
    ProbeFailed,
    /// The required number of probes succeeded.
    ProbesSucceeded,
    /// The probes took too long, and a new half-open period began.
    ProbesHung,
    /// A caller changed the state by hand.
    ByHand,
}

impl Cause {
    /// A stable name for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::FailureRate => "failure_rate",
            Self::SlowRate => "slow_rate",
            Self::AbandonedRate => "abandoned_rate",
            Self::OpenTimeOver => "open_time_over",
            Self::ProbeFailed => "probe_failed",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::ProbesHung => "probes_hung",
            Self::ByHand => "by_hand",
        }
    }
}

/// One change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The state before the change.
    pub from: State,
    /// The state after the change.
    pub to: State,
    /// The cause of the change.
    pub cause: Cause,
    /// Counts the changes of this breaker. Events are reported in this order.
    pub generation: u64,
}

/// Receives every change of state, in order, after it was made and outside any lock. The observer
/// may read and change the breaker.
///
/// While a thread unwinds, no event is reported. The next change or report delivers it.
pub trait Observer: Send + Sync {
    /// A breaker changed its state.
    fn changed(&self, event: &Event);
}

/// Two observers, called one after the other.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn changed(&self, event: &Event) {
        self.0.changed(event);
        self.1.changed(event);
    }
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn changed(&self, event: &Event) {
        self(event);
    }
}
