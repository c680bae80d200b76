//! A line is one line whatever its texts hold, and is read back as what was logged.

use std::fmt;

use proptest::prelude::*;
use serde_json::{Value, json};
use sqal_telemetry::log::{LogFormat, LogLines};
use tracing::{error, info};
use tracing_subscriber::prelude::*;

use crate::written::Written;

/// The lines that `work` logs.
fn logged(format: LogFormat, is_terminal: bool, work: impl FnOnce()) -> Written {
    let written = Written::default();
    let lines = LogLines::new(format, written.writer()).colored(is_terminal);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), work);
    written
}

/// A line of text behind its time, of which the form is checked.
fn behind_time(line: &str) -> &str {
    let (time, rest) = line.split_at(27);
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{line}");
    rest
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the port is no number")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_text_has_the_level_the_message_and_the_fields() {
    let written = logged(LogFormat::Text, false, || {
        info!(device_id = "D1", frames = 3, share = 0.5, done = true, "device disconnected");
        error!(error = %"away", "the store fails");
        tracing::event!(tracing::Level::WARN, first = 1, message = "last");
        info!(r#type = "a", only = "fields");
        let outer = Outer("x".parse::<u8>().unwrap_err());
        info!(error = &outer as &dyn std::error::Error, "causes follow");
    });
    let lines = written.take();
    let behind: Vec<_> = lines.iter().map(|line| behind_time(line)).collect();
    assert_eq!(
        behind,
        [
            "  INFO device disconnected device_id=\"D1\" frames=3 share=0.5 done=true",
            " ERROR the store fails error=away",
            "  WARN last first=1",
            "  INFO type=\"a\" only=\"fields\"",
            "  INFO causes follow error=the port is no number: invalid digit found in string",
        ]
    );
}

#[test]
fn only_a_terminal_gets_colours() {
    let line = logged(LogFormat::Text, true, || info!(a = 1, "coloured")).one();
    assert!(line.contains("\x1b[32m INFO\x1b[0m coloured \x1b[3ma\x1b[0m\x1b[2m=\x1b[0m1"), "{line:?}");
    let line = logged(LogFormat::Json, true, || info!(a = 1, "plain")).one();
    assert!(!line.contains('\x1b'), "{line:?}");
}

#[test]
fn json_has_our_members_and_the_fields() {
    let written = logged(LogFormat::Json, false, || {
        info!(
            target: "sqal_x",
            level = "a field of this name", device = "D\"1", frames = u64::MAX, below = i64::MIN, share = 1e300,
            whole = 2.0, no = f64::NAN, end = f64::NEG_INFINITY, wide = u128::MAX, done = true, shown = ?Some(1),
            "device\ndisconnected"
        );
        info!(only = "fields");
    });
    let lines = written.take();
    let mut read: Value = serde_json::from_str(&lines[0]).unwrap();
    let timestamp = read.as_object_mut().unwrap().remove("timestamp").unwrap();
    behind_time(timestamp.as_str().unwrap());
    let expected = json!({
        "level": "INFO", "message": "device\ndisconnected", "target": "sqal_x",
        "field_level": "a field of this name", "device": "D\"1", "frames": u64::MAX, "below": i64::MIN, "share": 1e300,
        "whole": 2.0, "no": "NaN", "end": "-inf", "wide": u128::MAX.to_string(), "done": true, "shown": "Some(1)",
    });
    assert_eq!(read, expected);
    let order: Vec<_> = ["timestamp", "level", "message", "target", "field_level"]
        .map(|name| lines[0].find(&format!("\"{name}\":")).unwrap())
        .into();
    assert!(order.is_sorted(), "{}", lines[0]);
    let read: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!((&read["message"], &read["only"]), (&json!(""), &json!("fields")));
}

proptest! {
    #[test]
    fn one_event_is_one_line_whatever_it_holds(message in any::<String>(), value in any::<String>()) {
        let log = |format| logged(format, false, || info!(shown = %value, quoted = value, "{message}")).one();
        let text = log(LogFormat::Text);
        prop_assert!(text.chars().all(|c| !c.is_control()), "{:?}", text);
        let read: Value = serde_json::from_str(&log(LogFormat::Json)).unwrap();
        prop_assert_eq!(&read["message"], &message);
        prop_assert_eq!(&read["shown"], &value);
        prop_assert_eq!(&read["quoted"], &value);
    }

    #[test]
    fn a_number_is_read_back_from_json(number in any::<f64>()) {
        let line = logged(LogFormat::Json, false, || info!(number)).one();
        let read: Value = serde_json::from_str(&line).unwrap();
        if number.is_finite() {
            let same = read["number"].as_f64().unwrap().to_bits() == number.to_bits();
            prop_assert!(same, "{} of {}", line, number);
        } else {
            prop_assert_eq!(&read["number"], &number.to_string());
        }
    }
}
