//! `GET /metrics`: Prometheus' text format, rendered by the recorder of the process.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

use crate::quota::Class;
use crate::route::{EVERYONE, Endpoint, get};
use crate::{Problem, Services};

/// The routes of metrics.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        get("/metrics", EVERYONE, Class::Unlimited, text)
            .described("metrics", "Health", "Prometheus' text format")
            .gives_text("text/plain; version=0.0.4; charset=utf-8")
            .problems(&[404])
            .line("Prometheus' text format", "0"),
    ]
}

/// The metrics, or 404 if the process keeps none.
pub(super) async fn text(State(services): State<Arc<Services>>) -> Response {
    services.caches.report();
    services.presence.report(services.clock.now());
    services.recent.report(services.clock.now());
    match &services.metrics {
        Some(render) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response()
        }
        None => Problem::not_found("this process keeps no metrics").into_response(),
    }
}
