//! Which callers may do what, and what a service answers that has no alerts or cannot read one.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde_json::{Value, json};
use sqal_http::router;
use sqal_storage::labels::Labels;
use sqal_storage::records::{ExpectedRecord, RecordDraft};
use sqal_storage::register::Entry;
use sqal_storage::{MemoryStore, Records, Register};

use crate::plant::{NOON, Plant, ask, at, name, services};
use crate::silences::silence;

#[tokio::test]
async fn a_viewer_changes_nothing_and_a_caller_without_a_token_sees_nothing() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\n", 0).await;
    let path = plant.first("state=open").await;
    for path in ["acknowledge", "cause", "shelve"]
        .map(|deed| format!("{path}/{deed}"))
        .iter()
        .map(String::as_str)
        .chain(["/api/v1/silences", "/api/v1/silences/0123456789abcdef0123456789abcdef/end"])
    {
        assert_eq!(plant.as_person("paul", "POST", path, &json!({})).await.status, 403, "{path}");
    }
    for path in ["/api/v1/alerts", "/api/v1/silences"] {
        assert_eq!(ask(&plant.app, "GET", path, &[], &Value::Null).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let plant = Plant::new();
    let (key, id) = ("0".repeat(64), "0".repeat(32));
    let remarks = json!({ "note": "a", "cause": "a", "action": "a" });
    for key in [key.as_str(), "none", "%00"] {
        let path = format!("/api/v1/alerts/{key}");
        let known = plant.as_person("paul", "GET", &path, &Value::Null).await;
        assert_eq!((known.status, &known.body["type"]), (404, &json!("/problems/not-found")), "{path}");
        for (deed, body) in [
            ("acknowledge", json!({ "note": remarks["note"] })),
            ("cause", json!({ "cause": remarks["cause"], "action": remarks["action"] })),
            ("shelve", json!({ "minutes": 1, "reason": "a" })),
        ] {
            assert_eq!(plant.post(&format!("{path}/{deed}"), &body).await.status, 404, "{path}/{deed}");
        }
    }
    for id in [id.as_str(), "none"] {
        let path = format!("/api/v1/silences/{id}");
        assert_eq!(plant.as_person("paul", "GET", &path, &Value::Null).await.status, 404, "{path}");
        assert_eq!(plant.post(&format!("{path}/end"), &json!({ "reason": "a" })).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_service_without_alerts_has_none_and_says_so() {
    let store = Arc::new(MemoryStore::new());
    let app = router(services(&store, &Arc::new(AtomicI64::new(NOON))));
    for (path, empty) in [
        ("/api/v1/alerts", json!({ "items": [], "next": null })),
        ("/api/v1/silences", json!({ "items": [] })),
        ("/api/v1/stations", json!({ "items": [], "next": null })),
    ] {
        let listed = ask(&app, "GET", path, &[], &Value::Null).await;
        assert_eq!((listed.status, listed.body), (200, empty), "{path}");
    }
    let wanted = silence(&json!({ "device": "POSTE1" }), "why", "2026-11-21T14:00:00Z");
    let refused = ask(&app, "POST", "/api/v1/silences", &[], &wanted).await;
    assert_eq!(refused.status, 404);
    assert!(refused.body["detail"].as_str().unwrap().contains("this service has no alerts"), "{}", refused.body);
}

/// Servers are updated one after the other: the one that was not yet updated has no fault.
#[tokio::test]
async fn an_alert_or_a_silence_of_a_newer_program_is_read_later() {
    let plant = Plant::new();
    let (key, id) = ("a".repeat(64), "b".repeat(32));
    let newer = r#"{"v":2,"content":"in another form"}"#;
    let draft = RecordDraft::new(name("alerts"), name(&key), newer);
    plant.store.write(&draft, ExpectedRecord::Any, at(NOON)).await.unwrap();
    let (kind, labels) = (name("silences"), Labels::new());
    let entry = Entry { kind, name: name(&id), version: 1, body: newer.to_owned(), at: at(NOON), by: None, labels };
    assert!(plant.store.add(&entry).await.unwrap());
    for path in [format!("/api/v1/alerts/{key}"), format!("/api/v1/silences/{id}")] {
        let refused = plant.as_person("paul", "GET", &path, &Value::Null).await;
        assert_eq!((refused.status, &refused.body["type"]), (503, &json!("/problems/record-unreadable")), "{path}");
        assert!(refused.headers.contains_key("retry-after"), "{path}");
    }
    assert_eq!(plant.get("/api/v1/alerts").await["items"], json!([]), "the others are shown");
}
