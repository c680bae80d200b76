//! [`Event`] and [`Observer`]: what a breaker tells of its changes.

use super::State;

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// So many failures in a row.
    Failures,
    /// The share of failures in the window.
    FailureRate,
    /// The share of slow calls in the window.
    SlowRate,
    /// The share of abandoned calls in the window.
    AbandonedRate,
    /// The open time was over.
    OpenTimeOver,
    /// A probe failed.
    ProbeFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// The probes took too long; a new half-open period began.
    ProbesHung,
    /// Somebody said so.
    ByHand,
}

/// One change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it was.
    pub from: State,
    /// What it is now.
    pub to: State,
    /// Why.
    pub cause: Cause,
    /// Counts the changes of this breaker; events are told in this order.
    pub generation: u64,
}

/// Is told of every change, in order, after it was made and outside any lock: it may ask and change the breaker.
///
/// While a thread unwinds nothing is told; the next change or report tells it.
pub trait Observer: Send + Sync {
    /// A breaker changed its state.
    fn changed(&self, event: &Event);
}

/// Two observers, told one after the other.
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
