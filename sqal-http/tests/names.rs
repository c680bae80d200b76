//! C-01: one device, one time and one name identify one reading.
//!
//! Another reading under them is refused and kept; it is never answered as a duplicate.
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
    let profile = |name: &str| (name.parse().unwrap(), Profile::example());
    let profiles = Profiles::new([profile("foiegras_standard_barquette"), profile("camembert")]).unwrap();
    router(Services::new(store, writer, profiles, || Timestamp::from_micros(NOW).unwrap()))
}

async fn call(app: &Router, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8000");
    let response = app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// Sends a frame as a batch of one row. Returns the answer to the row.
async fn send(app: &Router, frame: &Value) -> Value {
    let (status, mut results) = call(app, "POST", "/api/v1/samples:batch", frame.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{results}");
    results["items"][0].take()
}

async fn letters(app: &Router) -> Vec<Value> {
    let (_, mut kept) = call(app, "GET", "/api/v1/dead-letters?limit=1000", "").await;
    serde_json::from_value(kept["items"].take()).unwrap()
}

fn documented() -> Value {
    serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap()
}

fn changed(change: fn(&mut Value)) -> Value {
    let mut frame = documented();
    change(&mut frame);
    frame
}

/// Everything that a device measures or reports about itself.
const OTHER_READINGS: [fn(&mut Value); 16] = [
    |frame| frame["vl53l8ch"]["distance_matrix"][3][4] = json!(140.25),
    |frame| frame["vl53l8ch"]["reflectance_matrix"][0][0] = json!(12.5),
    |frame| frame["vl53l8ch"]["amplitude_matrix"][7][7] = json!(1.0),
    |frame| frame["vl53l8ch"]["sigma_matrix"] = json!(vec![vec![1.0; 8]; 8]),
    |frame| frame["vl53l8ch"]["status_matrix"] = json!(vec![vec![5; 8]; 8]),
    |frame| frame["vl53l8ch"]["distance_kind"] = json!("radial"),
    |frame| frame["vl53l8ch"] = Value::Null,
    |frame| frame["as7341"]["channels"]["F1_415nm"] = json!(1235),
    |frame| frame["as7341"]["channels"]["NIR"] = json!(0),
    |frame| frame["as7341"]["integration_time"] = json!(99),
    |frame| frame["as7341"]["adc_status"] = json!("clear"),
    |frame| frame["as7341"] = Value::Null,
    |frame| frame["meta"]["temperature_c"] = json!(24.6),
    |frame| frame["meta"]["humidity_percent"] = Value::Null,
    |frame| frame["meta"]["firmware_version"] = json!("1.0.1"),
    |frame| frame["meta"]["config_profile"] = json!("camembert"),
];

#[tokio::test]
async fn another_reading_under_a_name_that_is_taken_is_rejected_and_kept() {
    let app = app();
    let first = send(&app, &documented()).await;
    assert_eq!(first["status"], "persisted", "{first}");
    for change in OTHER_READINGS {
        let frame = changed(change);
        let answer = send(&app, &frame).await;
        assert_eq!(answer["status"], "rejected", "{frame}");
        let problem = &answer["problem"];
        assert_eq!((&problem["type"], &problem["status"]), (&json!("/problems/name-taken"), &json!(409)), "{answer}");
        assert_eq!(problem["detail"], "this device, time and name are taken by another reading");
        assert!(problem["message"].as_str().unwrap().contains("autre relevé"), "{problem}");
        assert_eq!((&answer["id"], &answer["final_grade"]), (&Value::Null, &Value::Null));
        let kept = &letters(&app).await[0];
        assert_eq!(kept["problem"], "/problems/name-taken");
        // The reading that was refused is kept. Sent again, it is refused again. Under another
        // name, it is another sample.
        let mut kept: Value = serde_json::from_str(kept["frame"].as_str().unwrap()).unwrap();
        assert_eq!(send(&app, &kept).await["status"], "rejected");
        kept["sample_id"] = json!("beside");
        kept["device_id"] = json!(format!("ESP32_{}", letters(&app).await.len()));
        assert_eq!(send(&app, &kept).await["status"], "persisted", "{kept}");
    }
    assert_eq!(letters(&app).await.len(), 2 * OTHER_READINGS.len());
    let stored = call(&app, "GET", &format!("/api/v1/samples/{}", first["id"].as_str().unwrap()), "").await.1;
    assert_eq!(stored["as7341"]["channels"]["F1_415nm"].as_f64(), Some(1234.0), "the first stays");
}

/// A reading that is sent again is a duplicate, however it is written and whatever its device
/// concluded from it.
#[tokio::test]
async fn the_same_reading_again_is_a_duplicate_however_it_is_written() {
    let app = app();
    let first = send(&app, &documented()).await;
    let same: [fn(&mut Value); 7] = [
        |_| {},
        |frame| frame["as7341"]["channels"]["F1_415nm"] = json!(1234.0),
        |frame| frame["vl53l8ch"]["distance_kind"] = json!("perpendicular"),
        |frame| frame["fusion"]["final_score"] = json!(0.1),
        |frame| frame["fusion"] = Value::Null,
        |frame| frame["vl53l8ch"]["quality_score"] = json!(0.2),
        |frame| frame["timestamp"] = json!("2024-10-27T01:00:00.000000+02:00"),
    ];
    for change in same {
        let frame = changed(change);
        let answer = send(&app, &frame).await;
        assert_eq!((&answer["status"], &answer["id"]), (&json!("duplicate"), &first["id"]), "{frame}");
    }
    // A stored sample has the shape of a frame. Sent as a frame, it is the same reading.
    let path = format!("/api/v1/samples/{}", first["id"].as_str().unwrap());
    let (_, stored) = call(&app, "GET", &path, "").await;
    assert_eq!(send(&app, &stored).await["status"], "duplicate");
    assert_eq!(letters(&app).await.len(), 0);
}

#[tokio::test]
async fn two_readings_of_one_name_in_one_batch_are_one_stored_and_one_rejected() {
    let app = app();
    let other = changed(|frame| frame["meta"]["temperature_c"] = json!(4));
    let rows = [documented(), other.clone(), documented(), other].map(|frame| frame.to_string());
    let (_, results) = call(&app, "POST", "/api/v1/samples:batch", rows.join("\n")).await;
    let status: Vec<_> = results["items"].as_array().unwrap().iter().map(|item| item["status"].as_str()).collect();
    assert_eq!(status, [Some("persisted"), Some("rejected"), Some("duplicate"), Some("rejected")]);
    assert_eq!([&results["persisted"], &results["duplicate"], &results["rejected"]], [1, 1, 2]);
}

/// Times are kept to the microsecond. If the times of two readings differ by less, both have one
/// name, and the second reading is kept as a dead letter.
#[tokio::test]
async fn a_reading_whose_time_differs_below_a_microsecond_is_not_forgotten() {
    let app = app();
    let at = |nanos: &str, count: i32| {
        let mut frame = documented();
        frame["timestamp"] = json!(format!("2024-10-26T23:00:00.{nanos}Z"));
        frame["as7341"]["channels"]["F1_415nm"] = json!(count);
        frame
    };
    let first = send(&app, &at("123456001", 100)).await;
    assert_eq!((&first["status"], &first["notes"]), (&json!("persisted"), &json!(["timestamp cut to microseconds"])));
    assert_eq!(send(&app, &at("123456001", 100)).await["status"], "duplicate");
    let answer = send(&app, &at("123456999", 200)).await;
    assert_eq!((&answer["status"], &answer["problem"]["status"]), (&json!("rejected"), &json!(409)));
    let kept: Value = serde_json::from_str(letters(&app).await[0]["frame"].as_str().unwrap()).unwrap();
    assert_eq!(kept["as7341"]["channels"]["F1_415nm"].as_f64(), Some(200.0));
    // A time with nine digits, the last of which are zeros, is a time in microseconds.
    let whole = send(&app, &at("123457000", 200)).await;
    assert_eq!((&whole["status"], &whole["notes"]), (&json!("persisted"), &Value::Null));
}

/// A replay refuses a taken name as the first attempt did: the letter stays, and no second letter
/// is kept.
#[tokio::test]
async fn a_replayed_conflict_stays_one_dead_letter() {
    let app = app();
    send(&app, &documented()).await;
    send(&app, &changed(|frame| frame["meta"]["temperature_c"] = json!(4))).await;
    let kept = letters(&app).await;
    for _ in 0..3 {
        let (_, replayed) = call(&app, "POST", "/api/v1/dead-letters:replay", "").await;
        assert_eq!(replayed, json!({ "taken": 0, "refused": 1 }));
        assert_eq!(letters(&app).await, kept);
    }
}
