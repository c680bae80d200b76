//! [`Snapshot`]: a consistent view of a breaker at one moment.

use std::time::Duration;

use super::window::Counts;
use super::{Breaker, State};
use crate::Clock;

/// A view of a breaker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// How often the breaker has changed.
    pub generation: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// The probes under way; 0 unless the breaker is half open.
    pub probes: u32,
    /// Probes that succeeded in this half-open period.
    pub successes: u32,
    /// The calls of the window, if there is one.
    pub window: Option<Counts>,
    /// The time until a probe is admitted; `None` unless the breaker is open.
    pub retry_after: Option<Duration>,
    /// How many recoveries have failed, less one for each base open time that was healthy since.
    pub level: u32,
}

impl<C: Clock> Breaker<C> {
    /// The current state.
    #[must_use]
    pub fn state(&self) -> State {
        self.snapshot().state
    }

    /// A consistent view of the breaker at the current time.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let now = self.now();
        let mut inner = self.lock();
        self.settle(&mut inner, now);
        let snapshot = Snapshot {
            state: inner.state,
            generation: inner.generation,
            failures_in_a_row: inner.failures,
            probes: inner.probes,
            successes: inner.successes,
            window: inner.calls.as_ref().map(|calls| calls.counts(now)),
            retry_after: (inner.state == State::Open).then(|| Duration::from_nanos(inner.until.saturating_sub(now))),
            level: if inner.state == State::Closed { inner.level_at(now) } else { inner.level },
        };
        self.unlock(inner);
        snapshot
    }
}
