//! The messages on a device's connection besides frames and their answers.
//!
//! A device says which device it is, the server says what is durable, and sends commands.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqal_core::{DeviceId, Name, Sample, SampleKey, Timestamp};

use crate::body::read_item;
use crate::item::{Item, type_of};
use crate::problem::Problem;
use crate::time::{parse, rfc3339};
use crate::violation::Violation;

/// The longest message that is not a frame, in bytes.
const LONGEST: usize = 64 * 1024;

/// A message of a device that is not a frame.
#[derive(Debug)]
pub enum Talk {
    /// The name of the device, and its samples that were not answered on an earlier connection.
    Hello(Hello),
    /// The result of a command.
    CommandAck(CommandAck),
}

/// The greeting of a device.
#[derive(Debug, Deserialize)]
pub struct Hello {
    /// May be left out if the connection is of one device.
    #[serde(default)]
    pub device_id: Option<DeviceId>,
    /// Samples that it has sent and that were not answered.
    #[serde(default)]
    pub unanswered: Vec<UnansweredSample>,
}

/// A sample by its time and its id.
#[derive(Debug, Deserialize, Serialize)]
pub struct UnansweredSample {
    timestamp: String,
    sample_id: Name<100>,
}

impl UnansweredSample {
    /// The key of this sample of the device. `None` if the time cannot be parsed.
    #[must_use]
    pub fn key(&self, device_id: DeviceId) -> Option<SampleKey> {
        Some(SampleKey { device_id, timestamp: parse(&self.timestamp)?, name: self.sample_id })
    }
}

/// The result of a command.
#[derive(Clone, Debug, Deserialize)]
pub struct CommandAck {
    /// The id of the command.
    pub id: String,
    /// Whether the device has executed the command.
    pub status: Done,
    /// Why the device refuses, or what it says about the command.
    #[serde(default)]
    pub detail: Option<String>,
    /// The result of the command.
    #[serde(default)]
    pub result: Option<Value>,
}

/// Whether a device has executed a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Done {
    /// The device has executed it.
    Done,
    /// The device does not execute it, and says why.
    Refused,
}

/// The message of a device, or the problem of a message that is not valid. `None` if the text is a
/// frame. The `type` decides, whatever other members the text has.
#[must_use]
pub fn talk(text: &str) -> Option<Result<Talk, Problem>> {
    // A longer text can only be a frame, and is not parsed twice.
    if text.len() > LONGEST {
        return None;
    }
    let kind = type_of(text)?;
    let reader: fn(&Item<'_>) -> Result<Talk, Problem> = match &*kind {
        "hello" => hello,
        "command_ack" => command_ack,
        _ => return None,
    };
    let item = Item::read(text).map_err(|fault| Problem::invalid_frame(vec![fault]));
    Some(item.and_then(|item| reader(&item)))
}

fn command_ack(item: &Item<'_>) -> Result<Talk, Problem> {
    let (limit, french) = ("a command_ack: id, status, detail, result", "un command_ack : id, status, detail, result");
    read(item, limit, french).map(Talk::CommandAck)
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
    read(item, "a hello: device_id, unanswered", "un hello : device_id, unanswered").map(Talk::Hello)
}

/// Reads a message of a known shape.
fn read<T: DeserializeOwned>(item: &Item<'_>, limit: &str, french: &str) -> Result<T, Problem> {
    read_item(item, limit, french).map_err(|violation| Problem::invalid_frame(vec![violation]))
}

/// The answer to a hello.
#[derive(Debug, Serialize)]
pub struct Welcome {
    r#type: &'static str,
    device_id: DeviceId,
    /// The server's clock, for a device that has none.
    server_time: String,
    /// How many frames may be under way.
    credit: usize,
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
        Self { timestamp: rfc3339(key.timestamp), sample_id: key.name.to_string(), id }
    }
}

impl Welcome {
    /// The answer to a hello of a device. `last` is its newest sample, and `persisted` are those of
    /// the unanswered samples that are durable.
    #[must_use]
    pub fn new(
        device_id: DeviceId,
        now: Timestamp,
        credit: usize,
        last: Option<&Sample>,
        persisted: &[SampleKey],
    ) -> Self {
        let (last, persisted) = (last.map(|sample| Known::of(&sample.key)), persisted.iter().map(Known::of).collect());
        Self { r#type: "welcome", device_id, server_time: rfc3339(now), credit, last, persisted }
    }

    /// The welcome as JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        // Checked names and numbers can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A command that is sent to a device.
#[derive(Debug, Serialize)]
pub struct Command<'a> {
    r#type: &'static str,
    id: &'a str,
    device_id: &'a DeviceId,
    name: &'a Name<64>,
    arguments: &'a Map<String, Value>,
}

impl<'a> Command<'a> {
    /// A command for a device. The device's answer names its id.
    #[must_use]
    pub const fn new(
        id: &'a str,
        device_id: &'a DeviceId,
        name: &'a Name<64>,
        arguments: &'a Map<String, Value>,
    ) -> Self {
        Self { r#type: "command", id, device_id, name, arguments }
    }

    /// The command as JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        // Names and JSON can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
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
