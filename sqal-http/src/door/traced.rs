//! The span of each request, from its head to the head of its answer.
//!
//! The span has the names of OpenTelemetry's conventions for HTTP servers. It holds the route and
//! not the path, because a path may name a person. It holds no query, no header field and no
//! address for the same reason.

use std::borrow::Cow;
use std::fmt;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span, debug_span, field};

/// The methods that the specifications of HTTP have. A client can invent any number of others.
static KNOWN: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// Answers a request within a span of its own, which belongs to the trace that the request names.
///
/// A stream of events or a WebSocket goes on after the head of its answer. It does not hold the
/// span open.
pub(crate) async fn traced(request: Request, next: Next) -> Response {
    let span = begun(&request);
    let response = next.run(request).instrument(span.clone()).await;
    answered(&span, response.status());
    response
}

fn begun(request: &Request) -> Span {
    let method = KNOWN.iter().find(|known| *known == request.method()).map_or("_OTHER", Method::as_str);
    // If a router is nested as a service, its page answers under the prefix with and without a
    // slash at the end. Both are one route.
    let route = request.extensions().get::<MatchedPath>().map(|route| match route.as_str() {
        route if route.contains("//") => Cow::Owned(route.replace("//", "/")),
        route => Cow::Borrowed(route),
    });
    let route = route.as_deref();
    debug_span!(
        "http request",
        otel.name = %Title { method, route },
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        url.path = route,
        network.protocol.version = version(request.version()),
        http.response.status_code = field::Empty,
        "error.type" = field::Empty,
        otel.status_code = field::Empty,
        traceparent = traceparent(request.headers()),
    )
}

/// Records how a request was answered. The fault of a client is no error of the server.
fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", u64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
}

/// The trace that a request names. A request that names several names none that is valid (W3C Trace
/// Context, 3.2).
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let mut named = headers.get_all("traceparent").iter();
    let first = named.next()?;
    Some(if named.next().is_none() { first.to_str().unwrap_or("not ASCII") } else { "more than one" })
}

/// The version of HTTP, as the conventions write it; `None` for a version that they do not know.
fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// The name of a span: the method and the route, or the method alone.
struct Title<'a> {
    method: &'a str,
    route: Option<&'a str>,
}

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = if self.method == "_OTHER" { "HTTP" } else { self.method };
        match self.route {
            Some(route) => write!(f, "{method} {route}"),
            None => f.write_str(method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_trace_or_none() {
        let named = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("traceparent", axum::http::HeaderValue::from_bytes(value).unwrap());
            }
            traceparent(&headers).map(str::to_owned)
        };
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[b"00-any-text"]).as_deref(), Some("00-any-text"));
        assert_eq!(named(&[b"00-a", b"00-b"]).as_deref(), Some("more than one"));
        assert_eq!(named(&[b"\xe9"]).as_deref(), Some("not ASCII"));
    }

    #[test]
    fn a_span_is_named_by_method_and_route() {
        let name = |method, route| Title { method, route }.to_string();
        assert_eq!(name("GET", Some("/api/v1/samples/{id}")), "GET /api/v1/samples/{id}");
        assert_eq!((name("POST", None), name("_OTHER", None)), ("POST".to_owned(), "HTTP".to_owned()));
    }
}
