//! The settings as a JSON Schema (2020-12), for editors and for authors of charts.

use serde_json::{Map, Value, json};

use super::row::Setting;

/// The schema of a table of settings.
pub(super) fn schema(table: &[Setting]) -> Value {
    let of = |setting: &Setting| {
        let mut schema = json!({ "type": "string", "description": format!("{}: {}", setting.what, setting.expected) });
        if let Some(default) = setting.default {
            schema["default"] = default.into();
        }
        if setting.secret {
            schema["writeOnly"] = true.into();
        }
        (setting.name.to_owned(), schema)
    };
    let file = |setting: &Setting| {
        (setting.file(), json!({ "type": "string", "description": format!("A file that holds {}", setting.name) }))
    };
    let files = table.iter().filter(|setting| setting.secret).map(file);
    let properties: Map<_, _> = table.iter().map(of).chain(files).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The variables that sqal-server reads",
        "type": "object",
        "properties": properties,
    })
}
