//! Bad frames: each is answered with its fault, and the line goes on.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::line::{Device, frame, line, stored};

struct Bad {
    what: &'static str,
    text: String,
    pointer: &'static str,
    value: &'static str,
    limit: &'static str,
}

#[expect(clippy::too_many_lines, reason = "a table of frames")]
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

/// A frame that cannot be read at all is kept too, and its bytes can be read again.
#[tokio::test]
async fn what_cannot_be_read_is_kept() {
    let mut letters = None;
    let line = line(|services| letters = Some(Arc::clone(&services.line.dead_letters))).await;
    let mut cbor = Device::speaking(&line, "sqal.cbor").await;
    cbor.0.send(Message::binary(vec![0xa1, 0x61])).await.unwrap();
    assert!(matches!(cbor.0.next().await.unwrap().unwrap(), Message::Binary(_)));
    let mut events = Device::speaking(&line, "cloudevents.json").await;
    assert_eq!(events.ask("{\"specversion\":").await["data"]["status"], "rejected");
    assert_eq!(Device::connect(&line).await.ask("{broken").await["status"], "rejected");
    let kept: Vec<_> = letters.unwrap().newest(9).into_iter().map(|letter| letter.frame).collect();
    assert_eq!(kept, ["{broken", "{\"specversion\":", "data:application/cbor;base64,oWE="]);
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

/// Text from a device's frame is echoed short, and never raw.
#[tokio::test]
async fn a_long_key_is_echoed_short() {
    let line = line(|_| {}).await;
    let text = format!("{{\"meta\":{{\"{}\":{{\"a\":}}}}}}", "k".repeat(200_000));
    let answer = Device::connect(&line).await.ask(text).await.to_string();
    assert!(answer.len() < 2_000, "{} bytes", answer.len());
}
