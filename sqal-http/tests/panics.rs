//! A panic in a request, in whatever task, is answered as a 500, and the next request is served.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use sqal_core::Timestamp;
use sqal_http::{Profile, Profiles, Services, router};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tower::ServiceExt;

/// The number of calls of the wall clock until it panics.
type Fuse = Arc<AtomicU32>;

const NEVER: u32 = u32::MAX;

/// A server whose wall clock panics once the calls of its fuse are used up.
fn server() -> (Router, Fuse) {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let fuse = Fuse::new(AtomicU32::new(NEVER));
    let burning = Arc::clone(&fuse);
    let now = move || {
        match burning.load(Ordering::SeqCst) {
            NEVER => {}
            0 => panic!("the fuse has burnt down"),
            left => burning.store(left - 1, Ordering::SeqCst),
        }
        // Ten seconds after the documented frame was measured.
        Timestamp::from_micros(1_729_983_610_000_000).unwrap()
    };
    (router(Services::new(store, writer, profiles, now)), fuse)
}

async fn post(app: &Router, path: &str, key: Option<&str>, body: &str) -> (u16, Value) {
    let mut request = Request::post(path).header("host", "127.0.0.1:8000");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

#[tokio::test]
async fn a_panic_is_a_500_and_no_client_is_told_that_the_server_ends() {
    let (app, fuse) = server();
    // A frame that stays wrong is kept as a dead letter, so that a replay has something to judge.
    let mut early: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    early["timestamp"] = "2019-01-01T00:00:00Z".into();
    assert_eq!(post(&app, "/api/v1/samples:batch", None, &early.to_string()).await.1["rejected"], 1);
    let frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    let frame = frame.to_string();
    assert_eq!(post(&app, "/api/v1/dead-letters:replay", Some("before"), "").await.0, 200);
    for (path, key, body) in [
        ("/api/v1/samples:batch", None, frame.as_str()),
        ("/api/v1/dead-letters:replay", None, ""),
        ("/api/v1/dead-letters:replay", Some("k"), ""),
    ] {
        // The gate reads the clock first, and then the work behind it. A panic at the first reading
        // breaks the gate itself.
        for calls in [0, 1] {
            fuse.store(calls, Ordering::SeqCst);
            let (status, problem) = post(&app, path, key, body).await;
            assert_eq!((status, problem["type"].as_str()), (500, Some("/problems/broken-off")), "{path} {calls}");
            fuse.store(NEVER, Ordering::SeqCst);
        }
        // The next request is served. A key gets the answer that it had, because the work may have
        // been done in part.
        assert_eq!(post(&app, path, key, body).await.0, if key.is_some() { 500 } else { 200 }, "{path}");
    }
}
