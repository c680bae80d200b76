//! What the metrics of requests keep: labels from sets that are known, whatever a client sends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use proptest::prelude::*;
use sqal_core::Timestamp;
use sqal_http::services::MetricsText;
use sqal_http::{Profile, Profiles, Services, router, routes};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tower::ServiceExt;

/// The methods that have a label of their own.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

fn app() -> Router {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let now = || Timestamp::from_micros(1_729_983_610_000_000).unwrap();
    let mut services = Services::new(store, writer, profiles, now);
    services.plant.metrics = Some(MetricsText::new(|| "up 1\n".to_owned()));
    router(services)
}

async fn ask(app: &Router, method: Method, path: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8000");
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

/// The labels of every series that a metric has now, and how often it was recorded.
fn series(snapshotter: &Snapshotter, name: &str) -> Vec<(BTreeMap<String, String>, u64)> {
    let all = snapshotter.snapshot().into_vec().into_iter().filter(|(key, ..)| key.key().name() == name);
    all.map(|(key, _, _, value)| {
        let labels = key.key().labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        let count = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(values) => values.len() as u64,
            DebugValue::Gauge(_) => 1,
        };
        (labels, count)
    })
    .collect()
}

/// Methods and paths as any client can send them.
fn requests() -> impl Strategy<Value = Vec<(Method, String)>> {
    let method = prop_oneof![
        "[A-Z]{1,12}".prop_map(|name| Method::from_bytes(name.as_bytes()).unwrap()),
        prop::sample::select(vec![Method::GET, Method::HEAD, Method::POST, Method::TRACE, Method::CONNECT]),
    ];
    let known: Vec<_> = routes().iter().map(|route| route.path.replace(['{', '}', '*'], "x")).collect();
    let path = prop_oneof!["(/[a-z0-9._~-]{0,12}){1,4}", prop::sample::select(known)];
    prop::collection::vec((method, path), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// MET-42: a client that invents paths and methods makes no series of its own: every label is
    /// a known method, the template of a route or `unknown`, and a status.
    #[test]
    fn met_42_no_client_can_make_series_without_end(requests in requests()) {
        let recorder = DebuggingRecorder::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        metrics::with_local_recorder(&recorder, || runtime.block_on(async {
            let app = app();
            for (method, path) in &requests {
                ask(&app, method.clone(), path).await;
            }
        }));
        let templates: BTreeSet<_> = routes().iter().map(|route| route.path).chain(["unknown"]).collect();
        let snapshotter = recorder.snapshotter();
        let mut counted = 0;
        for (labels, count) in series(&snapshotter, "http_requests_total") {
            counted += count;
            prop_assert_eq!(labels.keys().map(String::as_str).collect::<Vec<_>>(), ["endpoint", "method", "status"]);
            prop_assert!(METHODS.contains(&labels["method"].as_str()), "{labels:?}");
            prop_assert!(templates.contains(labels["endpoint"].as_str()), "{labels:?}");
            prop_assert!(labels["status"].parse::<u16>().is_ok_and(|status| (100..600).contains(&status)), "{labels:?}");
        }
        prop_assert_eq!(counted, requests.len() as u64);
    }
}

/// MET-02: the duration has the labels of the counter, so latency and errors of a route are read by
/// one query.
#[tokio::test]
async fn met_02_the_duration_has_the_status_of_the_answer() {
    let recorder = DebuggingRecorder::new();
    let recording = metrics::set_default_local_recorder(&recorder);
    let app = app();
    for (path, status) in [("/health", 200), ("/health", 200), ("/api/v1/samples/latest", 404), ("/none", 404)] {
        assert_eq!(ask(&app, Method::GET, path).await.as_u16(), status, "{path}");
    }
    drop(recording);
    let snapshotter = recorder.snapshotter();
    let of = |[method, endpoint, status]: [&str; 3]| {
        let labels = [("method", method), ("endpoint", endpoint), ("status", status)];
        BTreeMap::from(labels.map(|(name, value)| (name.to_owned(), value.to_owned())))
    };
    let wanted = [
        (of(["GET", "/health", "200"]), 2),
        (of(["GET", "/api/v1/samples/latest", "404"]), 1),
        (of(["GET", "unknown", "404"]), 1),
    ];
    assert_eq!(series(&snapshotter, "http_request_duration_seconds"), wanted);
}

/// The statuses of a route that succeeds, which its series begin with, are those that it answers.
#[test]
fn a_route_names_the_statuses_of_its_good_answers() {
    for route in routes() {
        let (path, status) = route.calls.good;
        let known = route.succeeds_with();
        assert!(!known.is_empty() && known.iter().all(|status| *status < 300), "{} {}", route.method, route.path);
        if status < 300 {
            assert!(known.contains(&status), "{path} answers {status}, and not one of {known:?}");
        }
    }
}

/// C-06: the path of the second documented convention answers as the canonical path does.
#[tokio::test]
async fn c_06_the_metrics_have_an_alias() {
    let app = app();
    for path in ["/metrics", "/prometheus/metrics-http"] {
        assert_eq!(ask(&app, Method::GET, path).await, StatusCode::OK, "{path}");
    }
}
