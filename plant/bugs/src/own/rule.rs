//! [`OwnRule`] and [`OwnSettings`]: the rules, which of them are on, and when they report.

use std::collections::BTreeSet;
use std::time::Duration;

/// A rule by which a server reports a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OwnRule {
    /// A panic was caught.
    CaughtPanic,
    /// A breaker stays open.
    BreakerOpen,
    /// What one device sends becomes dead letters, again and again.
    DeadLetterBurst,
    /// A device does not send outside of a planned end.
    DeviceOffline,
    /// An instrument of a station is at fault.
    StationFault,
}

impl OwnRule {
    /// Every rule.
    pub const ALL: [Self; 5] =
        [Self::CaughtPanic, Self::BreakerOpen, Self::DeadLetterBurst, Self::DeviceOffline, Self::StationFault];

    /// The word of the rule.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CaughtPanic => "caught_panic",
            Self::BreakerOpen => "breaker_open",
            Self::DeadLetterBurst => "dead_letter_burst",
            Self::DeviceOffline => "device_offline",
            Self::StationFault => "station_fault",
        }
    }
}

/// Which rules are on, and when they report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSettings {
    /// The rules that are on.
    pub rules: BTreeSet<OwnRule>,
    /// A breaker is reported if it is open for longer than this.
    pub breaker_open_for: Duration,
    /// The number of dead letters of one device that is a burst; 0 counts as 1.
    pub dead_letters: usize,
    /// The time within which they are a burst.
    pub dead_letters_within: Duration,
    /// A device is reported if it is offline for this time.
    pub offline_for: Duration,
    /// The least time between two reports of one subject.
    pub cool_down: Duration,
    /// The most reports of all rules together within an hour.
    pub most_per_hour: usize,
}

/// All rules are on: a breaker is open for longer than 5 minutes, 20 dead letters of one device
/// within 10 minutes, a device is offline for 15 minutes; a subject is reported once an hour, and
/// at most 30 faults an hour.
impl Default for OwnSettings {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            rules: OwnRule::ALL.into(),
            breaker_open_for: minutes(5),
            dead_letters: 20,
            dead_letters_within: minutes(10),
            offline_for: minutes(15),
            cool_down: minutes(60),
            most_per_hour: 30,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_word_of_its_own_and_is_on() {
        let words: BTreeSet<_> = OwnRule::ALL.into_iter().map(OwnRule::as_str).collect();
        assert_eq!(words.len(), OwnRule::ALL.len());
        assert_eq!(OwnSettings::default().rules.len(), OwnRule::ALL.len());
    }
}
