//! [`Decision`]: the answer of a bucket, with all the numbers that a client needs.

use std::fmt::Write as _;
use std::time::Duration;

use super::quota::{Quota, Rate};
use crate::clock::whole_seconds;
use crate::{Rejected, rejected::Reason};

/// The answer to a request for tokens. All numbers are computed when they are asked for, because
/// most callers only look at `allowed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the tokens may not have been taken: look at `allowed`"]
pub struct Decision {
    /// Whether the tokens were taken.
    pub allowed: bool,
    /// In units of the rate: what is left, and (`wait`) what must come back before the request is
    /// allowed.
    left: u64,
    wait: u64,
    rate: Rate,
}

/// The refusal of a bucket: rate-limited with a time, or beyond the capacity without one.
const fn refusal(retry_after: Option<Duration>) -> Rejected {
    let reason = if retry_after.is_some() { Reason::RateLimited } else { Reason::ExceedsCapacity };
    Rejected { reason, retry_after }
}

/// The wait for tokens that never come.
const NEVER: u64 = u64::MAX;

impl Decision {
    /// The maximum number of tokens that the bucket holds.
    #[must_use]
    pub fn limit(&self) -> u32 {
        tokens(self.rate.full, &self.rate)
    }

    /// The number of tokens that are left.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        tokens(self.left, &self.rate)
    }

    /// The least time after which the same request is allowed. Zero if it was allowed, `None` if it
    /// never will be.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        (self.wait != NEVER).then(|| self.rate.time(self.wait))
    }

    /// The time after which the bucket is full again.
    #[must_use]
    pub fn reset_after(&self) -> Duration {
        self.rate.time(self.rate.full - self.left)
    }

    /// The decision with all its numbers.
    #[must_use]
    pub fn answer(&self) -> Answer {
        Answer {
            allowed: self.allowed,
            limit: self.limit(),
            remaining: self.remaining(),
            retry_after: self.retry_after(),
            reset_after: self.reset_after(),
        }
    }

    /// The decision as a result.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the tokens were not taken.
    pub fn into_result(self) -> Result<Self, Rejected> {
        if self.allowed {
            return Ok(self);
        }
        Err(refusal(self.retry_after()))
    }

    /// A refusal because the table of keys is full: there may be room after `wait` units.
    pub(super) const fn no_room(wait: u64, rate: Rate) -> Self {
        Self { allowed: false, left: 0, wait, rate }
    }
}

fn tokens(units: u64, rate: &Rate) -> u32 {
    u32::try_from(units / rate.token).unwrap_or(u32::MAX)
}

/// A decision with all its numbers. For several buckets, each number is the tightest of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the tokens were taken.
    pub allowed: bool,
    /// The maximum number of tokens that the bucket holds.
    pub limit: u32,
    /// The number of tokens that are left.
    pub remaining: u32,
    /// The least time after which the same request is allowed. Zero if it was allowed, `None` if it
    /// never will be.
    pub retry_after: Option<Duration>,
    /// The time after which the bucket is full again.
    pub reset_after: Duration,
}

impl Answer {
    /// The answer as a result.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the tokens were not taken.
    pub const fn into_result(self) -> Result<Self, Rejected> {
        if self.allowed { Ok(self) } else { Err(refusal(self.retry_after)) }
    }

    /// The value of a `Retry-After` field: whole seconds, rounded up, at least 1. `None` if another
    /// try never helps.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.and_then(|time| Rejected::until(Reason::RateLimited, time).retry_after_seconds())
    }

    /// The value of a `RateLimit` field (IETF draft-ietf-httpapi-ratelimit-headers-10) for a policy
    /// of this name.
    ///
    /// The name must be printable ASCII without quotes and backslashes. All other characters are
    /// left out.
    #[must_use]
    pub fn field(&self, policy: &str) -> String {
        let mut text = named(policy);
        let _ = write!(text, ";r={};t={}", self.remaining, whole_seconds(self.reset_after));
        text
    }
}

impl Quota {
    /// The value of a `RateLimit-Policy` field (IETF draft-ietf-httpapi-ratelimit-headers-10) for a
    /// policy of this name.
    ///
    /// ```
    /// use sqal_resilience::Quota;
    ///
    /// assert_eq!(Quota::default().field("default"), r#""default";q=100;w=60"#);
    /// ```
    #[must_use]
    pub fn field(&self, policy: &str) -> String {
        let mut text = named(policy);
        let _ = write!(text, ";q={};w={}", self.refill, whole_seconds(self.period).max(1));
        text
    }
}

/// A name as the string of a structured field.
fn named(policy: &str) -> String {
    let plain = policy.chars().filter(|c| (' '..='~').contains(c) && !matches!(c, '"' | '\\'));
    std::iter::once('"').chain(plain).chain(std::iter::once('"')).collect()
}

/// Asks a bucket for `n` tokens. `full_at` is the time at which the bucket will be full; all times
/// are in units that wrap around. Returns the new `full_at`, if it changes, and the answer.
///
/// This is the generic cell rate algorithm. It stores when the bucket will be full instead of how
/// full it is, so it needs no refill step and loses nothing to rounding.
///
/// If a bucket would be full later than an empty one could be, the clock has stepped back. The
/// bucket is then empty, and that is *written*: a limit that is only computed would move along with
/// the time and never be reached. Only more than a second counts as a step. Two callers that read
/// the clock in one order and ask in the other must not gain the tokens of the time between them.
#[inline]
pub(super) fn ask(full_at: u64, now: u64, n: u32, rate: &Rate) -> (Option<u64>, Decision) {
    let ahead = full_at.wrapping_sub(now).cast_signed().max(0).cast_unsigned();
    let (missing, stepped_back) = (ahead.min(rate.full), ahead > rate.full.saturating_add(rate.skew()));
    // If `n` is more than the bucket holds, the cost is above any time.
    let cost = rate.token.saturating_mul(u64::from(n));
    let after = missing.saturating_add(cost);
    if after <= rate.full {
        let decision = Decision { allowed: true, left: rate.full - after, wait: 0, rate: *rate };
        return (Some(now.wrapping_add(after)), decision);
    }
    let wait = if cost <= rate.full { after - rate.full } else { NEVER };
    let decision = Decision { allowed: false, left: rate.full - missing, wait, rate: *rate };
    (stepped_back.then(|| now.wrapping_add(missing)), decision)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::Quota;

    /// Up to a second ahead of what an empty bucket can be comes from two callers in the wrong
    /// order. More than a second comes from a clock that stepped back, and is written.
    #[test]
    fn a_second_ahead_is_no_step_of_the_clock() {
        let rate = Rate::of(&Quota::new(NonZeroU32::MIN, Duration::from_secs(60))).unwrap();
        let now = 1_000_000;
        let furthest = now + rate.full + rate.skew();
        assert_eq!(ask(furthest, now, 1, &rate).0, None);
        assert_eq!(ask(furthest + 1, now, 1, &rate).0, Some(now + rate.full));
    }
}
