//! Alerts are listed with all that is known of them, by filter and page by page.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use sqal_alerts::Severity;
use sqal_alerts::state::AlertKey;

use crate::plant::{Plant, SECOND, rules, told};

#[tokio::test]
async fn an_open_alert_is_listed_in_both_languages_with_all_that_is_known_of_it() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\nspool_samples_waiting 1234.5\n", 0).await;
    plant.clock.fetch_add(90 * SECOND, Ordering::Relaxed);
    let listed = plant.get("/api/v1/alerts?severity=warning").await;
    let silent = &listed["items"][0];
    let key = AlertKey::of(
        rules()[0].name(),
        Severity::Warning,
        &[("device".to_owned(), "POSTE1".to_owned())].into_iter().collect(),
    );
    assert_eq!(
        *silent,
        json!({
            "key": key.as_str(), "alertname": "StationSilent", "severity": "warning", "labels": { "device": "POSTE1" },
            "summary": { "en": "POSTE1 is silent", "fr": "POSTE1 se tait" },
            "description": { "en": "no tray of POSTE1 is judged", "fr": "aucune barquette de POSTE1 n'est jugée" },
            "value": 1.0, "began": "2026-11-21T12:00:00Z", "resolved": null, "since_seconds": 90,
            "acknowledged": null, "cause": null, "flaps": 0, "silenced": false, "runbook": "station-silent",
        })
    );
    let growing = &plant.get("/api/v1/alerts?rule=SpoolGrowing").await["items"][0];
    assert_eq!(growing["summary"], json!({ "en": "1234.5 samples wait", "fr": "1234,5 échantillons attendent" }));
    assert_eq!(growing["severity"], "critical");
    let mut alone = plant.get(&format!("/api/v1/alerts/{key}")).await;
    assert_eq!(alone.as_object_mut().unwrap().remove("deeds"), Some(json!([])));
    assert_eq!(alone, *silent, "one alert is shown as in the list");
}

#[tokio::test]
async fn alerts_are_found_by_state_device_severity_and_rule() {
    let mut plant = Plant::new();
    plant.sees("station_silent{device=\"POSTE1\"} 1\nstation_silent{device=\"POSTE2\"} 1\n", 0).await;
    plant.sees("station_silent{device=\"POSTE2\"} 1\nspool_samples_waiting 2000\n", 30 * SECOND).await;
    for (query, wanted) in [
        ("", vec!["SpoolGrowing", "StationSilent POSTE2"]),
        ("?state=open", vec!["SpoolGrowing", "StationSilent POSTE2"]),
        ("?state=ended", vec!["StationSilent POSTE1"]),
        ("?state=all&rule=StationSilent&severity=warning&device_id=POSTE1", vec!["StationSilent POSTE1"]),
        ("?severity=critical", vec!["SpoolGrowing"]),
        ("?device_id=POSTE1", vec![]),
    ] {
        let listed = plant.get(&format!("/api/v1/alerts{query}")).await;
        let shown = listed["items"].as_array().unwrap().iter().map(|alert| {
            let device = alert["labels"]["device"].as_str().unwrap_or_default();
            format!("{} {device}", alert["alertname"].as_str().unwrap()).trim().to_owned()
        });
        assert_eq!(shown.collect::<Vec<_>>(), wanted, "{query}");
    }
    for (query, pointer, french) in [
        ("state=closed", "?state", "open, ended ou all"),
        ("severity=page", "?severity", "warning ou critical"),
        ("rule=a-b", "?rule", "le nom d'une alerte"),
        ("after=7", "?after", "le champ next d'une page précédente"),
        ("limit=0", "?limit", "un entier de 1 à 500"),
        ("device_id=%00", "?device_id", "1 à 100 octets"),
    ] {
        let refused = plant.as_person("paul", "GET", &format!("/api/v1/alerts?{query}"), &Value::Null).await;
        assert_eq!((refused.status, &refused.body["type"]), (400, &json!("/problems/invalid-query")), "{query}");
        let told = told(&refused.body);
        assert!(told.len() == 1 && told[0].0 == pointer && told[0].2.contains(french), "{query}: {told:?}");
    }
}

#[tokio::test]
async fn the_pages_of_a_list_hold_every_alert_once() {
    let mut plant = Plant::new();
    let silent = |from: u32, to: u32| {
        (from..to).map(|k| format!("station_silent{{device=\"POSTE{k}\"}} 1\n")).collect::<Vec<_>>().concat()
    };
    plant.sees(&silent(0, 7), 0).await;
    plant.sees(&silent(4, 9), 60 * SECOND).await;
    let (mut devices, mut after) = (Vec::new(), String::new());
    loop {
        let page = plant.get(&format!("/api/v1/alerts?state=all&limit=2{after}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        devices.extend(items.iter().map(|alert| alert["labels"]["device"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
        assert!(devices.len() < 20, "{devices:?}");
    }
    assert_eq!(devices.len(), 9, "{devices:?}");
    devices.sort();
    devices.dedup();
    assert_eq!(devices.len(), 9);
}
