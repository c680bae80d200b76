//! Wall time as records hold it: RFC 3339 in UTC, and weeks of ISO 8601.

use jiff::tz::TimeZone;
use sqal_core::Timestamp;

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros()).map_or_else(|_| String::new(), |time| time.to_string())
}

/// A time as RFC 3339 writes it, in UTC and whole seconds, so that later times have later texts.
pub(crate) fn sortable(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros()).map_or_else(|_| String::new(), |time| format!("{time:.0}"))
}

/// The week of a time in UTC, by ISO 8601: `2026-W48`.
pub(crate) fn iso_week(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros()).map_or_else(
        |_| String::new(),
        |time| {
            let week = time.to_zoned(TimeZone::UTC).date().iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        },
    )
}

/// For `#[serde(with = …)]`: a time as RFC 3339 text.
pub(crate) mod as_rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use sqal_core::Timestamp;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = text.parse::<jiff::Timestamp>().ok();
        time.and_then(|time| Timestamp::from_micros(time.as_microsecond()).ok())
            .ok_or_else(|| de::Error::custom("expected a time as RFC 3339 writes it, for example 2026-11-24T10:00:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    /// Weeks at the ends of years, from the calendar.
    #[test]
    fn a_week_belongs_to_the_year_of_its_thursday() {
        for (seconds, week) in [
            (1_767_225_599, "2026-W01"), // 2025-12-31T23:59:59Z, a Wednesday
            (1_798_761_600, "2026-W53"), // 2027-01-01T00:00:00Z, a Friday
            (1_799_020_800, "2027-W01"), // 2027-01-04T00:00:00Z, a Monday
            (1_795_514_400, "2026-W48"), // 2026-11-24T10:00:00Z, a Tuesday
        ] {
            assert_eq!(iso_week(at(seconds * 1_000_000)), week, "{seconds}");
        }
    }

    #[test]
    fn a_time_is_written_in_utc_and_in_whole_seconds_where_it_is_a_key() {
        let time = at(1_795_514_400_250_000);
        assert_eq!((rfc3339(time), sortable(time)), ("2026-11-24T10:00:00.25Z".into(), "2026-11-24T10:00:00Z".into()));
    }

    proptest! {
        #[test]
        fn a_time_is_read_back(micros in 0..4_102_444_800_000_000_i64) {
            #[derive(serde::Serialize, serde::Deserialize)]
            struct Written(#[serde(with = "as_rfc3339")] Timestamp);
            let text = serde_json::to_string(&Written(at(micros))).unwrap();
            prop_assert_eq!(serde_json::from_str::<Written>(&text).unwrap().0, at(micros));
        }

        #[test]
        fn later_times_have_later_keys(
            micros in 0..4_102_444_800_000_000_i64,
            later in 1_000_000..1_000_000_000_000_i64,
        ) {
            prop_assert!(sortable(at(micros)) < sortable(at(micros + later)));
        }
    }
}
