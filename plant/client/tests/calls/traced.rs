//! A request is a span, and each of its attempts names the trace to the server.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use sqal_telemetry::held::{
    AttributeValue, FinishedSpan, FinishedTrace, HeadSampling, HeldTraces, SpanKind, SpanStatus, TraceSink,
};
use tracing::{Instrument, debug_span};
use tracing_subscriber::prelude::*;

use crate::server::{Server, status};
use crate::{at, destination};

/// The traces of a test.
#[derive(Default)]
struct Kept(Mutex<Vec<FinishedTrace>>);

impl TraceSink for Kept {
    fn take(&self, trace: FinishedTrace) {
        self.0.lock().unwrap().push(trace);
    }
}

impl Kept {
    /// Keeps every trace of this thread until the guard is dropped.
    fn begin(self: &Arc<Self>) -> impl Sized {
        let random = || RandomState::new().build_hasher().finish();
        let held = HeldTraces::new(self.clone(), HeadSampling::Always, &["sqal", "calls"], random);
        tracing_subscriber::registry().with(held.layer()).set_default()
    }

    /// The only request of the only trace, and the trace.
    fn request(&self) -> (FinishedTrace, FinishedSpan) {
        let traces = self.0.lock().unwrap().clone();
        let [trace] = &traces[..] else { panic!("one trace, and not {traces:?}") };
        let mut requests = trace.spans.iter().filter(|span| span.name == "outgoing request");
        let request = requests.next().unwrap().clone();
        assert_eq!(requests.next(), None);
        (trace.clone(), request)
    }
}

fn value<'a>(span: &'a FinishedSpan, name: &str) -> Option<&'a AttributeValue> {
    span.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

/// The `traceparent` fields of a request.
fn named(request: &str) -> Vec<&str> {
    request.lines().filter_map(|line| line.strip_prefix("traceparent: ")).collect()
}

#[tokio::test]
async fn every_attempt_names_the_span_of_its_request() {
    let kept = Arc::new(Kept::default());
    let tracing = kept.begin();
    let server = Server::new([status(503, ""), status(200, "")]).await;
    let work = async {
        let answer = destination(at(server.address)).get("/hooks/secret-in-path?token=secret-in-query").await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    work.instrument(debug_span!("work")).await;
    drop(tracing);
    let (trace, request) = kept.request();
    assert_eq!((request.parent, request.kind), (Some(trace.spans[0].id), SpanKind::Client));
    assert_eq!(request.status, SpanStatus::Unset);
    let port = AttributeValue::Integer(server.address.port().into());
    for (name, expected) in [
        ("http.request.method", text("GET")),
        ("server.address", text("127.0.0.1")),
        ("server.port", port),
        ("sqal.destination", text("other")),
        ("http.response.status_code", AttributeValue::Integer(200)),
        ("http.request.resend_count", AttributeValue::Integer(1)),
    ] {
        assert_eq!(value(&request, name), Some(&expected), "{name}");
    }
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
    let context = format!("00-{}-{}-01", trace.id, request.id);
    let sent = server.requests();
    assert_eq!(sent.iter().map(|request| named(request)).collect::<Vec<_>>(), [[&*context], [&*context]]);
}

#[tokio::test]
async fn a_request_that_names_a_trace_keeps_it() {
    let kept = Arc::new(Kept::default());
    let _tracing = kept.begin();
    let server = Server::new([status(200, "")]).await;
    let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let request = Request::get("/").header("traceparent", own).body(Bytes::new()).unwrap();
    destination(at(server.address)).send(request).await.unwrap();
    assert_eq!(named(&server.requests()[0]), [own]);
}

#[tokio::test]
async fn a_request_in_no_trace_names_none() {
    let server = Server::new([status(200, "")]).await;
    destination(at(server.address)).get("/").await.unwrap();
    assert_eq!(named(&server.requests()[0]), Vec::<&str>::new());
}

#[tokio::test]
async fn a_request_without_a_good_answer_is_an_error() {
    for (code, kind) in [(Some(404), "404"), (Some(500), "500"), (None, "not_sent")] {
        let kept = Arc::new(Kept::default());
        let tracing = kept.begin();
        let server = Server::new([status(code.unwrap_or(200), "")]).await;
        // Nothing listens on the first port.
        let address = if code.is_some() { server.address } else { "127.0.0.1:1".parse().unwrap() };
        let mut config = at(address);
        config.retries.max_retries = 0;
        let result = destination(config).get("/").await;
        assert_eq!(result.ok().map(|answer| answer.status().as_u16()), code);
        drop(tracing);
        let (_, request) = kept.request();
        assert_eq!(value(&request, "error.type"), Some(&text(kind)));
        assert!(matches!(request.status, SpanStatus::Error(_)), "{request:?}");
        let answered = value(&request, "http.response.status_code");
        assert_eq!(answered, code.map(|code| AttributeValue::Integer(code.into())).as_ref());
    }
}
