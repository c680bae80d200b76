//! `GET /metrics`: Prometheus' text format, rendered by the recorder of the process.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::{EVERYONE, Endpoint, get};
use crate::services::Services;

/// The routes of metrics.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/metrics", EVERYONE, Class::Unlimited, text)
            .described("metrics", "Health", "Prometheus' text format")
            .gives_text("text/plain; version=0.0.4; charset=utf-8")
            .problems(&[404])
            .line("Prometheus' text format", "0"),
    ]
}

/// The metrics, or 404 if the process keeps none.
pub(crate) async fn text(State(services): State<Arc<Services>>) -> Response {
    services.line.caches.report();
    services.line.presence.report(services.clock.now());
    services.line.recent.report(services.clock.now());
    match &services.plant.metrics {
        Some(render) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response()
        }
        None => Problem::not_found("this process keeps no metrics").into_response(),
    }
}
