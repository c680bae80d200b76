//! The span of an outgoing request, and the `traceparent` by which its server continues the trace.
//!
//! The span has the names of OpenTelemetry's conventions for HTTP clients. It has no path and no
//! query, because the address of a webhook may hold a secret in both.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use sqal_telemetry::TraceContext;
use tracing::{Span, debug_span, field};

use super::meter::outcome;
use super::{Origin, SendError};

/// The span of a request to a destination with all its attempts.
pub(super) fn begun(destination: &'static str, origin: &Origin, request: &Request<Bytes>) -> Span {
    debug_span!(
        "outgoing request",
        otel.kind = "client",
        http.request.method = request.method().as_str(),
        server.address = origin.host(),
        server.port = origin.port(),
        sqal.destination = destination,
        http.request.resend_count = field::Empty,
        http.response.status_code = field::Empty,
        "error.type" = field::Empty,
        otel.status_code = field::Empty,
    )
}

/// Adds the context of a span to a request. A request that names a trace keeps it, and without a
/// trace nothing is added.
pub(super) fn inject(span: &Span, headers: &mut HeaderMap) {
    if headers.contains_key(TraceContext::HEADER) {
        return;
    }
    let context = sqal_telemetry::context_of(span);
    if let Some(Ok(context)) = context.map(|context| HeaderValue::try_from(context.to_string())) {
        // A request without room for one more field is sent without its trace.
        let _ = headers.try_insert(TraceContext::HEADER, context);
    }
}

/// Records in the current span that another attempt follows this one (counted from 1).
pub(super) fn resent(attempt: u32) {
    Span::current().record("http.request.resend_count", attempt);
}

/// Records how a request ended. A status of 400 or above is an error of the request.
pub(super) fn ended(span: &Span, result: &Result<Response<Bytes>, SendError>) {
    let status = result.as_ref().ok().map(Response::status);
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
    }
    if status.is_none_or(|status| status.as_u16() >= 400) {
        span.record("error.type", status.as_ref().map_or_else(|| outcome(result), StatusCode::as_str));
        span.record("otel.status_code", "ERROR");
    }
}
