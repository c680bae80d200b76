//! The live page and its assets, served from the binary; nothing comes from anywhere else.

use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The script: its files in the order of their use, joined to one module.
const SCRIPT: &str = concat!(
    include_str!("script/open.js"),
    include_str!("script/words.js"),
    include_str!("script/numbers.js"),
    include_str!("script/elements.js"),
    include_str!("script/limits.js"),
    include_str!("script/verdict.js"),
    include_str!("script/map.js"),
    include_str!("script/spectrum.js"),
    include_str!("script/outputs.js"),
    include_str!("script/defects.js"),
    include_str!("script/history.js"),
    include_str!("script/stations.js"),
    include_str!("script/situation.js"),
    include_str!("script/server.js"),
    include_str!("script/session.js"),
    include_str!("script/start.js"),
);

fn asset(kind: &'static str, text: impl Into<Body>) -> Response {
    // The assets change with the binary: a browser asks each time, and gets a few kilobytes.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text.into()).into_response()
}

/// The attribute that hides what this build does not have.
const fn hidden_unless(there: bool) -> &'static str {
    if there { "" } else { " hidden" }
}

/// `/`: the page. What it needs lies beside it, under whatever prefix it was asked for.
pub(crate) async fn page(OriginalUri(asked): OriginalUri) -> Response {
    let here = asked.path().trim_end_matches('/').replace('&', "&amp;");
    let page = include_str!("index.html")
        .replace("{ws-hidden}", hidden_unless(cfg!(feature = "ws")))
        .replace("{docs-hidden}", hidden_unless(cfg!(feature = "openapi")))
        .replace("{here}", &here);
    asset("text/html; charset=utf-8", page)
}

/// How it looks.
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("dashboard.css"))
}

/// What it does.
pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}
