//! [`Encoding`]: how a connection writes its messages: documented JSON, CBOR, or CloudEvents.
//!
//! A device asks for one by `Sec-WebSocket-Protocol`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cbor::json_of;
use crate::item::{Item, quote, without_mark};
use crate::problem::Problem;
use crate::violation::Violation;

/// A message as a connection carries it: a text, or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
}

impl<'a> Message<'a> {
    /// A message that is a text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A message of bytes.
    pub fn binary(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::Binary(bytes.into())
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// The form in which a message that cannot be read is kept: a text as it is, bytes as a `data:`
    /// URL (RFC 2397).
    #[must_use]
    pub fn kept(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Binary(bytes) => format!("{KEPT_BYTES}{}", STANDARD.encode(bytes)),
        }
    }
}

/// The encoding of the messages of both sides on one connection.
///
/// ```
/// use sqal_protocol::encoding::{Encoding, Message};
///
/// let event = r#"{"specversion":"1.0","id":"1","source":"/station/1","type":"sqal.sensor_data","data":{"type":"sensor_data"}}"#;
/// let message = Message::text(event);
/// let frame = Encoding::CloudEvents.decode(&message, 4096).unwrap();
/// assert_eq!(frame, r#"{"type":"sensor_data"}"#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
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

impl Encoding {
    /// A stable name for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "json",
            Self::Cbor => "cbor",
            Self::CloudEvents => "cloud_events",
        }
    }

    /// The subprotocols that are known.
    pub const SUBPROTOCOLS: [&str; 2] = [CBOR, CLOUD_EVENTS];

    /// The encoding of the subprotocol that was agreed on.
    #[must_use]
    pub fn of_subprotocol(protocol: Option<&str>) -> Self {
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
    /// [`Problem`] if the message is not in this encoding, or is too long. The content is not
    /// judged here.
    pub fn decode<'m>(self, message: &'m Message<'_>, longest: usize) -> Result<Cow<'m, str>, Problem> {
        let most = match self {
            // The length of a frame is checked where the frame is judged.
            Self::Documented => usize::MAX,
            Self::Cbor => longest,
            Self::CloudEvents => longest * 2,
        };
        if message.len() > most {
            return Err(Problem::frame_too_large(message.len(), longest));
        }
        match (self, message) {
            (Self::Documented, Message::Text(text)) => Ok(Cow::Borrowed(without_mark(text))),
            (Self::CloudEvents, Message::Text(text)) => data_of(text, longest).map(Cow::Owned),
            (Self::Cbor, Message::Binary(bytes)) => {
                json_of(bytes).map(Cow::Owned).map_err(|fault| Problem::invalid_frame(vec![fault]))
            }
            (Self::Cbor, Message::Text(_)) => Err(wrong(
                "a text message",
                "a binary message with one item of CBOR",
                "un message binaire avec un élément CBOR",
            )),
            (Self::Documented | Self::CloudEvents, Message::Binary(bytes)) => {
                let found = format!("a binary message of {} bytes", bytes.len());
                Err(wrong(found, "a text message with one JSON frame", "un message texte avec une trame JSON"))
            }
        }
    }

    /// Encodes a message of the server from the documented JSON. In an event, `number` is the id,
    /// which distinguishes the messages of one connection, and `source` names the endpoint that
    /// sends it: a URI reference, such as `/ws/sensors`.
    #[must_use]
    pub fn encode(self, text: String, number: u64, source: &str) -> Message<'static> {
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
                    "specversion": "1.0", "id": number.to_string(), "source": source, "type": format!("sqal.{kind}"),
                    "datacontenttype": "application/json", "data": data,
                });
                Message::text(event.to_string())
            }
        }
    }
}

/// The prefix of a message that was kept as bytes.
const KEPT_BYTES: &str = "data:application/cbor;base64,";

/// A kept message as the documented JSON. If it cannot be read, it is returned unchanged.
#[must_use]
pub fn read_again(kept: &str, longest: usize) -> Cow<'_, str> {
    let decoded = match kept.strip_prefix(KEPT_BYTES) {
        Some(text) => STANDARD.decode(text).ok().and_then(|bytes| {
            let message = Message::binary(bytes);
            Encoding::Cbor.decode(&message, longest).ok().map(Cow::into_owned)
        }),
        // An event has a version of its specification; a frame has none.
        None if kept.contains("\"specversion\"") => {
            Encoding::CloudEvents.decode(&Message::text(kept), longest).ok().map(Cow::into_owned)
        }
        None => None,
    };
    decoded.map_or(Cow::Borrowed(kept), Cow::Owned)
}

fn wrong(found: impl std::fmt::Display, limit: &str, french: &str) -> Problem {
    wrong_at("", found, limit, french)
}

fn wrong_at(pointer: &str, found: impl std::fmt::Display, limit: &str, french: &str) -> Problem {
    Problem::invalid_frame(vec![Violation::new(pointer, found, limit, french)])
}

/// The frame in an event (CloudEvents 1.0.2). Of the members around it, only `traceparent` is added
/// to the frame.
fn data_of(text: &str, longest: usize) -> Result<String, Problem> {
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
    let traceparent = event.member("traceparent");
    match (event.member("data"), event.member("data_base64")) {
        (Item::Null, Item::Null) => Err(wrong_at("/data", "missing", "the frame", "la trame")),
        (data, Item::Null) => Ok(in_trace(data, traceparent, longest)),
        (Item::Null, packed) => {
            let bytes = packed.text().and_then(|text| STANDARD.decode(text).ok());
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            let (limit, french) = ("JSON text in base64", "du texte JSON en base64");
            let text = text.ok_or_else(|| wrong_at("/data_base64", packed, limit, french))?;
            let text = without_mark(&text);
            // A text that is not JSON is refused where the frame is read.
            let frame = if *traceparent == Item::Null { None } else { Item::read(text).ok() };
            Ok(frame.map_or_else(|| text.to_owned(), |frame| in_trace(&frame, traceparent, longest)))
        }
        _ => Err(wrong_at("/data_base64", "a second frame beside data", "data or data_base64", "data ou data_base64")),
    }
}

/// The most characters of an event's `traceparent` that its frame gets. A context has 55, and a
/// longer text is as valid, or as invalid, without its end.
const MOST_TRACEPARENT: usize = 64;

/// A frame as JSON, with the `traceparent` of its event (the distributed tracing extension of
/// CloudEvents) unless it has its own.
///
/// The frame does not become too long by it: then the trace is left out.
fn in_trace(frame: &Item<'_>, traceparent: &Item<'_>, longest: usize) -> String {
    let mut text = frame.to_json();
    let Item::Object(members) = frame else { return text };
    if *traceparent == Item::Null || members.iter().any(|(key, _)| key == "traceparent") {
        return text;
    }
    let mut member = String::from(if members.is_empty() { "\"traceparent\":" } else { ",\"traceparent\":" });
    match traceparent.text() {
        Some(context) => quote(&context.chars().take(MOST_TRACEPARENT).collect::<String>(), &mut member),
        None => member.push_str("false"),
    }
    if text.len() + member.len() <= longest {
        // Before the brace that ends the object.
        text.insert_str(text.len() - 1, &member);
    }
    text
}

/// Whether a media type is JSON. Its parameters are ignored, because JSON is UTF-8.
fn is_json(kind: &str) -> bool {
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind).trim();
    kind.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::traceparent_of;
    use proptest::prelude::*;
    use sqal_telemetry::TraceContext;

    const LONGEST: usize = 256 * 1024;

    fn event(members: &str) -> Message<'static> {
        Message::text(format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"sqal.sensor_data",{members}}}"#))
    }

    fn refused(message: &Message<'_>) -> (String, String, String) {
        let problem = Encoding::CloudEvents.decode(message, LONGEST).unwrap_err();
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
            assert_eq!(Encoding::CloudEvents.decode(&event(&members), LONGEST).unwrap(), "{\"a\":1}", "{members}");
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
        assert_eq!(Encoding::CloudEvents.decode(&marked, LONGEST).unwrap(), "{}");
        assert_eq!(Encoding::Documented.decode(&Message::text("\u{feff}{}"), LONGEST).unwrap(), "{}");
    }

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// The frame of an event with this data and this `traceparent`.
    fn traced(data: &str, traceparent: &Value, longest: usize) -> String {
        let message = event(&format!(r#""traceparent":{traceparent},{data}"#));
        Encoding::CloudEvents.decode(&message, longest).unwrap().into_owned()
    }

    #[test]
    fn an_event_gives_its_frame_its_trace_unless_the_frame_has_one() {
        let with = format!(r#"{{"a":1,"traceparent":"{TRACE}"}}"#);
        let packed = format!(r#""data_base64":"{}""#, STANDARD.encode("{ \"a\": 1 }"));
        let own = r#"{"a":1,"traceparent":null}"#;
        let cases: [(&str, &str); 6] = [
            (r#""data":{"a":1}"#, &with),
            (&packed, &with),
            (r#""data":{}"#, &format!(r#"{{"traceparent":"{TRACE}"}}"#)),
            (&format!(r#""data":{own}"#), own),
            (r#""data":[1]"#, "[1]"),
            (&format!(r#""data_base64":"{}""#, STANDARD.encode("{broken")), "{broken"),
        ];
        for (data, frame) in cases {
            assert_eq!(traced(data, &json!(TRACE), LONGEST), frame, "{data}");
        }
        assert_eq!(traced(r#""data":{"a":1}"#, &Value::Null, LONGEST), r#"{"a":1}"#);
    }

    #[test]
    fn the_trace_of_an_event_makes_no_frame_too_long() {
        let short = traced(r#""data":{}"#, &json!("x".repeat(10_240)), LONGEST);
        assert_eq!(short, format!(r#"{{"traceparent":"{}"}}"#, "x".repeat(MOST_TRACEPARENT)));
        assert_eq!(traced(r#""data":{}"#, &json!({ "deep": [1, 2] }), LONGEST), r#"{"traceparent":false}"#);
        let frame = format!(r#"{{"a":"{}"}}"#, "y".repeat(1000));
        let added = format!(r#","traceparent":"{TRACE}""#).len();
        let data = format!("\"data\":{frame}");
        assert_eq!(traced(&data, &json!(TRACE), frame.len() + added).len(), frame.len() + added);
        assert_eq!(traced(&data, &json!(TRACE), frame.len() + added - 1), frame);
    }

    #[test]
    fn an_event_of_the_server_names_its_number_its_endpoint_and_its_type() {
        let answer = || r#"{"type":"ack","status":"persisted"}"#.to_owned();
        let Message::Text(event) = Encoding::CloudEvents.encode(answer(), 7, "/plants/2/sensors") else {
            panic!("an event is a text")
        };
        let event: Value = serde_json::from_str(&event).unwrap();
        let kept = json!({ "type": "ack", "status": "persisted" });
        assert_eq!(
            (&event["id"], &event["source"], &event["type"], &event["data"]),
            (&json!("7"), &json!("/plants/2/sensors"), &json!("sqal.ack"), &kept)
        );
        assert_eq!(Encoding::Documented.encode(answer(), 7, "/plants/2/sensors"), Message::text(answer()));
    }

    #[test]
    fn what_could_not_be_read_is_kept_and_can_be_read_again() {
        let bytes = [0xa1, 0x61, b'a', 0x01];
        assert_eq!(read_again(&Message::binary(bytes.to_vec()).kept(), LONGEST), "{\"a\":1}");
        let cut = Message::binary(bytes[..3].to_vec()).kept();
        assert_eq!(read_again(&cut, LONGEST), "data:application/cbor;base64,oWFh");
        assert_eq!(read_again("{broken", LONGEST), "{broken");
    }

    proptest! {
        #[test]
        fn the_trace_of_an_event_is_as_valid_as_that_of_its_frame(
            version in "(00|01|cc|ff|0)",
            ids in "[0-9a-f]{32}-[0-9a-f]{16}-0[01]",
            rest in "(|-|-[a-z0-9-]{1,80}|[a-z]{1,80})",
        ) {
            let text = format!("{version}-{ids}{rest}");
            let frame = traced(r#""data":{}"#, &json!(text), LONGEST);
            prop_assert_eq!(traceparent_of(&frame), text.parse::<TraceContext>().ok());
        }

        #[test]
        fn no_message_is_refused_in_the_words_of_a_program(bytes in prop::collection::vec(any::<u8>(), 0..60), text in ".{0,60}") {
            for (encoding, message) in [
                (Encoding::Cbor, Message::binary(bytes.clone())),
                (Encoding::Cbor, Message::text(text.as_str())),
                (Encoding::CloudEvents, Message::text(text.as_str())),
                (Encoding::Documented, Message::binary(bytes.clone())),
            ] {
                if let Err(problem) = encoding.decode(&message, LONGEST) {
                    let one = &problem.violations[0];
                    for word in ["Semantic(", "Syntax(", "invalid type", "enum", "String("] {
                        prop_assert!(text.contains(word) || !problem.detail.contains(word), "{one:?}");
                    }
                }
            }
        }
    }
}
