//! [`WebhookEvent`]: what has happened, in the form that Standard Webhooks recommends.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use crate::wall::rfc3339;

/// The longest body of an event, in bytes. Standard Webhooks recommends at most 20 kB.
const LARGEST: usize = 256 * 1024;

/// The type of an event: words of letters, digits and `_`, joined by dots, such as
/// `sample.rejected`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(String);

/// An event that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// The text is not the type of an event.
    #[error("event type: expected 1 to 100 letters, digits and _ in words joined by dots, such as sample.rejected")]
    Type,
    /// The data has no JSON.
    #[error("event data: {0}")]
    Data(String),
    /// The body is too large.
    #[error("event: a body of {0} bytes, expected at most 262144")]
    TooLarge(usize),
}

impl EventType {
    /// The text of the type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventType {
    type Err = InvalidEvent;

    fn from_str(text: &str) -> Result<Self, InvalidEvent> {
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if text.len() > 100 || !text.split('.').all(is_word) {
            return Err(InvalidEvent::Type);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for EventType {
    type Error = InvalidEvent;

    fn try_from(text: String) -> Result<Self, InvalidEvent> {
        text.parse()
    }
}

impl From<EventType> for String {
    fn from(kind: EventType) -> Self {
        kind.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An event with its body, which is written down once: every attempt sends and signs the same
/// bytes.
///
/// ```
/// use std::collections::BTreeMap;
/// use sqal_core::Timestamp;
/// use sqal_work::outbox::webhook::WebhookEvent;
///
/// let data = BTreeMap::from([("grade", "REJECT")]);
/// let event = WebhookEvent::new("sample.rejected".parse()?, Timestamp::from_micros(1_729_983_600_000_000)?, &data)?;
/// let body = r#"{"type":"sample.rejected","timestamp":"2024-10-26T23:00:00Z","data":{"grade":"REJECT"}}"#;
/// assert_eq!(event.body(), body);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    kind: EventType,
    body: String,
}

/// The body of an event in the order that the specification shows.
#[derive(Serialize)]
struct Body<'a, D> {
    #[serde(rename = "type")]
    kind: &'a EventType,
    timestamp: String,
    data: &'a D,
}

impl WebhookEvent {
    /// An event of a type that happened at a time.
    ///
    /// # Errors
    ///
    /// [`InvalidEvent`] if the data has no JSON, or if the body has more than 256 KiB.
    pub fn new(kind: EventType, at: Timestamp, data: &impl Serialize) -> Result<Self, InvalidEvent> {
        let body = Body { kind: &kind, timestamp: rfc3339(at), data };
        let body = serde_json::to_string(&body).map_err(|error| InvalidEvent::Data(error.to_string()))?;
        if body.len() > LARGEST {
            return Err(InvalidEvent::TooLarge(body.len()));
        }
        Ok(Self { kind, body })
    }

    /// The type.
    #[must_use]
    pub const fn kind(&self) -> &EventType {
        &self.kind
    }

    /// The body that is posted.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}

impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookEvent({}, {} bytes)", self.kind, self.body.len())
    }
}

/// An event as it stands in a job: its type and the bytes that are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posting {
    pub(crate) kind: EventType,
    pub(crate) body: String,
}

impl From<&WebhookEvent> for Posting {
    fn from(event: &WebhookEvent) -> Self {
        Self { kind: event.kind.clone(), body: event.body.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_words_joined_by_dots() {
        for text in ["a", "sample.rejected", "a_1.B.c", &"x".repeat(100)] {
            assert_eq!(text.parse::<EventType>().unwrap().as_str(), text);
        }
        for text in ["", ".", "a.", ".a", "a..b", "a b", "é", "a\n", "sample.*", &"x".repeat(101)] {
            assert_eq!(text.parse::<EventType>(), Err(InvalidEvent::Type), "{text:?}");
        }
    }

    #[test]
    fn a_body_has_at_most_a_quarter_of_a_mebibyte_and_no_debug_text_shows_it() {
        let of =
            |length| WebhookEvent::new("a".parse().unwrap(), Timestamp::from_micros(0).unwrap(), &"x".repeat(length));
        let rest = of(0).unwrap().body().len();
        let largest = of(LARGEST - rest).unwrap();
        assert_eq!(format!("{largest:?}"), "WebhookEvent(a, 262144 bytes)");
        assert_eq!(of(LARGEST - rest + 1), Err(InvalidEvent::TooLarge(LARGEST + 1)));
    }
}
