//! A panic in a request is counted, logged, and answered with 500, in whatever task it happens.
//!
//! It is a fault of the server.

use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::task::JoinError;
use tracing::error;

use crate::door::problem::Problem;

/// Returns the answer of a route; if the route panics, a 500 problem.
///
/// The state that requests share is behind locks that ignore poison, and is consistent after each
/// of their methods.
pub(crate) async fn caught(path: &'static str, answering: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| panicked(path).into_response())
}

/// The problem of a request whose task has no result: the task panicked, or the process ends.
pub(crate) fn ended(task: &'static str, error: &JoinError) -> Problem {
    if error.is_panic() { panicked(task) } else { Problem::shutting_down() }
}

/// Counts and logs a panic. The log already has its text, which the panic hook wrote.
fn panicked(place: &'static str) -> Problem {
    metrics::counter!("request_panics_total", "endpoint" => place).increment(1);
    error!(place, "a request broke off because of a fault in the server; the log line of the panic names the place");
    Problem::broken("the request broke off because of a fault in the server; the log names the fault")
}
