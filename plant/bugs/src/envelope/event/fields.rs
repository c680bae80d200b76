//! The values of an event, in each of the forms in which clients write them.

use std::time::Duration;

use serde_json::Value;
use sqal_core::Timestamp;

use super::LONGEST_NAME;
use crate::envelope::text::{cut, without_controls, without_mail};
use crate::exchange::times::read_time;

/// A text, cut to a length; a number or a truth value as a text; `None` for a blank text and for
/// another value.
pub(super) fn text(value: Option<&Value>, most: usize) -> Option<String> {
    let text = match value? {
        Value::String(text) => cut_text(text, most),
        value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// A list, whether it stands alone or in a field of an object.
pub(super) fn list<'a>(value: Option<&'a Value>, field: &str) -> &'a [Value] {
    match value {
        Some(Value::Array(values)) => values,
        Some(Value::Object(fields)) => match fields.get(field) {
            Some(Value::Array(values)) => values,
            _ => &[],
        },
        _ => &[],
    }
}

/// Names with their values, whether they are an object, a list of pairs or a list of objects.
pub(super) fn pairs(value: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    let fields = fields.map(|(name, value)| (text_of(name), text(Some(value), LONGEST_NAME)));
    let listed = list(value.filter(|value| value.is_array()), "").iter().map(|pair| {
        let name = pair.get(0).or_else(|| pair.get("key"));
        let value = pair.get(1).or_else(|| pair.get("value"));
        (text(name, LONGEST_NAME), text(value, LONGEST_NAME))
    });
    fields.chain(listed).filter_map(|(name, value)| Some((name?, value?)))
}

fn text_of(name: &str) -> Option<String> {
    let name = cut_text(name, LONGEST_NAME);
    (!name.trim().is_empty()).then_some(name)
}

/// A text without control characters, cut to a length. Mail addresses are taken out before a cut,
/// because half of an address is not recognised afterwards.
fn cut_text(text: &str, most: usize) -> String {
    let text = without_controls(text);
    if text.len() <= most {
        return text;
    }
    cut(&without_mail(&text), most).to_owned()
}

/// A time: seconds since 1970, or a text of RFC 3339, in UTC if it names no offset.
pub(super) fn time(value: Option<&Value>) -> Option<Timestamp> {
    match value? {
        Value::String(text) => read_time(text),
        Value::Number(seconds) => {
            let since = Duration::try_from_secs_f64(seconds.as_f64()?).ok()?;
            Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?).ok()
        }
        _ => None,
    }
}
