//! One holder's use of a server leaves another its share: through the router, with tokens.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use futures_util::future::join_all;
use http_body_util::BodyExt;
use serde_json::Value;
use sqal_core::{Name, Timestamp};
use sqal_http::door::{Budget, Resource, Share};
use sqal_http::{Access, Grant, Profile, Profiles, Role, Services, Token, TokenFile, TokenHash, router};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tower::ServiceExt;

/// A server with two gateways (`gw-1`, `gw-2`) and two viewers (`vera-1`, `vera-2`), whose tokens
/// are their names.
fn server(budget: Budget) -> (Router, Arc<Budget>) {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    // Ten seconds after the documented frame was measured.
    let now = || Timestamp::from_micros(1_729_983_610_000_000).unwrap();
    let mut services = Services::new(store, writer, profiles, now);
    let token =
        |name: &str, grant| Token { name: Name::new(name).unwrap(), grant, sha256: TokenHash::of(name), until: None };
    let viewer = Grant::Role(Role::Viewer);
    let tokens = vec![
        token("gw-1", Grant::Gateway),
        token("gw-2", Grant::Gateway),
        token("vera-1", viewer),
        token("vera-2", viewer),
    ];
    services.door.access = Arc::new(Access::of(TokenFile { tokens }).unwrap());
    services.door.budget = Arc::new(budget);
    let budget = Arc::clone(&services.door.budget);
    (router(services), budget)
}

async fn call(app: &Router, token: &str, method: &str, path: &str, body: impl Into<Body>) -> Response {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn batch(app: &Router, token: &str, body: impl Into<Body>) -> Response {
    call(app, token, "POST", "/api/v1/samples:batch", body).await
}

async fn read(response: Response) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// The documented frame with this name.
fn frame(sample_id: &str) -> String {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["sample_id"] = sample_id.into();
    frame.to_string()
}

#[tokio::test]
async fn one_holder_has_one_batch_at_a_time_and_another_its_own() {
    let (app, budget) = server(Budget::usual());
    // The first two arrive at once. The first keeps its place until its rows are durable.
    let answers =
        join_all([batch(&app, "gw-1", frame("a")), batch(&app, "gw-1", frame("b")), batch(&app, "gw-2", frame("c"))])
            .await;
    let status: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(status, [200, 503, 200]);
    assert_eq!(answers[1].headers()["retry-after"], "1");
    assert_eq!((budget.held(Resource::Batches), budget.held(Resource::BodyBytes)), (0, 0));
    assert_eq!(read(batch(&app, "gw-1", frame("b")).await).await["persisted"], 1);
}

#[tokio::test]
async fn bodies_that_are_sent_slowly_take_bytes_and_no_place() {
    let share = Share { device: 1, holder: 128 * 1024, address: 1, all: 1024 * 1024 };
    let (app, budget) = server(Budget::usual().with(Resource::BodyBytes, share));
    let hanging: Vec<_> = (0..12)
        .map(|_| {
            let begun = futures_util::stream::iter([Ok::<_, std::io::Error>("{")]);
            let body = Body::from_stream(futures_util::StreamExt::chain(begun, futures_util::stream::pending()));
            let app = app.clone();
            tokio::spawn(async move { batch(&app, "gw-1", body).await.status() })
        })
        .collect();
    // Two requests hold the share of the holder; the others were refused.
    let mut refused = 0;
    for hanging in hanging {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        if hanging.is_finished() {
            assert_eq!(hanging.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
            refused += 1;
        } else {
            hanging.abort();
        }
    }
    assert_eq!(refused, 10);
    assert_eq!(read(batch(&app, "gw-2", frame("other")).await).await["persisted"], 1, "another gateway has its own");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(budget.held(Resource::BodyBytes), 0, "what was cut off gives its bytes back");
    assert_eq!(read(batch(&app, "gw-1", frame("same")).await).await["persisted"], 1);
}

#[tokio::test]
async fn a_viewer_has_sixteen_event_streams_and_another_its_own() {
    let (app, budget) = server(Budget::usual());
    let mut open = Vec::new();
    for _ in 0..16 {
        let stream = call(&app, "vera-1", "GET", "/api/v1/events", Body::empty()).await;
        assert_eq!(stream.status(), StatusCode::OK);
        open.push(stream);
    }
    let refused = call(&app, "vera-1", "GET", "/api/v1/events", Body::empty()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(read(refused).await["detail"].as_str().unwrap().contains("event streams"));
    let other = call(&app, "vera-2", "GET", "/api/v1/events", Body::empty()).await;
    assert_eq!((other.status(), budget.held(Resource::Streams)), (StatusCode::OK, 17));
    open.clear();
    assert_eq!(budget.held(Resource::Streams), 1);
    assert_eq!(call(&app, "vera-1", "GET", "/api/v1/events", Body::empty()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn large_answers_count_until_they_are_taken() {
    let frames = (0..30).map(|k| frame(&k.to_string())).collect::<Vec<_>>().join("\n");
    let share = Share { device: 1, holder: 400 * 1024, address: 1, all: 1024 * 1024 };
    let (app, budget) = server(Budget::usual().with(Resource::AnswerBytes, share));
    assert_eq!(read(batch(&app, "gw-1", frames).await).await["persisted"], 30);
    let page = async |token: &'static str| call(&app, token, "GET", "/api/v1/samples?limit=30", Body::empty()).await;
    let first = page("vera-1").await;
    assert_eq!(first.status(), StatusCode::OK);
    let held = budget.held(Resource::AnswerBytes);
    assert!(held > 16 * 1024, "{held}");
    let mut untaken = vec![first];
    let refused = loop {
        let next = page("vera-1").await;
        if next.status() != StatusCode::OK {
            break next;
        }
        untaken.push(next);
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(budget.held(Resource::AnswerBytes), held * u64::try_from(untaken.len()).unwrap());
    assert_eq!(page("vera-2").await.status(), StatusCode::OK, "another viewer is answered");
    // The bytes themselves hold the share, also while the last of them are being written.
    let bytes = untaken.remove(0).into_body().collect().await.unwrap().to_bytes();
    drop(untaken);
    assert_eq!(budget.held(Resource::AnswerBytes), held);
    let last = bytes.slice(bytes.len() - 1..);
    drop(bytes);
    assert_eq!(budget.held(Resource::AnswerBytes), held);
    drop(last);
    assert_eq!(budget.held(Resource::AnswerBytes), 0);
}
