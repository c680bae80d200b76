//! Counts the database queries of each request, to find loops that should be one query.
//!
//! Requirements DBP-01 to DBP-04.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use sqal_storage::queries::QueryScope;
use tracing::{Instrument, debug, warn};

/// Whether queries are counted, and whether responses state the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profiling {
    /// Whether queries are counted: `ENABLE_DB_PROFILING`.
    pub enabled: bool,
    /// Whether responses have the headers `X-DB-Query-Count` and `X-DB-Total-Time-Ms`:
    /// `DB_PROFILING_HEADERS`.
    pub headers: bool,
}

/// Counts the database queries of one request. The writer's queries serve several requests at once,
/// and are not counted.
pub(crate) async fn count(profiling: Profiling, request: Request, next: Next) -> Response {
    let endpoint = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    let endpoint: Arc<str> = Arc::from(endpoint);
    let scope = QueryScope::begin();
    let mut response = next.run(request).instrument(scope.span().clone()).await;
    let report = scope.report();
    if report.repeated.is_empty() {
        debug!(%endpoint, %report, "queries");
    } else {
        warn!(%endpoint, %report, "repeated queries: a loop that should be one query?");
    }
    if profiling.headers {
        let millis = HeaderValue::try_from(format!("{:.3}", report.time.as_secs_f64() * 1000.0));
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("x-db-query-count"), HeaderValue::from(report.queries));
        headers.insert(HeaderName::from_static("x-db-total-time-ms"), millis.unwrap_or(HeaderValue::from_static("0")));
    }
    response
}
