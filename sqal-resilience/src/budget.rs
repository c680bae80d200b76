//! [`RetryBudget`]: retries as a share of calls, so that retrying cannot turn a slow target into a dead one.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};
use crate::{Clock, InvalidQuota, Quota, TokenBucket};

/// One retry, in fixed point: a ratio is kept to a millionth.
const ONE: u64 = 1 << 20;

/// Each call earns a share of a retry, and each retry costs one; a small reserve that time refills lets a quiet client retry at all.
///
/// Two threads cannot spend the same token, and a ratio is kept to a millionth.
#[derive(Debug)]
pub struct RetryBudget<C> {
    earned: AtomicU64,
    per_call: u64,
    most: u64,
    reserve: TokenBucket<C>,
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
    /// A budget of `ratio` retries per call (above 0, at most 1), of which at most `most` are saved up, with a reserve of so many per second.
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
        Ok(Self { earned: AtomicU64::new(0), per_call, most: ONE * u64::from(most.get()), reserve })
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
