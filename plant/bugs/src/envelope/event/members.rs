//! Reads from JSON the members that an event can have, and skips everything else however it looks.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The levels of objects and lists that are read. The deepest that an event has is the member of a
/// frame, which is the eighth.
const LEVELS: u8 = 10;

/// The member whose own members have names that the client chooses.
const TAGS: &str = "tags";

/// The names of the members that are read, at any level.
const NAMES: [&str; 37] = [
    "abs_path",
    "breadcrumbs",
    "category",
    "contexts",
    "crashed",
    "culprit",
    "current",
    "device",
    "environment",
    "event_id",
    "exception",
    "family",
    "filename",
    "fingerprint",
    "formatted",
    "frames",
    "function",
    "in_app",
    "key",
    "level",
    "lineno",
    "logentry",
    "logger",
    "message",
    "model",
    "module",
    "platform",
    "release",
    "server_name",
    "stacktrace",
    TAGS,
    "threads",
    "timestamp",
    "transaction",
    "type",
    "value",
    "values",
];

/// Reads the members of an object; `None` if the JSON is another value.
///
/// Members with other names and what is nested more deeply are skipped without recursion, whatever
/// their values are.
pub(super) fn members(json: &str) -> Result<Option<Map<String, Value>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let whole = Part { levels: LEVELS, has_any_name: false }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(match whole {
        Value::Object(members) => Some(members),
        _ => None,
    })
}

/// A part of an event.
#[derive(Clone, Copy)]
struct Part {
    /// The levels that are read from here on.
    levels: u8,
    /// Whether members with any name are read.
    has_any_name: bool,
}

impl Part {
    /// What is in a list.
    fn item(self) -> Self {
        Self { levels: self.levels.saturating_sub(1), ..self }
    }

    /// The member with a name; `None` if it is skipped.
    fn member(self, name: &str) -> Option<Self> {
        let is_read = self.has_any_name || NAMES.contains(&name);
        is_read.then(|| Self { has_any_name: self.has_any_name || name == TAGS, ..self.item() })
    }
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.levels == 0 {
            return IgnoredAny::deserialize(deserializer).map(|_| Value::Null);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.item())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = all.next_key::<String>()? {
            if let Some(part) = self.member(&name) {
                read.insert(name, all.next_value_seed(part)?);
            } else {
                all.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_name_stands_once() {
        let names: std::collections::BTreeSet<_> = NAMES.into_iter().collect();
        assert_eq!(names.len(), NAMES.len());
    }

    #[test]
    fn known_members_are_read_with_every_tag_and_others_are_skipped() {
        let json = r#"{
            "message": "m", "extra": {"n": 1e999, "text": "\ud800"}, "user": {"id": 1}, "tags": {"extra": 7},
            "exception": {"values": [{"stacktrace": {"frames": [{"function": "f", "vars": {"function": 1}}]}}]}
        }"#;
        let frame = json!({"function": "f"});
        let expected = json!({
            "message": "m", "tags": {"extra": 7},
            "exception": {"values": [{"stacktrace": {"frames": [frame]}}]},
        });
        assert_eq!(members(json).unwrap().map(Value::Object), Some(expected));
        assert_eq!(members("[{\"message\": 1}]").unwrap(), None);
        for broken in ["", "{", "{} {}", "{\"extra\": }", "{\"extra\": [}"] {
            assert!(members(broken).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn however_deep_a_value_is_the_others_are_read(
            depth in 0_usize..5_000, name in "(extra|message|tags|exception|contexts)",
        ) {
            let lists = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            let objects = format!("{}1{}", "{\"values\":".repeat(depth), "}".repeat(depth));
            for deep in [lists, objects] {
                let json = format!("{{\"release\":\"r\",\"{name}\":{deep},\"level\":\"fatal\"}}");
                let read = members(&json).unwrap().unwrap();
                prop_assert_eq!((&read["release"], &read["level"]), (&json!("r"), &json!("fatal")));
            }
        }
    }
}
