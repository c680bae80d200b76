//! What a bug says that was made of an event: title, description, severity.

use std::fmt::Write as _;

use sqal_core::DeviceId;
use sqal_storage::bugs::{BugPriority, BugSeverity, BugSource};

use super::event::{Event, EventException, EventLevel, StackFrame};
use super::limits::IntakeLimits;
use super::text::{first_characters, in_a_line, without_mail};
use crate::book::Fault;
use crate::exchange::times::rfc3339;
use crate::group;
use crate::report::{BugFields, InvalidField, LONGEST_TEXT, LONGEST_TITLE, NewBug};

/// The most frames of a stack that are described: the last.
const MOST_FRAMES: usize = 30;

/// The most steps before the fault that are described: the last.
const MOST_STEPS: usize = 20;

/// A project of the intake: clients name it by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultProject {
    /// Its number, as clients of Sentry expect.
    pub number: u64,
    /// What its clients are: devices, pages or servers.
    pub source: BugSource,
}

impl FaultProject {
    /// The fault of an event of this project.
    ///
    /// # Errors
    ///
    /// The fields that a bug cannot have; the texts of an event are cut, so that there are none.
    pub fn fault(&self, event: &Event) -> Result<Fault, Vec<InvalidField>> {
        let firmware = event.firmware();
        let (severity, priority) = match event.level {
            EventLevel::Fatal => (BugSeverity::Critical, BugPriority::High),
            EventLevel::Error => (BugSeverity::High, BugPriority::Medium),
            EventLevel::Warning => (BugSeverity::Medium, BugPriority::Medium),
            EventLevel::Info | EventLevel::Debug => (BugSeverity::Low, BugPriority::Low),
        };
        let category = match self.source {
            BugSource::Device => Some("firmware"),
            BugSource::Page => Some("frontend"),
            BugSource::Server => Some("backend"),
            BugSource::Person | BugSource::Import => None,
        };
        let device = self.device(event);
        let new = NewBug::of(BugFields {
            title: Some(title(event)),
            description: Some(description(event)),
            severity: Some(severity.as_str().to_owned()),
            priority: Some(priority.as_str().to_owned()),
            category: category.map(str::to_owned),
            device_id: device.map(|id| id.to_string()),
            firmware_version: firmware.map(|version| version.to_string()),
            ..BugFields::default()
        })?;
        Ok(Fault { key: group::key(event, self.number), source: self.source, new, firmware })
    }

    /// The device that an event of this project affects: what its tag `device_id` names, and for a
    /// client that is a device otherwise its machine. A page affects none, because every reader of
    /// a page has its key.
    #[must_use]
    pub fn device(&self, event: &Event) -> Option<DeviceId> {
        match self.source {
            BugSource::Device => event.device(),
            BugSource::Page => None,
            BugSource::Server | BugSource::Person | BugSource::Import => event.tagged_device(),
        }
    }

    /// Whether the files are kept that come with events of this project. Those of a page are not,
    /// because every reader of a page has its key.
    #[must_use]
    pub fn keeps_files(&self) -> bool {
        self.source != BugSource::Page
    }

    /// The fault in which is counted what no bug has, once the project has had as many new groups
    /// as it may.
    pub(super) fn flood(&self, limits: &IntakeLimits) -> Result<Fault, Vec<InvalidField>> {
        let number = self.number.to_string();
        let new = NewBug::of(BugFields {
            title: Some(format!("Too many different faults of project {number}")),
            description: Some(format!(
                "The project {number} has reported more than {} faults within an hour that no bug had yet. Its \
                 further new faults are counted here and get no bugs of their own until the hour has passed. A \
                 message or a fingerprint that differs each time makes such faults; so does a stranger who has the \
                 key of the project.",
                limits.most_new_groups
            )),
            severity: Some(BugSeverity::Medium.as_str().to_owned()),
            priority: Some(BugPriority::Medium.as_str().to_owned()),
            tags: Some(vec!["too_many_faults".to_owned()]),
            ..BugFields::default()
        })?;
        let key = group::of_parts(["flood", number.as_str()]);
        Ok(Fault { key, source: self.source, new, firmware: None })
    }
}

/// The last exception, or else the message, in a line.
fn title(event: &Event) -> String {
    let thrown = event.exceptions.last().map(thrown);
    let text = thrown.as_deref().or(event.message.as_deref()).or(event.transaction.as_deref()).unwrap_or_default();
    let first = in_a_line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    let title = if first.is_empty() { "Fault without a message".to_owned() } else { without_mail(&first) };
    first_characters(title.trim(), LONGEST_TITLE)
}

/// The type of an exception with its message.
fn thrown(exception: &EventException) -> String {
    match (exception.kind.as_deref(), exception.value.as_deref()) {
        (Some(kind), Some(value)) => format!("{kind}: {value}"),
        (kind, value) => kind.or(value).unwrap_or("exception").to_owned(),
    }
}

fn description(event: &Event) -> String {
    let mut text = String::new();
    if let Some(message) = &event.message {
        line(&mut text, message);
    }
    for exception in &event.exceptions {
        line(&mut text, &thrown(exception));
        stack(&mut text, &exception.frames);
    }
    stack(&mut text, &event.frames);
    for (name, value) in [
        ("release", &event.release),
        ("environment", &event.environment),
        ("platform", &event.platform),
        ("model", &event.model),
        ("doing", &event.transaction),
        ("logger", &event.logger),
    ] {
        if let Some(value) = value {
            line(&mut text, &format!("{name}: {}", in_a_line(value)));
        }
    }
    if !event.steps.is_empty() {
        line(&mut text, "Before:");
    }
    for step in event.steps.iter().skip(event.steps.len().saturating_sub(MOST_STEPS)) {
        let time = step.timestamp.map(rfc3339);
        let parts = [time.as_deref(), step.category.as_deref(), step.message.as_deref()];
        let words: Vec<_> = parts.into_iter().flatten().map(in_a_line).collect();
        line(&mut text, &format!("  {}", words.join(" ")));
    }
    // After the steps: tags are many, and what is too long is cut at the end.
    let tags = event.tags.iter().filter(|(name, _)| !name.starts_with("user"));
    let tags: Vec<_> = tags.map(|(name, value)| format!("{}={}", in_a_line(name), in_a_line(value))).collect();
    if !tags.is_empty() {
        line(&mut text, &format!("tags: {}", tags.join(", ")));
    }
    if text.trim().is_empty() {
        return "An event without a message and without an exception.".to_owned();
    }
    first_characters(without_mail(&text).trim(), LONGEST_TEXT)
}

fn line(text: &mut String, of: &str) {
    text.push_str(of);
    text.push('\n');
}

/// The last frames of a stack, the innermost first.
fn stack(text: &mut String, frames: &[StackFrame]) {
    for frame in frames.iter().rev().take(MOST_FRAMES) {
        let function = frame.function.as_deref().unwrap_or("?");
        let place = frame.file.as_deref().or(frame.module.as_deref()).unwrap_or("?");
        let mark = if frame.is_own { '*' } else { ' ' };
        // Writing to a string cannot fail.
        let _ = write!(text, " {mark} {} in {}", in_a_line(function), in_a_line(place));
        if let Some(number) = frame.line {
            let _ = write!(text, ":{number}");
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::read;
    use super::*;

    const STATION: FaultProject = FaultProject { number: 3, source: BugSource::Device };

    proptest! {
        #[test]
        fn every_event_makes_a_bug(
            kind in proptest::option::of(".{0,300}"), value in proptest::option::of("(?s).{0,900}"),
            message in proptest::option::of("(?s).{0,300}"), release in ".{0,60}", server in ".{0,120}",
        ) {
            let json = serde_json::json!({
                "exception": [{"type": kind, "value": value, "stacktrace": {"frames": [{"function": kind}]}}],
                "message": message, "release": release, "server_name": server,
                "breadcrumbs": [{"message": value}],
            });
            let event = read(json.to_string().as_bytes()).unwrap();
            prop_assert!(STATION.fault(&event).is_ok(), "{:?}", STATION.fault(&event));
        }

        #[test]
        fn no_field_of_an_event_brings_a_mail_address_into_a_bug(
            address in "[a-z0-9._%+-]{1,12}(@|%40)([a-z0-9-]{1,6}\\.){1,3}[a-z]{2,5}",
            before in "(?s).{0,9}", after in "(?s).{0,9}",
        ) {
            let text = format!("{before}{address}{after}");
            let frame = serde_json::json!({"function": text, "module": text, "filename": text, "in_app": true});
            let stack = serde_json::json!({"frames": [frame]});
            let json = serde_json::json!({
                "exception": [{"type": text, "value": text, "module": text, "stacktrace": stack}],
                "stacktrace": stack, "message": text, "release": text, "environment": text, "platform": text,
                "server_name": text, "transaction": text, "logger": text, "fingerprint": [text],
                "contexts": {"device": {"model": text}}, "breadcrumbs": [{"category": text, "message": text}],
                "tags": {"device_id": text, "firmware": text, "device_kind": text, (text.as_str()): text},
            });
            for source in [BugSource::Device, BugSource::Page, BugSource::Server] {
                let project = FaultProject { number: 3, source };
                let fault = project.fault(&read(json.to_string().as_bytes()).unwrap()).unwrap();
                let kept = format!("{:?} {:?}", fault.new, fault.firmware);
                prop_assert!(!kept.contains(&address), "{}", kept);
            }
        }
    }

    #[test]
    fn the_tag_names_the_device_except_of_a_page_and_the_machine_is_one_only_if_it_is_a_device() {
        let tagged = read(br#"{"tags": {"device_id": "ESP32_007"}, "server_name": "host-1"}"#).unwrap();
        let bare = read(br#"{"server_name": "host-1"}"#).unwrap();
        for (source, of_tagged, of_bare) in [
            (BugSource::Device, Some("ESP32_007"), Some("host-1")),
            (BugSource::Server, Some("ESP32_007"), None),
            (BugSource::Page, None, None),
        ] {
            let project = FaultProject { number: 3, source };
            for (event, expected) in [(&tagged, of_tagged), (&bare, of_bare)] {
                assert_eq!(project.device(event).map(|id| id.to_string()).as_deref(), expected, "{source:?}");
                let fault = project.fault(event).unwrap();
                assert_eq!(fault.new.content().links.device_id, project.device(event), "{source:?}");
            }
        }
    }

    #[test]
    fn the_longest_event_makes_a_bug() {
        let long = "é b ".repeat(3_000);
        let frame = serde_json::json!({"function": long, "filename": long});
        let exception = serde_json::json!({"type": long, "value": long, "stacktrace": {"frames": vec![frame; 20]}});
        let event = read(serde_json::json!({"exception": [exception]}).to_string().as_bytes()).unwrap();
        assert!(STATION.fault(&event).is_ok());
    }

    #[test]
    fn a_bug_says_what_failed_and_where_and_names_no_person() {
        let json = r#"{
            "level": "fatal", "release": "station@2.3.1", "server_name": "station-7", "user": {"email": "a@b.fr"},
            "exception": {"values": [{"type": "ValveError", "value": "no mail to jo@plant.fr\nsecond", "stacktrace":
                {"frames": [{"function": "main", "filename": "main.rs", "lineno": 3},
                            {"function": "open", "filename": "valve.rs", "lineno": 9, "in_app": true}]}}]},
            "breadcrumbs": [{"category": "http", "message": "GET /x", "timestamp": 1700000000}],
            "tags": {"line": "2", "user.name": "Jo", "contact": "jo@plant.fr", "device_kind": "esp32"}
        }"#;
        let fault = STATION.fault(&read(json.as_bytes()).unwrap()).unwrap();
        let content = fault.new.content();
        assert_eq!(content.title, "ValveError: no mail to …");
        let described = "ValveError: no mail to …\nsecond\n * open in valve.rs:9\n   main in main.rs:3\n\
            release: station@2.3.1\nBefore:\n  2023-11-14T22:13:20Z http GET /x\n\
            tags: contact=…, device_kind=esp32, line=2";
        assert_eq!(content.description, described);
        assert_eq!((content.severity, content.priority), (BugSeverity::Critical, BugPriority::High));
        assert_eq!(content.links.device_id.map(|id| id.to_string()).as_deref(), Some("station-7"));
        assert_eq!(fault.firmware.map(|name| name.to_string()).as_deref(), Some("2.3.1"));
    }
}
