//! The live page and its assets, served from the binary; nothing comes from anywhere else.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::Services;

fn asset(kind: &'static str, text: &'static str) -> Response {
    // The assets change with the binary: a browser asks each time, and gets a few kilobytes.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// `/` and what it needs.
pub(crate) fn routes() -> Router<Services> {
    Router::new()
        .route("/", get(|| async { asset("text/html; charset=utf-8", include_str!("index.html")) }))
        .route("/dashboard.css", get(|| async { asset("text/css; charset=utf-8", include_str!("dashboard.css")) }))
        .route("/dashboard.js", get(|| async { asset("text/javascript; charset=utf-8", include_str!("dashboard.js")) }))
}
