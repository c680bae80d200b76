//! [`Backoff`]: how long to wait before the next try (RTY-01).

use std::time::Duration;

use crate::clock::span;

/// How delays are spread, so that clients that failed together do not retry together. No delay
/// exceeds the cap, whatever number is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Jitter {
    /// No jitter.
    None,
    /// A random delay from 0 to the exponential delay.
    Full,
    /// A random delay from half the exponential delay to all of it.
    Equal,
    /// The exponential delay, up or down by at most this share of it, 0 to 1.
    Proportional(f64),
    /// A random delay from the base to three times the previous delay. The number of the attempt
    /// does not matter (Brooker 2015).
    Decorrelated,
}

/// Exponential delays with jitter and a cap: `min(cap, base · 2^attempt)`, by default ±50 %.
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30))?;
/// assert_eq!(backoff.delay(0, 0.5), Duration::from_millis(250));
/// assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(2));
/// assert_eq!(backoff.delay(u32::MAX, 0.99), Duration::from_secs(30));
/// # Ok::<(), sqal_resilience::backoff::InvalidBackoff>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "WrittenBackoff"))]
pub struct Backoff {
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    base: Duration,
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    cap: Duration,
    jitter: Jitter,
}

/// A backoff as it is written in a configuration, before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBackoff {
    #[serde(with = "crate::written")]
    base: Duration,
    #[serde(with = "crate::written")]
    cap: Duration,
    #[serde(default)]
    jitter: Option<Jitter>,
}

#[cfg(feature = "serde")]
impl TryFrom<WrittenBackoff> for Backoff {
    type Error = InvalidBackoff;

    fn try_from(written: WrittenBackoff) -> Result<Self, InvalidBackoff> {
        let backoff = Self::new(written.base, written.cap)?;
        written.jitter.map_or(Ok(backoff), |jitter| backoff.with_jitter(jitter))
    }
}

/// The delays or the jitter are not valid for a [`Backoff`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBackoff {
    /// The base is 0, or the cap is below the base.
    #[error("base {base:?} and cap {cap:?}: expected a base above 0 and a cap of at least the base")]
    Delays {
        /// The first delay.
        base: Duration,
        /// The longest delay.
        cap: Duration,
    },
    /// The share of a proportional jitter is not from 0 to 1.
    #[error("jitter {0}: expected a share from 0 to 1")]
    Jitter(f64),
}

impl Backoff {
    /// A backoff from its first and its longest delay.
    ///
    /// # Errors
    ///
    /// [`InvalidBackoff`] if the base is 0 or the cap is below the base.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, InvalidBackoff> {
        if base.is_zero() || cap < base {
            return Err(InvalidBackoff::Delays { base, cap });
        }
        Ok(Self { base, cap, jitter: Jitter::Proportional(0.5) })
    }

    /// The first delay.
    #[must_use]
    pub const fn base(&self) -> Duration {
        self.base
    }

    /// Returns this backoff with another jitter. The base and the cap stay.
    ///
    /// # Errors
    ///
    /// [`InvalidBackoff::Jitter`] if the share of a proportional jitter is not from 0 to 1.
    pub fn with_jitter(self, jitter: Jitter) -> Result<Self, InvalidBackoff> {
        match jitter {
            Jitter::Proportional(share) if !(0.0..=1.0).contains(&share) => Err(InvalidBackoff::Jitter(share)),
            _ => Ok(Self { jitter, ..self }),
        }
    }

    /// The delay before a retry. `attempt` counts the retries from 0, and `random` is a number from
    /// 0 to 1. For decorrelated delays, this is the delay after a delay of the base.
    ///
    /// If `random` is outside 0 to 1, the nearer end is used. No attempt overflows.
    #[must_use]
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        self.delay_after(attempt, self.base, random)
    }

    /// The delay after `previous`, which matters to decorrelated delays only.
    #[must_use]
    pub fn delay_after(&self, attempt: u32, previous: Duration, random: f64) -> Duration {
        let doubled = 1_u128.checked_shl(attempt).and_then(|factor| self.base.as_nanos().checked_mul(factor));
        let plain = doubled.map_or(self.cap, span).min(self.cap);
        let random = if random.is_nan() { 0.5 } else { random.clamp(0.0, 1.0) };
        let between = |low: Duration, high: Duration| {
            let high = high.max(low);
            let part = high.saturating_sub(low).as_secs_f64() * random;
            low.saturating_add(Duration::try_from_secs_f64(part).unwrap_or(self.cap))
        };
        let drawn = match self.jitter {
            Jitter::None => plain,
            Jitter::Full => between(Duration::ZERO, plain),
            Jitter::Equal => between(plain / 2, plain),
            Jitter::Proportional(share) => {
                let factor = share.mul_add(2.0f64.mul_add(random, -1.0), 1.0);
                Duration::try_from_secs_f64(plain.as_secs_f64() * factor).unwrap_or(self.cap)
            }
            Jitter::Decorrelated => between(self.base, previous.saturating_mul(3).min(self.cap)),
        };
        drawn.min(self.cap)
    }

    /// By how much callers that were given one and the same time come later than that time: from 0
    /// to the smaller of the base and `most`. Without jitter, 0.
    #[cfg(feature = "tokio")]
    pub(crate) fn spread(&self, most: Duration, random: f64) -> Duration {
        if self.jitter == Jitter::None { Duration::ZERO } else { self.base.min(most).mul_f64(random) }
    }

    /// The delays one after another. Each draws one number (from 0 to 1) from `random`.
    pub const fn delays<R: FnMut() -> f64>(&self, random: R) -> Delays<R> {
        Delays { backoff: *self, attempt: 0, previous: self.base, random }
    }
}

/// The endless series of delays of a [`Backoff`].
#[derive(Clone, Debug)]
pub struct Delays<R> {
    backoff: Backoff,
    attempt: u32,
    previous: Duration,
    random: R,
}

impl<R: FnMut() -> f64> Iterator for Delays<R> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = self.backoff.delay_after(self.attempt, self.previous, (self.random)());
        self.attempt = self.attempt.saturating_add(1);
        self.previous = delay;
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_delay_is_within_half_and_one_and_a_half_and_under_the_cap(
            base in 1..10_000_u64, factor in 1..1000_u64, attempt in any::<u32>(), random in proptest::num::f64::ANY,
        ) {
            let (base, cap) = (Duration::from_millis(base), Duration::from_millis(base * factor));
            let delay = Backoff::new(base, cap).unwrap().delay(attempt, random);
            prop_assert!(delay <= cap && delay >= base / 2);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Backoff::new(Duration::ZERO, Duration::from_secs(1)).is_err());
        assert!(Backoff::new(Duration::from_secs(2), Duration::from_secs(1)).is_err());
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2)).unwrap();
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(backoff.with_jitter(Jitter::Proportional(share)), Err(InvalidBackoff::Jitter(_))));
        }
    }
}
