//! SQAL is complete under the prefix of another service, and leaves the service's own routes alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use embed_in_axum::{Bakery, app, run};
use futures_util::{SinkExt, StreamExt};
use metrics_util::debugging::DebuggingRecorder;
use serde_json::Value;
use sqal_core::Timestamp;
use sqal_resilience::Shutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, pause};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt;

/// Ten seconds after the documented frame was measured.
fn now() -> Timestamp {
    Timestamp::from_micros(1_729_983_610_000_000).unwrap()
}

async fn get(app: &Router, path: &str) -> (StatusCode, HeaderMap, String) {
    let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_strangers_service_grades_under_its_own_prefix() {
    // The recorder of the service itself.
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let (app, _writing) = app(Bakery::default(), &Shutdown::default(), now);
    assert_eq!(get(&app, "/bake").await.2, "1 loaves");
    assert_eq!(get(&app, "/bake").await.2, "2 loaves", "its own state");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.clone().into_make_service_with_connect_info::<SocketAddr>()).into_future());
    let (mut device, _) = connect_async(format!("ws://{address}/quality/ws/sensors")).await.unwrap();
    device.send(Message::text(fixtures::DOCUMENTED_FRAME)).await.unwrap();
    let answer: Value = serde_json::from_str(device.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(answer["status"], "persisted");

    let (status, headers, sample) = get(&app, "/quality/api/v1/samples/latest").await;
    assert_eq!(
        (status, &headers["x-served-by"]),
        (StatusCode::OK, &"bakery".parse().unwrap()),
        "its layers are around"
    );
    assert_eq!(serde_json::from_str::<Value>(&sample).unwrap()["id"], answer["id"]);
    assert_eq!(get(&app, "/quality/health/ready").await.0, StatusCode::OK);
    assert_eq!(get(&app, "/quality/api/v1/nothing").await.1["content-type"], "application/problem+json");
    assert_ne!(get(&app, "/nothing").await.1.get("content-type"), Some(&"application/problem+json".parse().unwrap()));

    let counted: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "http_requests_total")
        .flat_map(|(key, ..)| key.key().labels().map(|label| label.value().to_owned()).collect::<Vec<_>>())
        .collect();
    assert!(counted.contains(&"/quality/api/v1/samples/latest".to_owned()), "{counted:?}");
    assert!(!counted.contains(&"/bake".to_owned()), "the service counts its own routes itself: {counted:?}");
}

/// All files that a page names are found beside it, under any prefix.
#[tokio::test]
async fn pages_find_their_files_under_the_prefix() {
    let (app, _writing) = app(Bakery::default(), &Shutdown::default(), now);
    let (status, _, page) = get(&app, "/quality").await;
    let (with_slash, _, same) = get(&app, "/quality/").await;
    assert_eq!((status, with_slash), (StatusCode::OK, StatusCode::OK));
    assert_eq!(page, same, "with and without the slash at the end");
    assert!(page.contains("quality grades of loaves, per station"), "the page says what the bakery grades");
    for path in ["/dashboard.css", "/dashboard.js", "/api/v1/samples?limit=60"] {
        let path = format!("/quality{path}");
        assert!(page.contains(&format!("=\"{path}\"")), "{path}");
        assert_eq!(get(&app, &path).await.0, StatusCode::OK);
    }
    assert!(!get(&app, "/quality/dashboard.js").await.2.contains("\"/api"), "its script looks beside itself");
    let (_, headers, _) = get(&app, "/quality/docs").await;
    assert_eq!(headers["location"], "docs/index.html");
    assert_eq!(get(&app, "/quality/docs/index.html").await.0, StatusCode::OK);
    let (_, headers, _) = get(&app, "/quality/docs/v2").await;
    assert_eq!(headers["location"], "v2/index.html", "beside the path that was asked for");
    let (status, _, script) = get(&app, "/quality/docs/v2/swagger-initializer.js").await;
    assert!(status == StatusCode::OK && script.contains("\"../../openapi/v2.json\""), "{script}");
    assert_eq!(get(&app, "/quality/openapi/v2.json").await.0, StatusCode::OK);
    let (_, headers, _) = get(&app, "/quality/api/dashboard/metrics/").await;
    let links = headers["link"].to_str().unwrap();
    assert!(links.starts_with("<../../../api/v1/dashboard/metrics>") && links.contains("<../../../docs/versions>"));
    let description: Value = serde_json::from_str(&get(&app, "/quality/openapi/v1.json").await.2).unwrap();
    assert_eq!(description["servers"][0]["url"], "..", "beside the folder of the description");
}

/// A running bakery with a client that has sent half of a head. An answer to a second client shows
/// that the first connection was accepted.
async fn with_half_a_head() -> (TcpStream, Shutdown, tokio::task::JoinHandle<sqal_resilience::shutdown::Report>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::default();
    let running = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { run(listener, &shutdown, now).await }
    });
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET /quality/ HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut whole = TcpStream::connect(address).await.unwrap();
    whole.write_all(b"GET /bake HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    whole.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("1 loaves"), "{answer}");
    (half, shutdown, running)
}

#[tokio::test]
async fn the_service_ends_within_its_limits_though_a_client_has_sent_half_of_a_head() {
    let (_half, shutdown, running) = with_half_a_head().await;
    pause();
    let begun = Instant::now();
    shutdown.begin("SIGTERM");
    let report = running.await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_the_service_at_once() {
    let (_half, shutdown, running) = with_half_a_head().await;
    pause();
    let begun = Instant::now();
    shutdown.begin("SIGTERM");
    shutdown.force();
    let report = running.await.unwrap();
    assert!(report.forced);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
