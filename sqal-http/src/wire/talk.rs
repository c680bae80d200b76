//! The messages on a device's connection besides frames and their answers.
//!
//! A device says which device it is, the server says what is durable, and sends commands.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqal_core::{DeviceId, Name, Sample, SampleKey, Timestamp};

use super::item::{Item, type_of};
use super::serde_words::read_item;
use super::time::{parse, rfc3339};
use crate::{Problem, Violation};

/// The longest message that is not a frame, in bytes.
const LONGEST: usize = 64 * 1024;

/// A message of a device that is not a frame.
#[derive(Debug)]
pub(crate) enum Talk {
    /// The name of the device, and its samples that were not answered on an earlier connection.
    Hello(Hello),
    /// The result of a command.
    CommandAck(CommandAck),
}

/// The greeting of a device.
#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    /// May be left out if the connection is of one device.
    #[serde(default)]
    pub(crate) device_id: Option<DeviceId>,
    /// Samples that it has sent and that were not answered.
    #[serde(default)]
    pub(crate) unanswered: Vec<Named>,
}

/// A sample by its time and its id.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Named {
    timestamp: String,
    sample_id: Name<100>,
}

impl Named {
    /// The key of this sample of the device. `None` if the time cannot be parsed.
    pub(crate) fn key(&self, device_id: DeviceId) -> Option<SampleKey> {
        Some(SampleKey { device_id, timestamp: parse(&self.timestamp)?, sample_id: self.sample_id })
    }
}

/// The result of a command.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CommandAck {
    pub(crate) id: String,
    pub(crate) status: Done,
    #[serde(default)]
    pub(crate) detail: Option<String>,
    #[serde(default)]
    pub(crate) result: Option<Value>,
}

/// Whether a device has executed a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) enum Done {
    /// The device has executed it.
    Done,
    /// The device does not execute it, and says why.
    Refused,
}

/// The message of a device, or the problem of a message that is not valid. `None` if the text is a
/// frame. The `type` decides, whatever other members the text has.
pub(crate) fn talk(text: &str) -> Option<Result<Talk, Problem>> {
    // A longer text can only be a frame, and is not parsed twice.
    if text.len() > LONGEST {
        return None;
    }
    let kind = type_of(text)?;
    let read: fn(&Item<'_>) -> Result<Talk, Problem> = match &*kind {
        "hello" => hello,
        "command_ack" => command_ack,
        _ => return None,
    };
    let item = Item::read(text).map_err(|fault| Problem::invalid_frame(vec![fault]));
    Some(item.and_then(|item| read(&item)))
}

fn command_ack(item: &Item<'_>) -> Result<Talk, Problem> {
    let (limit, french) = ("a command_ack: id, status, detail, result", "un command_ack : id, status, detail, result");
    read_item(item, limit, french).map(Talk::CommandAck)
}

fn hello(item: &Item<'_>) -> Result<Talk, Problem> {
    // A frame with a wrong type must not be read as a greeting, because its sample would be lost.
    let of_a_sample = ["sample_id", "vl53l8ch", "as7341"];
    if let Some(field) = of_a_sample.iter().find(|field| *item.member(field) != Item::Null) {
        let found = format!("hello, in a message with {field}");
        let (limit, french) = (
            "sensor_data for a sample; a hello names none",
            "sensor_data pour un échantillon ; un hello n'en nomme aucun",
        );
        return Err(Problem::invalid_frame(vec![Violation::new("/type", found, limit, french)]));
    }
    read_item(item, "a hello: device_id, unanswered", "un hello : device_id, unanswered").map(Talk::Hello)
}

/// The answer to a hello.
#[derive(Debug, Serialize)]
pub(crate) struct Welcome {
    r#type: &'static str,
    device_id: DeviceId,
    /// The server's clock, for a device that has none.
    server_time: String,
    /// How many frames may be under way.
    pub(crate) credit: usize,
    /// The newest sample of the device; null before the first.
    last: Option<Known>,
    /// The durable ones of the samples that were not answered.
    persisted: Vec<Known>,
}

/// A durable sample.
#[derive(Debug, Serialize)]
struct Known {
    timestamp: String,
    sample_id: String,
    id: String,
}

impl Known {
    fn of(key: &SampleKey) -> Self {
        let id = sqal_core::SampleId::of(key).to_string();
        Self { timestamp: rfc3339(key.timestamp), sample_id: key.sample_id.to_string(), id }
    }
}

impl Welcome {
    pub(crate) fn new(
        device_id: DeviceId,
        now: Timestamp,
        credit: usize,
        last: Option<&Sample>,
        persisted: &[SampleKey],
    ) -> Self {
        let (last, persisted) = (last.map(|sample| Known::of(&sample.key)), persisted.iter().map(Known::of).collect());
        Self { r#type: "welcome", device_id, server_time: rfc3339(now), credit, last, persisted }
    }
}

/// A command that is sent to a device.
#[derive(Debug, Serialize)]
pub(crate) struct Command<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) id: &'a str,
    pub(crate) device_id: &'a DeviceId,
    pub(crate) name: &'a Name<64>,
    pub(crate) arguments: &'a serde_json::Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, String) {
        match talk(text) {
            Some(Err(problem)) => (problem.violations[0].pointer.clone(), problem.violations[0].limit.clone()),
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn a_message_is_what_its_type_says() {
        // A sample may have any name, also that of a type.
        let text = r#"{"type":"hello","unanswered":[{"timestamp":"2026-11-21T17:50:00Z","sample_id":"sensor_data"}]}"#;
        let Some(Ok(Talk::Hello(hello))) = talk(text) else { panic!("a hello") };
        assert_eq!((hello.device_id, hello.unanswered.len()), (None, 1));
        assert!(talk(r#"{"type":"sensor_data","device_id":"A","unanswered":[],"note":"hello"}"#).is_none());
        assert!(talk("{}").is_none() && talk("hello").is_none());
        assert!(matches!(talk(r#"{"type":"command_ack","id":"7","status":"done"}"#), Some(Ok(Talk::CommandAck(_)))));
    }

    #[test]
    fn a_greeting_that_cannot_be_is_refused_with_the_place() {
        let (pointer, limit) = refused(r#"{"type":"hello","device_id":"A","sample_id":"S-1"}"#);
        assert_eq!((pointer.as_str(), limit.as_str()), ("/type", "sensor_data for a sample; a hello names none"));
        for (text, pointer) in [
            (r#"{"type":"hello","device_id":7}"#, "/device_id"),
            (r#"{"type":"hello","device_id":"A","device_id":"B"}"#, "/device_id"),
            (r#"{"type":"hello","unanswered":[{"timestamp":"2026-11-21T17:50:00Z"}]}"#, "/unanswered/0"),
            (r#"{"type":"command_ack","id":"7","status":"perhaps"}"#, "/status"),
            (r#"{"type":"hello","#, ""),
        ] {
            assert_eq!(refused(text).0, pointer, "{text}");
        }
        assert!(talk(&format!(r#"{{"type":"hello","x":"{}"}}"#, "x".repeat(70_000))).is_none(), "judged as a frame");
    }
}
