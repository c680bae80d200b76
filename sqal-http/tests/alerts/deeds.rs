//! What people do about alerts: who works on one, why it was, and how long it is not told.

use std::sync::atomic::Ordering;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::plant::{HOUR, Plant, SECOND, ask, told};

#[tokio::test]
async fn who_works_on_an_alert_and_why_it_was_is_shown_and_kept() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\n", 0).await;
    let path = plant.first("state=open").await;
    plant.clock.fetch_add(60 * SECOND, Ordering::Relaxed);
    let taken = plant.post(&format!("{path}/acknowledge"), &json!({ "note": " I go and look \n" })).await;
    let acknowledged = json!({ "by": "marie", "at": "2026-11-21T12:01:00Z", "note": "I go and look" });
    assert_eq!((taken.status, &taken.body["acknowledged"]), (200, &acknowledged), "{}", taken.body);
    let again = plant.as_person("jean", "POST", &format!("{path}/acknowledge"), &json!({ "note": "I do" })).await;
    assert_eq!((again.status, &again.body["acknowledged"]["by"]), (200, &json!("jean")));
    plant.sees("", 60 * SECOND).await;
    let late = plant.post(&format!("{path}/acknowledge"), &json!({ "note": "too late" })).await;
    assert_eq!((late.status, &late.body["type"]), (409, &json!("/problems/ended")), "{}", late.body);
    let cause = json!({ "cause": "the cable was loose", "action": "screwed tight" });
    let assigned = plant.post(&format!("{path}/cause"), &cause).await;
    assert_eq!((assigned.status, &assigned.body["cause"]["by"]), (200, &json!("marie")), "{}", assigned.body);
    let shown = plant.get(&path).await;
    assert_eq!((&shown["cause"]["cause"], &shown["cause"]["action"]), (&cause["cause"], &cause["action"]));
    assert_eq!((&shown["acknowledged"]["note"], &shown["resolved"]), (&json!("I do"), &json!("2026-11-21T12:02:00Z")));
    let deeds: Vec<_> = shown["deeds"].as_array().unwrap().iter().collect();
    let kinds: Vec<_> =
        deeds.iter().map(|deed| (deed["kind"].as_str().unwrap(), deed["by"].as_str().unwrap())).collect();
    assert_eq!(kinds, [("cause_assigned", "marie"), ("acknowledged", "jean"), ("acknowledged", "marie")]);
    assert_eq!(
        *deeds[2],
        json!({
            "number": 1, "kind": "acknowledged", "by": "marie", "at": "2026-11-21T12:01:00Z",
            "began": "2026-11-21T12:00:00Z", "note": "I go and look", "cause": null, "action": null,
        })
    );
}

#[tokio::test]
async fn a_shelved_alert_is_silenced_until_its_time_is_over() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\nstation_silent{device=\"POSTE2\"} 1\n", 0).await;
    let path = plant.first("device_id=POSTE1").await;
    for minutes in [0, 1441] {
        let refused = plant.post(&format!("{path}/shelve"), &json!({ "minutes": minutes, "reason": " " })).await;
        let told = told(&refused.body);
        let places: Vec<_> = told.iter().map(|(place, value, _)| (place.as_str(), value.clone())).collect();
        assert_eq!(
            (refused.status, places),
            (400, vec![("/reason", "no text".to_owned()), ("/minutes", minutes.to_string())])
        );
        assert!(told[1].2.contains("1 à 1440"), "{told:?}");
    }
    let shelf = plant.post(&format!("{path}/shelve"), &json!({ "minutes": 60, "reason": "the part is ordered" })).await;
    assert_eq!((shelf.status, &shelf.body["until"]), (201, &json!("2026-11-21T13:00:00Z")), "{}", shelf.body);
    assert_eq!(shelf.body["matchers"]["alertkey"], path.rsplit('/').next().unwrap());
    let silenced = async |plant: &Plant| {
        let listed = plant.get("/api/v1/alerts").await;
        let mut silenced: Vec<_> = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|alert| alert["silenced"] == true)
            .map(|alert| alert["labels"]["device"].as_str().unwrap().to_owned())
            .collect();
        silenced.sort();
        silenced
    };
    assert_eq!(silenced(&plant).await, ["POSTE1"]);
    plant.clock.fetch_add(HOUR, Ordering::Relaxed);
    assert_eq!(silenced(&plant).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_wrong_with_a_remark_is_named_in_both_languages() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\n", 0).await;
    let path = plant.first("state=open").await;
    for (note, value, french) in [
        (" \n".to_owned(), "no text", "aucun texte ; attendu : un texte de 1 à 500 caractères"),
        ("é".repeat(501), "501 characters", "501 caractères ; attendu : "),
        ("a\u{7}".to_owned(), "a control character at character 2", "un caractère de commande à la place 2"),
    ] {
        let refused = plant.post(&format!("{path}/acknowledge"), &json!({ "note": note })).await;
        let told = told(&refused.body);
        assert_eq!((refused.status, told.len(), told[0].0.as_str(), told[0].1.as_str()), (400, 1, "/note", value));
        assert!(told[0].2.contains(french), "{told:?}");
    }
    let both = plant.post(&format!("{path}/cause"), &json!({ "cause": "", "action": "" })).await;
    let places: Vec<_> = told(&both.body).into_iter().map(|(place, ..)| place).collect();
    assert_eq!((both.status, places), (400, vec!["/cause".to_owned(), "/action".to_owned()]));
    for body in [json!({}), json!({ "note": 1 }), json!({ "note": "a", "x": 1 }), json!([])] {
        let refused = plant.post(&format!("{path}/acknowledge"), &body).await;
        assert_eq!((refused.status, &refused.body["type"]), (400, &json!("/problems/invalid-body")), "{body}");
    }
    assert_eq!(plant.get(&path).await["deeds"], json!([]), "nothing was written down");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A note is kept as it was written, without the blanks around it, or refused.
    #[test]
    fn a_note_is_kept_or_refused(note in "[\\PC\\n\\t\\x00]{0,12}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut plant = Plant::new();
            plant.sees("station_silent{device=\"POSTE1\"} 1\n", 0).await;
            let path = plant.first("state=open").await;
            let answer = plant.post(&format!("{path}/acknowledge"), &json!({ "note": note })).await;
            let shown = plant.get(&path).await;
            let trimmed = note.trim();
            if trimmed.is_empty() || trimmed.chars().any(|c| c.is_control() && c != '\n') {
                prop_assert_eq!((answer.status, &shown["acknowledged"]), (400, &Value::Null));
            } else {
                prop_assert_eq!((answer.status, &shown["acknowledged"]["note"]), (200, &json!(trimmed)));
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_request_with_a_key_does_its_work_once() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\n", 0).await;
    let path = plant.first("state=open").await;
    let body = json!({ "minutes": 60, "reason": "the part is ordered" });
    let fields = [("authorization", "Bearer marie"), ("idempotency-key", "once")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        plant.clock.fetch_add(SECOND, Ordering::Relaxed);
        let shelf = ask(&plant.app, "POST", &format!("{path}/shelve"), &fields, &body).await;
        ids.push((shelf.status, shelf.body["id"].clone(), shelf.headers.contains_key("idempotent-replayed")));
    }
    assert_eq!((ids[0].0, &ids[0].1), (201, &ids[1].1));
    assert_eq!((ids[0].2, ids[1].2), (false, true));
    assert_eq!(plant.get("/api/v1/silences").await["items"].as_array().unwrap().len(), 1);
}
