//! [`Quota`]: how many tokens in which period, and the arithmetic of it.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::{SKEW, span};

/// A rate limit: how many tokens come back in which period, and how many can be taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Quota {
    /// The maximum number of tokens that can be taken at once.
    pub burst: NonZeroU32,
    /// The number of tokens that come back in each period.
    pub refill: NonZeroU32,
    /// The period in which `refill` tokens come back.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub period: Duration,
}

/// A quota that no bucket can keep: the period is 0, or the time to fill the bucket is out of
/// range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{refill} tokens in {period:?} make no rate: the period must be above 0, and the time to fill the bucket a time"
)]
pub struct InvalidQuota {
    /// The number of tokens that come back in each period.
    pub refill: u32,
    /// The period.
    pub period: Duration,
}

impl Default for Quota {
    /// 100 tokens in 60 seconds.
    fn default() -> Self {
        Self::new(NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN), Duration::from_secs(60))
    }
}

impl Quota {
    /// `tokens` in each period, and as many at once.
    #[must_use]
    pub const fn new(tokens: NonZeroU32, period: Duration) -> Self {
        Self { burst: tokens, refill: tokens, period }
    }

    /// This rate with another burst.
    #[must_use]
    pub const fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    /// The number of tokens that come back per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        f64::from(self.refill.get()) / self.period.as_secs_f64()
    }
}

/// A quota in units of time. A unit is a sixty-fourth of a nanosecond, or coarser if a full bucket
/// would not fit otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// The cost of one token, rounded up, so that never more than the quota passes.
    pub(super) token: u64,
    /// The cost of a full bucket: burst times the cost of a token.
    pub(super) full: u64,
    /// How many times a number of nanoseconds is doubled (negative: halved) to give units.
    pub(super) shift: i32,
}

/// The finest unit is 2⁻⁶ ns, so that half a nanosecond is 32 units.
const FINEST: i32 = 6;

impl Rate {
    pub(super) fn of(quota: &Quota) -> Result<Self, InvalidQuota> {
        let refused = InvalidQuota { refill: quota.refill.get(), period: quota.period };
        let units = quota.period.as_nanos().checked_shl(FINEST.unsigned_abs()).ok_or(refused)?;
        let token = units.div_ceil(u128::from(quota.refill.get()));
        let full = token.checked_mul(u128::from(quota.burst.get())).ok_or(refused)?;
        // Two bits are spared, so that sums of two times fit.
        let excess = i32::try_from((128 - full.leading_zeros()).saturating_sub(61)).unwrap_or(i32::MAX);
        let token = u64::try_from(token.div_ceil(1_u128.checked_shl(excess.unsigned_abs()).ok_or(refused)?)).ok();
        match token.filter(|token| *token > 0) {
            Some(token) => Ok(Self { token, full: token * u64::from(quota.burst.get()), shift: FINEST - excess }),
            None => Err(refused),
        }
    }

    /// Nanoseconds in units; they wrap around, and only differences of them are used.
    pub(super) const fn units(&self, nanos: u64) -> u64 {
        if self.shift >= 0 { nanos << self.shift.unsigned_abs() } else { nanos >> self.shift.unsigned_abs() }
    }

    /// How far the times of callers may lie apart, in units.
    pub(super) const fn skew(&self) -> u64 {
        self.units(SKEW)
    }

    /// Units as a duration in whole nanoseconds, rounded up.
    pub(super) fn time(&self, units: u64) -> Duration {
        let by = self.shift.unsigned_abs();
        let nanos = if self.shift >= 0 { u128::from(units).div_ceil(1 << by) } else { u128::from(units) << by };
        span(nanos)
    }
}
