//! [`Clock`]: the source of monotonic time, as a dependency, so that tests move it by hand.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A source of monotonic time.
pub trait Clock: Debug + Send + Sync {
    /// The current time; never less than an earlier answer.
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

/// The value in nanoseconds that stands for the origin of times: 146 years fit on either side of
/// it.
pub(crate) const ORIGIN: u64 = 1 << 62;

/// A time in nanoseconds, relative to an origin that counts as [`ORIGIN`]. The origin may lie after
/// the time, so a clock that steps back does not underflow.
#[inline]
pub(crate) fn nanos_since(origin: Instant, now: Instant) -> u64 {
    match now.checked_duration_since(origin) {
        Some(after) => ORIGIN + nanos(after).min(ORIGIN),
        None => ORIGIN - nanos(origin.duration_since(now)).min(ORIGIN),
    }
}

/// A span in nanoseconds, at most 584 years.
#[inline]
pub(crate) fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()))
}

/// The span of this number of nanoseconds; a second has a thousand million of them. If no span
/// holds the number, returns the longest span.
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

/// A span as a message shows it, rounded to two decimals of its largest unit: `59.85s`, `1.5s`,
/// `250ms`. What is left of a deadline has nine digits, and the last seven tell a reader nothing.
pub(crate) fn rounded(time: &Duration) -> Duration {
    let step = match time.as_nanos() {
        0..1_000 => 1,
        1_000..1_000_000 => 10,
        1_000_000..1_000_000_000 => 10_000,
        _ => 10_000_000,
    };
    span((time.as_nanos() + step / 2) / step * step)
}

/// How far apart the times of threads may lie (in nanoseconds) without being taken for a clock that
/// stepped back.
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

/// A clock that stands still until it is moved by hand. Clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Instant>>);

impl ManualClock {
    /// A clock that stands at some arbitrary instant.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(SystemClock.now())))
    }

    /// Moves the clock backward. A monotonic clock never steps back, but the clocks of some virtual
    /// machines did.
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
