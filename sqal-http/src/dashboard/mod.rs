//! The live page and its assets, served from the binary; nothing comes from anywhere else.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sqal_core::ProfileRef;

use crate::Services;
use crate::conditions::{is_known, tag};
use crate::quota::Class;
use crate::route::{EVERYONE, Endpoint, get};
use crate::wire::hash;

/// The routes of the live page.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/", EVERYONE, Class::Unlimited, page)
            .line("the live page ([below](#the-live-page)), which asks for a token where one is needed", ""),
        get("/dashboard.css", EVERYONE, Class::Unlimited, style).line("the style sheet of the live page", ""),
        get("/dashboard.js", EVERYONE, Class::Unlimited, script).line("the script of the live page", ""),
    ]
}

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

/// The style sheet of the page.
const STYLE: &str = include_str!("dashboard.css");

static SCRIPT_TAG: LazyLock<HeaderValue> = LazyLock::new(|| tag_of(SCRIPT));
static STYLE_TAG: LazyLock<HeaderValue> = LazyLock::new(|| tag_of(STYLE));

/// The entity tag of an asset: a hash of its text.
fn tag_of(text: &str) -> HeaderValue {
    tag(&hash(ProfileRef::hash_of(text)))
}

/// An asset of the page. Assets change with the binary, so a browser revalidates each time. It gets
/// no body if it has the newest version.
fn asset(headers: &HeaderMap, tag: &HeaderValue, kind: &'static str, text: &'static str) -> Response {
    let fields = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if is_known(headers, tag) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    (fields, [(header::CONTENT_TYPE, kind)], Body::from(text)).into_response()
}

/// The attribute that hides an element whose feature this build does not have.
const fn hidden_unless(there: bool) -> &'static str {
    if there { "" } else { " hidden" }
}

/// A text, escaped for an attribute of the page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `GET /`: the page. Its assets lie beside it, under any prefix that the request has.
pub(crate) async fn page(State(services): State<Arc<Services>>, OriginalUri(asked): OriginalUri) -> Response {
    let here = asked.path().trim_end_matches('/').replace('&', "&amp;");
    let page = include_str!("index.html")
        .replace("{ws-hidden}", hidden_unless(cfg!(feature = "ws")))
        .replace("{docs-hidden}", hidden_unless(cfg!(feature = "openapi")))
        .replace("{here}", &here)
        .replace("{product}", &escaped(&services.product));
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], page).into_response()
}

/// `GET /dashboard.css`: the style sheet.
pub(crate) async fn style(headers: HeaderMap) -> Response {
    asset(&headers, &STYLE_TAG, "text/css; charset=utf-8", STYLE)
}

/// `GET /dashboard.js`: the script.
pub(crate) async fn script(headers: HeaderMap) -> Response {
    asset(&headers, &SCRIPT_TAG, "text/javascript; charset=utf-8", SCRIPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_graded_cannot_leave_its_attribute() {
        assert_eq!(escaped("foie gras trays"), "foie gras trays");
        assert_eq!(escaped("\"><b>&amp;"), "&quot;&gt;&lt;b&gt;&amp;amp;");
    }
}
