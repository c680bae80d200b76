//! The queries of a call, and what is wrong with those of all routes.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use sqal_storage::queries::{QueryReport, QueryScope};
use tower::ServiceExt;
use tracing::Instrument;

use crate::calls::Call;

/// What one call of an endpoint has sent.
pub(crate) struct Counted {
    pub(crate) endpoint: String,
    /// The most queries that the endpoint declares.
    pub(crate) budget: u32,
    pub(crate) report: QueryReport,
}

/// The status of a call, and the queries that were sent until its answer was read.
pub(crate) async fn of_call(app: &Router, method: &str, call: &Call) -> (StatusCode, QueryReport) {
    let mut request = Request::builder().method(method).uri(&call.path);
    for (name, value) in &call.fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(call.body.clone())).unwrap();
    let scope = QueryScope::begin();
    let calling = async {
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        // A stream of events has no end.
        let is_stream = response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
        if !is_stream {
            axum::body::to_bytes(response.into_body(), 100_000_000).await.unwrap();
        }
        status
    };
    let status = calling.instrument(scope.span().clone()).await;
    (status, scope.report())
}

/// What is wrong with the queries of endpoints, which were called with few rows and with many.
pub(crate) fn faults(few: &[Counted], many: &[Counted]) -> Vec<String> {
    assert_eq!(few.len(), many.len());
    let mut faults = Vec::new();
    for (Counted { endpoint, budget, report }, more) in few.iter().zip(many) {
        assert_eq!(*endpoint, more.endpoint);
        if report.repeated().next().is_some() {
            faults.push(format!("{endpoint} repeats a statement: {report}"));
        }
        if report.queries > *budget {
            faults.push(format!("{endpoint} declares {budget} queries, and sends {report}; {:?}", report.statements));
        }
        if report.queries != more.report.queries {
            let (one, other) = (report.queries, more.report.queries);
            faults.push(format!("{endpoint} sends more queries for more rows: {one} and {other}; {}", more.report));
        }
    }
    faults
}
