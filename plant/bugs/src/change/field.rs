//! [`FieldChange`]: one field of a bug before and after a change, so that a history can be shown as
//! a diff.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqal_storage::bugs::BugContent;

/// A field that a change has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The name of the field, in `snake_case`.
    pub field: String,
    /// The value before: a text or a list of texts; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// All fields of a bug that people can change, each with its value: a text or a list of texts;
/// `None` if it has none.
#[must_use]
pub fn field_values(content: &BugContent) -> Vec<(&'static str, Option<Value>)> {
    let links = &content.links;
    let steps = Some(&content.reproduction_steps).filter(|steps| !steps.is_empty());
    vec![
        ("title", Some(text(&content.title))),
        ("description", Some(text(&content.description))),
        ("reproduction_steps", steps.map(text)),
        ("severity", Some(text(&content.severity))),
        ("priority", Some(text(&content.priority))),
        ("category", content.category.as_ref().map(text)),
        ("status", Some(text(&content.status))),
        ("tags", list(&content.tags)),
        ("assignee", content.assignee.as_ref().map(text)),
        ("watchers", list(&content.watchers)),
        ("device_id", links.device_id.as_ref().map(text)),
        ("firmware_version", links.firmware_version.as_ref().map(text)),
        ("sample_id", links.sample_id.as_ref().map(text)),
        ("rollout", links.rollout.as_ref().map(text)),
        ("profile", links.profile.as_ref().map(text)),
        ("duplicate_of", links.duplicate_of.as_ref().map(text)),
        ("blocks", list(&links.blocks)),
        ("relates_to", list(&links.relates_to)),
    ]
}

/// The fields that differ; without a content before, all fields that have a value.
#[must_use]
pub fn differences(before: Option<&BugContent>, after: &BugContent) -> Vec<FieldChange> {
    let after = field_values(after);
    let before = before.map_or_else(|| vec![None; after.len()], values_of);
    let pairs = before.into_iter().zip(after).filter(|(before, (_, after))| before != after);
    pairs.map(|(before, (field, after))| FieldChange { field: field.to_owned(), before, after }).collect()
}

fn values_of(content: &BugContent) -> Vec<Option<Value>> {
    field_values(content).into_iter().map(|(_, value)| value).collect()
}

fn text<T: ToString>(value: &T) -> Value {
    Value::String(value.to_string())
}

fn list<T: ToString>(values: &BTreeSet<T>) -> Option<Value> {
    (!values.is_empty()).then(|| values.iter().map(text).collect())
}
