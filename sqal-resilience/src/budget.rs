//! [`RetryBudget`]: retries as a share of calls, so that retrying cannot turn a slow target into a dead one.

use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};
use crate::{Clock, InvalidQuota, Quota, SystemClock, TokenBucket};

/// One retry, in fixed point: a ratio is kept to a millionth.
const ONE: u64 = 1 << 20;

/// Each call earns a share of a retry, and each retry costs one; a small reserve that time refills lets a quiet client retry at all.
///
/// A fresh budget has saved nothing: `most` bounds what calls save up and is no starting credit. Its first retries are paid from the reserve, one second's worth
/// of which is there at once; so a budget of 20 % with a reserve of one per second allows one retry before its first five calls.
///
/// Two threads cannot spend the same token, and a ratio is kept to a millionth.
///
/// ```
/// use std::num::NonZeroU32;
/// use sqal_resilience::{ManualClock, RetryBudget};
///
/// let (most, per_second) = (NonZeroU32::new(10).unwrap(), NonZeroU32::MIN);
/// let budget = RetryBudget::new(0.2, most, per_second, ManualClock::new())?;
/// assert!(budget.spend()); // the reserve of the first second
/// assert!(!budget.spend()); // nothing is saved yet
/// (0..5).for_each(|_| budget.earn());
/// assert!(budget.spend()); // five calls have saved one retry
/// # Ok::<(), sqal_resilience::InvalidBudget>(())
/// ```
#[derive(Debug)]
pub struct RetryBudget<C = SystemClock> {
    earned: AtomicU64,
    per_call: u64,
    most: u64,
    reserve: TokenBucket<C>,
    concurrency: Option<Concurrency>,
}

/// How many retries there may be at a time, those that wait for their delay included.
#[derive(Debug)]
struct Concurrency {
    /// Retries (upper 32 bits) and calls (lower 32) under way.
    word: AtomicU64,
    share: f64,
    least: u32,
}

/// A call that a [`RetryBudget`] knows of, with its retries; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "a call that is dropped has ended"]
pub struct Call<B: Deref<Target = RetryBudget<C>>, C: Clock> {
    budget: B,
    retrying: bool,
}

/// Numbers that make no budget.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBudget {
    /// The share of calls that may be retried.
    #[error("ratio {0}: expected more than 0 and at most 1")]
    Ratio(f64),
    /// The reserve.
    #[error(transparent)]
    Reserve(#[from] InvalidQuota),
}

impl<C: Clock> RetryBudget<C> {
    /// A budget of `ratio` retries per call (above 0, at most 1), of which at most `most` are saved up, with a reserve of so many per second. Nothing is saved at
    /// first; the reserve of one second is there.
    ///
    /// # Errors
    ///
    /// [`InvalidBudget`] for a ratio that is none.
    pub fn new(ratio: f64, most: NonZeroU32, per_second: NonZeroU32, clock: C) -> Result<Self, InvalidBudget> {
        if !(ratio > 0.0 && ratio <= 1.0) {
            return Err(InvalidBudget::Ratio(ratio));
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 2^20"
        )]
        let per_call = (ratio * ONE as f64).ceil() as u64;
        let reserve = TokenBucket::new(Quota::new(per_second, Duration::from_secs(1)), clock)?;
        Ok(Self { earned: AtomicU64::new(0), per_call, most: ONE * u64::from(most.get()), reserve, concurrency: None })
    }

    /// The same, and of the calls under way at most this share (above 0, at most 1) may be retries, but always `least`. A retry that waits for its delay
    /// is under way: a thousand callers who wait are a thousand calls to come.
    ///
    /// # Errors
    ///
    /// [`InvalidBudget::Ratio`] for a share that is none.
    pub fn at_a_time(self, share: f64, least: u32) -> Result<Self, InvalidBudget> {
        if !(share > 0.0 && share <= 1.0) {
            return Err(InvalidBudget::Ratio(share));
        }
        Ok(Self { concurrency: Some(Concurrency { word: AtomicU64::new(0), share, least }), ..self })
    }

    /// Begins a call, which earns its share.
    pub fn begin(&self) -> Call<&Self, C> {
        self.earn();
        self.enter();
        Call { budget: self, retrying: false }
    }

    /// The same for a call that outlives the borrow.
    pub fn begin_owned(self: Arc<Self>) -> Call<Arc<Self>, C> {
        self.earn();
        self.enter();
        Call { budget: self, retrying: false }
    }

    #[inline]
    fn enter(&self) {
        if let Some(concurrency) = &self.concurrency {
            concurrency.word.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A call was made: it earns its share. While the savings are full this is one load.
    pub fn earn(&self) {
        let mut seen = self.earned.load(Ordering::Relaxed);
        while seen < self.most {
            let more = (seen + self.per_call).min(self.most);
            match self.earned.compare_exchange_weak(seen, more, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// Whether a retry may be made; if so, it is paid for.
    #[must_use]
    pub fn spend(&self) -> bool {
        let mut seen = self.earned.load(Ordering::Relaxed);
        while seen >= ONE {
            match self.earned.compare_exchange_weak(seen, seen - ONE, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => seen = other,
            }
        }
        self.reserve.take(1).allowed
    }
}

const RETRY: u64 = 1 << 32;

impl Concurrency {
    fn leave(&self) {
        self.word.fetch_sub(RETRY, Ordering::Relaxed);
    }

    /// Counts one more retry, if there may be one.
    fn enter(&self) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let (retries, calls) = (seen >> 32, seen & (RETRY - 1));
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^32 calls")]
            let share = calls as f64 * self.share;
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^32 retries")]
            let one_more = (retries + 1) as f64;
            if one_more > share.max(f64::from(self.least)) {
                return false;
            }
            match self.word.compare_exchange_weak(seen, seen + RETRY, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => seen = other,
            }
        }
    }
}

impl<B: Deref<Target = RetryBudget<C>>, C: Clock> Call<B, C> {
    /// Whether the call may be made again; if so, that is paid for, and it counts as a retry until it ends.
    #[must_use]
    pub fn retry(&mut self) -> bool {
        let budget = &*self.budget;
        // A call that retries already has its place among those at a time.
        let Some(concurrency) = budget.concurrency.as_ref().filter(|_| !self.retrying) else { return budget.spend() };
        let entered = concurrency.enter();
        self.retrying = entered && budget.spend();
        if entered && !self.retrying {
            concurrency.leave();
        }
        self.retrying
    }
}

impl<B: Deref<Target = RetryBudget<C>>, C: Clock> Drop for Call<B, C> {
    fn drop(&mut self) {
        if let Some(concurrency) = &self.budget.concurrency {
            concurrency.word.fetch_sub(1 + if self.retrying { RETRY } else { 0 }, Ordering::Relaxed);
        }
    }
}
