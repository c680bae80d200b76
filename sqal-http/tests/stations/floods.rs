//! Too many connections, frames and messages: each flood is limited.

use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use sqal_http::Quotas;
use sqal_http::door::{Class, ConnectLimit};
use sqal_resilience::Quota;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::line::{Device, frame, line};

/// ING-12: an address over its quota is refused with 1008 and the documented reason.
#[tokio::test]
async fn rl_26_too_many_connections_are_refused_with_1008() {
    let quota = Quota::new(2.try_into().unwrap(), Duration::from_hours(1));
    let line = line(|services| services.door.connect_limit = Some(Arc::new(ConnectLimit::new(quota).unwrap()))).await;
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

/// C-03: a frame above the quota is answered with the time after which it is accepted, and the
/// connection goes on.
#[tokio::test]
async fn a_frame_too_many_is_answered_and_kept_by_the_device() {
    let two = Quota::new(2.try_into().unwrap(), Duration::from_hours(1));
    let line =
        line(|services| services.door.quotas = Arc::new(Quotas::none().with(Class::Message, two).unwrap())).await;
    let mut device = Device::connect(&line).await;
    for name in ["first", "second"] {
        assert_eq!(device.ask(frame(name, |_| {})).await["status"], "persisted");
    }
    let refused = device.ask(frame("third", |_| {})).await;
    assert_eq!((&refused["problem"]["status"], &refused["problem"]["retry_after"]), (&json!(429), &json!(1800)));
    let other = frame("another device's", |frame| frame["device_id"] = json!("ESP32_OTHER"));
    assert_eq!(device.ask(other).await["status"], "persisted", "each device has its own");
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
