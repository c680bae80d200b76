//! [`Backoff`]: how long to wait before the next try (RTY-01).

use std::time::Duration;

/// Exponential delays with ±50 % jitter and a cap: `min(cap, base · 2^attempt) · (0.5 … 1.5)`, never above the cap.
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30))?;
/// assert_eq!(backoff.delay(0, 0.5), Duration::from_millis(250));
/// assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(2));
/// assert_eq!(backoff.delay(u32::MAX, 0.99), Duration::from_secs(30));
/// # Ok::<(), sqal_resilience::InvalidBackoff>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

/// Two durations that make no backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("base {base:?} and cap {cap:?}: expected a base above 0 and a cap of at least the base")]
pub struct InvalidBackoff {
    /// The first delay.
    pub base: Duration,
    /// The longest delay.
    pub cap: Duration,
}

impl Backoff {
    /// A backoff from its first and its longest delay.
    ///
    /// # Errors
    ///
    /// [`InvalidBackoff`] for a base of 0 or a cap below the base.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, InvalidBackoff> {
        if base.is_zero() || cap < base { Err(InvalidBackoff { base, cap }) } else { Ok(Self { base, cap }) }
    }

    /// The delay before the try after `attempt` failed ones (0 for the first), with a random number from 0 to 1.
    ///
    /// A number outside 0 to 1 is drawn to the nearer end; no attempt overflows.
    #[must_use]
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let doubled = 2_u32.checked_pow(attempt).and_then(|factor| self.base.checked_mul(factor));
        let plain = doubled.unwrap_or(self.cap).min(self.cap);
        let random = if random.is_nan() { 0.5 } else { random.clamp(0.0, 1.0) };
        plain.mul_f64(0.5 + random).min(self.cap)
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
    }
}
