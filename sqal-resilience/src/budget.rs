//! [`RetryBudget`]: retries as a share of calls, so that retrying cannot bring down a slow target.

use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};
use crate::{Clock, Quota, SystemClock, TokenBucket, bucket::InvalidQuota};

/// One retry in fixed point: a ratio is kept to a millionth.
const ONE: u64 = 1 << 20;

/// Each call earns a share of a retry, and each retry costs one. A small reserve that refills with
/// time lets a client with few calls retry at all.
///
/// A fresh budget has saved nothing: `most` limits what calls save up and is no starting credit.
/// The first retries are paid from the reserve, one second's worth of which is there at once. So a
/// budget of 20 % with a reserve of one per second allows one retry before its first five calls.
///
/// Two threads cannot spend one token twice, and a ratio is kept to a millionth.
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
/// # Ok::<(), sqal_resilience::budget::InvalidBudget>(())
/// ```
#[derive(Debug)]
pub struct RetryBudget<C = SystemClock> {
    earned: AtomicU64,
    per_call: u64,
    most: u64,
    reserve: TokenBucket<C>,
    concurrency: Option<Concurrency>,
}

/// The limit of retries at a time, including those that wait for their delay.
#[derive(Debug)]
struct Concurrency {
    /// Retries (upper 32 bits) and calls (lower 32) under way.
    word: AtomicU64,
    share: f64,
    least: u32,
}

/// A call with its retries, as a [`RetryBudget`] counts it. The call ends when this is dropped.
#[derive(Debug)]
#[must_use = "a call that is dropped has ended"]
pub struct Call<B: Deref<Target = RetryBudget<C>>, C: Clock> {
    budget: B,
    retrying: bool,
}

/// Numbers that are not valid for a budget.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBudget {
    /// A share is not above 0 and at most 1: the retries per call, or the retries at a time.
    #[error("ratio {0}: expected more than 0 and at most 1")]
    Ratio(f64),
    /// The reserve is not a valid quota.
    #[error(transparent)]
    Reserve(#[from] InvalidQuota),
}

impl<C: Clock> RetryBudget<C> {
    /// A budget of `ratio` retries per call (above 0, at most 1), of which at most `most` are saved
    /// up, with a reserve of `per_second` retries per second. At first nothing is saved, and the
    /// reserve of one second is there.
    ///
    /// # Errors
    ///
    /// [`InvalidBudget`] if `ratio` is not above 0 and at most 1.
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

    /// Limits the retries under way to this share of the calls under way (above 0, at most 1), but
    /// always allows `least`. A retry that waits for its delay is under way, because a thousand
    /// callers that wait are a thousand calls to come.
    ///
    /// # Errors
    ///
    /// [`InvalidBudget::Ratio`] if `share` is not above 0 and at most 1.
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

    /// Begins a call that outlives the borrow, which earns its share.
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

    /// Counts a call, which earns its share. While the savings are full, this is one load.
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

    /// Pays for a retry, if it may be made. Returns whether it may.
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

    /// Counts one more retry, if the limit allows it.
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
    /// Whether the call may be made again. If so, the retry is paid for, and the call counts as a
    /// retry until it ends.
    #[must_use]
    pub fn retry(&mut self) -> bool {
        let budget = &*self.budget;
        // A call that retries already has its place within the limit.
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
