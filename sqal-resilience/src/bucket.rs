//! [`TokenBucket`] and [`KeyedBuckets`]: so many in a period, with a burst of the same size (RTL-01).

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::Rejected;

/// How many in which period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The most that may pass at once, and in one period.
    pub burst: NonZeroU32,
    /// The time in which an empty bucket fills.
    pub period: Duration,
}

impl Default for Quota {
    /// 100 in 60 seconds.
    fn default() -> Self {
        Self { burst: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN), period: Duration::from_mins(1) }
    }
}

/// One bucket, as the instant at which it will be full again.
///
/// Storing that instant instead of a count of tokens (the generic cell rate algorithm) needs no rounding and no refill step: the bucket
/// is full when the instant is past, and a token costs `period / burst`.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub const fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the time after which the same call succeeds, if the bucket is empty.
    pub fn take(&mut self, quota: &Quota, now: Instant) -> Result<(), Rejected> {
        let token = quota.period / quota.burst.get();
        let full_at = self.full_at.max(now) + token;
        let wait = full_at.saturating_duration_since(now + quota.period);
        if wait.is_zero() {
            self.full_at = full_at;
            Ok(())
        } else {
            Err(Rejected { retry_after: Some(wait) })
        }
    }

    /// Whether the bucket is full, so that forgetting it changes nothing.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// One bucket per key, with bounded memory.
///
/// When the table is full, full buckets are forgotten, which changes no answer; if none is full, an unknown key is refused rather than
/// let past the limit.
#[derive(Clone, Debug)]
pub struct KeyedBuckets<K> {
    quota: Quota,
    most_keys: usize,
    buckets: HashMap<K, TokenBucket>,
}

impl<K: Eq + Hash> KeyedBuckets<K> {
    /// Buckets of one quota for at most so many keys at a time.
    #[must_use]
    pub fn new(quota: Quota, most_keys: usize) -> Self {
        Self { quota, most_keys, buckets: HashMap::new() }
    }

    /// Takes one token of a key.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the key's bucket is empty, or if there is no room for another key.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Rejected> {
        if self.buckets.len() >= self.most_keys && !self.buckets.contains_key(&key) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= self.most_keys {
                return Err(Rejected { retry_after: Some(self.quota.period) });
            }
        }
        self.buckets.entry(key).or_insert(TokenBucket::full(now)).take(&self.quota, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock};
    use proptest::prelude::*;

    fn quota(burst: u32, millis: u64) -> Quota {
        Quota { burst: NonZeroU32::new(burst).unwrap(), period: Duration::from_millis(millis) }
    }

    proptest! {
        #[test]
        fn in_any_period_at_most_twice_the_burst_passes_and_a_refusal_names_the_right_instant(
            burst in 1..20_u32, steps in prop::collection::vec(0..50_u64, 1..200),
        ) {
            let quota = quota(burst, 1000);
            let clock = ManualClock::new();
            let start = clock.now();
            let mut bucket = TokenBucket::full(start);
            let mut passed = 0_u32;
            for step in steps {
                clock.advance(Duration::from_millis(step));
                let now = clock.now();
                match bucket.take(&quota, now) {
                    Ok(()) => passed += 1,
                    Err(refused) => {
                        let wait = refused.retry_after.unwrap();
                        let just_before = wait.checked_sub(Duration::from_nanos(1)).unwrap();
                        prop_assert!(bucket.clone().take(&quota, now + just_before).is_err());
                        prop_assert!(bucket.clone().take(&quota, now + wait).is_ok());
                    }
                }
                let periods = now.duration_since(start).as_secs_f64();
                prop_assert!(f64::from(passed) <= f64::from(burst).mul_add(1.0 + periods, 1e-6));
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_a_full_table_refuses_strangers() {
        let clock = ManualClock::new();
        let mut buckets = KeyedBuckets::new(quota(2, 1000), 2);
        assert!(buckets.take("a", clock.now()).is_ok());
        assert!(buckets.take("b", clock.now()).is_ok());
        assert!(buckets.take("c", clock.now()).is_err());
        clock.advance(Duration::from_secs(1));
        assert!(buckets.take("c", clock.now()).is_ok());
        assert!(buckets.buckets.len() <= 2);
    }
}
