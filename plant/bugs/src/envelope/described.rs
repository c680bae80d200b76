//! What a bug says that was made of an event: title, description, severity.

use std::fmt::Write as _;

use sqal_storage::bugs::{BugPriority, BugSeverity, BugSource};

use super::event::{Event, EventException, EventLevel, StackFrame};
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
        let device = event.device().filter(|_| self.source == BugSource::Device);
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
        line(&mut text, &without_mail(message));
    }
    for exception in &event.exceptions {
        line(&mut text, &without_mail(&thrown(exception)));
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
        line(&mut text, &format!("  {}", without_mail(&words.join(" "))));
    }
    if text.trim().is_empty() {
        return "An event without a message and without an exception.".to_owned();
    }
    first_characters(text.trim(), LONGEST_TEXT)
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
            "breadcrumbs": [{"category": "http", "message": "GET /x", "timestamp": 1700000000}]
        }"#;
        let fault = STATION.fault(&read(json.as_bytes()).unwrap()).unwrap();
        let content = fault.new.content();
        assert_eq!(content.title, "ValveError: no mail to …");
        let described = "ValveError: no mail to …\nsecond\n * open in valve.rs:9\n   main in main.rs:3\n\
            release: station@2.3.1\nBefore:\n  2023-11-14T22:13:20Z http GET /x";
        assert_eq!(content.description, described);
        assert_eq!((content.severity, content.priority), (BugSeverity::Critical, BugPriority::High));
        assert_eq!(content.links.device_id.map(|id| id.to_string()).as_deref(), Some("station-7"));
        assert_eq!(fault.firmware.map(|name| name.to_string()).as_deref(), Some("2.3.1"));
    }
}
