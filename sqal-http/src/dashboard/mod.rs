//! The live page and its assets, served from the binary; nothing comes from anywhere else.

use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::header;
use axum::response::{IntoResponse, Response};

fn asset(kind: &'static str, text: impl Into<Body>) -> Response {
    // The assets change with the binary: a browser asks each time, and gets a few kilobytes.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text.into()).into_response()
}

/// `/`: the page. What it needs lies beside it, under whatever prefix it was asked for.
pub(crate) async fn page(OriginalUri(asked): OriginalUri) -> Response {
    let here = asked.path().trim_end_matches('/').replace('&', "&amp;");
    asset("text/html; charset=utf-8", include_str!("index.html").replace("{here}", &here))
}

/// How it looks.
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("dashboard.css"))
}

/// What it does.
pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("dashboard.js"))
}
