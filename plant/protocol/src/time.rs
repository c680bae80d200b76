//! RFC 3339 text and timestamps.

use sqal_core::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A timestamp as RFC 3339 text in UTC, with as many digits as it has.
#[must_use]
pub fn rfc3339(timestamp: Timestamp) -> String {
    let nanos = i128::from(timestamp.micros()) * 1000;
    let written = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|time| time.format(&Rfc3339).ok());
    // A timestamp lies in the years 0 to 9999, which RFC 3339 can write.
    written.unwrap_or_default()
}

/// The timestamp of an RFC 3339 text; digits beyond microseconds are cut.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let micros = time.unix_timestamp_nanos().div_euclid(1000);
    i64::try_from(micros).ok().and_then(|micros| Timestamp::from_micros(micros).ok())
}

/// Whether an RFC 3339 text is finer than a microsecond: it has a digit other than 0 after the
/// sixth of its fraction. [`parse`] cuts these digits.
pub(crate) fn is_finer_than_micros(text: &str) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).skip(6).any(|digit| digit != b'0')
}

/// For `#[serde(with = …)]`: RFC 3339 text, or null.
pub mod rfc3339_or_none {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use sqal_core::Timestamp;

    /// Writes a time as RFC 3339 text.
    ///
    /// # Errors
    ///
    /// The serializer's error.
    pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_str(&super::rfc3339(*time)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a time from RFC 3339 text.
    ///
    /// # Errors
    ///
    /// The deserializer's error, also for a text that is not RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let time = super::parse(&text);
        time.map(Some)
            .ok_or_else(|| de::Error::custom("expected a time as RFC 3339 writes it, for example 2027-01-01T00:00:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_timestamp_is_read_back(micros in -62_167_219_200_000_000..=253_402_300_799_999_999_i64) {
            let timestamp = Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(parse(&rfc3339(timestamp)), Some(timestamp));
        }
    }

    #[test]
    fn the_documented_form_and_offsets_are_read() {
        assert_eq!(parse("2024-10-26T23:00:00Z").map(Timestamp::micros), Some(1_729_983_600_000_000));
        assert_eq!(parse("2024-10-27T01:00:00+02:00").map(Timestamp::micros), Some(1_729_983_600_000_000));
        assert_eq!(parse("2024-10-26"), None);
    }

    #[test]
    fn digits_beyond_microseconds_are_noticed_and_zeros_are_not() {
        for whole in ["2024-10-26T23:00:00Z", "2024-10-26T23:00:00.123456Z", "2024-10-26T23:00:00.123456000000+02:00"] {
            assert!(!is_finer_than_micros(whole), "{whole}");
        }
        for finer in [
            "2024-10-26T23:00:00.1234561Z",
            "2024-10-26T23:00:00.000000001-05:00",
            "2024-10-26T23:00:00.0000000000009Z",
        ] {
            assert!(is_finer_than_micros(finer), "{finer}");
            assert!(parse(finer).is_some());
        }
    }
}
