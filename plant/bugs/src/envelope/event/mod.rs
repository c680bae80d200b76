//! [`Event`]: an error or a message as a client of Sentry describes it, cut to what is kept.

mod fields;
mod members;
mod mended;
mod stack;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sqal_core::{DeviceId, Name, Timestamp};

use self::fields::{list, pairs, text, time};
use self::members::members;
use self::mended::mended;
use self::stack::{exception, frames};
use super::text::{cut, has_mail};

pub use self::stack::{EventException, StackFrame};

/// The largest event, in bytes.
pub const LARGEST_EVENT: usize = 1 << 20;

/// The most exceptions that are kept: the last, which are the outermost.
pub const MOST_EXCEPTIONS: usize = 8;

/// The most frames of a stack that are kept: the last, where the fault happened.
pub const MOST_FRAMES: usize = 100;

/// The most steps before the fault that are kept: the last.
pub const MOST_STEPS: usize = 100;

/// The most tags that are kept: the first.
pub const MOST_TAGS: usize = 50;

/// The longest message that is kept, in bytes.
pub const LONGEST_MESSAGE: usize = 8 << 10;

/// The longest name, version or tag that is kept, in bytes.
pub const LONGEST_NAME: usize = 200;

/// The most parts of a fingerprint that are kept.
const MOST_PARTS: usize = 20;

/// How old an event may be so that its own time is taken, in microseconds: 30 days.
const OLDEST_MICROS: i64 = 30 * 86_400 * 1_000_000;

/// An error or a message. Who used the program when it happened is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The id that the client gave it.
    pub id: Option<String>,
    /// The message, with its values.
    pub message: Option<String>,
    /// The message, with places in place of its values, if the client sent it.
    pub template: Option<String>,
    /// How bad it is.
    pub level: EventLevel,
    /// Its exceptions, from the first cause to the last.
    pub exceptions: Vec<EventException>,
    /// The stack without an exception, or of the thread that crashed: the oldest frame first.
    pub frames: Vec<StackFrame>,
    /// What makes events equal, as the client says.
    pub fingerprint: Vec<String>,
    /// The version of the program.
    pub release: Option<String>,
    /// Where the program runs, for example `production`.
    pub environment: Option<String>,
    /// The language.
    pub platform: Option<String>,
    /// The name of the machine.
    pub server_name: Option<String>,
    /// What the program was doing.
    pub transaction: Option<String>,
    /// The part of the program that wrote the message.
    pub logger: Option<String>,
    /// The kind of device, `contexts.device.model` or else its `family`.
    pub model: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The steps before it, the oldest first.
    pub steps: Vec<EventStep>,
    /// When it happened, by the clock of the client.
    pub timestamp: Option<Timestamp>,
}

/// How bad an event is. The first is the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventLevel {
    /// The program ended.
    Fatal,
    /// Something failed. An event without a level is an error.
    #[default]
    Error,
    /// Something is near to failing.
    Warning,
    /// Information.
    Info,
    /// For those who search a fault.
    Debug,
}

/// A step before an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventStep {
    /// When, by the clock of the client.
    pub timestamp: Option<Timestamp>,
    /// The kind of the step.
    pub category: Option<String>,
    /// What happened.
    pub message: Option<String>,
}

/// An event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// The event is too large.
    #[error("the event has {len} bytes: expected at most {most}")]
    TooLarge {
        /// The number of its bytes.
        len: usize,
        /// The limit.
        most: usize,
    },
    /// The event is no object of JSON.
    #[error("the event is not an object of JSON: {problem}")]
    Json {
        /// What is wrong.
        problem: String,
    },
}

/// Reads an event. A field that is unknown, or whose value has another type than expected, is left
/// out: the fault is worth more than its form. Bytes that are no UTF-8 and halves of surrogate
/// pairs are read as U+FFFD.
///
/// ```
/// use sqal_bugs::envelope::event::read;
///
/// let event = read(br#"{"exception": {"values": [{"type": "ValueError"}]}, "user": {"id": 1}}"#)?;
/// assert_eq!(event.exceptions[0].kind.as_deref(), Some("ValueError"));
/// # Ok::<(), sqal_bugs::envelope::event::InvalidEvent>(())
/// ```
///
/// # Errors
///
/// [`InvalidEvent`] if the bytes are more than [`LARGEST_EVENT`], or no object of JSON.
pub fn read(json: &[u8]) -> Result<Event, InvalidEvent> {
    if json.len() > LARGEST_EVENT {
        return Err(InvalidEvent::TooLarge { len: json.len(), most: LARGEST_EVENT });
    }
    match members(&mended(&String::from_utf8_lossy(json))) {
        Ok(Some(fields)) => Ok(event(&fields)),
        Ok(None) => Err(InvalidEvent::Json { problem: "it is another value".to_owned() }),
        Err(error) => Err(InvalidEvent::Json { problem: cut(&error.to_string(), LONGEST_NAME).to_owned() }),
    }
}

fn event(fields: &Map<String, Value>) -> Event {
    let name = |field: &str| text(fields.get(field), LONGEST_NAME);
    let entry = match fields.get("logentry") {
        Some(entry) if !entry.is_null() => Some(entry),
        _ => fields.get("message"),
    };
    let part = |field: &str| text(entry.and_then(|entry| entry.get(field)), LONGEST_MESSAGE);
    let template = part("message");
    let message = part("formatted").or_else(|| text(entry, LONGEST_MESSAGE));
    let device = fields.get("contexts").and_then(|contexts| contexts.get("device"));
    let model = |field: &str| text(device.and_then(|device| device.get(field)), LONGEST_NAME);
    let exceptions = list(fields.get("exception"), "values");
    let steps = list(fields.get("breadcrumbs"), "values");
    Event {
        id: name("event_id"),
        message: message.or_else(|| template.clone()).or_else(|| text(fields.get("message"), LONGEST_MESSAGE)),
        template,
        level: level(fields.get("level")),
        exceptions: last(exceptions, MOST_EXCEPTIONS).iter().filter_map(exception).collect(),
        frames: thread(fields),
        fingerprint: list(fields.get("fingerprint"), "values")
            .iter()
            .filter_map(|part| text(Some(part), LONGEST_NAME))
            .take(MOST_PARTS)
            .collect(),
        release: name("release"),
        environment: name("environment"),
        platform: name("platform"),
        server_name: name("server_name"),
        transaction: name("transaction").or_else(|| name("culprit")),
        logger: name("logger"),
        model: model("model").or_else(|| model("family")),
        tags: pairs(fields.get("tags")).take(MOST_TAGS).collect(),
        steps: last(steps, MOST_STEPS).iter().filter_map(step).collect(),
        timestamp: time(fields.get("timestamp")),
    }
}

/// The stack of the event itself, or else of the thread that crashed or was running.
fn thread(fields: &Map<String, Value>) -> Vec<StackFrame> {
    let threads = list(fields.get("threads"), "values");
    let is = |thread: &&Value, field: &str| thread.get(field).and_then(Value::as_bool) == Some(true);
    let crashed = threads.iter().find(|thread| is(thread, "crashed"));
    let thread = crashed.or_else(|| threads.iter().find(|thread| is(thread, "current")));
    let own = fields.get("stacktrace").filter(|stack| !stack.is_null());
    frames(own.or_else(|| thread.and_then(|thread| thread.get("stacktrace"))))
}

fn step(value: &Value) -> Option<EventStep> {
    let step = EventStep {
        timestamp: time(value.get("timestamp")),
        category: text(value.get("category").or_else(|| value.get("type")), LONGEST_NAME),
        message: text(value.get("message"), LONGEST_NAME),
    };
    (step.message.is_some() || step.category.is_some()).then_some(step)
}

fn level(value: Option<&Value>) -> EventLevel {
    match value.and_then(Value::as_str) {
        Some("fatal" | "critical") => EventLevel::Fatal,
        Some("warning" | "warn") => EventLevel::Warning,
        Some("info" | "log") => EventLevel::Info,
        Some("debug" | "trace") => EventLevel::Debug,
        _ => EventLevel::Error,
    }
}

/// The last values of a list.
fn last(values: &[Value], most: usize) -> &[Value] {
    values.get(values.len().saturating_sub(most)..).unwrap_or_default()
}

impl Event {
    /// The kind of the device: the tag `device_kind`, else its model, else the language.
    #[must_use]
    pub fn device_kind(&self) -> Option<&str> {
        let tag = self.tags.get("device_kind").or(self.model.as_ref());
        tag.or(self.platform.as_ref()).map(String::as_str)
    }

    /// The version of the firmware: the tag `firmware_version` or `firmware`, else the release
    /// without its name (`station@2.3.1` is `2.3.1`). `None` if it is longer than 32 bytes, or a
    /// mail address.
    #[must_use]
    pub fn firmware(&self) -> Option<Name<32>> {
        let tag = self.tags.get("firmware_version").or_else(|| self.tags.get("firmware"));
        let text = tag.or(self.release.as_ref())?;
        Name::new(text.rsplit('@').next().unwrap_or(text).trim()).ok().filter(is_no_mail)
    }

    /// The device: the tag `device_id`, else the name of the machine. `None` if this is a mail
    /// address.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        device(self.tags.get("device_id").or(self.server_name.as_ref())?)
    }

    /// The device that the tag `device_id` names: that of a program that is no device itself.
    #[must_use]
    pub fn tagged_device(&self) -> Option<DeviceId> {
        device(self.tags.get("device_id")?)
    }

    /// When the event happened: its own time, or the time of receipt if its own is missing, later
    /// than the receipt, or more than 30 days before it. The clock of a device can be wrong.
    #[must_use]
    pub fn seen_at(&self, received: Timestamp) -> Timestamp {
        let oldest = received.micros().saturating_sub(OLDEST_MICROS);
        self.timestamp.filter(|time| *time <= received && time.micros() >= oldest).unwrap_or(received)
    }
}

fn device(text: &str) -> Option<DeviceId> {
    DeviceId::new(text.trim()).ok().filter(is_no_mail)
}

/// Whether a name is not the mail address of a person.
fn is_no_mail<const MOST: usize>(name: &Name<MOST>) -> bool {
    !has_mail(name.as_str())
}

#[cfg(test)]
mod tests;
