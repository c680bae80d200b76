//! Dead letters are replayed in few commits, however many there are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_http::{DeadLetters, FrameLimits, Intake, Profile, Profiles, Services, router};
use sqal_resilience::SystemClock;
use sqal_storage::{BatchWriter, MemoryStore, MeteredStore, WriterConfig};
use tower::ServiceExt;

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

/// A server that accepts what was measured from `not_before` on, with the dead letters of another
/// server.
fn server(letters: &Arc<DeadLetters>, not_before: i64) -> Router {
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    let store = Arc::new(MeteredStore::new(MemoryStore::new(), SystemClock));
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = || Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let mut services = Services::new(store, writer, profiles(), move || at(NOW));
    let mut limits = FrameLimits::default();
    limits.not_before = at(not_before);
    services.line.intake = Arc::new(Intake::new(profiles(), limits, Arc::new(move || at(NOW)), Arc::new(SystemClock)));
    services.line.dead_letters = Arc::clone(letters);
    router(services)
}

async fn post(app: &Router, path: &str, body: String) -> Value {
    let request = Request::post(path).header("host", "127.0.0.1:8000").body(Body::from(body)).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_hundred_letters_are_replayed_in_a_few_commits() {
    let letters = Arc::new(DeadLetters::default());
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    let batch = (0..100).fold(String::new(), |mut batch, k| {
        frame["sample_id"] = format!("S{k}").into();
        writeln!(batch, "{frame}").unwrap();
        batch
    });
    let refused = post(&server(&letters, NOW), "/api/v1/samples:batch", batch).await;
    assert_eq!(refused["rejected"], 100, "{refused}");
    assert_eq!(letters.newest(1000).len(), 100);

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let recording = metrics::set_default_local_recorder(&recorder);
    let replayed = post(&server(&letters, 0), "/api/v1/dead-letters:replay", String::new()).await;
    drop(recording);
    assert_eq!(replayed, json!({ "taken": 100, "refused": 0 }));
    assert_eq!(letters.newest(1000).len(), 0);
    let commits: usize = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().labels().any(|label| label.value() == "insert"))
        .map(|(_, _, _, value)| match value {
            DebugValue::Histogram(times) => times.len(),
            _ => 0,
        })
        .sum();
    assert!((1..=10).contains(&commits), "{commits} commits");
}
