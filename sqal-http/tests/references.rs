//! Readings of references count in no statistic, and a reading that comes twice is flagged.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_http::{Profile, Profiles, Services, router};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tower::ServiceExt;

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

fn app() -> Router {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    router(Services::new(store, writer, profiles, || Timestamp::from_micros(NOW).unwrap()))
}

async fn call(app: &Router, method: &str, path: &str, body: impl Into<Body>) -> Value {
    let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8000");
    let response = app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn frame(sample: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["sample_id"] = json!(sample);
    change(&mut frame);
    frame
}

/// Sends a frame and returns the sample that was stored.
async fn stored(app: &Router, frame: &Value) -> Value {
    let results = call(app, "POST", "/api/v1/samples:batch", frame.to_string()).await;
    assert_eq!(results["persisted"], 1, "{results}");
    call(app, "GET", &format!("/api/v1/samples/{}", results["items"][0]["id"].as_str().unwrap()), "").await
}

fn flags(sample: &Value) -> Vec<&str> {
    sample["vl53l8ch"]["flags"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn a_calibration_is_stored_and_counts_in_no_figure() {
    let app = app();
    let product = stored(&app, &frame("tray", |_| {})).await;
    let calibration = stored(&app, &frame("empty", |frame| frame["meta"]["purpose"] = json!("calibration"))).await;
    let of_a_rig = stored(&app, &frame("white", |frame| frame["device_id"] = json!("CAL_POSTE"))).await;
    let no_rig = stored(&app, &frame("tray", |frame| frame["device_id"] = json!("CALAIS_1"))).await;
    assert_eq!((&product["meta"]["purpose"], &no_rig["meta"]["purpose"]), (&Value::Null, &Value::Null));
    assert_eq!([&calibration["meta"]["purpose"], &of_a_rig["meta"]["purpose"]], ["calibration", "calibration"]);
    let path = "/api/v1/aggregates/hourly?from=2024-10-26T22:00:00Z&until=2024-10-27T01:00:00Z";
    let hours = call(&app, "GET", path, "").await;
    let sum = &hours["items"][0]["statistics"];
    assert_eq!((&sum["samples"], &sum["calibrations"]), (&json!(2), &json!(2)), "{sum}");
    let graded: u64 = sum["grades"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(graded, 2);
    let (mean, one) = (&sum["average_quality_score"], &product["fusion"]["final_score"]);
    assert!((mean.as_f64().unwrap() - one.as_f64().unwrap()).abs() < 1e-9, "two trays with one score: {mean} {one}");
    // A device with nothing but calibrations is listed, without statistics of trays.
    let devices = call(&app, "GET", "/api/v1/devices", "").await;
    let rig = devices["items"].as_array().unwrap().iter().find(|device| device["device_id"] == "CAL_POSTE").unwrap();
    let of_it = &rig["statistics"];
    assert_eq!((&of_it["samples"], &of_it["calibrations"]), (&json!(0), &json!(1)), "{rig}");
    for figure in ["average_quality_score", "average_confidence", "reject_rate_percent", "conformity_rate_percent"] {
        assert_eq!(of_it[figure], Value::Null, "{figure}");
    }
}

#[tokio::test]
async fn a_device_that_reads_references_only_moves_no_rate_of_the_line() {
    let app = app();
    let rate = async || call(&app, "GET", "/api/v1/dashboard/metrics", "").await["samples_per_hour"].clone();
    stored(&app, &frame("white", |frame| frame["device_id"] = json!("CAL_POSTE"))).await;
    assert_eq!(rate().await, json!(0.0), "no tray was judged in the last five minutes");
    stored(&app, &frame("tray", |_| {})).await;
    assert!(rate().await.as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn a_reading_that_comes_twice_is_marked() {
    let app = app();
    let first = stored(&app, &frame("S-1", |_| {})).await;
    assert!(!flags(&first).contains(&"RepeatedFrame"), "{first}");
    let stale = stored(&app, &frame("S-2", |_| {})).await;
    assert!(flags(&stale).contains(&"RepeatedFrame"), "{stale}");
    let other = stored(&app, &frame("S-3", |frame| frame["vl53l8ch"]["distance_matrix"][0][0] = json!(131.25))).await;
    assert!(!flags(&other).contains(&"RepeatedFrame"), "{other}");
    // If a sample is sent again because its answer was lost, it is not a stale reading.
    let again = call(
        &app,
        "POST",
        "/api/v1/samples:batch",
        frame("S-3", |frame| {
            frame["vl53l8ch"]["distance_matrix"][0][0] = json!(131.25);
        })
        .to_string(),
    )
    .await;
    assert_eq!(again["duplicate"], 1, "{again}");
    let another = stored(&app, &frame("S-1", |frame| frame["device_id"] = json!("OTHER"))).await;
    assert!(!flags(&another).contains(&"RepeatedFrame"), "{another}");
}

#[tokio::test]
async fn distances_alone_are_judged_and_told() {
    let app = app();
    let sample = stored(
        &app,
        &frame("S-1", |frame| {
            let block = frame["vl53l8ch"].as_object_mut().unwrap();
            block.remove("reflectance_matrix");
            block["amplitude_matrix"] = Value::Null;
        }),
    )
    .await;
    let told = flags(&sample);
    assert!(told.contains(&"ReflectanceMissing") && told.contains(&"AmplitudeMissing"), "{told:?}");
    let block = &sample["vl53l8ch"];
    assert_eq!((&block["reflectance_matrix"], &block["amplitude_matrix"]), (&Value::Null, &Value::Null));
    assert!(block["distance_matrix"].is_array());
}
