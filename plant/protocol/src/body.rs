//! serde's message about a JSON body of another shape, in words that show no type of a program.

use serde::de::DeserializeOwned;

use crate::item::{Item, plainest};
use crate::violation::Violation;

/// Parses one JSON object of a known shape with nothing after it. `limit` and `french` describe the
/// object that is expected.
///
/// A key that comes twice is refused at every depth. A whole number may be written with a point or
/// an exponent.
///
/// # Errors
///
/// A [`Violation`] at the place of the first fault.
pub fn read_body<T: DeserializeOwned>(text: &str, limit: &str, french: &str) -> Result<T, Violation> {
    let item = Item::read(text)?;
    let mut plain = String::with_capacity(text.len());
    item.write(&mut plain, plainest);
    shaped(&plain, limit, french)
}

/// Parses a message of a known shape that is not a frame. It has no whole numbers, and what it
/// quotes keeps its spelling.
pub(crate) fn read_item<T: DeserializeOwned>(item: &Item<'_>, limit: &str, french: &str) -> Result<T, Violation> {
    shaped(&item.to_json(), limit, french)
}

fn shaped<T: DeserializeOwned>(text: &str, limit: &str, french: &str) -> Result<T, Violation> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| told(pointer(error.path()), &error.inner().to_string(), limit, french))
}

/// A place as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            // Nothing was read there yet: the place is the parent.
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// serde's message as what was found and what was expected.
fn told(pointer: String, message: &str, limit: &str, french: &str) -> Violation {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let Some((found, expected)) = message.split_once(", expected ") else {
        return Violation::new(pointer, message.replace('`', ""), limit, french);
    };
    let found = found.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
    let found = found.trim_start_matches("invalid length ").replace('`', "");
    if found.starts_with("unknown ") {
        let names = expected.replace('`', "");
        return Violation::new(
            pointer,
            found,
            names.clone(),
            names.replace("one of", "l'un de").replace(" or ", " ou "),
        );
    }
    match translated(expected) {
        Some((limit, french)) => Violation::new(pointer, found, limit, french),
        None => Violation::new(pointer, found, limit, french),
    }
}

/// What serde expected, in English and French. `None` if serde's word is the name of a type.
fn translated(expected: &str) -> Option<(&'static str, &'static str)> {
    Some(match expected {
        "f32" | "f64" => ("a number", "un nombre"),
        "u8" => ("a whole number from 0 to 255", "un entier de 0 à 255"),
        "u16" => ("a whole number from 0 to 65535", "un entier de 0 à 65535"),
        "u32" => ("a whole number from 0 to 4294967295", "un entier de 0 à 4294967295"),
        "u64" | "usize" => ("a whole number, 0 or more", "un entier positif ou nul"),
        "i32" | "i64" | "isize" => ("a whole number", "un entier"),
        "a boolean" => ("true or false", "true ou false"),
        "a string" => ("a text", "un texte"),
        "a sequence" => ("an array", "un tableau"),
        "a map" => ("a JSON object", "un objet JSON"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_body_is_read_as_strictly_as_a_frame_and_told_in_words() {
        type Body = BTreeMap<String, Vec<u32>>;
        let read = |text: &str| read_body::<Body>(text, "numbers", "des nombres");
        assert_eq!(read("\u{feff}{\"a\": [5.0, 5e0]}").unwrap()["a"], [5, 5]);
        for (text, pointer, value, limit) in [
            (r#"{"a": [], "a": []}"#, "/a", "a second value for one key", "each key once"),
            (r#"{"a": [5.5]}"#, "/a/0", "floating point 5.5", "a whole number from 0 to 4294967295"),
            (r#"{"a": ["x"]}"#, "/a/0", "string \"x\"", "a whole number from 0 to 4294967295"),
            (r#"{"a": 7}"#, "/a", "integer 7", "an array"),
            (r#"{"a": []} and"#, "", "text after the JSON value: and", "one JSON object"),
        ] {
            let one = read(text).unwrap_err();
            assert_eq!((one.pointer.as_str(), one.value.as_str(), one.limit.as_str()), (pointer, value, limit));
        }
    }
}
