//! What is said on a device's connection besides frames and their answers: who is there, what is durable, and commands.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqal_core::{DeviceId, Name, Sample, SampleKey};

use super::time::{parse, rfc3339};

/// A longer text is a frame: it is not looked into twice.
const LONGEST: usize = 64 * 1024;

/// What a device says that is no frame.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Talk {
    /// Who it is, and what was not answered on an earlier connection.
    Hello(Hello),
    /// What became of a command.
    CommandAck(CommandAck),
}

/// Who is there.
#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    pub(crate) device_id: DeviceId,
    /// Samples that it has sent and that were not answered.
    #[serde(default)]
    pub(crate) unanswered: Vec<Named>,
}

/// A sample by its names.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Named {
    timestamp: String,
    sample_id: Name<100>,
}

impl Named {
    /// The key of the device's sample of these names, if the time is one.
    pub(crate) fn key(&self, device_id: DeviceId) -> Option<SampleKey> {
        Some(SampleKey { device_id, timestamp: parse(&self.timestamp)?, sample_id: self.sample_id })
    }
}

/// What became of a command.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CommandAck {
    pub(crate) id: String,
    pub(crate) status: Done,
    #[serde(default)]
    pub(crate) detail: Option<String>,
    #[serde(default)]
    pub(crate) result: Option<Value>,
}

/// Whether a device has done what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) enum Done {
    /// It has.
    Done,
    /// It will not, and says why.
    Refused,
}

/// What a device said, if it is no frame.
pub(crate) fn talk(text: &str) -> Option<Talk> {
    if text.len() > LONGEST || text.contains("\"sensor_data\"") {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// The answer to a hello.
#[derive(Debug, Serialize)]
pub(crate) struct Welcome {
    r#type: &'static str,
    device_id: DeviceId,
    /// How many frames may be under way.
    pub(crate) credit: usize,
    /// The newest sample of the device; null before the first.
    last: Option<Known>,
    /// Of those that were not answered, what is durable.
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
    pub(crate) fn new(device_id: DeviceId, credit: usize, last: Option<&Sample>, persisted: &[SampleKey]) -> Self {
        let (last, persisted) = (last.map(|sample| Known::of(&sample.key)), persisted.iter().map(Known::of).collect());
        Self { r#type: "welcome", device_id, credit, last, persisted }
    }
}

/// A command on its way.
#[derive(Debug, Serialize)]
pub(crate) struct Command<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) id: &'a str,
    pub(crate) device_id: &'a DeviceId,
    pub(crate) name: &'a Name<64>,
    pub(crate) arguments: &'a serde_json::Map<String, Value>,
}
