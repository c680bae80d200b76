//! A bug that was reported outlives the server, with its history and its files.

use serde_json::{Value, json};

use crate::process::Server;
use crate::{bug, listed, server};

fn report(server: &Server, body: &Value) -> Value {
    let (status, created) = server.post("/api/v1/bugs", &body.to_string());
    assert_eq!(status, 201, "{created}");
    assert_eq!((&created["status"], &created["message"]), (&json!("open"), &json!("Bug report created successfully")));
    created["id"].clone()
}

#[test]
fn bug_03_a_bug_outlives_its_server() {
    let data = tempfile::tempdir().unwrap();
    let first = server(&[], data.path());
    let id = report(
        &first,
        &json!({
            "title": "Station 3 shows no spectrum",
            "description": "Since the restart at 6:00.",
            "severity": "critical",
            "priority": "urgent",
            "device_id": "ESP32_003",
            "firmware_version": "v2.3.1",
            "tags": ["spectrum"],
        }),
    );
    let before = bug(&first, &id);
    assert_eq!((&before["device_id"], &before["revision"]), (&json!("ESP32_003"), &json!(1)), "{before}");
    let (log, orderly) = first.terminate();
    assert!(orderly, "{log}");

    let second = server(&[], data.path());
    assert_eq!(bug(&second, &id), before);
    let (_, history) = second.get(&format!("/api/v1/bugs/{}/history", id.as_str().unwrap()));
    assert_eq!(history["items"][0]["revision"], 1, "{history}");
    let (_, summary) = second.get("/api/v1/bugs/metrics/summary");
    assert_eq!((&summary["total_bugs"], &summary["critical_bugs"]), (&json!(1), &json!(1)), "{summary}");
    // A report that was acknowledged outlives a power cut, too.
    let minimal = json!({ "title": "x", "description": "y", "severity": "low", "priority": "low" });
    let other = report(&second, &minimal);
    second.kill();
    let third = server(&[], data.path());
    assert_eq!(bug(&third, &other)["title"], "x");
    assert_eq!(listed(&third, "").len(), 2);
}

#[test]
fn a_server_without_bugs_takes_none_and_makes_no_folder() {
    let data = tempfile::tempdir().unwrap();
    let server = server(&[("SQAL_BUGS", "off")], data.path());
    for path in ["", "/fields", "/metrics/summary"] {
        let (status, answer) = server.get(&format!("/api/v1/bugs{path}"));
        assert!(status == 404 && answer["detail"].to_string().contains("no bug tracker"), "{path}: {answer}");
    }
    let body = json!({ "title": "x", "description": "y", "severity": "low", "priority": "low" });
    assert_eq!(server.post("/api/v1/bugs", &body.to_string()).0, 404);
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    assert!(!data.path().join("attachments").exists());
}

/// Without a key, the name of a person cannot be sealed, so it is not stored.
#[test]
fn a_reporter_is_refused_without_a_key_and_kept_with_one() {
    let key = "01".repeat(32);
    for (settings, expected) in [(vec![], 422), (vec![("MASTER_ENCRYPTION_KEY", key.as_str())], 201)] {
        let data = tempfile::tempdir().unwrap();
        let server = server(&settings, data.path());
        let body = json!({
            "title": "x",
            "description": "y",
            "severity": "low",
            "priority": "low",
            "reported_by": "Planted Person",
            "reported_by_email": "planted@plant.example",
        });
        let (status, answer) = server.post("/api/v1/bugs", &body.to_string());
        assert_eq!(status, expected, "{answer}");
        if status == 201 {
            let (shown, subject) = (bug(&server, &answer["id"]), format!("bug-{}", answer["id"].as_str().unwrap()));
            assert_eq!(shown["reporter_subject"], json!(subject), "{shown}");
        }
        assert!(!answer.to_string().to_lowercase().contains("planted"), "{answer}");
        let (log, orderly) = server.terminate();
        assert!(orderly && !log.to_lowercase().contains("planted"), "{log}");
    }
}
