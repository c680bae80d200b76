//! CBOR (RFC 8949) as equivalent JSON text, so that one reader judges every encoding.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use ciborium::de::Error;
use sqal_core::Timestamp;

use crate::item::quote;
use crate::time::rfc3339;
use crate::violation::Violation;

/// One item of CBOR as JSON text.
///
/// A key that comes twice is written twice, and the reader of JSON refuses it. The tag 55799 and
/// the tags of texts are dropped, because they change no value. Tag 1 is a time and becomes RFC
/// 3339.
///
/// A value that JSON has no form for becomes an object with the key `cbor_bytes`, `cbor_float` or
/// `cbor_tag`. A field that is not used may hold such an object, and a field that is used refuses
/// it.
pub(crate) fn json_of(bytes: &[u8]) -> Result<String, Violation> {
    let mut rest = bytes;
    let value: Value = ciborium::from_reader(&mut rest).map_err(|error| fault(&error, bytes.len()))?;
    if !rest.is_empty() {
        let found = format!("{} bytes after the item", rest.len());
        return Err(Violation::new("", found, "one item of CBOR", "un élément CBOR"));
    }
    let mut out = String::with_capacity(2 * bytes.len());
    write(&value, &mut out);
    Ok(out)
}

/// The violation of bytes that are not valid CBOR.
fn fault(error: &Error<std::io::Error>, bytes: usize) -> Violation {
    let found = match error {
        Error::Io(_) => format!("the end of the message after {bytes} bytes"),
        Error::Syntax(at) => format!("a byte that begins no value, at byte {at}"),
        Error::RecursionLimitExceeded => "more than 256 levels of arrays and maps".to_owned(),
        Error::Semantic(..) => "a value that is not well-formed, or that no program can use".to_owned(),
    };
    Violation::new("", found, "one whole item of CBOR (RFC 8949)", "un élément CBOR entier (RFC 8949)")
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Integer(number) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", i128::from(*number));
        }
        Value::Float(number) => write_float(*number, out),
        Value::Text(text) => quote(text, out),
        Value::Bytes(bytes) => {
            let _ = write!(out, "{{\"cbor_bytes\":\"{}\"}}", URL_SAFE_NO_PAD.encode(bytes));
        }
        Value::Array(items) => {
            out.push('[');
            for (k, item) in items.iter().enumerate() {
                if k > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(members) => {
            out.push('{');
            for (k, (key, item)) in members.iter().enumerate() {
                if k > 0 {
                    out.push(',');
                }
                write_key(key, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
        Value::Tag(tag, inner) => write_tagged(*tag, inner, out),
        // `null`, `undefined`, and what a later version of the library may know.
        _ => out.push_str("null"),
    }
}

fn write_float(number: f64, out: &mut String) {
    if let Some(finite) = serde_json::Number::from_f64(number) {
        let _ = write!(out, "{finite}");
    } else {
        let name = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        let _ = write!(out, "{{\"cbor_float\":\"{name}\"}}");
    }
}

/// Writes a key as a text, as JSON requires. A key of another type becomes the text of its JSON,
/// and only fields that are not used have such a key.
fn write_key(key: &Value, out: &mut String) {
    match key {
        Value::Text(text) => quote(text, out),
        Value::Tag(_, inner) => write_key(inner, out),
        other => {
            let mut text = "#".to_owned();
            write(other, &mut text);
            quote(&text, out);
        }
    }
}

fn write_tagged(tag: u64, inner: &Value, out: &mut String) {
    match (tag, inner) {
        // Self-described CBOR.
        (55_799, inner) => write(inner, out),
        // A time, an address, base64 and others: the tag says what the text means, and the text
        // stays the same.
        (0 | 21..=23 | 32..=36, Value::Text(text)) => quote(text, out),
        (1, number) => match time_of(number) {
            Some(time) => quote(&rfc3339(time), out),
            None => write_other(tag, inner, out),
        },
        (64..=87, Value::Bytes(bytes)) => match numbers(tag, bytes) {
            Some(numbers) => {
                out.push('[');
                for (k, number) in numbers.iter().enumerate() {
                    if k > 0 {
                        out.push(',');
                    }
                    write_float(*number, out);
                }
                out.push(']');
            }
            None => write_other(tag, inner, out),
        },
        _ => write_other(tag, inner, out),
    }
}

fn write_other(tag: u64, inner: &Value, out: &mut String) {
    let _ = write!(out, "{{\"cbor_tag\":{tag},\"value\":");
    write(inner, out);
    out.push('}');
}

/// The time of a number of seconds since 1970, to the microsecond.
fn time_of(number: &Value) -> Option<Timestamp> {
    let micros = match number {
        Value::Integer(seconds) => i128::from(*seconds).checked_mul(1_000_000)?,
        Value::Float(seconds) => {
            let nanos = Duration::try_from_secs_f64(*seconds).ok()?.as_nanos();
            i128::try_from((nanos + 500) / 1000).ok()?
        }
        _ => return None,
    };
    Timestamp::from_micros(i64::try_from(micros).ok()?).ok()
}

/// The numbers of a typed array (RFC 8746) of bytes, of 16-bit unsigned integers, or of single or
/// double floats.
fn numbers(tag: u64, bytes: &[u8]) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
        let (parts, rest) = bytes.as_chunks::<N>();
        rest.is_empty().then(|| parts.iter().map(|part| read(*part)).collect())
    }
    match tag {
        64 | 68 => each::<1>(bytes, |byte| f64::from(byte[0])),
        65 => each::<2>(bytes, |part| f64::from(u16::from_be_bytes(part))),
        69 => each::<2>(bytes, |part| f64::from(u16::from_le_bytes(part))),
        81 => each::<4>(bytes, |part| f64::from(f32::from_be_bytes(part))),
        85 => each::<4>(bytes, |part| f64::from(f32::from_le_bytes(part))),
        82 => each::<8>(bytes, f64::from_be_bytes),
        86 => each::<8>(bytes, f64::from_le_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        bytes
    }

    fn json(value: &Value) -> String {
        json_of(&bytes(value)).unwrap()
    }

    fn tag(tag: u64, value: Value) -> Value {
        Value::Tag(tag, Box::new(value))
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_fault_shows_a_type(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            match json_of(&bytes) {
                Ok(text) => prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}"),
                Err(violation) => {
                    for word in ["Semantic", "Syntax(", "Io(", "invalid type", "enum", "Error"] {
                        prop_assert!(!violation.value.contains(word), "{violation:?}");
                    }
                }
            }
        }

        #[test]
        fn a_single_float_keeps_its_bits(number in any::<f32>().prop_filter("finite", |number| number.is_finite())) {
            let text = json(&Value::Float(f64::from(number)));
            prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), number.to_bits());
        }
    }

    #[test]
    fn what_json_has_no_form_for_stands_in_an_object() {
        for (value, text) in [
            (Value::Bytes(vec![0xff, 0xfe]), r#"{"cbor_bytes":"__4"}"#),
            (Value::Float(f64::NAN), r#"{"cbor_float":"NaN"}"#),
            (Value::Float(f64::NEG_INFINITY), r#"{"cbor_float":"-Infinity"}"#),
            (tag(40_000, Value::from(5)), r#"{"cbor_tag":40000,"value":5}"#),
            (Value::Map(vec![(Value::from(1), Value::Null), ("a".into(), true.into())]), r##"{"#1":null,"a":true}"##),
        ] {
            assert_eq!(json(&value), text);
        }
    }

    #[test]
    fn tags_that_say_what_a_value_means_change_nothing() {
        assert_eq!(json(&tag(55_799, Value::Map(vec![]))), "{}");
        assert_eq!(json(&tag(0, "2026-11-28T15:31:35Z".into())), "\"2026-11-28T15:31:35Z\"");
        assert_eq!(json(&tag(1, Value::from(1_729_983_600))), "\"2024-10-26T23:00:00Z\"");
        assert_eq!(json(&tag(1, Value::Float(1_729_983_600.736_112))), "\"2024-10-26T23:00:00.736112Z\"");
        let row: Vec<u8> = [1.5_f32, -2.0].into_iter().flat_map(f32::to_le_bytes).collect();
        assert_eq!(json(&tag(85, Value::Bytes(row))), "[1.5,-2.0]");
        assert_eq!(json(&tag(85, Value::Bytes(vec![1, 2]))), r#"{"cbor_tag":85,"value":{"cbor_bytes":"AQI"}}"#);
    }

    #[test]
    fn one_item_and_nothing_behind_it() {
        for (bytes, found) in [
            (vec![0xa0, 0xa0], "1 bytes after the item"),
            (vec![0xa1, 0x61], "the end of the message after 2 bytes"),
            (vec![0x1c], "a byte that begins no value, at byte 0"),
            (vec![0x81; 300], "more than 256 levels of arrays and maps"),
        ] {
            assert_eq!(json_of(&bytes).unwrap_err().value, found);
        }
    }
}
