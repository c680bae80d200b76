//! How the server reports its own health, and refuses requests while it ends.
//!
//! It reports whose clock is wrong, and how long starting took.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_http::{Profile, Profiles, Services, router};
use sqal_resilience::{Clock, Shutdown, SystemClock};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tower::ServiceExt;

/// When the documented frame was measured.
const MEASURED: i64 = 1_729_983_600_000_000;

/// A server whose wall clock stands still at this time.
fn services(now: i64) -> Services {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    Services::new(store, writer, profiles, move || Timestamp::from_micros(now).unwrap())
}

async fn call(app: &Router, method: &str, path: &str, body: String) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8000");
    let response = app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

async fn get(app: &Router, path: &str) -> (StatusCode, Value) {
    call(app, "GET", path, String::new()).await
}

/// Hands in the documented frame of a device. Returns the status of the answer.
async fn hand_in(app: &Router, device: &str) -> String {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["device_id"] = device.into();
    let (_, answer) = call(app, "POST", "/api/v1/samples:batch", frame.to_string()).await;
    answer["items"][0]["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_whose_clock_most_devices_contradict_is_not_ready_and_names_its_clock() {
    let app = router(services(MEASURED - 600_000_000));
    for device in ["A", "B"] {
        assert_eq!(hand_in(&app, device).await, "rejected");
        assert_eq!(get(&app, "/health/ready").await.0, StatusCode::OK, "two devices may have wrong clocks");
    }
    let (_, device) = get(&app, "/api/v1/devices/A").await;
    assert_eq!((&device["state"], &device["clock_offset_seconds"]), (&json!("clock_disagrees"), &json!(600.0)));
    assert_eq!(device["last_heard_at"], Value::Null, "nothing of it was stored");
    assert_eq!(hand_in(&app, "C").await, "rejected");
    let (status, ready) = get(&app, "/health/ready").await;
    assert_eq!((status, &ready["components"]["clock"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)), "{ready}");
    let (status, health) = get(&app, "/health").await;
    assert_eq!((status, &health["clock"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("down")), "{health}");
    assert_eq!(get(&app, "/health/live").await.0, StatusCode::OK, "a restart sets no clock");
}

#[tokio::test]
async fn a_device_with_a_wrong_clock_among_right_ones_is_that_devices_state() {
    let app = router(services(MEASURED));
    for device in ["A", "B", "C", "D"] {
        assert_eq!(hand_in(&app, device).await, "persisted");
    }
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["timestamp"] = "2030-01-01T00:00:00Z".into();
    for device in ["A", "E", "F"] {
        frame["device_id"] = device.into();
        let (_, answer) = call(&app, "POST", "/api/v1/samples:batch", frame.to_string()).await;
        assert_eq!(answer["items"][0]["problem"]["type"], "/problems/clock-disagrees", "{answer}");
    }
    assert_eq!(get(&app, "/api/v1/devices/E").await.1["state"], "clock_disagrees");
    assert_eq!(get(&app, "/api/v1/devices/B").await.1["state"], "agrees");
    let (status, ready) = get(&app, "/health/ready").await;
    assert_eq!((status, &ready["components"]["clock"]), (StatusCode::OK, &Value::Null), "three of six: {ready}");
}

#[tokio::test]
async fn a_server_that_lacks_the_profile_of_most_devices_is_not_ready_and_names_its_profiles() {
    let app = router(services(MEASURED));
    let ask = async |device: &str, profile: &str| {
        let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        (frame["device_id"], frame["meta"]["config_profile"]) = (device.into(), profile.into());
        call(&app, "POST", "/api/v1/samples:batch", frame.to_string()).await.1["items"][0]["status"].clone()
    };
    for device in ["A", "B", "C"] {
        assert_eq!(get(&app, "/health/ready").await.0, StatusCode::OK, "two devices may be mistyped");
        assert_eq!(ask(device, "foiegras_standard_barquete").await, "rejected");
    }
    let (status, ready) = get(&app, "/health/ready").await;
    assert_eq!((status, &ready["components"]["profiles"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)), "{ready}");
    let told = "most devices ask for a profile that this server does not know";
    assert_eq!(ready["reasons"]["profiles"], told, "{ready}");
    for device in ["A", "B"] {
        assert_eq!(ask(device, "foiegras_standard_barquette").await, "persisted");
    }
    assert_eq!(get(&app, "/health/ready").await.0, StatusCode::OK, "one of three is that device's state");
}

#[tokio::test]
async fn startup_says_how_long_starting_took_and_not_how_long_ago_it_was() {
    let begun = SystemClock.now().checked_sub(Duration::from_secs(7)).unwrap();
    let app = router(services(MEASURED).begun_at(begun));
    let first = get(&app, "/health/startup").await.1;
    let seconds = first["duration"].as_f64().unwrap();
    assert!((7.0..60.0).contains(&seconds), "{first}");
    assert_eq!(get(&app, "/health/startup").await.1, first, "it does not grow");
}

/// SLO-03: a request that a server refuses because it ends counts as not available.
#[tokio::test]
async fn slo_03_refusals_of_a_server_that_ends_count_against_the_objective_and_probes_do_not() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let recording = metrics::set_default_local_recorder(&recorder);
    let shutdown = Shutdown::default();
    let app = router(services(MEASURED).ending_with(&shutdown));
    assert_eq!(get(&app, "/api/v1/samples").await.0, StatusCode::OK);
    shutdown.begin("SIGTERM");
    for _ in 0..3 {
        let (status, problem) = get(&app, "/api/v1/samples").await;
        assert_eq!(
            (status, problem["type"].as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, Some("/problems/shutting-down"))
        );
        assert_eq!(get(&app, "/health/live").await.0, StatusCode::OK);
    }
    drop(recording);
    let mut breaches = 0;
    let mut requests = 0;
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let of = |label: &str, wanted: &str| key.labels().any(|known| known.key() == label && known.value() == wanted);
        match (key.name(), value) {
            ("api_slo_availability_breach_total", DebugValue::Counter(count)) if of("endpoint", "/api/v1/samples") => {
                breaches = count;
            }
            ("http_requests_total", DebugValue::Counter(count))
                if of("endpoint", "/api/v1/samples") && of("status", "503") =>
            {
                requests = count;
            }
            _ => {}
        }
    }
    assert_eq!((breaches, requests), (3, 3));
}
