//! Kept traces as messages of OTLP.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind as WireKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::OtlpResource;
use crate::context::{SpanId, TraceContext, TraceId};
use crate::held::{AttributeValue, FinishedSpan, FinishedTrace, SpanKind, SpanStatus};

/// The attribute of a root that counts the spans which were more than a trace may have.
const DROPPED: &str = "sqal.dropped_spans";

/// The flag of a context that its sender keeps.
const SAMPLED: u32 = 1;

/// The flag that says whether a parent is remote is known (`SpanFlags` of OTLP 1.1).
const REMOTE_IS_KNOWN: u32 = 0x100;

/// The flag of a span whose parent is in another process.
const IS_REMOTE: u32 = 0x200;

/// A span on its way to the collector.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) span: Span,
    /// Whether this is the last span of its trace.
    pub(super) ends_trace: bool,
}

impl Outgoing {
    /// The bytes of the span in a request.
    pub(super) fn bytes(&self) -> usize {
        self.span.encoded_len()
    }
}

/// The spans of a trace, in order.
pub(super) fn outgoing(trace: FinishedTrace) -> impl Iterator<Item = Outgoing> {
    let FinishedTrace { id, remote_parent, spans, dropped } = trace;
    let last = spans.len().saturating_sub(1);
    spans.into_iter().enumerate().map(move |(place, span)| {
        let mut span = message(id, remote_parent, span);
        if place == 0 && dropped > 0 {
            span.attributes.push(attribute(DROPPED, Value::IntValue(dropped.into())));
        }
        Outgoing { span, ends_trace: place == last }
    })
}

fn message(trace: TraceId, remote_parent: Option<SpanId>, span: FinishedSpan) -> Span {
    let (code, description) = match span.status {
        SpanStatus::Unset => (StatusCode::Unset, String::new()),
        SpanStatus::Error(description) => (StatusCode::Error, description),
    };
    Span {
        trace_id: bytes_of_trace(trace),
        span_id: bytes_of_span(span.id),
        parent_span_id: span.parent.map(bytes_of_span).unwrap_or_default(),
        flags: flags(span.parent.is_some() && span.parent == remote_parent),
        name: span.name.into_owned(),
        kind: kind(span.kind).into(),
        start_time_unix_nano: nanos(span.start),
        end_time_unix_nano: nanos(span.end),
        attributes: span.attributes.into_iter().map(|(name, given)| attribute(name, value(given))).collect(),
        links: span.links.into_iter().map(link).collect(),
        status: Some(Status { message: description, code: code.into() }),
        ..Span::default()
    }
}

/// The flags of a span: its trace is kept, and whether its parent is in another process.
const fn flags(is_remote: bool) -> u32 {
    SAMPLED | REMOTE_IS_KNOWN | if is_remote { IS_REMOTE } else { 0 }
}

fn link(context: TraceContext) -> Link {
    Link {
        trace_id: bytes_of_trace(context.trace),
        span_id: bytes_of_span(context.span),
        flags: if context.sampled { SAMPLED } else { 0 },
        ..Link::default()
    }
}

fn bytes_of_trace(id: TraceId) -> Vec<u8> {
    id.get().to_be_bytes().into()
}

fn bytes_of_span(id: SpanId) -> Vec<u8> {
    id.get().to_be_bytes().into()
}

const fn kind(kind: SpanKind) -> WireKind {
    match kind {
        SpanKind::Internal => WireKind::Internal,
        SpanKind::Server => WireKind::Server,
        SpanKind::Client => WireKind::Client,
        SpanKind::Producer => WireKind::Producer,
        SpanKind::Consumer => WireKind::Consumer,
    }
}

fn value(given: AttributeValue) -> Value {
    match given {
        AttributeValue::Text(text) => Value::StringValue(text),
        AttributeValue::Integer(number) => Value::IntValue(number),
        AttributeValue::Number(number) => Value::DoubleValue(number),
        AttributeValue::Flag(flag) => Value::BoolValue(flag),
    }
}

fn attribute(name: &str, value: Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

/// Nanoseconds since 1970; a time before it is 0, and one after 2554 is the greatest.
fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The attributes of a service.
pub(super) fn resource(resource: &OtlpResource) -> Resource {
    let attributes = resource.attributes().map(|(name, text)| attribute(name, Value::StringValue(text.to_owned())));
    Resource { attributes: attributes.collect(), ..Resource::default() }
}

/// The request that brings spans of a service to a collector, as bytes.
pub(super) fn request(resource: &Resource, spans: Vec<Span>) -> Bytes {
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let spans =
        ResourceSpans { resource: Some(resource.clone()), scope_spans: vec![spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec().into()
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    /// A trace with this number of spans: a root, and the others under it.
    pub(in crate::otlp) fn trace_of(spans: usize) -> FinishedTrace {
        let id = |place: usize| SpanId::new(u64::try_from(place).unwrap() + 1).unwrap();
        let span = |place: usize| FinishedSpan {
            id: id(place),
            parent: (place > 0).then(|| id(0)),
            name: "frame".into(),
            kind: SpanKind::Consumer,
            start: UNIX_EPOCH,
            end: UNIX_EPOCH + Duration::from_micros(1),
            attributes: Vec::new(),
            status: SpanStatus::Unset,
            links: Vec::new(),
        };
        let trace = TraceId::new(7).unwrap();
        FinishedTrace { id: trace, remote_parent: None, spans: (0..spans).map(span).collect(), dropped: 0 }
    }

    fn messages(trace: FinishedTrace) -> Vec<Span> {
        outgoing(trace).map(|outgoing| outgoing.span).collect()
    }

    #[test]
    fn ids_are_big_endian_and_the_parent_of_the_root_is_remote() {
        let mut trace = trace_of(2);
        trace.remote_parent = SpanId::new(0x0102);
        trace.spans[0].parent = trace.remote_parent;
        let spans = messages(trace);
        assert_eq!(spans[0].trace_id, [[0_u8; 15].as_slice(), &[7]].concat());
        assert_eq!(spans[0].parent_span_id, [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(spans[1].parent_span_id, spans[0].span_id);
        assert_eq!((spans[0].flags, spans[1].flags), (0x301, 0x101));
        let alone = messages(trace_of(1));
        assert_eq!((alone[0].parent_span_id.len(), alone[0].flags), (0, 0x101));
    }

    #[test]
    fn a_span_keeps_its_kind_times_attributes_status_and_links() {
        let mut trace = trace_of(1);
        let span = &mut trace.spans[0];
        span.attributes = vec![
            ("a", AttributeValue::Text("x".to_owned())),
            ("b", AttributeValue::Integer(-1)),
            ("c", AttributeValue::Number(0.5)),
            ("d", AttributeValue::Flag(true)),
        ];
        span.status = SpanStatus::Error("disk full".to_owned());
        span.links = vec![TraceContext::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap(), true)];
        trace.dropped = 3;
        let sent = &messages(trace)[0];
        assert_eq!((sent.name.as_str(), sent.kind()), ("frame", WireKind::Consumer));
        assert_eq!((sent.start_time_unix_nano, sent.end_time_unix_nano), (0, 1000));
        let expected = [
            attribute("a", Value::StringValue("x".to_owned())),
            attribute("b", Value::IntValue(-1)),
            attribute("c", Value::DoubleValue(0.5)),
            attribute("d", Value::BoolValue(true)),
            attribute(DROPPED, Value::IntValue(3)),
        ];
        assert_eq!(sent.attributes, expected);
        let status = sent.status.as_ref().unwrap();
        assert_eq!((status.code(), status.message.as_str()), (StatusCode::Error, "disk full"));
        assert_eq!((sent.links[0].span_id.last(), sent.links[0].flags), (Some(&2), SAMPLED));
    }

    #[test]
    fn the_last_span_of_a_trace_is_marked_and_no_other() {
        let ends: Vec<_> = outgoing(trace_of(3)).map(|outgoing| outgoing.ends_trace).collect();
        assert_eq!(ends, [false, false, true]);
    }

    #[test]
    fn a_request_names_the_service() {
        let service = resource(&OtlpResource::new("atmr-backend", "1.0").unwrap());
        let request = ExportTraceServiceRequest::decode(request(&service, messages(trace_of(2)))).unwrap();
        let sent = &request.resource_spans[0];
        assert_eq!(sent.scope_spans[0].spans.len(), 2);
        let name = attribute("service.name", Value::StringValue("atmr-backend".to_owned()));
        assert!(sent.resource.as_ref().unwrap().attributes.contains(&name));
    }

    #[test]
    fn a_time_outside_of_the_format_is_its_nearest() {
        assert_eq!(nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(nanos(UNIX_EPOCH + Duration::from_secs(u64::MAX / 1_000_000_000 + 1)), u64::MAX);
    }
}
