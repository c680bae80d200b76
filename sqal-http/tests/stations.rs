//! Stations over a real WebSocket: good frames are acknowledged after their commit.
//!
//! Bad frames are answered, and the line goes on.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqal_core::{Name, Timestamp};
use sqal_http::{
    Access, Class, ConnectLimit, Grant, Profile, Profiles, Quotas, Role, Services, Token, TokenFile, TokenHash,
    WebSockets, router,
};
use sqal_resilience::Quota;
use sqal_storage::{BatchWriter, MemoryStore, SampleQuery, SampleStore, WriterConfig};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

struct Line {
    address: SocketAddr,
    store: Arc<MemoryStore>,
    websockets: WebSockets,
}

async fn line(adjust: impl FnOnce(&mut Services)) -> Line {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let mut services = Services::new(store.clone(), writer, profiles, || Timestamp::from_micros(NOW).unwrap());
    adjust(&mut services);
    let websockets = services.websockets.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router(services).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, app).into_future());
    Line { address, store, websockets }
}

struct Device(WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>);

impl Device {
    async fn connect(line: &Line) -> Self {
        Self::at(line, "/ws/sensors/").await
    }

    async fn at(line: &Line, path: &str) -> Self {
        let (socket, _) = connect_async(format!("ws://{}{path}", line.address)).await.unwrap();
        Self(socket)
    }

    /// Connects with this subprotocol.
    async fn speaking(line: &Line, protocol: &'static str) -> Self {
        let mut request = format!("ws://{}/ws/sensors", line.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        let (socket, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
        Self(socket)
    }

    async fn with_token(line: &Line, token: &str) -> Result<Self, String> {
        let mut request = format!("ws://{}/ws/sensors", line.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let (socket, _) = connect_async(request).await.map_err(|refused| refused.to_string())?;
        Ok(Self(socket))
    }

    async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    async fn answer(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected an answer, not {other:?}"),
            }
        }
    }

    async fn ask(&mut self, text: impl Into<String>) -> Value {
        self.send(text).await;
        self.answer().await
    }

    async fn close_code(&mut self) -> (CloseCode, String) {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Close(Some(frame)) => return (frame.code, frame.reason.to_string()),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a close, not {other:?}"),
            }
        }
    }
}

/// The documented frame with this name and one change.
fn frame(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["sample_id"] = json!(name);
    change(&mut frame);
    frame.to_string()
}

async fn stored(line: &Line) -> usize {
    line.store.query(&SampleQuery::newest(500.try_into().unwrap())).await.unwrap().items.len()
}

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

struct Bad {
    what: &'static str,
    text: String,
    pointer: &'static str,
    value: &'static str,
    limit: &'static str,
}

fn bad_frames() -> Vec<Bad> {
    let bad = |what, text, pointer, value, limit| Bad { what, text, pointer, value, limit };
    let documented = fixtures::DOCUMENTED_FRAME;
    let with_nan = {
        // Python's `json.dumps` writes NaN and serde does not, so the text is changed.
        let marked = frame("nan", |f| f["vl53l8ch"]["distance_matrix"][3][4] = json!(987_654.25));
        marked.replace("987654.25", "NaN")
    };
    assert!(with_nan.contains("NaN"));
    vec![
        bad("not JSON", "this is no frame".to_owned(), "", "the word this", "JSON"),
        bad(
            "half a frame",
            documented.split("\"channels\"").next().unwrap().to_owned(),
            "/as7341",
            "end of text",
            "a whole JSON object",
        ),
        bad(
            "a 7x8 matrix",
            frame("7x8", |f| {
                f["vl53l8ch"]["distance_matrix"].as_array_mut().unwrap().pop();
            }),
            "/vl53l8ch/distance_matrix",
            "length 7",
            "8x8",
        ),
        bad(
            "an 8x7 matrix",
            frame("8x7", |f| {
                f["vl53l8ch"]["amplitude_matrix"][2].as_array_mut().unwrap().pop();
            }),
            "/vl53l8ch/amplitude_matrix/2",
            "length 7",
            "8x8",
        ),
        bad("a NaN", with_nan, "/vl53l8ch/distance_matrix/3/4", "NaN", "finite"),
        bad(
            "a null distance",
            frame("null", |f| f["vl53l8ch"]["distance_matrix"][0][7] = Value::Null),
            "/vl53l8ch/distance_matrix/0/7",
            "null",
            "a number",
        ),
        bad(
            "a distance beyond the sensor",
            frame("far", |f| f["vl53l8ch"]["distance_matrix"][1][2] = json!(9000)),
            "/vl53l8ch/distance_matrix/1/2",
            "9000",
            "-8192 to 8191.75 mm",
        ),
        bad(
            "an amplitude beyond every number",
            frame("inf", |f| f["vl53l8ch"]["amplitude_matrix"][1][2] = json!(1e39)),
            "/vl53l8ch/amplitude_matrix/1/2",
            "1e+39",
            "a number below 3e38",
        ),
        bad(
            "a negative count",
            frame("negative", |f| f["as7341"]["channels"]["F3_480nm"] = json!(-1)),
            "/as7341/channels/F3_480nm",
            "-1",
            "0 to 36331 counts",
        ),
        bad(
            "a count over full scale",
            frame("over", |f| f["as7341"]["channels"]["F7_630nm"] = json!(40_000)),
            "/as7341/channels/F7_630nm",
            "40000",
            "the full scale at 100 ms is 35971",
        ),
        bad(
            "a missing channel",
            frame("missing", |f| {
                f["as7341"]["channels"].as_object_mut().unwrap().remove("NIR");
            }),
            "/as7341/channels/NIR",
            "missing",
            "the field",
        ),
        bad(
            "a gain that is a register code",
            frame("gain", |f| f["as7341"]["gain"] = json!(10)),
            "/as7341/gain",
            "10",
            "multiplier",
        ),
        bad(
            "no gain at all",
            frame("no gain", |f| {
                f["as7341"].as_object_mut().unwrap().remove("gain");
            }),
            "/as7341/gain",
            "missing",
            "the field",
        ),
        bad(
            "an impossible integration time",
            frame("time", |f| f["as7341"]["integration_time"] = json!(-3)),
            "/as7341/integration_time",
            "-3",
            "ms",
        ),
        bad(
            "a wrong type",
            frame("type", |f| f["as7341"]["integration_time"] = json!("long")),
            "/as7341/integration_time",
            "string \"long\"",
            "a number",
        ),
        bad(
            "four targets a zone",
            frame("8x32", |f| f["vl53l8ch"]["distance_matrix"] = json!(vec![vec![130.0; 32]; 8])),
            "/vl53l8ch/distance_matrix/0",
            "length 32",
            "8 rows of 8 numbers (8x8)",
        ),
        bad(
            "nine rows",
            frame("9x8", |f| f["vl53l8ch"]["distance_matrix"] = json!(vec![vec![130.0; 8]; 9])),
            "/vl53l8ch/distance_matrix",
            "length 9",
            "8 rows of 8 numbers (8x8)",
        ),
        bad(
            "a gain twice",
            frame("twice", |_| {}).replace("\"gain\":4", "\"gain\":4,\"gain\":8"),
            "/as7341/gain",
            "a second value",
            "each key once",
        ),
        bad(
            "half a status",
            frame("5.5", |f| f["vl53l8ch"]["status_matrix"] = json!(vec![vec![5.5; 8]; 8])),
            "/vl53l8ch/status_matrix/0/0",
            "5.5",
            "a whole number from 0 to 255",
        ),
        bad(
            "another message",
            frame("message", |f| f["type"] = json!("heartbeat")),
            "/type",
            "heartbeat",
            "sensor_data",
        ),
        bad(
            "a clock that was never set",
            frame("1970", |f| f["timestamp"] = json!("1970-01-01T00:00:07Z")),
            "/timestamp",
            "1970-01-01T00:00:07Z",
            "not before 2020-01-01",
        ),
        bad(
            "a timestamp of another form",
            frame("form", |f| f["timestamp"] = json!("26/10/2024 23:00")),
            "/timestamp",
            "26/10/2024 23:00",
            "RFC 3339",
        ),
        bad(
            "a name with a control character",
            frame("name", |f| f["device_id"] = json!("ESP\u{1b}[2J")),
            "/device_id",
            "ESP",
            "printable",
        ),
        bad(
            "a name that ends with a space",
            frame("space", |f| f["device_id"] = json!("LINE_1 ")),
            "/device_id",
            "LINE_1 ",
            "printable",
        ),
        bad(
            "a name in decomposed form",
            frame("nfd", |f| f["device_id"] = json!("cafe\u{301}")),
            "/device_id",
            "cafe",
            "NFC",
        ),
        bad(
            "neither instrument",
            frame("blind", |f| {
                f["vl53l8ch"] = Value::Null;
                f["as7341"] = Value::Null;
            }),
            "",
            "a frame without readings",
            "vl53l8ch",
        ),
        bad("500 kB", frame("big", |f| f["padding"] = json!("x".repeat(500_000))), "", "50", "at most 262144 bytes"),
    ]
}

/// Every bad frame is answered with the field, the value and the limit, in English and in the
/// documented French shape. The connection, the server and the other station go on.
#[tokio::test]
async fn each_bad_frame_is_answered_and_the_line_goes_on() {
    let line = line(|_| {}).await;
    let (mut one, mut other) = (Device::connect(&line).await, Device::connect(&line).await);
    let bad_frames = bad_frames();
    for (k, bad) in bad_frames.iter().enumerate() {
        let answer = one.ask(&bad.text).await;
        let what = bad.what;
        assert_eq!(answer["status"], "rejected", "{what}: {answer}");
        let problem = &answer["problem"];
        let violation = &problem["violations"][0];
        let field = |name: &str| violation[name].as_str().unwrap().to_owned();
        assert_eq!(field("pointer"), bad.pointer, "{what}: {answer}");
        assert!(field("value").contains(bad.value), "{what}: {answer}");
        assert!(field("limit").contains(bad.limit), "{what}: {answer}");
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{what}: {answer}");
        assert_eq!(problem["message"], "Erreur de validation des données", "{what}");
        assert_eq!(problem["errors"].as_object().unwrap().len(), 1, "{what}: {answer}");
        // The connection and the other station accept a good frame.
        let good = one.ask(frame(&format!("after {k}"), |_| {})).await;
        assert_eq!(good["status"], "persisted", "after {what}: {good}");
        let good = other.ask(frame(&format!("beside {k}"), |f| f["device_id"] = json!("OTHER"))).await;
        assert_eq!(good["status"], "persisted", "beside {what}: {good}");
    }
    assert_eq!(stored(&line).await, 2 * bad_frames.len());
}

/// If a frame only shows that the device and the server disagree, it is never refused for good: the
/// device keeps it and sends it again.
#[tokio::test]
async fn a_clock_ahead_and_a_profile_not_known_here_are_to_be_sent_again() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    for (text, kind, pointer, value, limit) in [
        (
            frame("future", |f| f["timestamp"] = json!("2099-01-01T00:00:00Z")),
            "/problems/clock-disagrees",
            "/timestamp",
            "2099-01-01T00:00:00Z",
            "at most 300 s after the server's clock (2024-10-26T23:00:10Z)",
        ),
        (
            frame("profile", |f| f["meta"]["config_profile"] = json!("foie_gras_xxl")),
            "/problems/profile-unknown-here",
            "/meta/config_profile",
            "foie_gras_xxl",
            "one of foiegras_standard_barquette",
        ),
    ] {
        let answer = device.ask(text).await;
        let problem = &answer["problem"];
        assert_eq!((answer["status"].as_str(), problem["type"].as_str()), (Some("rejected"), Some(kind)), "{answer}");
        assert_eq!((&problem["status"], &problem["retry_after"]), (&json!(503), &json!(5)), "{answer}");
        assert_eq!(problem["kept"], Value::Null, "for ten minutes the device alone keeps it");
        let violation = &problem["violations"][0];
        assert_eq!((violation["pointer"].as_str(), violation["value"].as_str()), (Some(pointer), Some(value)));
        assert_eq!(violation["limit"].as_str(), Some(limit));
        assert!(problem["message"].as_str().unwrap().contains("l'appareil garde la trame"), "{answer}");
        let good = device.ask(frame(&format!("after {value}"), |_| {})).await;
        assert_eq!(good["status"], "persisted", "{good}");
    }
    assert_eq!(stored(&line).await, 2);
}

#[tokio::test]
async fn several_faults_of_one_frame_are_named_at_once() {
    let line = line(|_| {}).await;
    let text = frame("many", |f| {
        f["timestamp"] = json!("yesterday");
        f["vl53l8ch"]["reflectance_matrix"][0][0] = json!(200);
        f["as7341"]["channels"]["Clear"] = json!(70_000);
        f["meta"]["humidity_percent"] = json!(120);
    });
    let answer = Device::connect(&line).await.ask(text).await;
    let pointers: Vec<_> =
        answer["problem"]["violations"].as_array().unwrap().iter().map(|v| v["pointer"].as_str().unwrap()).collect();
    assert_eq!(
        pointers,
        ["/timestamp", "/vl53l8ch/reflectance_matrix/0/0", "/as7341/channels/Clear"],
        "the humidity is no part of the measurement"
    );
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

/// A frame that cannot be read at all is kept too, and its bytes can be read again.
#[tokio::test]
async fn what_cannot_be_read_is_kept() {
    let mut letters = None;
    let line = line(|services| letters = Some(Arc::clone(&services.dead_letters))).await;
    let mut cbor = Device::speaking(&line, "sqal.cbor").await;
    cbor.0.send(Message::binary(vec![0xa1, 0x61])).await.unwrap();
    assert!(matches!(cbor.0.next().await.unwrap().unwrap(), Message::Binary(_)));
    let mut events = Device::speaking(&line, "cloudevents.json").await;
    assert_eq!(events.ask("{\"specversion\":").await["data"]["status"], "rejected");
    assert_eq!(Device::connect(&line).await.ask("{broken").await["status"], "rejected");
    let kept: Vec<_> = letters.unwrap().newest(9).into_iter().map(|letter| letter.frame).collect();
    assert_eq!(kept, ["{broken", "{\"specversion\":", "data:application/cbor;base64,oWE="]);
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

#[tokio::test]
async fn a_binary_message_is_answered_and_a_message_over_the_ceiling_ends_the_connection_with_1009() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    device.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    let answer = device.answer().await;
    assert!(answer["problem"]["detail"].as_str().unwrap().contains("binary message of 3 bytes"), "{answer}");
    // The server may close before it has read everything. Then sending fails, and the close can
    // still be read.
    let _ = device.0.send(Message::text("x".repeat(9_000_000))).await;
    assert_eq!(device.close_code().await.0, CloseCode::Size);
    let good = Device::connect(&line).await.ask(frame("later", |_| {})).await;
    assert_eq!(good["status"], "persisted");
}

/// ING-12: an address over its quota is refused with 1008 and the documented reason.
#[tokio::test]
async fn rl_26_too_many_connections_are_refused_with_1008() {
    let quota = Quota::new(2.try_into().unwrap(), Duration::from_hours(1));
    let line = line(|services| services.connect_limit = Some(Arc::new(ConnectLimit::new(quota).unwrap()))).await;
    let (mut first, _second) = (Device::connect(&line).await, Device::connect(&line).await);
    let refused = Device::connect(&line).await.close_code().await;
    assert_eq!(refused, (CloseCode::Policy, "Rate limit exceeded".to_owned()));
    // Before the documented close, the device is told when to come back: at two connections an
    // hour, in half an hour.
    let mut told = Device::connect(&line).await;
    let answer = told.answer().await;
    assert_eq!((&answer["problem"]["status"], &answer["problem"]["retry_after"]), (&json!(429), &json!(1800)));
    assert_eq!(told.close_code().await, (CloseCode::Policy, "Rate limit exceeded".to_owned()));
    assert_eq!(first.ask(frame("first", |_| {})).await["status"], "persisted");
}

#[tokio::test]
async fn sd_15_16_a_restart_answers_what_was_taken_and_closes_with_1012_and_a_hint() {
    let line = line(|_| {}).await;
    let mut devices = Vec::new();
    for k in 0..5 {
        let mut device = Device::connect(&line).await;
        assert_eq!(device.ask(frame(&format!("first of {k}"), |_| {})).await["status"], "persisted");
        // Sent without waiting for answers. The frames that the server accepts are answered before
        // the close.
        for j in 0..20 {
            device.send(frame(&format!("{j} of {k}"), |_| {})).await;
        }
        devices.push(device);
    }
    let websockets = line.websockets.clone();
    assert_eq!(websockets.open(), 5);
    let closing = tokio::spawn(async move { websockets.close_all(Duration::from_secs(30)).await });
    let (mut hints, mut answered) = (Vec::new(), 5);
    for device in &mut devices {
        let (code, reason) = loop {
            match device.0.next().await.unwrap().unwrap() {
                Message::Close(Some(close)) => break (close.code, close.reason.to_string()),
                Message::Text(text) => {
                    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["status"], "persisted");
                    answered += 1;
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(code, CloseCode::Restart);
        let hint =
            reason.strip_prefix("the server restarts, connect again in ").and_then(|rest| rest.strip_suffix(" ms"));
        hints.push(hint.unwrap().parse::<u32>().unwrap());
    }
    assert_eq!(closing.await.unwrap(), 0);
    assert_eq!(stored(&line).await, answered, "what is stored was answered, and the other way round");
    hints.sort_unstable();
    hints.dedup();
    assert!(hints.len() > 1 && hints.iter().all(|hint| *hint < 2000), "not all at once: {hints:?}");
}

#[tokio::test]
async fn sd_17_no_new_connection_once_the_end_has_begun() {
    let shutdown = sqal_resilience::Shutdown::default();
    let line = line(|services| *services = services.clone().ending_with(&shutdown)).await;
    assert!(connect_async(format!("ws://{}/ws/sensors", line.address)).await.is_ok());
    shutdown.begin("SIGTERM");
    let refused = connect_async(format!("ws://{}/ws/sensors", line.address)).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
}

/// A page of another site that the operator's browser shows must not act as a device.
#[tokio::test]
async fn a_browser_page_of_another_site_may_not_connect() {
    let line = line(|_| {}).await;
    let with_origin = |origin: String| {
        let mut request = format!("ws://{}/ws/sensors", line.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    let refused = connect_async(with_origin("http://evil.example".to_owned())).await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");
    assert!(connect_async(with_origin("null".to_owned())).await.is_err(), "a page without an origin is a page");
    for origin in [format!("http://{}", line.address), "file://".to_owned()] {
        assert!(connect_async(with_origin(origin.clone())).await.is_ok(), "{origin}");
    }
}

/// No page of another site has a device's token. So its holder is let in, whatever `Origin` its
/// library sends.
#[tokio::test]
async fn a_device_with_its_token_is_let_in_whatever_its_origin() {
    let camera = Grant::Device(Name::new("ESP32_SIM_1234").unwrap());
    let people = ("marie", Grant::Role(Role::Viewer), "marie");
    let access = Arc::new(Access::of(tokens(&[("camera", camera, "own"), people])).unwrap());
    let line = line(|services| services.access = access).await;
    for origin in ["file://", "null", "http://evil.example", "https://github.com/gilmaimon/TinyWebsockets"] {
        for (token, may) in [(Some("own"), true), (Some("marie"), false), (None, false)] {
            let mut request = format!("ws://{}/ws/sensors", line.address).into_client_request().unwrap();
            request.headers_mut().insert("origin", origin.parse().unwrap());
            if let Some(token) = token {
                request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            }
            assert_eq!(connect_async(request).await.is_ok(), may, "{origin} {token:?}");
        }
    }
}

/// A device that closes gets its close back (RFC 6455, 5.5.1). Its samples are stored even if it
/// did not wait for the answers.
#[tokio::test]
async fn a_device_that_closes_gets_its_close_back_and_its_samples_are_stored() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    for k in 0..10 {
        device.send(frame(&format!("{k}"), |_| {})).await;
    }
    device.0.close(None).await.unwrap();
    let mut closed = false;
    while let Some(message) = device.0.next().await {
        closed = closed || matches!(message, Ok(Message::Close(_)));
    }
    assert!(closed, "the close was not answered");
    while line.websockets.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stored(&line).await, 10);
}

/// Text from a device's frame is echoed short, and never raw.
#[tokio::test]
async fn a_long_key_is_echoed_short() {
    let line = line(|_| {}).await;
    let text = format!("{{\"meta\":{{\"{}\":{{\"a\":}}}}}}", "k".repeat(200_000));
    let answer = Device::connect(&line).await.ask(text).await.to_string();
    assert!(answer.len() < 2_000, "{} bytes", answer.len());
}

fn tokens(entries: &[(&str, Grant, &str)]) -> TokenFile {
    let token = |(name, grant, text): &(&str, Grant, &str)| Token {
        name: Name::new(name).unwrap(),
        grant: *grant,
        sha256: TokenHash::of(text),
        until: None,
    };
    TokenFile { tokens: entries.iter().map(token).collect() }
}

/// A device is authenticated by its token, and hands in its own samples. Its connection stays open
/// while its token is valid, and is closed when the token was replaced.
#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_under_an_open_connection_and_taken_back_from_it() {
    let camera = Grant::Device(Name::new("ESP32_SIM_1234").unwrap());
    let (own, other) = (("camera", camera, "old"), ("marie", Grant::Role(Role::Viewer), "marie"));
    let access = Arc::new(Access::of(tokens(&[own, other])).unwrap());
    let line = line(|services| services.access = Arc::clone(&access)).await;
    for (token, status) in [("stranger", "401"), ("marie", "403")] {
        let refused = Device::with_token(&line, token).await.err().unwrap();
        assert!(refused.contains(status), "{token}: {refused}");
    }
    assert!(connect_async(format!("ws://{}/ws/sensors?token=old", line.address)).await.is_err(), "never in a URL");

    let mut device = Device::with_token(&line, "old").await.unwrap();
    assert_eq!(device.ask(frame("first", |_| {})).await["status"], "persisted");
    let refused = device.ask(frame("of another", |frame| frame["device_id"] = json!("ESP32_OTHER"))).await;
    assert_eq!(
        (&refused["status"], &refused["problem"]["type"]),
        (&json!("rejected"), &json!("/problems/not-allowed"))
    );

    access.replace(tokens(&[own, ("camera", camera, "new"), other])).unwrap();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(device.ask(frame("second", |_| {})).await["status"], "persisted", "the connection goes on");
    access.replace(tokens(&[("camera", camera, "new"), other])).unwrap();
    assert!(Device::with_token(&line, "old").await.is_err());
    let mut renewed = Device::with_token(&line, "new").await.unwrap();
    // The connection with the old token is closed, in case the token was stolen. The holder's other
    // token does not keep it open.
    assert_eq!(device.close_code().await, (CloseCode::Policy, "the token was taken back".to_owned()));
    assert_eq!(renewed.ask(frame("third", |_| {})).await["status"], "persisted");
    let mut device = renewed;

    access.replace(tokens(&[other])).unwrap();
    assert_eq!(device.close_code().await, (CloseCode::Policy, "the token was taken back".to_owned()));
    assert_eq!(stored(&line).await, 3);
}

/// C-03: a frame above the quota is answered with the time after which it is accepted, and the
/// connection goes on.
#[tokio::test]
async fn a_frame_too_many_is_answered_and_kept_by_the_device() {
    let two = Quota::new(2.try_into().unwrap(), Duration::from_hours(1));
    let line = line(|services| services.quotas = Arc::new(Quotas::none().with(Class::Message, two).unwrap())).await;
    let mut device = Device::connect(&line).await;
    for name in ["first", "second"] {
        assert_eq!(device.ask(frame(name, |_| {})).await["status"], "persisted");
    }
    let refused = device.ask(frame("third", |_| {})).await;
    assert_eq!((&refused["problem"]["status"], &refused["problem"]["retry_after"]), (&json!(429), &json!(1800)));
    let other = frame("another device's", |frame| frame["device_id"] = json!("ESP32_OTHER"));
    assert_eq!(device.ask(other).await["status"], "persisted", "each device has its own");
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
        let request = axum::http::Request::post("/api/v1/devices/ESP32_SIM_1234/commands")
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        let response = tower::ServiceExt::oneshot(app.clone(), request).await.unwrap();
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
        (504, &json!("ESP32_SIM_1234 did not answer in 5 s; it may have done it all the same"))
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

/// If the database does not answer, a device that has used up its credit is disconnected, and
/// nothing grows.
#[tokio::test(start_paused = true)]
async fn a_standstill_ends_with_1013() {
    let (store, _task) = (Arc::new(Stuck), ());
    let (writer, _writing) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let line = line(|services| {
        let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
        *services = Services::new(store, writer, profiles, || Timestamp::from_micros(NOW).unwrap());
    })
    .await;
    let mut device = Device::connect(&line).await;
    for k in 0..64 {
        device.send(frame(&k.to_string(), |_| {})).await;
    }
    assert_eq!(device.close_code().await, (CloseCode::Again, "no answer for 10 s: try again later".to_owned()));
}

/// A store that accepts everything and never answers.
#[derive(Debug)]
struct Stuck;

#[async_trait::async_trait]
impl SampleStore for Stuck {
    async fn insert(&self, _: &[sqal_core::Sample]) -> Result<Vec<sqal_storage::Inserted>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn get(&self, _: &sqal_core::SampleId) -> Result<Option<sqal_core::Sample>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn query(&self, _: &SampleQuery) -> Result<sqal_storage::Page, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn hourly(
        &self,
        _: &sqal_storage::samples::HourlyQuery,
    ) -> Result<Vec<sqal_storage::samples::Hourly>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn by_device(
        &self,
        _: &sqal_storage::samples::HourlyQuery,
    ) -> Result<Vec<sqal_storage::samples::DeviceTally>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn ping(&self) -> Result<(), sqal_storage::StorageError> {
        std::future::pending().await
    }
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

/// A device that sends nothing but wrong frames is cut off. A frame that its device is told to send
/// again does not count as wrong, so the other stations of the connection stay connected.
#[tokio::test]
async fn frames_of_an_unknown_profile_end_no_connection() {
    let line = line(|_| {}).await;
    let mut gateway = Device::connect(&line).await;
    for k in 0..1100 {
        let text = frame(&format!("S-{k}"), |f| f["meta"]["config_profile"] = json!("not-in-force-yet"));
        assert_eq!(gateway.ask(&text).await["problem"]["status"], 503, "{k}");
    }
    assert_eq!(gateway.ask(&frame("good", |_| {})).await["status"], "persisted");
}

#[tokio::test]
async fn a_flood_of_wrong_frames_is_cut_off() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    for _ in 0..1000 {
        assert_eq!(device.ask("{}").await["status"], "rejected");
    }
    device.send("{}").await;
    assert_eq!(device.close_code().await, (CloseCode::Policy, "too many wrong frames".to_owned()));
}

/// Pings and pongs are limited to ten a second, with a burst of one minute. One more ends the
/// connection.
#[tokio::test]
async fn a_flood_of_control_frames_is_cut_off() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    for _ in 0..300 {
        device.0.send(Message::Ping(vec![0; 125].into())).await.unwrap();
        device.0.send(Message::Pong(vec![].into())).await.unwrap();
    }
    assert_eq!(device.ask(frame("between", |_| {})).await["status"], "persisted");
    device.0.send(Message::Ping(vec![].into())).await.unwrap();
    assert_eq!(device.close_code().await, (CloseCode::Policy, "too many control frames".to_owned()));
}

/// A `hello` costs a query, and an acknowledgement of no command has no effect. Both are limited in
/// number.
#[tokio::test]
async fn a_flood_of_messages_that_are_no_frames_is_cut_off() {
    let line = line(|_| {}).await;
    let cut_off = (CloseCode::Policy, "too many messages that are no frames".to_owned());
    let mut device = Device::connect(&line).await;
    let hello = json!({ "type": "hello", "device_id": "D", "unanswered": [] }).to_string();
    for _ in 0..3000 {
        assert_eq!(device.ask(&*hello).await["type"], "welcome");
    }
    device.send(&*hello).await;
    assert_eq!(device.close_code().await, cut_off);
    // An acknowledgement has no answer.
    let mut device = Device::connect(&line).await;
    let ack = json!({ "type": "command_ack", "id": "x", "status": "done" }).to_string();
    for _ in 0..3001 {
        device.0.feed(Message::text(&*ack)).await.unwrap();
    }
    device.0.flush().await.unwrap();
    assert_eq!(device.close_code().await, cut_off);
}

/// A device token is for one device. At most sixteen connections are open with it at once, however
/// often the device reconnects.
#[tokio::test]
async fn the_connections_of_one_device_are_bounded_and_those_of_another_are_not() {
    let line = line(|services| {
        let device = |name: &str| Grant::Device(Name::new(name).unwrap());
        let tokens = tokens(&[("one", device("ONE"), "token-1"), ("two", device("TWO"), "token-2")]);
        services.access = Arc::new(Access::of(tokens).unwrap());
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Device::with_token(&line, "token-1").await.unwrap());
    }
    let refused = Device::with_token(&line, "token-1").await.err().unwrap();
    assert!(refused.contains("503"), "{refused}");
    assert!(Device::with_token(&line, "token-2").await.is_ok());
    drop(open.pop());
    // The place is free once the server has seen the end of the connection.
    while Device::with_token(&line, "token-1").await.is_err() {
        tokio::task::yield_now().await;
    }
}
