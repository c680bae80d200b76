//! [`TokenBucket`], [`KeyedBuckets`] and [`take_all`]: a limit per period, with a burst (RTL-01).

mod clocked;
mod decision;
#[cfg(feature = "tokio")]
mod distributed;
mod keyed;
mod quota;
#[cfg(feature = "tokio")]
mod waiting;

use std::fmt;
use std::sync::PoisonError;
use std::time::Instant;

pub use clocked::ClockedBuckets;
use decision::ask;
pub use decision::{Answer, Decision};
#[cfg(feature = "tokio")]
pub use distributed::{AnsweredBy, BucketBackend, InvalidShared, OnOutage, SharedBuckets, SharedConfig};
pub use keyed::KeyedBuckets;
use quota::Rate;
pub use quota::{InvalidQuota, Quota};
#[cfg(feature = "tokio")]
pub use waiting::{CapacityError, FairBucket};

use crate::clock::{ORIGIN, nanos_since};
use crate::sync::{AtomicU64, Mutex, Ordering, spin_loop};
use crate::{Clock, SystemClock};

/// One bucket, shared by reference: its state is one word, to take is one compare-and-swap, and to
/// refuse is one load.
///
/// If a bucket is not used for four years, its next answer may come from an older state. Within
/// that time every answer is exact.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use sqal_resilience::{ManualClock, Quota, TokenBucket};
///
/// let clock = ManualClock::new();
/// let bucket = TokenBucket::new(Quota::default(), clock.clone())?; // 100 in 60 seconds
/// assert!(bucket.take(100).allowed);
/// let refused = bucket.take(1);
/// assert_eq!(refused.retry_after(), Some(Duration::from_millis(600)));
/// clock.advance(Duration::from_millis(600));
/// assert!(bucket.take(1).allowed);
/// # Ok::<(), sqal_resilience::bucket::InvalidQuota>(())
/// ```
pub struct TokenBucket<C = SystemClock> {
    clock: C,
    origin: Instant,
    full_at: AloneOnItsLine,
    token: AtomicU64,
    full: AtomicU64,
    /// Odd while the quota is being changed, and another even number after each change.
    version: AtomicU64,
    changing: Mutex<()>,
    /// The first quota, which also sets the resolution of time.
    first: Rate,
    shift: i32,
}

/// The word that every caller writes, on a cache line of its own: the fields that callers only read
/// stay in each core's cache.
#[repr(align(128))]
struct AloneOnItsLine(AtomicU64);

/// How full a bucket is (RTL-03).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// The number of tokens in the bucket now.
    pub current: u32,
    /// The maximum number of tokens in the bucket.
    pub max: u32,
    /// The number of tokens that come back per second.
    pub refill_rate: f64,
}

impl<C: Clock> TokenBucket<C> {
    /// A full bucket.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if no bucket can keep the rate.
    pub fn new(quota: Quota, clock: C) -> Result<Self, InvalidQuota> {
        let rate = Rate::of(&quota)?;
        let origin = clock.now();
        Ok(Self {
            clock,
            origin,
            full_at: AloneOnItsLine(AtomicU64::new(rate.units(ORIGIN))),
            token: AtomicU64::new(rate.token),
            full: AtomicU64::new(rate.full),
            version: AtomicU64::new(0),
            changing: Mutex::new(()),
            first: rate,
            shift: rate.shift,
        })
    }

    /// Takes `n` tokens if they are there.
    #[inline]
    pub fn take(&self, n: u32) -> Decision {
        self.take_at(n, self.clock.now())
    }

    /// Takes `n` tokens at a given instant, if they are there. The instants of several callers may
    /// lie up to a second apart.
    #[inline]
    pub fn take_at(&self, n: u32, now: Instant) -> Decision {
        let rate = self.rate();
        let mut now = rate.units(nanos_since(self.origin, now));
        let mut seen = self.full_at.0.load(Ordering::Relaxed);
        let mut asked_again = false;
        loop {
            let (full_at, decision) = ask(seen, now, n, &rate);
            let Some(full_at) = full_at else { return decision };
            if !decision.allowed && !asked_again {
                // It looks as if the clock stepped back. A caller that slept since it read the
                // clock looks the same, so the clock is read again.
                (now, asked_again) = (self.now(&rate), true);
                continue;
            }
            match self.full_at.0.compare_exchange_weak(seen, full_at, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return decision,
                Err(other) => seen = other,
            }
        }
    }

    /// The answer to a request for `n` tokens, without taking them.
    pub fn peek(&self, n: u32) -> Decision {
        self.peek_with(&self.rate(), n)
    }

    fn peek_with(&self, rate: &Rate, n: u32) -> Decision {
        ask(self.full_at.0.load(Ordering::Relaxed), self.now(rate), n, rate).1
    }

    /// Puts `n` tokens back. Tokens above the capacity are lost.
    pub fn refund(&self, n: u32) {
        let rate = self.rate();
        let now = self.now(&rate);
        let mut seen = self.full_at.0.load(Ordering::Relaxed);
        loop {
            let ahead = seen.wrapping_sub(now).cast_signed().max(0).cast_unsigned();
            let full_at = now.wrapping_add(ahead.saturating_sub(rate.token.saturating_mul(u64::from(n))));
            match self.full_at.0.compare_exchange_weak(seen, full_at, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// Changes the quota from now on. The tokens that are missing stay missing, at most the
    /// capacity of the new quota.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if this bucket cannot keep the rate. In that case nothing has changed.
    pub fn set_quota(&self, quota: Quota) -> Result<(), InvalidQuota> {
        let rate = Rate::of(&quota)?;
        if rate.shift < self.shift {
            // Such a slow rate needs coarser units of time than this bucket has.
            return Err(InvalidQuota { refill: quota.refill.get(), period: quota.period });
        }
        let finer = (rate.shift - self.shift).unsigned_abs();
        let token = 1_u64.checked_shl(finer).map_or(0, |step| rate.token.div_ceil(step));
        let error = (u128::from(token) << finer.min(63)).abs_diff(u128::from(rate.token));
        // The units of time of this bucket are too coarse for such a fast rate.
        if token == 0 || error > u128::from(rate.token) / 1000 {
            return Err(InvalidQuota { refill: quota.refill.get(), period: quota.period });
        }
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, new_full) = (self.rate(), token.saturating_mul(u64::from(quota.burst.get())));
        let now = self.now(&old);
        self.version.fetch_add(1, Ordering::AcqRel);
        self.token.store(token, Ordering::Release);
        self.full.store(new_full, Ordering::Release);
        let mut seen = self.full_at.0.load(Ordering::Relaxed);
        loop {
            let missing = seen.wrapping_sub(now).cast_signed().max(0).cast_unsigned().min(old.full);
            // The tokens that are missing, at the new price.
            let price = u128::from(missing) * u128::from(token) / u128::from(old.token);
            let missing = u64::try_from(price).unwrap_or(u64::MAX).min(new_full);
            let full_at = now.wrapping_add(missing);
            match self.full_at.0.compare_exchange_weak(seen, full_at, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => seen = other,
            }
        }
        self.version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// How full the bucket is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let rate = self.rate();
        let decision = self.peek_with(&rate, 0);
        Usage {
            current: decision.remaining(),
            max: decision.limit(),
            refill_rate: 1.0 / rate.time(rate.token).as_secs_f64(),
        }
    }

    /// Price and size of one quota, never of two: while they are changed, the reader looks again.
    #[inline]
    fn rate(&self) -> Rate {
        // Most buckets never change their quota.
        if self.version.load(Ordering::Acquire) == 0 { self.first } else { self.changed_rate() }
    }

    #[inline(never)]
    fn changed_rate(&self) -> Rate {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let rate = Rate {
                token: self.token.load(Ordering::Acquire),
                full: self.full.load(Ordering::Acquire),
                shift: self.shift,
            };
            if version.is_multiple_of(2) && self.version.load(Ordering::Acquire) == version {
                return rate;
            }
            spin_loop();
        }
    }

    fn now(&self, rate: &Rate) -> u64 {
        rate.units(nanos_since(self.origin, self.clock.now()))
    }
}

impl<C: fmt::Debug> fmt::Debug for TokenBucket<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBucket").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Takes the given number of tokens of each bucket, or none of any. If a bucket refuses, the tokens
/// that were already taken are put back.
///
/// The answer is that of the tightest bucket: the fewest remaining tokens, and the longest time to
/// wait. `None` if there are no buckets.
#[must_use = "the tokens may not have been taken"]
pub fn take_all<C: Clock>(buckets: &[(&TokenBucket<C>, u32)]) -> Option<Answer> {
    let mut tightest: Option<Answer> = None;
    let mut taken = 0;
    for (bucket, n) in buckets {
        let decision = bucket.take(*n);
        taken += usize::from(decision.allowed);
        tightest = Some(tightest.map_or(decision.answer(), |so_far| tighter(so_far, decision.answer())));
        if !decision.allowed {
            break;
        }
    }
    if taken < buckets.len() {
        for (bucket, n) in &buckets[..taken] {
            bucket.refund(*n);
        }
        // The buckets that were not asked may need a still longer wait.
        for (bucket, n) in &buckets[taken..] {
            tightest = tightest.map(|so_far| tighter(so_far, bucket.peek(*n).answer()));
        }
    }
    tightest
}

fn tighter(a: Answer, b: Answer) -> Answer {
    let retry_after = a.retry_after.zip(b.retry_after).map(|(a, b)| a.max(b));
    let (limit, remaining) = if a.remaining <= b.remaining { (a.limit, a.remaining) } else { (b.limit, b.remaining) };
    Answer {
        allowed: a.allowed && b.allowed,
        limit,
        remaining,
        retry_after,
        reset_after: a.reset_after.max(b.reset_after),
    }
}
