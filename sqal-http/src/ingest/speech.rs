//! [`Speech`]: how a connection writes what it says: the documented JSON, CBOR, or CloudEvents, as it asked for by `Sec-WebSocket-Protocol`.

use std::borrow::Cow;

use axum::extract::ws::Message;
use serde_json::{Value, json};

use crate::{Problem, Violation};

/// How both sides write on one connection.
///
/// ```
/// use axum::extract::ws::Message;
/// use sqal_http::Speech;
///
/// let event = r#"{"specversion":"1.0","id":"1","source":"/station/1","type":"sqal.sensor_data","data":{"type":"sensor_data"}}"#;
/// let message = Message::text(event);
/// let heard = Speech::CloudEvents.hear(&message, 4096).unwrap();
/// assert_eq!(heard, r#"{"type":"sensor_data"}"#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// The documented frame as JSON text: without a subprotocol.
    Documented,
    /// The same as CBOR (RFC 8949) in binary messages.
    Cbor,
    /// The same as the `data` of CloudEvents 1.0 in JSON text.
    CloudEvents,
}

/// The subprotocol of CBOR.
const CBOR: &str = "sqal.cbor";

/// The subprotocol of CloudEvents in JSON, as its WebSocket binding names it.
const CLOUD_EVENTS: &str = "cloudevents.json";

impl Speech {
    /// The subprotocols that are known.
    pub const KNOWN: [&str; 2] = [CBOR, CLOUD_EVENTS];

    /// What was agreed on.
    #[must_use]
    pub fn agreed(protocol: Option<&str>) -> Self {
        match protocol {
            Some(CBOR) => Self::Cbor,
            Some(CLOUD_EVENTS) => Self::CloudEvents,
            _ => Self::Documented,
        }
    }

    /// What a device has said, as the documented JSON.
    ///
    /// What is unpacked here is at most twice as long as a frame may be (`longest`, in bytes): an envelope needs no more.
    ///
    /// # Errors
    ///
    /// [`Problem`] for a message that is not of this way of writing, or too long; what is in it is judged by [`Intake`](crate::Intake).
    pub fn hear(self, message: &Message, longest: usize) -> Result<Cow<'_, str>, Problem> {
        let bytes = match message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        if self != Self::Documented && bytes > longest * 2 {
            return Err(Problem::frame_too_large(bytes, longest));
        }
        match (self, message) {
            (Self::Documented, Message::Text(text)) => Ok(Cow::Borrowed(text.as_str())),
            (Self::CloudEvents, Message::Text(text)) => data_of(text.as_str()).map(Cow::Owned),
            (Self::Cbor, Message::Binary(bytes)) => {
                let value: Value = ciborium::from_reader(&mut &**bytes)
                    .map_err(|error| wrong(error.to_string(), "one item of CBOR", "un élément CBOR"))?;
                Ok(Cow::Owned(value.to_string()))
            }
            (Self::Cbor, _) => Err(wrong(
                "a text message",
                "a binary message with one item of CBOR",
                "un message binaire avec un élément CBOR",
            )),
            (_, Message::Binary(bytes)) => {
                let found = format!("a binary message of {} bytes", bytes.len());
                Err(wrong(found, "a text message with one JSON frame", "un message texte avec une trame JSON"))
            }
            _ => Err(wrong("no message", "a text message with one JSON frame", "un message texte avec une trame JSON")),
        }
    }

    /// What we say, from the documented JSON; `number` tells apart what is said on one connection.
    #[must_use]
    pub fn say(self, text: String, number: u64) -> Message {
        match self {
            Self::Documented => Message::text(text),
            Self::Cbor => {
                let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                let mut bytes = Vec::new();
                // Memory takes whatever is written.
                let _ = ciborium::into_writer(&value, &mut bytes);
                Message::binary(bytes)
            }
            Self::CloudEvents => {
                let data: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                let kind = data["type"].as_str().unwrap_or("answer");
                let event = json!({
                    "specversion": "1.0", "id": number.to_string(), "source": "/ws/sensors", "type": format!("sqal.{kind}"),
                    "datacontenttype": "application/json", "data": data,
                });
                Message::text(event.to_string())
            }
        }
    }
}

fn wrong(found: impl std::fmt::Display, limit: &str, french: &str) -> Problem {
    Problem::invalid_frame(vec![Violation::new("", found, limit, french)])
}

/// The frame in an event (CloudEvents 1.0.2): what is around it says nothing that the frame does not.
fn data_of(text: &str) -> Result<String, Problem> {
    let (limit, french) = ("a CloudEvent in JSON", "un CloudEvent en JSON");
    let event: Value = serde_json::from_str(text).map_err(|error| wrong(error, limit, french))?;
    let version = event["specversion"].as_str();
    if version != Some("1.0") {
        let violation = Violation::new("/specversion", format!("{:?}", event["specversion"]), "\"1.0\"", "« 1.0 »");
        return Err(Problem::invalid_frame(vec![violation]));
    }
    match &event["data"] {
        Value::Null => Err(Problem::invalid_frame(vec![Violation::new("/data", "missing", "the frame", "la trame")])),
        data => Ok(data.to_string()),
    }
}
