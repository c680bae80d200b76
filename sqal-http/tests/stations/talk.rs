//! What a device says besides its frames, and what it is asked.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};
use sqal_http::router;
use sqal_storage::{SampleQuery, SampleStore};
use tower::ServiceExt;

use crate::line::{Device, NOW, frame, line};

/// A device whose clock was never set learns the time from the server, or sends the age of its
/// measurement. A frame that is sent again is the same sample.
#[tokio::test]
async fn a_device_without_a_clock_is_told_the_time_and_may_say_an_age() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    let aged = |age: u64| {
        frame("aged", |f| {
            f.as_object_mut().unwrap().remove("timestamp");
            f["age_ms"] = json!(age);
            f["boot_id"] = json!("boot-1");
        })
    };
    let first = device.ask(aged(2500)).await;
    assert_eq!((&first["status"], &first["server_time"]), (&json!("persisted"), &json!("2024-10-26T23:00:10Z")));
    let again = device.ask(aged(9000)).await;
    assert_eq!((&again["status"], &again["id"]), (&json!("duplicate"), &first["id"]));
    let sample = line.store.query(&SampleQuery::newest(1.try_into().unwrap())).await.unwrap().items.remove(0);
    assert_eq!(sample.key.timestamp.micros(), NOW - 2_500_000);
}

/// A `hello` may leave out the device, if the token or the connection identifies it.
#[tokio::test]
async fn a_hello_without_a_device_is_of_the_device_of_the_connection() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    let hello = r#"{"type":"hello","unanswered":[{"timestamp":"2024-10-26T23:00:00Z","sample_id":"sensor_data"}]}"#;
    let refused = device.ask(hello).await;
    assert_eq!(
        (&refused["sequence"], &refused["problem"]["violations"][0]["pointer"]),
        (&json!(0), &json!("/device_id"))
    );
    assert_eq!(device.ask(frame("sensor_data", |_| {})).await["sequence"], 1);
    let welcome = device.ask(hello).await;
    assert_eq!((&welcome["type"], &welcome["device_id"]), (&json!("welcome"), &json!("ESP32_SIM_1234")));
    assert_eq!(welcome["server_time"], "2024-10-26T23:00:10Z");
    assert_eq!(welcome["persisted"][0]["sample_id"], "sensor_data");
    let frame = frame("greeting", |f| f["type"] = json!("hello"));
    let refused = device.ask(frame).await;
    assert_eq!(refused["problem"]["violations"][0]["pointer"], "/type", "{refused}");
}

/// A device that connects again is told which of its samples are durable, and sends the others.
#[tokio::test]
async fn who_comes_back_is_told_what_is_durable() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    let hello = |unanswered: Value| {
        json!({ "type": "hello", "device_id": "ESP32_SIM_1234", "unanswered": unanswered }).to_string()
    };
    let first = device.ask(hello(json!([]))).await;
    assert_eq!((&first["type"], &first["credit"], &first["last"]), (&json!("welcome"), &json!(64), &Value::Null));
    let stored = device.ask(frame("kept", |_| {})).await;
    drop(device);

    let mut device = Device::connect(&line).await;
    let time = "2024-10-26T23:00:00Z";
    let asked = json!([{ "timestamp": time, "sample_id": "kept" }, { "timestamp": time, "sample_id": "lost" }, { "timestamp": "2024-10-26T23:00:01Z", "sample_id": "kept" }]);
    let welcome = device.ask(hello(asked)).await;
    let kept = json!({ "timestamp": time, "sample_id": "kept", "id": stored["id"] });
    assert_eq!((&welcome["last"], &welcome["persisted"]), (&kept, &json!([kept])));
    // Answers are still numbered by the frames.
    assert_eq!(device.ask(frame("lost", |_| {})).await["sequence"], 1);
    let many: Vec<_> = (0..65).map(|k| json!({ "timestamp": time, "sample_id": k.to_string() })).collect();
    let refused = device.ask(hello(json!(many))).await;
    assert_eq!(refused["problem"]["violations"][0]["pointer"], "/unanswered", "{refused}");
}

/// ING-02: a command over HTTP reaches a connected device, and the device's answer is the response.
#[tokio::test]
async fn a_device_is_asked_and_answers() {
    let mut app = None;
    let line = line(|services| app = Some(router(services.clone()))).await;
    let app = app.unwrap();
    let ask = async |body: Value| {
        let request =
            Request::post("/api/v1/devices/ESP32_SIM_1234/commands").body(Body::from(body.to_string())).unwrap();
        let response = ServiceExt::oneshot(app.clone(), request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap())
    };
    let pause = json!({ "name": "simulator.pause", "arguments": { "why": "lunch" }, "timeout_secs": 5 });
    let (status, problem) = ask(pause.clone()).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/device-away")));

    let mut device = Device::connect(&line).await;
    device.ask(frame("first", |_| {})).await;
    let answers = async {
        let command = device.answer().await;
        assert_eq!(
            (&command["type"], &command["name"], &command["arguments"]),
            (&json!("command"), &json!("simulator.pause"), &json!({ "why": "lunch" }))
        );
        device
            .send(
                json!({ "type": "command_ack", "id": command["id"], "status": "refused", "detail": "not hungry" })
                    .to_string(),
            )
            .await;
    };
    let ((status, answer), ()) = tokio::join!(ask(pause.clone()), answers);
    assert_eq!((status, answer), (200, json!({ "status": "refused", "detail": "not hungry", "result": null })));
    // A silent device is waited for until the limit of the command. From here on the test advances
    // the clock instead of waiting.
    tokio::time::pause();
    let (status, problem) = ask(pause).await;
    assert_eq!(
        (status, &problem["detail"]),
        (504, &json!("ESP32_SIM_1234 did not answer in 5 s; it may have executed the command"))
    );
    assert_eq!(device.answer().await["type"], "command");
    assert_eq!(device.ask(frame("second", |_| {})).await["status"], "persisted", "and its line goes on");

    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "name": "Pause!" }), "/name"),
        (json!({ "name": "x", "timeout_secs": 0 }), "/timeout_secs"),
        (json!({ "name": "x", "timeout_secs": 61 }), "/timeout_secs"),
        (json!({ "name": "x", "arguments": [] }), "/arguments"),
        (json!({ "name": "x", "until": 3 }), "/until"),
        (json!({ "name": "x", "arguments": { "much": "x".repeat(70_000) } }), ""),
    ] {
        let (status, problem) = ask(body).await;
        assert_eq!((status, problem["violations"][0]["pointer"].as_str()), (400, Some(pointer)), "{problem}");
    }
}

/// A device that does not answer is no fault of the server: its 504 is counted among the requests
/// and breaches no objective, also when the answer is given again for its key.
#[tokio::test]
async fn a_silent_device_breaches_no_objective_of_the_server() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let recording = metrics::set_default_local_recorder(&recorder);
    let mut app = None;
    let line = line(|services| app = Some(router(services.clone()))).await;
    let app = app.unwrap();
    let mut device = Device::connect(&line).await;
    device.ask(frame("first", |_| {})).await;
    // The test advances the clock instead of waiting for the device.
    tokio::time::pause();
    for _ in 0..2 {
        let request = Request::post("/api/v1/devices/ESP32_SIM_1234/commands").header("idempotency-key", "stop-1");
        let request = request.body(Body::from(json!({ "name": "simulator.pause" }).to_string())).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    }
    drop(recording);
    let mut counted = BTreeMap::<String, u64>::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let is_of_commands = |label: &metrics::Label| label.value() == "/api/v1/devices/{device_id}/commands";
        let count = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(values) => values.len() as u64,
            DebugValue::Gauge(_) => continue,
        };
        if key.labels().any(is_of_commands) {
            *counted.entry(key.name().to_owned()).or_default() += count;
        }
    }
    let wanted = [
        ("api_slo_availability_breach_total", 0),
        ("api_slo_error_breach_total", 0),
        ("api_slo_latency_breach_total", 0),
        ("api_slo_request_duration_seconds", 0),
        ("http_request_duration_seconds", 2),
        ("http_requests_total", 2),
    ];
    assert_eq!(counted, BTreeMap::from(wanted.map(|(name, count)| (name.to_owned(), count))));
}
