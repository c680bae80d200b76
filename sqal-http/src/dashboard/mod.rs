//! The live page and its assets, served from the binary; nothing comes from anywhere else.

use axum::http::header;
use axum::response::{IntoResponse, Response};

fn asset(kind: &'static str, text: &'static str) -> Response {
    // The assets change with the binary: a browser asks each time, and gets a few kilobytes.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// `/`: the page.
pub(crate) async fn page() -> Response {
    asset("text/html; charset=utf-8", include_str!("index.html"))
}

/// How it looks.
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("dashboard.css"))
}

/// What it does.
pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("dashboard.js"))
}
