//! [`Speech`]: the encoding of a connection's messages: documented JSON, CBOR, or CloudEvents.
//!
//! A device asks for one by `Sec-WebSocket-Protocol`.

use std::borrow::Cow;

use axum::extract::ws::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::wire::{Item, json_of, without_mark};
use crate::{Problem, Violation};

/// The encoding of the messages of both sides on one connection.
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
    /// The documented frame as JSON text, used without a subprotocol.
    Documented,
    /// The documented frame as CBOR (RFC 8949) in binary messages.
    Cbor,
    /// The documented frame as the `data` of CloudEvents 1.0 in JSON text.
    CloudEvents,
}

/// The subprotocol of CBOR.
const CBOR: &str = "sqal.cbor";

/// The subprotocol of CloudEvents in JSON, as its WebSocket binding names it.
const CLOUD_EVENTS: &str = "cloudevents.json";

impl Speech {
    /// The subprotocols that are known.
    pub const KNOWN: [&str; 2] = [CBOR, CLOUD_EVENTS];

    /// The encoding of the subprotocol that was agreed on.
    #[must_use]
    pub fn agreed(protocol: Option<&str>) -> Self {
        match protocol {
            Some(CBOR) => Self::Cbor,
            Some(CLOUD_EVENTS) => Self::CloudEvents,
            _ => Self::Documented,
        }
    }

    /// Decodes a message of a device to the documented JSON.
    ///
    /// CBOR that is decoded here is at most as long as a frame may be (`longest`, in bytes). An
    /// event is at most twice as long, because an envelope needs no more. Every encoding is refused
    /// for the same faults: a key that comes twice, data after the frame, a number that is not
    /// valid.
    ///
    /// # Errors
    ///
    /// [`Problem`] if the message is not in this encoding, or is too long. The content is judged by
    /// [`Intake`](crate::Intake).
    pub fn hear(self, message: &Message, longest: usize) -> Result<Cow<'_, str>, Problem> {
        let bytes = match message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        let most = match self {
            // `Intake` checks the length of the frame itself.
            Self::Documented => usize::MAX,
            Self::Cbor => longest,
            Self::CloudEvents => longest * 2,
        };
        if bytes > most {
            return Err(Problem::frame_too_large(bytes, longest));
        }
        match (self, message) {
            (Self::Documented, Message::Text(text)) => Ok(Cow::Borrowed(without_mark(text.as_str()))),
            (Self::CloudEvents, Message::Text(text)) => data_of(text.as_str()).map(Cow::Owned),
            (Self::Cbor, Message::Binary(bytes)) => {
                json_of(bytes).map(Cow::Owned).map_err(|fault| Problem::invalid_frame(vec![fault]))
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

    /// Encodes a message of the server from the documented JSON. `number` distinguishes the
    /// messages of one connection.
    #[must_use]
    pub fn say(self, text: String, number: u64) -> Message {
        match self {
            Self::Documented => Message::text(text),
            Self::Cbor => {
                let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                let mut bytes = Vec::new();
                // Writing to memory cannot fail.
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

/// The form in which a message that cannot be read is kept: a text as it is, bytes as a `data:` URL
/// (RFC 2397).
pub(crate) fn kept(message: &Message) -> String {
    match message {
        Message::Text(text) => text.as_str().to_owned(),
        Message::Binary(bytes) => format!("{KEPT_BYTES}{}", STANDARD.encode(bytes)),
        _ => String::new(),
    }
}

/// The prefix of a message that was kept as bytes.
const KEPT_BYTES: &str = "data:application/cbor;base64,";

/// A kept message as the documented JSON. If it cannot be read, it is returned unchanged.
pub(crate) fn read_again(kept: &str, longest: usize) -> Cow<'_, str> {
    let heard = match kept.strip_prefix(KEPT_BYTES) {
        Some(text) => STANDARD.decode(text).ok().and_then(|bytes| {
            let message = Message::binary(bytes);
            Speech::Cbor.hear(&message, longest).ok().map(Cow::into_owned)
        }),
        // An event has a version of its specification; a frame has none.
        None if kept.contains("\"specversion\"") => {
            Speech::CloudEvents.hear(&Message::text(kept), longest).ok().map(Cow::into_owned)
        }
        None => None,
    };
    heard.map_or(Cow::Borrowed(kept), Cow::Owned)
}

fn wrong(found: impl std::fmt::Display, limit: &str, french: &str) -> Problem {
    wrong_at("", found, limit, french)
}

fn wrong_at(pointer: &str, found: impl std::fmt::Display, limit: &str, french: &str) -> Problem {
    Problem::invalid_frame(vec![Violation::new(pointer, found, limit, french)])
}

/// The frame in an event (CloudEvents 1.0.2). The members around it add nothing to the frame.
fn data_of(text: &str) -> Result<String, Problem> {
    let event = Item::read(text).map_err(|mut fault| {
        // Pointers refer to the frame, in every encoding.
        if let Some(place) = fault.pointer.strip_prefix("/data/") {
            fault.pointer = format!("/{place}");
        }
        Problem::invalid_frame(vec![fault])
    })?;
    let Item::Object(_) = event else { return Err(wrong(event, "a CloudEvent in JSON", "un CloudEvent en JSON")) };
    let version = event.member("specversion");
    if version.text() != Some("1.0") {
        return Err(wrong_at("/specversion", version, "\"1.0\"", "« 1.0 »"));
    }
    let kind = event.member("datacontenttype");
    if *kind != Item::Null && !kind.text().is_some_and(is_json) {
        return Err(wrong_at("/datacontenttype", kind, "application/json", "application/json"));
    }
    match (event.member("data"), event.member("data_base64")) {
        (Item::Null, Item::Null) => Err(wrong_at("/data", "missing", "the frame", "la trame")),
        (data, Item::Null) => Ok(data.to_json()),
        (Item::Null, packed) => {
            let bytes = packed.text().and_then(|text| STANDARD.decode(text).ok());
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            let (limit, french) = ("JSON text in base64", "du texte JSON en base64");
            text.map(|text| without_mark(&text).to_owned())
                .ok_or_else(|| wrong_at("/data_base64", packed, limit, french))
        }
        _ => Err(wrong_at("/data_base64", "a second frame beside data", "data or data_base64", "data ou data_base64")),
    }
}

/// Whether a media type is JSON. Its parameters are ignored, because JSON is UTF-8.
fn is_json(kind: &str) -> bool {
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind).trim();
    kind.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LONGEST: usize = 256 * 1024;

    fn event(members: &str) -> Message {
        Message::text(format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"sqal.sensor_data",{members}}}"#))
    }

    fn refused(message: &Message) -> (String, String, String) {
        let problem = Speech::CloudEvents.hear(message, LONGEST).unwrap_err();
        let one = &problem.violations[0];
        (one.pointer.clone(), one.value.clone(), one.limit.clone())
    }

    #[test]
    fn an_event_has_one_frame_as_json_or_as_base64_of_json() {
        let packed = STANDARD.encode("\u{feff}{\"a\":1}");
        for members in [
            r#""data":{"a":1}"#.to_owned(),
            r#""datacontenttype":"Application/JSON; charset=utf-8","data":{"a":1}"#.to_owned(),
            format!("\"data_base64\":\"{packed}\""),
        ] {
            assert_eq!(Speech::CloudEvents.hear(&event(&members), LONGEST).unwrap(), "{\"a\":1}", "{members}");
        }
        for (members, pointer, found) in [
            (r#""datacontenttype":"text/xml","data":{}"#, "/datacontenttype", "string \"text/xml\""),
            (r#""data":{},"data_base64":"e30=""#, "/data_base64", "a second frame beside data"),
            (r#""data_base64":"*""#, "/data_base64", "string \"*\""),
            (r#""data":{"as7341":{"gain":4,"gain":8}}"#, "/as7341/gain", "a second value for one key"),
            (r#""data":{},"data":{}"#, "/data", "a second value for one key"),
            (r#""x":1"#, "/data", "missing"),
        ] {
            let (place, value, _) = refused(&event(members));
            assert_eq!((place.as_str(), value.as_str()), (pointer, found), "{members}");
        }
        let marked = Message::text("\u{feff}{\"specversion\":\"1.0\",\"data\":{}}");
        assert_eq!(Speech::CloudEvents.hear(&marked, LONGEST).unwrap(), "{}");
        assert_eq!(Speech::Documented.hear(&Message::text("\u{feff}{}"), LONGEST).unwrap(), "{}");
    }

    #[test]
    fn what_could_not_be_read_is_kept_and_can_be_read_again() {
        let bytes = [0xa1, 0x61, b'a', 0x01];
        assert_eq!(read_again(&kept(&Message::binary(bytes.to_vec())), LONGEST), "{\"a\":1}");
        let cut = kept(&Message::binary(bytes[..3].to_vec()));
        assert_eq!(read_again(&cut, LONGEST), "data:application/cbor;base64,oWFh");
        assert_eq!(read_again("{broken", LONGEST), "{broken");
    }

    proptest! {
        #[test]
        fn no_message_is_refused_in_the_words_of_a_program(bytes in prop::collection::vec(any::<u8>(), 0..60), text in ".{0,60}") {
            for (speech, message) in [
                (Speech::Cbor, Message::binary(bytes.clone())),
                (Speech::Cbor, Message::text(text.as_str())),
                (Speech::CloudEvents, Message::text(text.as_str())),
                (Speech::Documented, Message::binary(bytes.clone())),
            ] {
                if let Err(problem) = speech.hear(&message, LONGEST) {
                    let one = &problem.violations[0];
                    for word in ["Semantic(", "Syntax(", "invalid type", "enum", "String("] {
                        prop_assert!(text.contains(word) || !problem.detail.contains(word), "{one:?}");
                    }
                }
            }
        }
    }
}
