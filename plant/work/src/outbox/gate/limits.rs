//! [`StormLimits`]: how many messages a destination gets by themselves, and how often a digest.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of one destination. They bound what a storm of messages sends to it, and lose no
/// message: what is not sent by itself is counted in a digest.
///
/// ```
/// use std::time::Duration;
/// use sqal_work::outbox::StormLimits;
///
/// // Twenty at once, then one every half minute; a digest a minute after the first that is held.
/// let limits = StormLimits::new(
///     20.try_into()?, Duration::from_secs(30), Duration::from_mins(1), Duration::from_hours(1))?;
/// assert_eq!(limits, StormLimits::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormLimits {
    burst: NonZeroU32,
    every: Duration,
    digest_after: Duration,
    digest_at_most: Duration,
}

/// Limits that are not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStormLimits {
    /// The time after which another message may be sent is shorter than a millisecond or longer
    /// than a day.
    #[error("every is {0:?}: expected 1ms to 24h")]
    Every(Duration),
    /// The times of digests are not in order, or out of range.
    #[error("digest_after is {after:?} and digest_at_most {at_most:?}: expected 1ms to 24h, the second not shorter")]
    Digest {
        /// The time from the first collected message to its digest.
        after: Duration,
        /// The longest time between two digests of one storm.
        at_most: Duration,
    },
}

impl Default for StormLimits {
    /// 20 messages at once, then one every 30 seconds; a digest after a minute, in a storm that
    /// goes on after twice the time of the digest before, at most an hour.
    fn default() -> Self {
        Self {
            burst: NonZeroU32::MIN.saturating_add(19),
            every: Duration::from_secs(30),
            digest_after: Duration::from_mins(1),
            digest_at_most: Duration::from_hours(1),
        }
    }
}

impl StormLimits {
    /// At most `burst` messages at once, and one more after each `every`. The messages above that
    /// are collected and told in a digest, `digest_after` the first of them. If a storm goes on,
    /// each digest waits twice as long as the one before it, up to `digest_at_most`.
    ///
    /// # Errors
    ///
    /// [`InvalidStormLimits`] if a time is shorter than a millisecond or longer than a day, or if
    /// `digest_at_most` is shorter than `digest_after`.
    pub fn new(
        burst: NonZeroU32,
        every: Duration,
        digest_after: Duration,
        digest_at_most: Duration,
    ) -> Result<Self, InvalidStormLimits> {
        let is_valid = |time: Duration| (Duration::from_millis(1)..=Duration::from_hours(24)).contains(&time);
        if !is_valid(every) {
            return Err(InvalidStormLimits::Every(every));
        }
        if !is_valid(digest_after) || !is_valid(digest_at_most) || digest_at_most < digest_after {
            return Err(InvalidStormLimits::Digest { after: digest_after, at_most: digest_at_most });
        }
        Ok(Self { burst, every, digest_after, digest_at_most })
    }

    /// The time in which one more message may be sent, in microseconds.
    pub(super) fn every_micros(&self) -> i64 {
        i64::try_from(self.every.as_micros()).unwrap_or(i64::MAX)
    }

    /// The time in which an empty bucket is full again, in microseconds.
    pub(super) fn span_micros(&self) -> i64 {
        self.every_micros().saturating_mul(i64::from(self.burst.get()))
    }

    /// How long the digest at a level of a storm waits after its first message.
    pub(super) fn digest_wait(&self, level: u32) -> Duration {
        self.digest_after.saturating_mul(2_u32.saturating_pow(level)).min(self.digest_at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digest_of_a_storm_waits_twice_as_long_up_to_the_limit() {
        let waits = [0, 1, 2, 5, 6, 40, u32::MAX].map(|level| StormLimits::default().digest_wait(level).as_secs());
        assert_eq!(waits, [60, 120, 240, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn limits_that_bound_nothing_are_refused() {
        let (one, minute, day) = (NonZeroU32::MIN, Duration::from_mins(1), Duration::from_hours(24));
        let longer = day + Duration::from_millis(1);
        assert!(StormLimits::new(one, Duration::from_millis(1), day, day).is_ok());
        for every in [Duration::ZERO, longer] {
            assert_eq!(StormLimits::new(one, every, minute, day), Err(InvalidStormLimits::Every(every)));
        }
        for (after, at_most) in [(Duration::ZERO, day), (minute, Duration::from_secs(59)), (minute, longer)] {
            let refused = Err(InvalidStormLimits::Digest { after, at_most });
            assert_eq!(StormLimits::new(one, minute, after, at_most), refused);
        }
    }
}
