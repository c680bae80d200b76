//! Counts the database queries of each request, to find loops that should be one query, and sums
//! them up by endpoint.
//!
//! Requirements DBP-01 to DBP-04.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use sqal_storage::queries::{QueryProfiler, QueryReport, QueryScope};
use tracing::{Instrument, debug, warn};

/// Whether queries are counted, and whether responses state the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profiling {
    /// Whether queries are counted: `ENABLE_DB_PROFILING`.
    pub enabled: bool,
    /// Whether responses have the headers `X-DB-Query-Count`, `X-DB-Total-Time-Ms` and
    /// `Server-Timing`: `DB_PROFILING_HEADERS`.
    pub headers: bool,
}

/// Counts the database queries of one request, and records them under its endpoint. The writer's
/// queries serve several requests at once, and are not counted.
pub(crate) async fn count(with_headers: bool, profiler: Arc<QueryProfiler>, request: Request, next: Next) -> Response {
    let endpoint = endpoint(&request);
    let scope = QueryScope::begin();
    let mut response = next.run(request).instrument(scope.span().clone()).await;
    let report = scope.report();
    profiler.record(&endpoint, &report);
    if report.repeated().next().is_none() {
        debug!(%endpoint, %report, "queries");
    } else {
        warn!(%endpoint, %report, "repeated queries: a loop that should be one query?");
    }
    if with_headers {
        say(&report, response.headers_mut());
    }
    response
}

/// The method and the template of the path: one of a known set, whatever a client sends.
fn endpoint(request: &Request) -> String {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let method = known.iter().find(|known| *known == request.method()).map_or("other", Method::as_str);
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    format!("{method} {path}")
}

/// Says how many queries there were and how long they took, in the documented fields and in
/// `Server-Timing`, which browsers show.
fn say(report: &QueryReport, headers: &mut HeaderMap) {
    let millis = millis(report.time);
    let timing = format!("db;dur={millis};desc=\"{} queries\"", report.queries);
    headers.insert(HeaderName::from_static("x-db-query-count"), HeaderValue::from(report.queries));
    if let Ok(millis) = HeaderValue::try_from(millis) {
        headers.insert(HeaderName::from_static("x-db-total-time-ms"), millis);
    }
    if let Ok(timing) = HeaderValue::try_from(timing) {
        headers.append(HeaderName::from_static("server-timing"), timing);
    }
}

/// A duration in milliseconds, to the microsecond.
fn millis(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn an_endpoint_is_one_of_a_known_set() {
        for (method, shown) in [("GET", "GET unknown"), ("HEAD", "HEAD unknown"), ("INVENTED", "other unknown")] {
            let request = axum::http::Request::builder().method(method).uri("/any/path").body(Body::empty()).unwrap();
            assert_eq!(endpoint(&request), shown);
        }
    }

    /// The form of `Server-Timing` is that of W3C's Server Timing: a metric with its duration in
    /// milliseconds and a description.
    #[test]
    fn an_answer_says_how_many_queries_there_were_and_how_long_they_took() {
        let mut report = QueryReport::default();
        (report.queries, report.time) = (3, Duration::from_micros(1234));
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("server-timing"), HeaderValue::from_static("cache;desc=\"hit\""));
        say(&report, &mut headers);
        assert_eq!(
            (&headers["x-db-query-count"], &headers["x-db-total-time-ms"]),
            (&"3".parse().unwrap(), &"1.234".parse().unwrap())
        );
        let timings: Vec<_> = headers.get_all("server-timing").iter().collect();
        assert_eq!(timings, ["cache;desc=\"hit\"", "db;dur=1.234;desc=\"3 queries\""]);
    }
}
