//! [`Outage`]: a failure that lasts: when its beginning and its end are told, and how often it
//! failed in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A failure that lasts, such as a database that is away: the log has one line when it begins, one
/// when it ends, and that line has the number of failures.
///
/// ```text
///              failed                      succeeded, and calm since then
///   working ------------> failing -------------------------------------> working
///            tell: begins  ^   | failed: counted          tell: Recovery
///                          +---+ succeeded: not calm yet
/// ```
///
/// With a [calm](Self::calm_after) time, a failure that comes back within that time belongs to the
/// same outage, so that a dependency that answers every other call does not fill the log. The time
/// is an argument; the outage reads no clock.
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::outage::Outage;
/// use sqal_resilience::{Clock, ManualClock};
///
/// let (outage, clock) = (Outage::default(), ManualClock::new());
/// assert!(outage.failed(clock.now())); // the first failure: write a line
/// clock.advance(Duration::from_secs(30));
/// assert!(!outage.failed(clock.now())); // counted, and not written
/// clock.advance(Duration::from_secs(30));
/// let recovery = outage.succeeded(clock.now()).unwrap(); // write a line
/// assert_eq!((recovery.failures, recovery.lasted), (2, Duration::from_secs(60)));
/// assert_eq!(outage.succeeded(clock.now()), None);
/// ```
#[derive(Debug, Default)]
pub struct Outage {
    calm: Duration,
    /// Whether there is an outage. A success that ends none reads this and nothing else.
    is_on: AtomicBool,
    failing: Mutex<Option<Failing>>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Instant,
    failures: u64,
    /// The first success after the last failure.
    good_since: Option<Instant>,
}

/// The end of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The number of failures, the first one included.
    pub failures: u64,
    /// The time from the first failure to the first success after the last failure.
    pub lasted: Duration,
}

impl Recovery {
    /// The time in seconds, to a tenth, for a line of the log.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a tenth of a second counts for less than 2^53 of them")]
    pub fn seconds(&self) -> f64 {
        let tenths = u64::try_from(self.lasted.as_millis() / 100).unwrap_or(u64::MAX);
        tenths as f64 / 10.0
    }
}

impl Outage {
    /// The usual calm: failures less than five seconds apart are one outage, so that a flapping
    /// dependency writes at most two lines in that time.
    pub const CALM: Duration = Duration::from_secs(5);

    /// An outage that ends with the first success after which nothing failed for a time.
    #[must_use]
    pub const fn calm_after(calm: Duration) -> Self {
        Self { calm, is_on: AtomicBool::new(false), failing: Mutex::new(None) }
    }

    /// Notes a failure. Returns whether an outage begins with it.
    #[must_use = "the beginning of an outage is told"]
    pub fn failed(&self, now: Instant) -> bool {
        let mut failing = self.failing();
        let is_new = failing.is_none();
        let outage = failing.get_or_insert(Failing { since: now, failures: 0, good_since: None });
        outage.failures = outage.failures.saturating_add(1);
        outage.good_since = None;
        self.is_on.store(true, Ordering::Release);
        is_new
    }

    /// Notes a success. Returns what to tell if it ends an outage.
    #[must_use = "the end of an outage is told"]
    pub fn succeeded(&self, now: Instant) -> Option<Recovery> {
        if !self.is_on() {
            return None;
        }
        let mut failing = self.failing();
        let outage = failing.as_mut()?;
        let good_since = *outage.good_since.get_or_insert(now);
        if now.saturating_duration_since(good_since) < self.calm {
            return None;
        }
        let recovery =
            Recovery { failures: outage.failures, lasted: good_since.saturating_duration_since(outage.since) };
        *failing = None;
        self.is_on.store(false, Ordering::Release);
        Some(recovery)
    }

    /// Whether an outage has begun and not ended.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    fn failing(&self) -> MutexGuard<'_, Option<Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock};
    use proptest::prelude::*;

    const CALM: Duration = Duration::from_secs(5);

    #[test]
    fn a_failure_that_comes_back_soon_belongs_to_the_same_outage() {
        let (outage, clock) = (Outage::calm_after(CALM), ManualClock::new());
        assert!(outage.failed(clock.now()));
        for _ in 0..100 {
            clock.advance(Duration::from_secs(1));
            assert_eq!(outage.succeeded(clock.now()), None);
            clock.advance(CALM.saturating_sub(Duration::from_millis(1)));
            assert_eq!(outage.succeeded(clock.now()), None, "not calm yet");
            assert!(!outage.failed(clock.now()));
        }
        clock.advance(Duration::from_secs(2));
        assert_eq!(outage.succeeded(clock.now()), None);
        clock.advance(CALM);
        let recovery = outage.succeeded(clock.now()).unwrap();
        assert_eq!(recovery.failures, 101);
        assert_eq!(recovery.lasted, (CALM + Duration::from_millis(999)) * 100 + Duration::from_secs(2));
        assert!(!outage.is_on() && outage.failed(clock.now()), "the next failure begins another outage");
    }

    #[test]
    fn seconds_are_told_to_a_tenth() {
        for (lasted, seconds) in [(0, 0.0), (99, 0.0), (1_250, 1.2), (3_600_000, 3600.0)] {
            let recovery = Recovery { failures: 1, lasted: Duration::from_millis(lasted) };
            assert!((recovery.seconds() - seconds).abs() < 1e-9, "{lasted} ms: {}", recovery.seconds());
        }
    }

    proptest! {
        /// Beginnings and ends alternate, and the ends count every failure.
        #[test]
        fn every_failure_is_counted_once(
            calls in prop::collection::vec((any::<bool>(), 0_u64..10_000), 0..200),
            calm in 0_u64..20_000,
        ) {
            let (outage, clock) = (Outage::calm_after(Duration::from_millis(calm)), ManualClock::new());
            let (mut failures, mut counted, mut is_on) = (0, 0, false);
            for (fails, pause) in calls {
                clock.advance(Duration::from_millis(pause));
                if fails {
                    failures += 1;
                    prop_assert_eq!(outage.failed(clock.now()), !is_on);
                    is_on = true;
                } else if let Some(recovery) = outage.succeeded(clock.now()) {
                    prop_assert!(is_on, "only an outage ends");
                    counted += recovery.failures;
                    prop_assert_eq!(counted, failures);
                    is_on = false;
                }
                prop_assert_eq!(outage.is_on(), is_on);
            }
        }

        /// However a dependency fails, the log has at most two lines for each calm time.
        #[test]
        fn the_lines_are_few_however_a_dependency_fails(
            calls in prop::collection::vec((any::<bool>(), 0_u64..2_000), 0..200),
            calm in 1_u64..5_000,
        ) {
            let (outage, clock) = (Outage::calm_after(Duration::from_millis(calm)), ManualClock::new());
            let (mut lines, mut passed) = (0, 0);
            for (fails, pause) in calls {
                clock.advance(Duration::from_millis(pause));
                passed += pause;
                let now = clock.now();
                let is_told = if fails { outage.failed(now) } else { outage.succeeded(now).is_some() };
                lines += u64::from(is_told);
            }
            prop_assert!(lines <= 2 * (passed / calm) + 1, "{} lines in {} ms", lines, passed);
        }
    }
}
