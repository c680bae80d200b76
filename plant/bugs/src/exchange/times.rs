//! Times as other programs write them, and as bugs are exported.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sqal_core::Timestamp;

/// How Bugzilla writes a time.
const SPELLINGS: [&str; 2] = ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M %z"];

/// Reads a time of RFC 3339 or of Bugzilla; it is in UTC if it names no offset.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let spelled = || SPELLINGS.into_iter().find_map(|spelling| jiff::Timestamp::strptime(spelling, text).ok());
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    let time = text.parse::<jiff::Timestamp>().ok().or_else(spelled).or_else(civil)?;
    Timestamp::from_micros(time.as_microsecond()).ok()
}

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| format!("{} microseconds since 1970", time.micros()), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_read_back_as_it_was_written(micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000) {
            let time = Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(read_time(&rfc3339(time)), Some(time));
        }

        #[test]
        fn any_text_is_a_time_or_none(text in ".{0,40}") {
            let _ = read_time(&text);
        }
    }

    #[test]
    fn each_spelling_is_read() {
        let time = Timestamp::from_micros(1_230_811_200_000_000).ok();
        for text in [
            "2009-01-01T12:00:00Z",
            "2009-01-01T13:00:00+01:00",
            "2009-01-01 12:00:00 +0000",
            "2009-01-01 04:00 -0800",
            "2009-01-01 12:00:00",
            " 2009-01-01T12:00:00.000000 ",
        ] {
            assert_eq!(read_time(text), time, "{text}");
        }
        assert_eq!(read_time("2009-01-01").map(Timestamp::micros), Some(1_230_768_000_000_000));
        assert_eq!(read_time("yesterday"), None);
    }
}
