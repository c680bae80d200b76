//! [`EventRate`]: how many events of one key are taken in a minute.

use std::num::NonZeroU32;
use std::time::Duration;

use sqal_resilience::Quota;

/// How many events of one key are taken in a minute: from 1 to [`EventRate::MOST`].
///
/// ```
/// use sqal_bugs::envelope::EventRate;
///
/// assert_eq!(EventRate::default().get(), 6_000);
/// assert_eq!(EventRate::per_minute(60)?.get(), 60);
/// assert!(EventRate::per_minute(0).is_err());
/// # Ok::<(), sqal_bugs::envelope::InvalidEventRate>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventRate(NonZeroU32);

/// A number of events in a minute is 0 or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} events in a minute: expected 1 to {most}", most = EventRate::MOST)]
pub struct InvalidEventRate {
    /// The number.
    pub found: u32,
}

impl EventRate {
    /// The most events of a key in a minute: 10 000 in a second.
    pub const MOST: u32 = 600_000;

    /// A number of events in a minute.
    ///
    /// # Errors
    ///
    /// [`InvalidEventRate`] if it is 0 or more than [`EventRate::MOST`].
    pub const fn per_minute(events: u32) -> Result<Self, InvalidEventRate> {
        match NonZeroU32::new(events) {
            Some(number) if events <= Self::MOST => Ok(Self(number)),
            _ => Err(InvalidEventRate { found: events }),
        }
    }

    /// The number of events in a minute.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The limit of a bucket; as many events as in a minute can come at once.
    pub(super) const fn quota(self) -> Quota {
        Quota::new(self.0, Duration::from_mins(1))
    }
}

/// 6 000 events in a minute.
impl Default for EventRate {
    fn default() -> Self {
        Self(NonZeroU32::MIN.saturating_add(5_999))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_resilience::KeyedBuckets;

    use super::*;

    proptest! {
        #[test]
        fn a_rate_is_what_was_asked_for_or_refused(events: u32) {
            let rate = EventRate::per_minute(events);
            prop_assert_eq!(rate.is_ok(), (1..=EventRate::MOST).contains(&events));
            prop_assert_eq!(rate.map_or(events, EventRate::get), events);
        }

        #[test]
        fn every_rate_has_a_bucket(events in 1..=EventRate::MOST) {
            let quota = EventRate::per_minute(events).unwrap().quota();
            prop_assert!(KeyedBuckets::<String>::new(quota, 1).is_ok());
        }
    }

    #[test]
    fn a_rate_out_of_range_says_the_limits() {
        for found in [0, EventRate::MOST + 1, u32::MAX] {
            let refused = EventRate::per_minute(found).unwrap_err().to_string();
            assert_eq!(refused, format!("{found} events in a minute: expected 1 to 600000"));
        }
        assert!(EventRate::per_minute(EventRate::MOST).is_ok());
    }
}
