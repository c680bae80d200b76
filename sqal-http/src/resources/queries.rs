//! `GET /api/v1/system/queries`: the database queries of this process, by endpoint (DBP-04).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqal_storage::queries::{EndpointQueries, QueryStatistics, StatementQueries};

use super::accept::prefers_json;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{ADMINISTRATOR, Endpoint, get};
use crate::services::Services;

/// The media type of the report.
const TEXT: &str = "text/plain; charset=utf-8";

/// The route of the queries.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/system/queries", ADMINISTRATOR, Class::Read, show)
            .objective(Objective::MANY)
            .described("getQueries", "System", "The database queries of this process, by endpoint")
            .gives_or_text::<DatabaseQueries>(TEXT)
            .problems(&[404])
            .line(
                "a text for people: each endpoint with its calls, its queries and their time, and its statements \
                 (placeholders, no values), of which repeated and slow ones are marked. With `Accept: \
                 application/json` the same as JSON. 404 if the program does not profile its queries",
                "0",
            ),
    ]
}

/// The database queries of this process since its start, as far as they were sent for a request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DatabaseQueries {
    /// The number of calls of all endpoints.
    calls: u64,
    /// The number of their queries.
    queries: u64,
    /// The time of all queries together, in milliseconds.
    time_ms: f64,
    /// The number of queries that took more than a second.
    slow: u64,
    /// The endpoints, that with the longest time first.
    endpoints: Vec<QueriesOfEndpoint>,
}

/// The queries of an endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct QueriesOfEndpoint {
    /// The method and the template of the path.
    endpoint: String,
    calls: u64,
    queries: u64,
    /// The largest number of queries of one call.
    most_queries: u32,
    /// The time of all queries together, in milliseconds.
    time_ms: f64,
    /// The time of the queries of one call that half of the calls do not exceed, in milliseconds:
    /// an estimate that is too long by an eighth at most.
    p50_ms: f64,
    /// The time of the queries of one call that 95 of 100 calls do not exceed, estimated as
    /// `p50_ms`.
    p95_ms: f64,
    /// The longest time of the queries of one call, in milliseconds.
    max_ms: f64,
    slow: u64,
    /// The number of calls that have repeated a statement.
    repeating_calls: u64,
    /// The statements, that with the longest time first.
    statements: Vec<QueriesOfStatement>,
    /// The number of queries whose statements are not listed.
    other_queries: u64,
}

/// The queries of one statement at an endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct QueriesOfStatement {
    /// The statement with placeholders; a text that is cut ends with `…`.
    statement: String,
    executions: u64,
    /// The time of all executions together, in milliseconds.
    time_ms: f64,
    /// The time of the longest execution, in milliseconds.
    max_ms: f64,
    slow: u64,
    /// The largest number of executions in one call.
    most_in_a_call: u32,
    /// The number of calls that have repeated the statement: most likely a loop that should be one
    /// query.
    repeating_calls: u64,
}

/// A time in milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl From<QueryStatistics> for DatabaseQueries {
    fn from(all: QueryStatistics) -> Self {
        Self {
            calls: all.calls,
            queries: all.queries,
            time_ms: millis(all.time),
            slow: all.slow,
            endpoints: all.endpoints.into_iter().map(QueriesOfEndpoint::from).collect(),
        }
    }
}

impl From<EndpointQueries> for QueriesOfEndpoint {
    fn from(of: EndpointQueries) -> Self {
        Self {
            endpoint: of.endpoint,
            calls: of.calls,
            queries: of.queries,
            most_queries: of.most_queries,
            time_ms: millis(of.time),
            p50_ms: millis(of.median),
            p95_ms: millis(of.p95),
            max_ms: millis(of.longest),
            slow: of.slow,
            repeating_calls: of.repeating_calls,
            statements: of.statements.into_iter().map(QueriesOfStatement::from).collect(),
            other_queries: of.other_queries,
        }
    }
}

impl From<StatementQueries> for QueriesOfStatement {
    fn from(of: StatementQueries) -> Self {
        Self {
            statement: of.statement,
            executions: of.executions,
            time_ms: millis(of.time),
            max_ms: millis(of.longest),
            slow: of.slow,
            most_in_a_call: of.most_in_a_call,
            repeating_calls: of.repeating_calls,
        }
    }
}

/// `GET /api/v1/system/queries`: as a text, or as JSON for a client that likes it better.
pub(crate) async fn show(State(services): State<Arc<Services>>, headers: HeaderMap) -> Result<Response, Problem> {
    let unprofiled = || {
        Problem::not_found(
            "the queries of this server are not counted: profiling is off in its settings, or its program has none",
        )
    };
    let statistics = services.plant.queries.as_ref().ok_or_else(unprofiled)?.stats();
    let vary = [(header::VARY, HeaderValue::from_static("accept"))];
    if prefers_json(&headers) {
        return Ok((vary, Json(DatabaseQueries::from(statistics))).into_response());
    }
    Ok((vary, statistics.to_string()).into_response())
}
