//! [`ForcedTraces`]: the limit of traces that others have kept although the head of this process
//! does not sample them.
//!
//! One bit of a `traceparent` makes a process keep a trace, and a caller without a token can send
//! it too. A store that is away makes every trace fail. Without a limit, each of the two would
//! export every trace at a bad moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The part of a second that one trace takes: there are 100 in a second.
const PART: Duration = Duration::from_millis(10);

/// How far the parts that were taken may reach beyond now, so that 100 traces may come at once.
const AHEAD: Duration = Duration::from_millis(990);

/// The limits of both causes. Neither uses up that of the other.
#[derive(Debug, Default)]
pub(crate) struct ForcedTraces {
    /// The flag of a remote parent.
    pub(crate) by_callers: ForcedRate,
    /// The status ERROR.
    pub(crate) by_errors: ForcedRate,
    /// The traces that were too many and are in no metric yet.
    uncounted: AtomicU64,
}

impl ForcedTraces {
    /// Notes a trace that is dropped because there are too many.
    pub(crate) fn drop_one(&self) {
        self.uncounted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what was dropped. The recorder is code of the program, so no lock is held here.
    #[cfg(feature = "metrics")]
    pub(crate) fn tell(&self) {
        if self.uncounted.load(Ordering::Relaxed) > 0 {
            let uncounted = self.uncounted.swap(0, Ordering::Relaxed);
            metrics::counter!("traces_dropped_total", "reason" => "rate").increment(uncounted);
        }
    }
}

/// At most 100 traces a second.
#[derive(Debug, Default)]
pub(crate) struct ForcedRate(Mutex<Option<Instant>>);

impl ForcedRate {
    /// Whether one more trace is within the limit; it is counted then.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = taken.map_or(now, |end| end.max(now));
        let is_within = end.saturating_duration_since(now) <= AHEAD;
        if is_within {
            *taken = end.checked_add(PART);
        }
        is_within
    }
}
