//! Times and durations as people read them.

use std::time::Duration;

use jiff::tz::TimeZone;
use sqal_core::Timestamp;
use sqal_work::outbox::Language;

use crate::times::rfc3339;

/// A time to the minute on the wall of a zone.
pub(super) fn on_the_wall(time: Timestamp, zone: &TimeZone) -> String {
    let wall = jiff::Timestamp::from_microsecond(time.micros()).map(|instant| instant.to_zoned(zone.clone()));
    wall.and_then(|wall| jiff::fmt::strtime::format("%Y-%m-%d %H:%M %Z", &wall)).unwrap_or_else(|_| rfc3339(time))
}

/// A duration in whole minutes, or from two hours on in whole hours.
pub(super) fn in_words(duration: Duration, language: Language) -> String {
    let minutes = duration.as_secs() / 60;
    match (minutes, language) {
        (0..120, _) => format!("{minutes} minute{}", plural(minutes, language)),
        (_, Language::English) => format!("{} hours", minutes / 60),
        (_, Language::French) => format!("{} heures", minutes / 60),
    }
}

/// The ending of a plural: French counts 0 as singular.
const fn plural(number: u64, language: Language) -> &'static str {
    match (number, language) {
        (1, _) | (0, Language::French) => "",
        _ => "s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn a_time_is_shown_on_the_wall_of_its_zone() {
        let (time, paris) =
            (at(1_774_746_000_000_000), jiff::tz::TimeZoneDatabase::bundled().get("Europe/Paris").unwrap());
        assert_eq!(on_the_wall(time, &paris), "2026-03-29 03:00 CEST");
        assert_eq!(on_the_wall(time, &TimeZone::UTC), "2026-03-29 01:00 UTC");
        assert_eq!(rfc3339(time), "2026-03-29T01:00:00Z");
        let last = at(253_402_300_799_999_999);
        assert!(
            on_the_wall(last, &paris).contains("253402300799999999") && rfc3339(last).contains("253402300799999999")
        );
    }

    #[test]
    fn a_duration_is_counted_in_minutes_and_then_in_hours() {
        let words = |minutes| {
            [Language::English, Language::French].map(|language| in_words(Duration::from_mins(minutes), language))
        };
        assert_eq!(words(0), ["0 minutes", "0 minute"]);
        assert_eq!(words(1), ["1 minute", "1 minute"]);
        assert_eq!(words(119), ["119 minutes", "119 minutes"]);
        assert_eq!(words(239), ["3 hours", "3 heures"]);
    }
}
