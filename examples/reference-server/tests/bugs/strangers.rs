//! Clients of Sentry that share no code with the server report to it, and equal faults are one bug.

use std::process::Command;
use std::time::Duration;

use sentry::protocol::Attachment;
use sentry::{Breadcrumb, ClientOptions, Level};
use serde_json::{Value, json};

use crate::process::Server;
use crate::{bug, listed, server, until};

const KEY: &str = "8d0f3c5b7a9e4d1c8b6a5f4e3d2c1b0a";

/// A server with a project of devices.
fn with_project(data: &tempfile::TempDir) -> Server {
    let file = data.path().join("projects.yaml");
    std::fs::write(&file, format!("- {{ id: 7, name: stations, kind: device, key: '{KEY}' }}")).unwrap();
    server(&[("SQAL_BUG_PROJECTS_FILE", file.to_str().unwrap()), ("SQAL_BUG_OWN_FAULTS", "none")], data.path())
}

/// Waits until the bugs have this number of faults together. Returns the bugs, those with most
/// first.
fn with_faults(server: &Server, faults: u64) -> Vec<Value> {
    let count = |bug: &Value| bug["group"]["count"].as_u64().unwrap_or(0);
    let mut bugs = until("every fault is counted", || {
        Some(listed(server, "")).filter(|bugs| bugs.iter().map(count).sum::<u64>() >= faults)
    });
    bugs.sort_by_key(|bug| std::cmp::Reverse(count(bug)));
    bugs
}

/// `sentry-sdk` of `PyPI` sends errors with breadcrumbs, attachments and sessions, compressed.
#[test]
fn bug_12_faults_of_the_python_client_are_grouped_and_no_person_with_them() {
    #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
    let python = std::env::var("SQAL_TEST_SENTRY_PYTHON");
    let python = python.expect("run `cargo xtask test`, which installs the client");
    let data = tempfile::tempdir().unwrap();
    let server = with_project(&data);
    let told = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/strangers/sentry_client.py"))
        .args([&format!("http://{KEY}@{}/7", server.address), "2.3.1"])
        .output()
        .unwrap();
    let said = [told.stdout, told.stderr].concat();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&said));

    let bugs = with_faults(&server, 7);
    let short: Vec<_> = bugs.iter().map(|bug| json!([bug["group"]["count"], bug["firmware_version"]])).collect();
    assert_eq!(short, [json!([6, "2.3.1"]), json!([1, "2.3.1"])], "{bugs:?}");
    let silent = until("the attachments are stored", || {
        Some(bug(&server, &bugs[0]["id"])).filter(|bug| bug["attachments"].as_array().unwrap().len() == 5)
    });
    assert!(silent["title"].as_str().unwrap().contains("TimeoutError"), "{silent}");
    assert_eq!((&silent["source"], &silent["status"]), (&json!("device"), &json!("open")), "{silent}");
    assert_eq!((&silent["group"]["devices"], &silent["device_id"]), (&json!(1), &json!("ESP32_007")), "{silent}");
    assert!(silent["description"].as_str().unwrap().contains("read 12 bytes"), "{silent}");
    let file = &silent["attachments"][0];
    assert_eq!((&file["file_name"], &file["content_type"]), (&json!("i2c.txt"), &json!("text/plain")), "{file}");
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    for text in [silent.to_string(), log] {
        assert!(!text.to_lowercase().contains("planted"), "{text}");
    }
}

/// The crate `sentry` sends an error, a breadcrumb, an attachment and a session.
#[test]
fn bug_12_faults_of_the_rust_client_come_back_in_a_later_firmware() {
    let data = tempfile::tempdir().unwrap();
    let server = with_project(&data);
    report_by_rust(&server, "2.3.1");
    let first = with_faults(&server, 1);
    let [found] = &first[..] else { panic!("{first:?}") };
    assert_eq!((&found["firmware_version"], &found["severity"]), (&json!("2.3.1"), &json!("high")), "{found}");
    let id = found["id"].as_str().unwrap();
    assert_eq!(patch(&server, id, r#"{"status":"resolved"}"#), 200);

    report_by_rust(&server, "2.4.0");
    let again = with_faults(&server, 2);
    let [back] = &again[..] else { panic!("{again:?}") };
    assert_eq!((&back["status"], &back["reopened"]), (&json!("open"), &json!(1)), "{back}");
    assert_eq!(back["group"]["regressed_in"], "2.4.0", "{back}");
}

fn report_by_rust(server: &Server, release: &'static str) {
    let dsn = format!("http://{KEY}@{}/7", server.address);
    let client = sentry::init(ClientOptions::new().dsn(&dsn).release(release).attach_stacktrace(true));
    sentry::start_session();
    sentry::configure_scope(|scope| {
        scope.set_tag("device_id", "ESP32_008");
        scope.set_tag("device_kind", "esp32-s3");
        scope.add_attachment(Attachment {
            buffer: b"0x80 0x01\n".to_vec(),
            filename: "i2c.txt".to_owned(),
            content_type: Some("text/plain".to_owned()),
            ty: None,
        });
    });
    let crumb = Breadcrumb { message: Some("read 12 bytes".to_owned()), level: Level::Info, ..Breadcrumb::default() };
    sentry::add_breadcrumb(crumb);
    sentry::capture_error(&"x".parse::<u8>().unwrap_err());
    sentry::end_session();
    assert!(client.flush(Some(Duration::from_secs(20))), "the client could not send");
}

/// Changes a bug, and returns the status of the answer.
fn patch(server: &Server, id: &str, body: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.patch(format!("http://{}/api/v1/bugs/{id}", server.address));
    request.header("content-type", "application/merge-patch+json").send(body).unwrap().status().as_u16()
}
