//! [`Clock`]: where monotonic time comes from; a dependency, so that tests move it by hand.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A source of monotonic time.
pub trait Clock: Debug + Send + Sync {
    /// The time now; never less than an earlier answer.
    fn now(&self) -> Instant;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Instant {
        (**self).now()
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }
}

/// Where the origin of times lies in nanoseconds: 146 years on either side of it.
pub(crate) const ORIGIN: u64 = 1 << 62;

/// A time in nanoseconds after an origin, which may lie after it: a clock that steps back does not underflow.
#[inline]
pub(crate) fn nanos_since(origin: Instant, now: Instant) -> u64 {
    match now.checked_duration_since(origin) {
        Some(after) => ORIGIN + nanos(after).min(ORIGIN),
        None => ORIGIN - nanos(origin.duration_since(now)).min(ORIGIN),
    }
}

/// A span in nanoseconds, at most 584 years of them.
#[inline]
pub(crate) fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()))
}

/// So many nanoseconds as a span; a second has a thousand million of them. A number that no span holds is the longest one.
pub(crate) fn span(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    match (u64::try_from(nanos / SECOND), u32::try_from(nanos % SECOND)) {
        (Ok(seconds), Ok(rest)) => Duration::new(seconds, rest),
        _ => Duration::MAX,
    }
}

/// A span in whole seconds, rounded up.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// Threads' times may lie so far apart (in nanoseconds) without being taken for a clock that stepped back.
pub(crate) const SKEW: u64 = 1_000_000_000;

/// The machine's monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "the one place where monotonic time enters")]
        Instant::now()
    }
}

/// Tokio's clock: the machine's, unless a test has paused it.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioClock;

#[cfg(feature = "tokio")]
impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// A clock that stands still until it is told to move; clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Instant>>);

impl ManualClock {
    /// A clock that stands at some arbitrary instant.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(SystemClock.now())))
    }

    /// Moves the clock backward, which no monotonic clock does and some virtual machines did.
    pub fn rewind(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_sub(by).unwrap_or(*now);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add(by).unwrap_or(*now);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
