//! The filter of a log changes for a limited time, and reverts by itself exactly once.

use std::time::{Duration, SystemTime};

use sqal_telemetry::log::{ChangeDuration, LogControl, LogEndedError, LogFilter, LogFormat, LogLines};
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;
use tracing::{debug, info, trace};
use tracing_subscriber::prelude::*;

use crate::written::Written;

/// The wall time of the tests.
const START: SystemTime = SystemTime::UNIX_EPOCH;

fn filter(text: &str) -> LogFilter {
    text.parse().unwrap()
}

fn lasting(seconds: u64) -> ChangeDuration {
    ChangeDuration::new(Duration::from_secs(seconds)).unwrap()
}

/// A log at `info` on this thread.
fn log() -> (LogControl, Written, DefaultGuard) {
    let written = Written::default();
    let (control, filter) = LogControl::new(filter("info"), &[]);
    let lines = LogLines::new(LogFormat::Text, written.writer()).with_filter(filter);
    (control, written, tracing_subscriber::registry().with(lines).set_default())
}

/// Logs a line at debug and one at info, always from the same two places.
fn work() {
    debug!(target: "sqal_x", "a detail");
    info!(target: "sqal_x", "a fact");
}

/// The messages of the lines that [`work`] logs now.
fn works(written: &Written) -> Vec<&'static str> {
    written.take();
    work();
    let known = ["a detail", "a fact"];
    written.take().iter().map(|line| *known.iter().find(|known| line.ends_with(*known)).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_change_shows_lines_that_were_off_and_reverts_by_itself() {
    let (control, written, _log) = log();
    assert_eq!(works(&written), ["a fact"], "the place of the other line is known as off now");
    let state = control.change(&filter("sqal_x=debug"), lasting(900), START).unwrap();
    assert_eq!((state.filter.as_str(), state.usual.as_str()), ("info,sqal_x=debug", "info"));
    assert_eq!(state.until, Some(START + Duration::from_secs(900)));
    assert!(written.one().contains("WARN the filter of the log changes for a limited time filter=sqal_x=debug"));
    assert_eq!(works(&written), ["a detail", "a fact"]);
    sleep(Duration::from_millis(899_990)).await;
    assert_eq!(works(&written), ["a detail", "a fact"], "a moment before its end");
    sleep(Duration::from_millis(20)).await;
    assert!(written.one().contains("WARN the usual filter of the log is in force again filter=info"));
    assert_eq!(works(&written), ["a fact"]);
    assert_eq!((control.state().filter.as_str(), control.state().until), ("info", None));
}

#[tokio::test(start_paused = true)]
async fn a_later_change_wins_and_reverts_once_at_its_own_end() {
    let (control, written, _log) = log();
    control.change(&filter("debug"), lasting(10), START).unwrap();
    sleep(Duration::from_secs(5)).await;
    control.change(&filter("off"), lasting(60), START).unwrap();
    assert_eq!(works(&written), [""; 0]);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(written.take(), [""; 0], "the end of the first change ends nothing");
    assert_eq!(control.state().filter.as_str(), "info,off");
    sleep(Duration::from_secs(51)).await;
    assert_eq!(written.take().len(), 1, "one line says that the usual filter is in force");
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(written.take(), [""; 0]);
    assert_eq!(works(&written), ["a fact"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_can_be_ended_early_and_its_time_then_ends_nothing() {
    let (control, written, _log) = log();
    assert_eq!(control.revert().unwrap(), control.state(), "without a change nothing happens");
    assert_eq!(written.take(), [""; 0]);
    control.change(&filter("debug"), lasting(10), START).unwrap();
    assert_eq!(control.revert().unwrap().until, None);
    assert_eq!(works(&written), ["a fact"]);
    control.change(&filter("debug"), lasting(20), START).unwrap();
    sleep(Duration::from_secs(15)).await;
    assert_eq!(works(&written), ["a detail", "a fact"], "the first change would have ended by now");
}

/// What libraries write at level trace, and an SMTP client at debug, holds secrets.
#[tokio::test(start_paused = true)]
async fn no_change_shows_what_libraries_write_of_secrets() {
    let (control, written, _log) = log();
    let libraries = || {
        trace!(target: "tungstenite::handshake::client", "Request: authorization: hunter2");
        debug!(target: "lettre::transport::smtp", "Wrote: AUTH PLAIN hunter2");
        trace!(target: "sqal_x", "ours");
        debug!(target: "sqlx::query", "SELECT 1");
        info!(target: "lettre", "a mail has left");
    };
    for over in ["trace", "tungstenite=trace,lettre=trace,sqal_x=trace,sqlx=debug", "[x]=trace,trace"] {
        control.change(&filter(over), lasting(900), START).unwrap();
        written.take();
        libraries();
        let lines = written.take().join("\n");
        assert!(!lines.contains("hunter2"), "{over}: {lines}");
        for shown in ["ours", "SELECT 1", "a mail has left"] {
            assert!(lines.contains(shown), "{over}: {shown}: {lines}");
        }
    }
    let written = Written::default();
    let lines = LogLines::new(LogFormat::Text, written.writer()).with_filter(filter("trace").for_layer(&[]));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), libraries);
    assert_eq!(written.take().len(), 3);
}

#[tokio::test]
async fn a_log_that_has_ended_is_not_controlled() {
    let (control, _written, log) = log();
    drop(log);
    assert_eq!(control.change(&filter("debug"), ChangeDuration::default(), START), Err(LogEndedError));
    assert_eq!(control.state().until, None);
}
