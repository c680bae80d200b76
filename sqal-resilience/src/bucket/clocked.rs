//! [`ClockedBuckets`]: one bucket per key, with a clock of its own.

use std::hash::Hash;

use super::{Decision, InvalidQuota, KeyedBuckets, Quota};
use crate::{Clock, SystemClock};

/// [`KeyedBuckets`] with a clock of its own, as a [`TokenBucket`](super::TokenBucket) has, for
/// callers that have not read the time already.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use sqal_resilience::{bucket::ClockedBuckets, ManualClock, Quota};
///
/// let clock = ManualClock::new();
/// let quota = Quota::new(NonZeroU32::MIN, Duration::from_secs(1));
/// let buckets = ClockedBuckets::new(quota, 10_000, clock.clone())?;
/// assert!(buckets.take("ben", 1).allowed);
/// assert!(!buckets.take("ben", 1).allowed && buckets.take("marie", 1).allowed);
/// clock.advance(Duration::from_secs(1));
/// assert!(buckets.take("ben", 1).allowed);
/// # Ok::<(), sqal_resilience::bucket::InvalidQuota>(())
/// ```
#[derive(Debug)]
pub struct ClockedBuckets<K, C = SystemClock> {
    buckets: KeyedBuckets<K>,
    quota: Quota,
    clock: C,
}

impl<K: Eq + Hash, C: Clock> ClockedBuckets<K, C> {
    /// Buckets of one quota for at most `most_keys` keys at a time.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if no bucket can keep the rate.
    pub fn new(quota: Quota, most_keys: usize, clock: C) -> Result<Self, InvalidQuota> {
        Ok(Self { buckets: KeyedBuckets::new(quota, most_keys)?, quota, clock })
    }

    /// Takes `n` tokens of a key if they are there.
    pub fn take(&self, key: K, n: u32) -> Decision {
        self.buckets.take(key, n, self.clock.now())
    }

    /// The quota of every key.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// The number of keys that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}
