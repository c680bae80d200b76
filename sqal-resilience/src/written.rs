//! How times are written in a configuration: `"250ms"`, `"60s"`, `"1m30s"`, `"1.5h"`.

use std::fmt::Write as _;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use serde::ser::Serializer;

use crate::clock::span;

/// The forms of a time that are valid, for error messages.
const EXPECTED: &str = "a time such as \"250ms\", \"60s\", \"1m30s\" or \"1.5h\" (units: ns, us, ms, s, m, h, d)";

/// The units, in nanoseconds. Of two units with one beginning, the longer one comes first.
const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86_400e9)];

/// Reads a time; `None` if the text cannot be parsed.
fn read(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut time = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = &rest[..end];
        let (unit, nanos) = UNITS.into_iter().find(|(unit, _)| rest[end..].starts_with(unit))?;
        let part = match number.parse::<u64>() {
            // Whole numbers are read exactly.
            Ok(whole) => {
                let nanos = u128::from(whole).checked_mul(whole_nanos(nanos))?;
                Some(span(nanos)).filter(|time| time.as_nanos() == nanos)?
            }
            Err(_) => Duration::try_from_secs_f64(number.parse::<f64>().ok()? * (nanos / 1e9)).ok()?,
        };
        time = time.checked_add(part)?;
        rest = &rest[end + unit.len()..];
    }
    Some(time)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a unit of the table: whole and positive")]
const fn whole_nanos(nanos: f64) -> u128 {
    nanos as u128
}

/// Writes a time so that it is read back exactly.
fn write(time: Duration) -> String {
    let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
    let mut text = String::new();
    if seconds > 0 || nanos == 0 {
        let _ = write!(text, "{seconds}s");
    }
    if nanos > 0 {
        let _ = match nanos {
            _ if nanos % 1_000_000 == 0 => write!(text, "{}ms", nanos / 1_000_000),
            _ if nanos % 1_000 == 0 => write!(text, "{}us", nanos / 1_000),
            _ => write!(text, "{nanos}ns"),
        };
    }
    text
}

pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
    read(&text).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &EXPECTED))
}

/// A time that may be missing.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Duration, EXPECTED, Error, Serializer, Unexpected, read, write};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&write(*time)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let Some(text) = Option::<std::borrow::Cow<'_, str>>::deserialize(deserializer)? else { return Ok(None) };
        match read(&text) {
            Some(time) => Ok(Some(time)),
            None => Err(D::Error::invalid_value(Unexpected::Str(&text), &EXPECTED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_in_the_largest_units_that_are_exact() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (999, "999ns"),
            (1_000, "1us"),
            (1_001, "1001ns"),
            (250_000_000, "250ms"),
            (250_001_000, "250001us"),
            (1_000_000_000, "1s"),
            (60_000_000_000, "60s"),
            (1_500_000_000, "1s500ms"),
            (1_000_000_001, "1s1ns"),
        ] {
            assert_eq!(write(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, time) in [
            ("60s", Duration::from_secs(60)),
            ("250ms", Duration::from_millis(250)),
            ("1m30s", Duration::from_secs(90)),
            ("1.5h", Duration::from_secs(5400)),
            ("0s", Duration::ZERO),
            (" 10us ", Duration::from_micros(10)),
            ("18446744073709551615s", Duration::from_secs(u64::MAX)),
        ] {
            assert_eq!(read(text), Some(time), "{text}");
        }
        for text in [
            "",
            "60",
            "s",
            "-1s",
            "1 s",
            "1..5s",
            "1s x",
            "1e9s",
            "18446744073709551616s",
            "1é",
            "1.5.5s",
            "99999999999999999999999d",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in any::<u64>(), nanos in 0..1_000_000_000_u32) {
            let time = Duration::new(seconds, nanos);
            prop_assert_eq!(read(&write(time)), Some(time));
        }

        #[test]
        fn nothing_that_is_written_breaks_the_reader(text in ".{0,20}") {
            let _ = read(&text);
        }
    }
}
