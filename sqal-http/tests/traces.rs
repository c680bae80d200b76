//! Traces through requests, frames, commits, queries, live pages and jobs, over a SQLite store.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::request::Builder;
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_http::{Profile, Profiles, Services, router};
use sqal_resilience::{Shutdown, ShutdownConfig};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{BatchWriter, SqliteStore, WriterConfig};
use sqal_telemetry::held::{
    AttributeValue, FinishedSpan, FinishedTrace, HeadSampling, HeldTraces, SpanKind, SpanStatus, TraceSink,
};
use sqal_telemetry::{SpanId, TraceContext, TraceId};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tower::ServiceExt;
use tracing_subscriber::prelude::*;

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

const PROFILE: &str = "foiegras_standard_barquette";

/// The traces of the process. The subscriber is that of the process, because SQLite's driver emits
/// its queries in threads of its own; each test has trace ids of its own.
struct Kept {
    traces: Mutex<Vec<FinishedTrace>>,
    count: watch::Sender<usize>,
}

impl TraceSink for Kept {
    fn take(&self, trace: FinishedTrace) {
        self.traces.lock().unwrap().push(trace);
        self.count.send_modify(|count| *count += 1);
    }
}

fn kept() -> &'static Kept {
    static KEPT: OnceLock<Arc<Kept>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let kept = Arc::new(Kept { traces: Mutex::default(), count: watch::Sender::new(0) });
        let random = || RandomState::new().build_hasher().finish();
        let held = HeldTraces::new(kept.clone(), HeadSampling::Always, &["sqal"], random);
        tracing_subscriber::registry().with(held.layer()).init();
        kept
    })
}

/// Waits until the traces that are selected are enough.
async fn traces(
    select: impl Fn(&FinishedTrace) -> bool,
    are_enough: impl Fn(&[FinishedTrace]) -> bool,
) -> Vec<FinishedTrace> {
    let kept = kept();
    let selected = || kept.traces.lock().unwrap().iter().filter(|trace| select(trace)).cloned().collect::<Vec<_>>();
    let mut changes = kept.count.subscribe();
    let waiting = async {
        loop {
            let traces = selected();
            if are_enough(&traces) {
                return traces;
            }
            changes.changed().await.unwrap();
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    waited.unwrap_or_else(|_| panic!("not enough: {:?}", selected()))
}

/// The spans of local traces. The parent of a root is the remote one.
fn spans_of(traces: &[FinishedTrace]) -> Vec<FinishedSpan> {
    let spans = traces.iter().flat_map(|trace| {
        let mut spans = trace.spans.clone();
        spans[0].parent = trace.remote_parent;
        spans
    });
    spans.collect()
}

/// Waits until a trace has this number of spans of a name, and gives all its spans.
async fn spans(trace: TraceId, name: &str, number: usize) -> Vec<FinishedSpan> {
    let of_trace = |one: &FinishedTrace| one.id == trace;
    let are_enough = |traces: &[FinishedTrace]| all(&spans_of(traces), name).len() >= number;
    spans_of(&traces(of_trace, are_enough).await)
}

fn all<'a>(spans: &'a [FinishedSpan], name: &str) -> Vec<&'a FinishedSpan> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn one<'a>(spans: &'a [FinishedSpan], name: &str) -> &'a FinishedSpan {
    let found = all(spans, name);
    assert_eq!(found.len(), 1, "one span {name:?}: {spans:?}");
    found[0]
}

/// The queries under a span.
fn queries(spans: &[FinishedSpan], parent: SpanId) -> Vec<&FinishedSpan> {
    let is_query = |span: &&FinishedSpan| span.parent == Some(parent) && value(span, "db.query.text").is_some();
    spans.iter().filter(is_query).collect()
}

fn value<'a>(span: &'a FinishedSpan, name: &str) -> Option<&'a AttributeValue> {
    span.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The text of an attribute; empty if it has none.
fn text<'a>(span: &'a FinishedSpan, name: &str) -> &'a str {
    match value(span, name) {
        Some(AttributeValue::Text(text)) => text,
        _ => "",
    }
}

fn status(span: &FinishedSpan) -> Option<i64> {
    match value(span, "http.response.status_code") {
        Some(AttributeValue::Integer(status)) => Some(*status),
        _ => None,
    }
}

/// The place of a caller in a trace of its own, which is sampled.
fn caller(number: u32) -> TraceContext {
    let (trace, span) = ((u128::from(number) << 64) | 0xabc, u64::from(number));
    TraceContext::new(TraceId::new(trace).unwrap(), SpanId::new(span).unwrap(), true)
}

/// A caller whose trace is kept only if it fails.
fn unsampled(number: u32) -> TraceContext {
    let TraceContext { trace, span, .. } = caller(number);
    TraceContext::new(trace, span, false)
}

/// A server over a SQLite store.
struct Line {
    address: SocketAddr,
    app: Router,
    _folder: tempfile::TempDir,
}

impl Line {
    async fn new(adjust: impl FnOnce(Services) -> Services) -> Self {
        kept();
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&SqliteConfig::at(folder.path().join("samples.db"))).await.unwrap());
        let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
        let profiles = Profiles::new([(PROFILE.parse().unwrap(), Profile::example())]).unwrap();
        let now = || Timestamp::from_micros(NOW).unwrap();
        let mut services = Services::new(store.clone(), writer, profiles, now);
        services.storage.queue = store.clone();
        services.storage.register = Some(store);
        let app = router(adjust(services));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = app.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, served).into_future());
        Self { address, app, _folder: folder }
    }

    async fn ask(&self, request: Builder, body: String) -> Response {
        let request = request.header("host", "127.0.0.1:8000").body(Body::from(body)).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str, caller: TraceContext) -> Response {
        self.ask(Request::get(path).header("traceparent", caller.to_string()), String::new()).await
    }

    async fn device(&self, fields: &[(&'static str, &str)]) -> Device {
        let mut request = format!("ws://{}/ws/sensors", self.address).into_client_request().unwrap();
        for (name, value) in fields {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Device(connect_async(request).await.unwrap().0)
    }
}

struct Device(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Device {
    async fn ask(&mut self, text: String) -> Value {
        self.0.send(Message::text(text)).await.unwrap();
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// The documented frame with this name, in the trace of this device.
fn frame(name: &str, device: TraceContext) -> Value {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    (frame["sample_id"], frame["traceparent"]) = (json!(name), json!(device.to_string()));
    frame
}

#[tokio::test]
async fn a_frame_is_one_trace_from_its_device_through_the_commit_to_the_live_page() {
    let line = Line::new(|services| services).await;
    // A stream of events and a connection stay open, and their requests have ended.
    let page = line.get("/api/v1/events", caller(1)).await;
    let watching = spans(caller(1).trace, "GET /api/v1/events", 1).await;
    assert_eq!((page.status().as_u16(), status(&watching[0])), (200, Some(200)));
    let connecting = caller(2).to_string();
    let mut device = line.device(&[("traceparent", connecting.as_str())]).await;
    let connected = spans(caller(2).trace, "GET /ws/sensors", 1).await;
    assert_eq!(status(&connected[0]), Some(101), "{connected:?}");

    let answer = device.ask(frame("S-1", caller(3)).to_string()).await;
    assert_eq!((&answer["status"], &answer["notes"]), (&json!("persisted"), &Value::Null), "{answer}");
    let spans = spans(caller(3).trace, "commit", 1).await;
    let frame = one(&spans, "frame");
    assert_eq!((frame.parent, frame.kind), (Some(caller(3).span), SpanKind::Consumer));
    assert_eq!((text(frame, "messaging.system"), &frame.status), ("websocket", &SpanStatus::Unset));
    for (name, kind) in [("judge", SpanKind::Internal), ("store", SpanKind::Internal), ("publish", SpanKind::Producer)]
    {
        let span = one(&spans, name);
        assert_eq!((span.parent, span.kind), (Some(frame.id), kind), "{name}");
    }
    let commit = one(&spans, "commit");
    assert_eq!((commit.parent, commit.kind), (Some(one(&spans, "store").id), SpanKind::Client));
    assert_eq!(value(commit, "db.operation.batch.size"), Some(&AttributeValue::Integer(1)));
    let written = queries(&spans, commit.id);
    assert!(written.iter().any(|query| query.name == "INSERT"), "{spans:?}");
    for query in written {
        assert_eq!(query.kind, SpanKind::Client);
        assert!(!text(query, "db.query.text").contains("ESP32_SIM_1234"), "a statement has no values: {query:?}");
    }
    drop(page);
}

#[tokio::test]
async fn a_frame_in_a_cloud_event_is_in_the_trace_of_its_event() {
    let line = Line::new(|services| services).await;
    let mut data = frame("S-2", caller(4));
    data.as_object_mut().unwrap().remove("traceparent");
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "sqal.sensor_data",
        "traceparent": caller(4).to_string(), "data": data,
    });
    let mut device = line.device(&[("sec-websocket-protocol", "cloudevents.json")]).await;
    let answer = device.ask(event.to_string()).await;
    assert_eq!(answer["data"]["status"], "persisted", "{answer}");
    let spans = spans(caller(4).trace, "frame", 1).await;
    assert_eq!(one(&spans, "frame").parent, Some(caller(4).span));
}

#[tokio::test]
async fn a_sampled_frame_says_why_the_server_cannot_take_it_and_any_other_is_not_followed() {
    let line = Line::new(|services| services).await;
    let mut device = line.device(&[]).await;
    let mut wrong = frame("S-3", unsampled(5));
    wrong["vl53l8ch"]["distance_matrix"] = json!([]);
    assert_eq!(device.ask(wrong.to_string()).await["problem"]["status"], 400);
    let mut unknown = frame("S-3", caller(6));
    unknown["meta"]["config_profile"] = json!("mistyped");
    assert_eq!(device.ask(unknown.to_string()).await["problem"]["status"], 503);
    let spans = spans(caller(6).trace, "frame", 1).await;
    let frame = one(&spans, "frame");
    assert!(matches!(frame.status, SpanStatus::Error(_)), "{frame:?}");
    assert_eq!(text(frame, "sqal.problem"), "/problems/profile-unknown-here");
    // The earlier frame has ended before.
    let earlier = traces(|trace| trace.id == caller(5).trace, |_| true).await;
    assert!(earlier.is_empty(), "{earlier:?}");
}

#[tokio::test]
async fn a_request_is_a_span_by_its_route_with_its_queries_and_without_its_names() {
    let line = Line::new(|services| services).await;
    let call = Request::get("/api/v1/samples?device_id=SECRET-1&limit=3").header("user-agent", "SECRET-2");
    let call = call.header("traceparent", caller(7).to_string());
    assert_eq!(line.ask(call, String::new()).await.status(), 200);
    let listed = spans(caller(7).trace, "GET /api/v1/samples", 1).await;
    let request = one(&listed, "GET /api/v1/samples");
    assert_eq!((request.parent, request.kind), (Some(caller(7).span), SpanKind::Server));
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.route", "/api/v1/samples"),
        ("url.path", "/api/v1/samples"),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(text(request, name), expected, "{name}");
    }
    assert_eq!((status(request), &request.status), (Some(200), &SpanStatus::Unset));
    assert!(queries(&listed, request.id).iter().any(|query| query.name == "SELECT"), "{listed:?}");

    line.get("/api/v1/devices/SECRET-3/calibrations", caller(8)).await;
    let calibrations = spans(caller(8).trace, "GET /api/v1/devices/{device_id}/calibrations", 1).await;
    line.get("/SECRET-4", caller(9)).await;
    let unknown = spans(caller(9).trace, "GET", 1).await;
    assert_eq!((status(&unknown[0]), value(&unknown[0], "http.route")), (Some(404), None));
    assert_eq!(unknown[0].status, SpanStatus::Unset, "a fault of the client");
    let brew =
        Request::builder().method("SECRET5").uri("/api/v1/samples").header("traceparent", caller(10).to_string());
    line.ask(brew, String::new()).await;
    let other = spans(caller(10).trace, "HTTP /api/v1/samples", 1).await;
    assert_eq!(text(&other[0], "http.request.method"), "_OTHER");
    let shown = format!("{listed:?} {calibrations:?} {unknown:?} {other:?}");
    assert!(!shown.contains("SECRET"), "{shown}");
}

#[tokio::test]
async fn a_request_whose_traceparent_is_not_valid_begins_a_trace_of_its_own() {
    let line = Line::new(|services| services).await;
    let calls = [
        vec![String::new()],
        vec!["00-SECRET".to_owned()],
        vec![caller(11).to_string().to_uppercase()],
        vec!["0".repeat(10 * 1024)],
        vec![caller(11).to_string(), caller(12).to_string()],
        vec![],
    ];
    for fields in &calls {
        let call = fields.iter().fold(Request::get("/health/live"), |call, field| call.header("traceparent", field));
        assert_eq!(line.ask(call, String::new()).await.status(), 200);
    }
    // No other test of this file asks for this route.
    let is_probe = |trace: &FinishedTrace| text(&trace.spans[0], "http.route") == "/health/live";
    let probes = traces(is_probe, |probes| probes.len() >= calls.len()).await;
    assert_eq!(probes.len(), calls.len());
    assert!(probes.iter().all(|trace| trace.remote_parent.is_none()), "{probes:?}");
    assert_eq!(probes.iter().map(|trace| trace.id).collect::<HashSet<_>>().len(), calls.len());
    assert!(!format!("{probes:?}").contains("SECRET"), "{probes:?}");
}

#[tokio::test]
async fn rows_of_a_batch_are_parts_of_their_request_and_linked_to_the_traces_of_their_devices() {
    let line = Line::new(|services| services).await;
    let rows = format!("{}\n{}\nbroken\n", frame("S-4", caller(14)), frame("S-5", caller(15)));
    let call = Request::post("/api/v1/samples:batch").header("traceparent", caller(13).to_string());
    assert_eq!(line.ask(call, rows).await.status(), 200);
    let spans = spans(caller(13).trace, "commit", 2).await;
    let request = one(&spans, "POST /api/v1/samples:batch");
    let rows = all(&spans, "frame");
    assert!(rows.iter().all(|row| row.parent == Some(request.id) && row.status == SpanStatus::Unset), "{rows:?}");
    let links: Vec<_> = rows.iter().map(|row| row.links.clone()).collect();
    assert_eq!(links, [vec![caller(14)], vec![caller(15)], vec![]]);
    assert_eq!(text(rows[2], "sqal.problem"), "/problems/invalid-frame");
    let stores: HashSet<_> = all(&spans, "store").iter().map(|store| store.id).collect();
    let commits: HashSet<_> = all(&spans, "commit").iter().filter_map(|commit| commit.parent).collect();
    assert_eq!((stores.len(), stores), (2, commits), "each row has its commit");
}

#[tokio::test]
async fn a_job_runs_in_the_trace_of_the_request_that_has_begun_it() {
    let line = Line::new(|services| services).await;
    let mut tried = serde_json::to_value(Profile::example()).unwrap();
    tried["version"] = json!(2);
    let job = json!({
        "kind": "dry_run", "name": PROFILE, "profile": tried,
        "span": { "from": "2024-10-26T22:59:00Z", "until": "2024-10-26T23:00:00Z" },
    });
    let call = Request::post("/api/v1/jobs").header("traceparent", caller(16).to_string());
    assert_eq!(line.ask(call, job.to_string()).await.status(), 202);
    let spans = spans(caller(16).trace, "job", 1).await;
    let (request, job) = (one(&spans, "POST /api/v1/jobs"), one(&spans, "job"));
    assert_eq!(request.parent, Some(caller(16).span));
    assert!(!queries(&spans, request.id).is_empty(), "{spans:?}");
    assert_eq!((job.parent, job.kind, &job.status), (Some(request.id), SpanKind::Consumer, &SpanStatus::Unset));
    assert_eq!(text(job, "sqal.job.kind"), "dry_run");
    assert!(!queries(&spans, job.id).is_empty(), "{spans:?}");
}

#[tokio::test]
async fn a_request_that_the_ending_server_refuses_is_kept_as_an_error() {
    let shutdown = Shutdown::new(ShutdownConfig::default());
    let line = Line::new(|services| services.ending_with(&shutdown)).await;
    shutdown.begin("test");
    assert_eq!(line.get("/api/v1/samples", unsampled(17)).await.status(), 503);
    let spans = spans(caller(17).trace, "GET /api/v1/samples", 1).await;
    assert_eq!((status(&spans[0]), text(&spans[0], "error.type")), (Some(503), "503"));
    assert!(matches!(spans[0].status, SpanStatus::Error(_)), "{spans:?}");
    assert_eq!(text(&spans[0], "sqal.kept"), "error");
}
