//! Mends JSON that a client wrote and no reader takes: halves of surrogate pairs, and huge numbers.

use std::borrow::Cow;

/// JSON with U+FFFD in place of each half of a surrogate pair that stands alone, and with null in
/// place of each number that is too large for a computer. Clients in JavaScript write such halves
/// when they cut a text.
pub(super) fn mended(json: &str) -> Cow<'_, str> {
    let (mut mended, mut copied, mut at, mut is_text) = (String::new(), 0, 0, false);
    while let Some(byte) = json.as_bytes().get(at) {
        let (len, instead) = match byte {
            b'\\' if is_text => escape(json, at),
            b'"' => {
                is_text = !is_text;
                (1, None)
            }
            b'-' | b'0'..=b'9' if !is_text => number(json, at),
            _ => (1, None),
        };
        if let Some(instead) = instead {
            mended.push_str(json.get(copied..at).unwrap_or_default());
            mended.push_str(instead);
            copied = at + len;
        }
        at += len;
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(json.get(copied..).unwrap_or_default());
    Cow::Owned(mended)
}

/// The length of what begins with a backslash, and what stands in its place.
fn escape(json: &str, at: usize) -> (usize, Option<&'static str>) {
    match unit(json, at) {
        None => (2, None),
        Some(0xD800..=0xDBFF) if matches!(unit(json, at + 6), Some(0xDC00..=0xDFFF)) => (12, None),
        Some(0xD800..=0xDFFF) => (6, Some("\\ufffd")),
        Some(_) => (6, None),
    }
}

/// The unit of UTF-16 that is written at a place, for example `\u00e9`.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

/// The length of a number, and what stands in its place.
fn number(json: &str, at: usize) -> (usize, Option<&'static str>) {
    let rest = json.get(at..).unwrap_or_default();
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let len = rest.bytes().take_while(is_part).count();
    let is_huge = rest.get(..len).unwrap_or_default().parse::<f64>().is_ok_and(f64::is_infinite);
    (len.max(1), is_huge.then_some("null"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    proptest! {
        #[test]
        fn a_text_of_any_units_is_read_as_utf_16_is(units in proptest::collection::vec(
            prop_oneof![any::<u16>(), 0xD7FF_u16..0xE001, Just(0x5C), Just(0x22), 0x20_u16..0x7F], 0..20,
        )) {
            let escaped = units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
            let json = format!("[\"{escaped}\"]");
            let read: Vec<String> = serde_json::from_str(&mended(&json)).unwrap();
            prop_assert_eq!(&read[0], &String::from_utf16_lossy(&units));
        }

        #[test]
        fn json_that_is_well_formed_stays(texts: Vec<String>, number: f64, whole: i64) {
            let json = serde_json::json!({"texts": texts, "number": number, "whole": whole}).to_string();
            prop_assert_eq!(mended(&json), Cow::Borrowed(json.as_str()));
        }

        #[test]
        fn a_number_is_read_or_null(number in "-?(0|[1-9][0-9]{0,400})(\\.[0-9]{1,400})?([eE][+-]?[0-9]{1,20})?") {
            let json = format!("[{number},\"{number}\",7]");
            let read: Value = serde_json::from_str(&mended(&json)).unwrap();
            let is_huge = number.parse::<f64>().unwrap().is_infinite();
            prop_assert_eq!(read[0].is_null(), is_huge, "{}", number);
            prop_assert_eq!((&read[1], &read[2]), (&Value::from(number), &Value::from(7)));
        }

        #[test]
        fn any_text_is_mended_once_and_for_all(json in "[\"\\\\ud89cDeE0-9é.,\\[\\]-]{0,60}") {
            let once = mended(&json).into_owned();
            prop_assert_eq!(mended(&once), Cow::Borrowed(once.as_str()));
        }
    }

    #[test]
    fn halves_of_pairs_and_huge_numbers_are_replaced_and_nothing_else() {
        for (json, expected) in [
            (r#"{"a": "bad \ud800 x"}"#, r#"{"a": "bad \ufffd x"}"#),
            (r#"["\uDC00\ud83d", "\ud83d\ude00", "\\ud800"]"#, r#"["\ufffd\ufffd", "\ud83d\ude00", "\\ud800"]"#),
            (r#"[1e999, -1e999, 1e5, "1e999", -7]"#, r#"[null, null, 1e5, "1e999", -7]"#),
            (r#"["\ud8"#, r#"["\ud8"#),
        ] {
            assert_eq!(mended(json), expected, "{json}");
        }
    }
}
