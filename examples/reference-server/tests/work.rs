//! The scheduled work of the server, and the mail that waits in its database.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mail;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
use std::time::Duration;

use fixtures::smtp::{Manners, SmtpServer, Tls};
use process::{Server, now};
use serde_json::{Value, json};
use sqal_http::sqal_protocol::time::rfc3339;
use sqal_work::Cron;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Callers may call as often as they like.
const UNCOUNTED: (&str, &str) = ("SQAL_CALLS_PER_MINUTE", "0");

/// The schedule of the removal of expired records, as clients read it.
fn schedule(server: &Server) -> Value {
    let (status, body) = server.get("/api/v1/schedules");
    assert_eq!(status, 200, "{body}");
    body["items"].as_array().unwrap().iter().find(|schedule| schedule["name"] == "expired-records").unwrap().clone()
}

/// Posts to the schedule of the removal of expired records.
fn ask(server: &Server, action: &str) -> u16 {
    server.post(&format!("/api/v1/schedules/expired-records/{action}"), "").0
}

/// Asks until there is an answer.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    (0..1_000_000).find_map(|_| ask()).expect("the server comes to it")
}

#[test]
fn the_schedules_are_answered_with_their_next_time_in_the_zone_of_the_plant() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&[("SQAL_TIME_ZONE", "Europe/Paris")], data.path(), "127.0.0.1:0");
    let cron = Cron::new("30 3 * * *", "Europe/Paris".parse().unwrap()).unwrap();
    let next = || rfc3339(cron.next_after(now()).unwrap());
    let before = next();
    let found = schedule(&server);
    assert_eq!(
        (&found["name"], &found["cron"], &found["zone"], &found["frequency"]),
        (&json!("expired-records"), &json!("30 3 * * *"), &json!("Europe/Paris"), &json!("daily")),
        "{found}"
    );
    assert_eq!((&found["last"], &found["trouble"]), (&Value::Null, &Value::Null), "{found}");
    let shown = found["next"].as_str().unwrap();
    assert!(shown == before || shown == next(), "{shown}");
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
}

#[test]
fn a_run_that_is_asked_for_is_done_and_a_pause_outlives_the_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&[UNCOUNTED], data.path(), "127.0.0.1:0");
    assert_eq!(ask(&server, "run"), 202);
    let done = until(|| Some(schedule(&server)["last"].clone()).filter(|last| last["state"] == "succeeded"));
    assert!(done["duration_seconds"].is_number() && done["error"].is_null(), "{done}");
    assert_eq!(ask(&server, "pause"), 200);
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");

    let server = Server::start_with(&[UNCOUNTED], data.path(), "127.0.0.1:0");
    let paused = schedule(&server);
    assert!(paused["paused_at"].is_string() && paused["next"].is_null(), "{paused}");
    assert_eq!(paused["last"]["began_at"], done["began_at"], "{paused}");
    assert_eq!(ask(&server, "resume"), 200);
    assert!(schedule(&server)["next"].is_string());
}

/// A program that shares the database has queued the mail. The server delivers it and names its
/// recipient in no line of the log.
#[test]
fn a_mail_that_waits_in_the_database_is_delivered() {
    let data = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpServer::new([Manners::usual()], Tls::Never));
    mail::queue(data.path(), "quality@example.com", "Station 3 is silent");
    let port = smtp.address.port().to_string();
    let variables = [
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", port.as_str()),
        ("SMTP_SECURITY", "plain"),
        ("SMTP_FROM", "sqal@plant.example"),
        ("SMTP_FROM_NAME", "SQAL Usine 1"),
        ("SQAL_LOG", "debug"),
    ];
    let server = Server::start_with(&variables, data.path(), "127.0.0.1:0");
    let arrives = async {
        while smtp.mails().is_empty() {
            yield_now().await;
        }
    };
    runtime.block_on(async { timeout(Duration::from_mins(1), arrives).await }).unwrap();
    let (log, orderly) = server.terminate();
    assert!(orderly && !log.contains("quality@example.com"), "{log}");
    let mails = smtp.mails();
    let from = r#"From: "SQAL Usine 1" <sqal@plant.example>"#;
    for line in [from, "To: quality@example.com", "Subject: Station 3 is silent"] {
        assert!(mails[0].lines().any(|found| found == line), "{line}: {mails:?}");
    }
    assert_eq!(mails.len(), 1);
}
