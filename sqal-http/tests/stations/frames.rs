//! Good frames, in every way of writing them: each is acknowledged after its commit.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqal_http::router;
use sqal_storage::{SampleQuery, SampleStore};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::line::{Device, frame, line, stored};

/// ING-03 to ING-10: the documented frame, byte for byte, on both spellings of the path (C-04).
#[tokio::test]
async fn the_documented_frame_is_persisted_and_sent_again_a_duplicate() {
    let line = line(|_| {}).await;
    let first = Device::at(&line, "/ws/sensors").await.ask(fixtures::DOCUMENTED_FRAME).await;
    assert_eq!((first["type"].as_str(), first["status"].as_str()), (Some("ack"), Some("persisted")), "{first}");
    assert_eq!(first["sample_id"], "SAMPLE-20241026-230000-0001");
    let again = Device::at(&line, "/ws/sensors/").await.ask(fixtures::DOCUMENTED_FRAME).await;
    assert_eq!((again["status"].as_str(), &again["id"]), (Some("duplicate"), &first["id"]), "{again}");
    assert_eq!(stored(&line).await, 1);

    let sample = &line.store.query(&SampleQuery::newest(1.try_into().unwrap())).await.unwrap().items[0];
    let reported = sample.reported.unwrap();
    assert_eq!((reported.score.map(f64::from), reported.grade), (Some(0.89), Some(sqal_core::Grade::A)));
    assert!(sample.inspection.tof.as_ref().unwrap().flags.contains(sqal_core::Flag::StatusMissing));
    assert_eq!(sample.meta.firmware_version.unwrap().as_str(), "1.0.0");
}

/// C-01: another reading under a name that is taken is refused on the WebSocket too, and the
/// connection goes on.
#[tokio::test]
async fn another_reading_under_a_name_that_is_taken_is_rejected() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    let first = frame("SAMPLE-0001", |_| {});
    let other = frame("SAMPLE-0001", |frame| frame["as7341"]["channels"]["F1_415nm"] = json!(77));
    assert_eq!(device.ask(first.clone()).await["status"], "persisted");
    let answer = device.ask(other).await;
    assert_eq!((&answer["status"], &answer["sample_id"]), (&json!("rejected"), &json!("SAMPLE-0001")), "{answer}");
    assert_eq!(answer["problem"]["type"], "/problems/name-taken");
    assert_eq!(device.ask(first).await["status"], "duplicate");
    assert_eq!(stored(&line).await, 1);
}

/// ING-09: a fault in a value beside the measurement does not cost the measurement.
#[tokio::test]
async fn a_side_value_that_cannot_be_is_unknown_with_its_reason() {
    let mut app = None;
    let line = line(|services| app = Some(router(services.clone()))).await;
    let text = frame("wet", |f| {
        f["meta"]["humidity_percent"] = json!(101.7);
        f["meta"]["temperature_c"] = json!("warm");
        f["meta"]["firmware_version"] = json!("v".repeat(40));
        f["fusion"]["final_score"] = json!(1.5);
    });
    let answer = Device::connect(&line).await.ask(text).await;
    assert_eq!(answer["status"], "persisted", "{answer}");
    let path = format!("/api/v1/samples/{}", answer["id"].as_str().unwrap());
    let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(app.unwrap(), request).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (&document["meta"]["humidity_percent"], &document["meta"]["temperature_c"]),
        (&Value::Null, &Value::Null)
    );
    let unknown: Vec<_> = document["meta"]["unknown"].as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
    let pointers = ["/fusion/final_score", "/meta/firmware_version", "/meta/temperature_c", "/meta/humidity_percent"];
    assert_eq!(unknown, pointers, "{document}");
    assert_eq!(document["meta"]["unknown"][3]["value"], "101.7");
    assert_eq!(document["meta"]["unknown"][3]["limit"], "0 to 100 %");
    // ING-10: the device's own conclusions are stored beside those of the server.
    assert_eq!(document["reported"]["vl53l8ch"]["volume_mm3"], json!(15234.5));
    assert_eq!(document["reported"]["as7341"]["freshness_index"], json!(0.92));
}

/// A byte order mark before a text is ignored (RFC 8259, 8.1).
#[tokio::test]
async fn a_byte_order_mark_is_ignored() {
    let line = line(|_| {}).await;
    let marked = format!("\u{feff}{}", frame("marked", |_| {}));
    assert_eq!(Device::connect(&line).await.ask(marked).await["status"], "persisted");
    let data: Value = serde_json::from_str(&frame("event", |_| {})).unwrap();
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "sqal.sensor_data", "data": data });
    let answer = Device::speaking(&line, "cloudevents.json").await.ask(format!("\u{feff}{event}")).await;
    assert_eq!(answer["data"]["status"], "persisted", "{answer}");
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_frames() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    for k in 0..200 {
        let text = if k % 7 == 3 { "broken".to_owned() } else { frame(&format!("{k}"), |_| {}) };
        device.send(text).await;
    }
    for k in 0..200_u64 {
        let answer = device.answer().await;
        assert_eq!(answer["sequence"], k + 1);
        assert_eq!(answer["status"], if k % 7 == 3 { "rejected" } else { "persisted" }, "{answer}");
    }
}

#[tokio::test]
async fn one_instrument_alone_is_graded_at_most_b_and_said_so() {
    let line = line(|_| {}).await;
    let answer = Device::connect(&line).await.ask(frame("alone", |f| f["as7341"] = Value::Null)).await;
    assert_eq!(answer["status"], "persisted");
    let verdict = line.store.query(&SampleQuery::newest(1.try_into().unwrap())).await.unwrap().items[0]
        .inspection
        .verdict
        .clone();
    assert!(verdict.grade <= sqal_core::Grade::B, "{verdict:?}");
    assert!(verdict.defects.iter().any(|d| d.kind == sqal_core::DefectKind::SensorMissing));
}

/// The documented frame in CBOR, or as a `CloudEvent`, is the same sample, bit for bit, and is
/// answered in the same way.
#[tokio::test]
async fn other_ways_of_writing_say_the_same() {
    let line = line(|_| {}).await;
    let mut documented = Device::connect(&line).await;
    let known = documented.ask(frame("one", |_| {})).await;

    let mut cbor = Device::speaking(&line, "sqal.cbor").await;
    let mut heard = async |message: Message| {
        cbor.0.send(message).await.unwrap();
        match cbor.0.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => ciborium::from_reader::<Value, _>(&*bytes).unwrap(),
            other => panic!("expected CBOR, not {other:?}"),
        }
    };
    let value: Value = serde_json::from_str(&frame("one", |_| {})).unwrap();
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).unwrap();
    let answer = heard(Message::binary(bytes.clone())).await;
    assert_eq!((&answer["status"], &answer["id"]), (&json!("duplicate"), &known["id"]));
    for (message, found) in [
        (Message::binary(bytes[..100].to_vec()), "CBOR"),
        (Message::binary(vec![0x81; 100_000]), "CBOR"),
        (Message::text("{}"), "a text message"),
    ] {
        let refused = heard(message).await;
        assert!(refused["problem"]["detail"].as_str().unwrap().contains(found), "{refused}");
    }

    let mut events = Device::speaking(&line, "cloudevents.json").await;
    let event = |data: Value| json!({ "specversion": "1.0", "id": "1", "source": "/devices/ESP32_SIM_1234", "type": "sensor_data", "data": data });
    let answer = events.ask(event(value).to_string()).await;
    assert_eq!(
        (&answer["specversion"], &answer["type"], &answer["data"]["status"]),
        (&json!("1.0"), &json!("sqal.ack"), &json!("duplicate"))
    );
    for (text, pointer) in [
        (frame("bare", |_| {}), "/specversion"),
        (json!({ "specversion": "1.0" }).to_string(), "/data"),
        ("{".to_owned(), ""),
    ] {
        let refused = events.ask(text).await;
        assert_eq!(refused["data"]["problem"]["violations"][0]["pointer"], pointer, "{refused}");
    }
    // An unknown subprotocol is not agreed on, so the documented frame applies.
    let request = {
        let mut request = format!("ws://{}/ws/sensors", line.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "mqtt".parse().unwrap());
        request
    };
    assert!(connect_async(request).await.is_err(), "a client that insists ends the handshake itself");
    assert_eq!(stored(&line).await, 1);
}
