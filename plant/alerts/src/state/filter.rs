//! [`AlertFilter`]: which alerts of the book are listed, and where a page of them ends.

use std::fmt;
use std::str::FromStr;

use sqal_core::{Name, Timestamp};
use sqal_storage::records::RecordKey;

use super::alert::Alert;
use super::key::{AlertKey, is_hexadecimal};
use crate::times::LAST_MICROS;
use crate::{RuleName, Severity};

/// Whether alerts that have ended are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AlertScope {
    /// Alerts that a server finds.
    #[default]
    Open,
    /// Alerts that have ended.
    Ended,
    /// Both.
    All,
}

/// Which alerts are listed. The default is every open alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Open or ended alerts.
    pub scope: AlertScope,
    /// Only alerts with this value of the label `device`.
    pub device: Option<String>,
    /// Only alerts of this rule.
    pub rule: Option<RuleName>,
    /// Only alerts of this severity.
    pub severity: Option<Severity>,
}

impl AlertFilter {
    /// Whether an alert is asked for.
    #[must_use]
    pub fn wants(&self, alert: &Alert) -> bool {
        let in_scope = match self.scope {
            AlertScope::Open => alert.resolved.is_none(),
            AlertScope::Ended => alert.resolved.is_some(),
            AlertScope::All => true,
        };
        in_scope
            && self.device.as_ref().is_none_or(|device| alert.labels.get("device") == Some(device))
            && self.rule.as_ref().is_none_or(|rule| alert.rule == *rule)
            && self.severity.is_none_or(|severity| alert.severity == severity)
    }
}

/// A place in a list of alerts: one alert, of one beginning. Lists begin with the newest alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertCursor(RecordKey);

/// A text that is not a place in a list of alerts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("place {0:?} in a list of alerts: expected 16 hexadecimal digits, `-`, and the key of an alert")]
pub struct InvalidAlertCursor(pub String);

impl AlertCursor {
    /// The place of an alert.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        Self::new(alert.began, &alert.key)
    }

    /// The place of the alert with a key that began at a time.
    #[must_use]
    pub fn new(began: Timestamp, key: &AlertKey) -> Self {
        // The order of the texts is that of the times, the latest first. No time is after the last.
        let text = format!("{:016x}-{key}", LAST_MICROS.saturating_sub(began.micros()));
        Self(Name::new(&text).unwrap_or_else(|_| unreachable!("80 hexadecimal digits and a hyphen")))
    }

    /// The text of the place.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The key of the ended alert's record.
    pub(super) const fn record(&self) -> RecordKey {
        self.0
    }
}

impl FromStr for AlertCursor {
    type Err = InvalidAlertCursor;

    fn from_str(text: &str) -> Result<Self, InvalidAlertCursor> {
        let place = text.split_once('-').and_then(|(before, key)| {
            let is_place = is_hexadecimal(before, 16) && is_hexadecimal(key, 64);
            Name::new(text).ok().filter(|_| is_place)
        });
        place.map(Self).ok_or_else(|| InvalidAlertCursor(text.chars().take(100).collect()))
    }
}

impl fmt::Display for AlertCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A part of a list of alerts, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertPage {
    /// The alerts.
    pub items: Vec<Alert>,
    /// The place after which the list goes on; `None` if no alert follows.
    pub next: Option<AlertCursor>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn place(micros: i64, device: u8) -> AlertCursor {
        let labels = BTreeMap::from([("device".to_owned(), device.to_string())]);
        let key = AlertKey::of(&RuleName::new("StationSilent").unwrap(), Severity::Warning, &labels);
        AlertCursor::new(Timestamp::from_micros(micros).unwrap(), &key)
    }

    proptest! {
        #[test]
        fn places_are_in_the_order_of_times_the_latest_first(
            one in -62_167_219_200_000_000..=LAST_MICROS,
            two in -62_167_219_200_000_000..=LAST_MICROS,
            devices: [u8; 2],
        ) {
            let (a, b) = (place(one, devices[0]), place(two, devices[1]));
            if one != two {
                prop_assert_eq!(a.as_str() < b.as_str(), one > two);
            }
            prop_assert_eq!(a.as_str().parse::<AlertCursor>(), Ok(a));
        }
    }

    #[test]
    fn a_text_that_is_no_place_is_refused() {
        let sound = place(1_794_000_000_000_000, 1).to_string();
        let (time, key) = sound.split_once('-').unwrap();
        for text in
            ["", "-", time, key, &format!("{time}{key}"), &format!("{}-{key}", &time[1..]), &format!("{sound}0")]
        {
            assert!(text.parse::<AlertCursor>().is_err(), "{text}");
        }
        assert!(sound.to_uppercase().parse::<AlertCursor>().is_err());
    }
}
