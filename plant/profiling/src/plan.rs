//! [`ProfilePlan`]: how long a profile lasts, and how often the process is sampled.

use std::time::Duration;

/// How long a profile lasts, and how often the process is sampled; by default 30 seconds and 100
/// samples for each second of CPU time.
///
/// ```
/// use sqal_profiling::ProfilePlan;
///
/// let plan = ProfilePlan::new(5, 250)?;
/// assert_eq!((plan.duration().as_secs(), plan.frequency()), (5, 250));
/// assert_eq!(ProfilePlan::default(), ProfilePlan::new(30, 100)?);
/// assert_eq!(ProfilePlan::new(301, 100).unwrap_err().to_string(), "301 seconds: expected 1 to 300");
/// # Ok::<(), sqal_profiling::InvalidPlan>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfilePlan {
    seconds: u16,
    frequency: u16,
}

/// A duration or a frequency is not that of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPlan {
    /// The duration is 0 or too long.
    #[error("{0} seconds: expected 1 to {longest}", longest = ProfilePlan::MOST_SECONDS)]
    Seconds(u16),
    /// The frequency is 0 or too high.
    #[error("{0} samples a second: expected 1 to {highest}", highest = ProfilePlan::MOST_FREQUENCY)]
    Frequency(u16),
}

impl ProfilePlan {
    /// The longest duration, in seconds.
    pub const MOST_SECONDS: u16 = 300;

    /// The highest frequency, in samples for each second of CPU time.
    ///
    /// A kernel samples once a tick at most: one with `CONFIG_HZ=250` takes 250 samples where 1000
    /// are planned. The shares of the functions are right all the same, and their times are too
    /// short.
    pub const MOST_FREQUENCY: u16 = 1_000;

    /// A plan of this duration in seconds, and this frequency in samples for each second of CPU
    /// time.
    ///
    /// # Errors
    ///
    /// [`InvalidPlan`] if the duration is 0 or above [`MOST_SECONDS`](Self::MOST_SECONDS), or the
    /// frequency is 0 or above [`MOST_FREQUENCY`](Self::MOST_FREQUENCY).
    pub const fn new(seconds: u16, frequency: u16) -> Result<Self, InvalidPlan> {
        if seconds == 0 || seconds > Self::MOST_SECONDS {
            return Err(InvalidPlan::Seconds(seconds));
        }
        if frequency == 0 || frequency > Self::MOST_FREQUENCY {
            return Err(InvalidPlan::Frequency(frequency));
        }
        Ok(Self { seconds, frequency })
    }

    /// How long the profile lasts.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds as u64)
    }

    /// How often the process is sampled, for each second of CPU time.
    #[must_use]
    pub const fn frequency(self) -> u16 {
        self.frequency
    }
}

impl Default for ProfilePlan {
    fn default() -> Self {
        Self { seconds: 30, frequency: 100 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plan_is_within_its_limits_or_refused_with_the_value_that_is_not(seconds: u16, frequency: u16) {
            let plan = ProfilePlan::new(seconds, frequency);
            let is_within = (1..=300).contains(&seconds) && (1..=1_000).contains(&frequency);
            prop_assert_eq!(plan.is_ok(), is_within);
            match plan {
                Ok(plan) => prop_assert_eq!((plan.duration().as_secs(), plan.frequency()), (seconds.into(), frequency)),
                Err(InvalidPlan::Seconds(found)) => prop_assert_eq!(found, seconds),
                Err(InvalidPlan::Frequency(found)) => prop_assert_eq!(found, frequency),
            }
        }
    }

    #[test]
    fn the_limits_are_part_of_the_range() {
        for (seconds, frequency) in [(1, 1), (300, 1_000)] {
            ProfilePlan::new(seconds, frequency).unwrap();
        }
        let told = |seconds, frequency| ProfilePlan::new(seconds, frequency).unwrap_err().to_string();
        assert_eq!(told(0, 100), "0 seconds: expected 1 to 300");
        assert_eq!(told(30, 1_001), "1001 samples a second: expected 1 to 1000");
    }
}
