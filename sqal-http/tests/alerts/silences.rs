//! Silences: added with an end, a matcher and a reason, and ended with a reason.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::plant::{HOUR, Plant, SECOND, told};

/// A silence to add.
pub(crate) fn silence(matchers: &Value, reason: &str, until: &str) -> Value {
    json!({ "matchers": matchers, "reason": reason, "until": until })
}

#[tokio::test]
async fn a_silence_is_in_force_until_its_end_and_an_equal_one_is_not_added_again() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\n", 0).await;
    let wanted = silence(&json!({ "device": "POSTE1" }), "the lamp is replaced", "2026-11-21T14:00:00Z");
    let added = plant.post("/api/v1/silences", &wanted).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let id = added.body["id"].as_str().unwrap();
    assert_eq!(
        added.body,
        json!({
            "id": id, "matchers": { "device": "POSTE1" }, "reason": "the lamp is replaced", "by": "marie",
            "added_at": "2026-11-21T12:00:00Z", "from": "2026-11-21T12:00:00Z", "until": "2026-11-21T14:00:00Z",
            "active": true, "ended": null,
        })
    );
    plant.clock.fetch_add(SECOND, Ordering::Relaxed);
    let again = plant.post("/api/v1/silences", &wanted).await;
    assert_eq!((again.status, &again.body["id"]), (200, &json!(id)), "{}", again.body);
    let other = plant.as_person("jean", "POST", "/api/v1/silences", &wanted).await;
    assert_eq!(other.status, 201, "another person has reasons of their own");
    let mut later = silence(&json!({ "alertname": "StationSilent" }), "a test", "2026-11-22T12:00:00+01:00");
    later["from"] = json!("2026-11-22T06:00:00Z");
    let later = plant.post("/api/v1/silences", &later).await;
    assert_eq!(
        (later.status, &later.body["active"], &later.body["until"]),
        (201, &json!(false), &json!("2026-11-22T11:00:00Z"))
    );
    let listed = plant.get("/api/v1/silences").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3, "{listed}");
    assert_eq!(listed["items"][2], later.body, "in the order of their beginnings");
    assert_eq!(plant.get("/api/v1/alerts").await["items"][0]["silenced"], true);
    plant.clock.fetch_add(2 * HOUR, Ordering::Relaxed);
    assert_eq!(plant.get("/api/v1/silences").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(plant.get(&format!("/api/v1/silences/{id}")).await["active"], false, "it can still be read");
}

#[tokio::test]
async fn a_silence_is_ended_once_with_a_reason() {
    let plant = Plant::new();
    let wanted = silence(&json!({ "severity": "warning" }), "the line is cleaned", "2026-11-21T14:00:00Z");
    let added = plant.post("/api/v1/silences", &wanted).await;
    let path = format!("/api/v1/silences/{}", added.body["id"].as_str().unwrap());
    let without = plant.post(&format!("{path}/end"), &json!({ "reason": "" })).await;
    assert_eq!((without.status, told(&without.body)[0].0.as_str()), (400, "/reason"), "{}", without.body);
    plant.clock.fetch_add(60 * SECOND, Ordering::Relaxed);
    let ended = plant.as_person("jean", "POST", &format!("{path}/end"), &json!({ "reason": "it runs again" })).await;
    let end = json!({ "by": "jean", "at": "2026-11-21T12:01:00Z", "reason": "it runs again" });
    assert_eq!(
        (ended.status, &ended.body["ended"], &ended.body["active"]),
        (200, &end, &json!(false)),
        "{}",
        ended.body
    );
    assert_eq!(plant.get("/api/v1/silences").await, json!({ "items": [] }));
    assert_eq!(plant.get(&path).await, ended.body);
    let again = plant.post(&format!("{path}/end"), &json!({ "reason": "again" })).await;
    assert_eq!((again.status, &again.body["type"]), (409, &json!("/problems/ended")));
}

#[tokio::test]
async fn a_silence_without_an_end_a_matcher_or_a_reason_is_refused_and_the_fault_is_named() {
    let plant = Plant::new();
    let device = json!({ "device": "POSTE1" });
    let soon = "2026-11-21T14:00:00Z";
    let seventeen: Value =
        (0..17).map(|k| (format!("label_{k}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (body, pointer, value, french) in [
        (silence(&json!({}), "why", soon), "/matchers", "0 labels", "0 étiquettes ; attendu : 1 à 16 étiquettes"),
        (silence(&seventeen, "why", soon), "/matchers", "17 labels", "17 étiquettes"),
        (silence(&json!({ "a-b": "x" }), "why", soon), "/matchers", "\"a-b\"", "le nom d'une étiquette"),
        (silence(&json!({ "device": "" }), "why", soon), "/matchers/device", "\"\"", "1 à 200 octets"),
        (silence(&json!({ "severity": "page" }), "why", soon), "/matchers/severity", "\"page\"", "warning ou critical"),
        (silence(&json!({ "alertname": "a b" }), "why", soon), "/matchers/alertname", "\"a b\"", "le nom d'une alerte"),
        (silence(&device, " ", soon), "/reason", "no text", "aucun texte"),
        (silence(&device, "why", "tomorrow"), "/until", "tomorrow", "une date au format RFC 3339"),
        (
            silence(&device, "why", "2026-11-21T12:00:00Z"),
            "/until",
            "2026-11-21T12:00:00Z",
            "après 2026-11-21T12:00:00Z",
        ),
        (
            silence(&device, "why", "2026-12-21T12:00:01Z"),
            "/until",
            "721 hours",
            "721 heures ; attendu : au plus 720 heures",
        ),
    ] {
        let refused = plant.post("/api/v1/silences", &body).await;
        let told = told(&refused.body);
        assert_eq!(
            (refused.status, told.len(), told[0].0.as_str(), told[0].1.as_str()),
            (400, 1, pointer, value),
            "{body}"
        );
        assert!(told[0].2.contains(french), "{told:?}");
    }
    let mut early = silence(&device, "why", "2026-12-25T12:00:00Z");
    early["from"] = json!("2026-12-24T12:00:00Z");
    let early = plant.post("/api/v1/silences", &early).await;
    assert_eq!((early.status, told(&early.body)[0].0.as_str()), (400, "/from"), "{}", early.body);
    let endless = plant.post("/api/v1/silences", &json!({ "matchers": device, "reason": "why" })).await;
    assert_eq!((endless.status, told(&endless.body)[0].1.as_str()), (400, "missing field until"), "{}", endless.body);
    assert_eq!(plant.get("/api/v1/silences").await, json!({ "items": [] }), "nothing was added");
}
