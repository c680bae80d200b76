//! Which connections are accepted: tokens, browsers, and the number of one device.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqal_core::Name;
use sqal_http::{Access, Grant, Role};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::line::{Device, frame, line, stored, tokens};

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
    let line = line(|services| services.door.access = access).await;
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

/// A device is authenticated by its token, and hands in its own samples. Its connection stays open
/// while its token is valid, and is closed when the token was replaced.
#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_under_an_open_connection_and_taken_back_from_it() {
    let camera = Grant::Device(Name::new("ESP32_SIM_1234").unwrap());
    let (own, other) = (("camera", camera, "old"), ("marie", Grant::Role(Role::Viewer), "marie"));
    let access = Arc::new(Access::of(tokens(&[own, other])).unwrap());
    let line = line(|services| services.door.access = Arc::clone(&access)).await;
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

/// A device token is for one device. At most sixteen connections are open with it at once, however
/// often the device reconnects.
#[tokio::test]
async fn the_connections_of_one_device_are_bounded_and_those_of_another_are_not() {
    let line = line(|services| {
        let device = |name: &str| Grant::Device(Name::new(name).unwrap());
        let tokens = tokens(&[("one", device("ONE"), "token-1"), ("two", device("TWO"), "token-2")]);
        services.door.access = Arc::new(Access::of(tokens).unwrap());
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
