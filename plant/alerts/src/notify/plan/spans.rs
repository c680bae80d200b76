//! Durations as a plan writes them: `30s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

/// The units with their seconds, the longest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration; `None` if the text is none, or longer than a century.
pub(super) fn read(text: &str) -> Option<Duration> {
    let (mut seconds, mut number) = (0_u64, None::<u64>);
    for sign in text.chars() {
        if let Some(digit) = sign.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit))?);
            continue;
        }
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == sign)?;
        seconds = seconds.checked_add(number.take()?.checked_mul(*unit)?)?;
    }
    let is_whole = number.is_none() && !text.is_empty();
    (is_whole && seconds <= 36_525 * 86_400).then(|| Duration::from_secs(seconds))
}

/// Writes a duration of whole seconds.
pub(super) fn written(duration: Duration) -> String {
    let (mut seconds, mut text) = (duration.as_secs(), String::new());
    for (name, unit) in UNITS {
        if seconds >= unit {
            text.push_str(&(seconds / unit).to_string());
            text.push(name);
            seconds %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_without_a_unit_is_no_duration() {
        for (text, seconds) in [("0s", 0), ("30s", 30), ("5m", 300), ("1h30m", 5_400), ("2d", 172_800)] {
            assert_eq!(read(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "m", "5m3", "5 m", "-5m", "5.5m", "5w", "9999999d", "99999999999999999999s", "é"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_that_is_written_is_read_back(seconds in 0..36_525 * 86_400_u64) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(read(&written(duration)), Some(duration));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            read(&text);
        }
    }
}
