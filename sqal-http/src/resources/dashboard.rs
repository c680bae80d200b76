//! Serves the live page, the page of bugs and their assets from the binary; nothing comes from
//! anywhere else.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sqal_core::ProfileRef;
#[cfg(feature = "bugs")]
use sqal_dashboard::{BUGS_SCRIPT, BUGS_STYLE, bugs_page_at};
use sqal_dashboard::{Parts, SCRIPT, STYLE, page_at};
use sqal_protocol::reference::hash;

use crate::door::conditions::{is_known, tag};
use crate::door::quota::Class;
use crate::route::{EVERYONE, Endpoint, get};
use crate::services::Services;

/// The routes of the pages.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/", EVERYONE, Class::Unlimited, page)
            .line("the live page ([below](#the-live-page)), which asks for a token where one is needed", ""),
        get("/dashboard.css", EVERYONE, Class::Unlimited, style).line("the style sheet of the live page", ""),
        get("/dashboard.js", EVERYONE, Class::Unlimited, script).line("the script of the live page", ""),
        #[cfg(feature = "bugs")]
        get("/bugs", EVERYONE, Class::Unlimited, bugs_page)
            .line("the page of bugs, which asks for a token where one is needed", ""),
        #[cfg(feature = "bugs")]
        get("/bugs.css", EVERYONE, Class::Unlimited, bugs_style).line("the style sheet of the page of bugs", ""),
        #[cfg(feature = "bugs")]
        get("/bugs.js", EVERYONE, Class::Unlimited, bugs_script).line("the script of the page of bugs", ""),
    ]
}

static SCRIPT_TAG: LazyLock<HeaderValue> = LazyLock::new(|| tag_of(SCRIPT));
static STYLE_TAG: LazyLock<HeaderValue> = LazyLock::new(|| tag_of(STYLE));
#[cfg(feature = "bugs")]
static BUGS_SCRIPT_TAG: LazyLock<HeaderValue> = LazyLock::new(|| tag_of(BUGS_SCRIPT));
#[cfg(feature = "bugs")]
static BUGS_STYLE_TAG: LazyLock<HeaderValue> = LazyLock::new(|| tag_of(BUGS_STYLE));

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

/// A page. It names its assets by their paths, so a browser asks for it each time.
fn html(page: String) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], page).into_response()
}

/// The DSN under which the pages report their own faults.
#[cfg(feature = "bugs")]
fn dsn(services: &Services) -> Option<String> {
    services.plant.bugs.as_ref()?.page.as_ref().map(ToString::to_string)
}

/// No DSN: there are no bugs that a page could report.
#[cfg(not(feature = "bugs"))]
const fn dsn(_: &Services) -> Option<String> {
    None
}

/// `GET /`: the live page. Its assets lie beside it, under any prefix that the request has.
pub(crate) async fn page(State(services): State<Arc<Services>>, OriginalUri(asked): OriginalUri) -> Response {
    let dsn = dsn(&services);
    let parts = Parts {
        stations: cfg!(feature = "ws"),
        description: cfg!(feature = "openapi"),
        bugs: cfg!(feature = "bugs"),
        dsn: dsn.as_deref(),
    };
    html(page_at(asked.path().trim_end_matches('/'), &services.plant.product, parts))
}

/// `GET /dashboard.css`: the style sheet.
pub(crate) async fn style(headers: HeaderMap) -> Response {
    asset(&headers, &STYLE_TAG, "text/css; charset=utf-8", STYLE)
}

/// `GET /dashboard.js`: the script.
pub(crate) async fn script(headers: HeaderMap) -> Response {
    asset(&headers, &SCRIPT_TAG, "text/javascript; charset=utf-8", SCRIPT)
}

/// `GET /bugs`: the page of bugs. Its assets and the live page lie beside it, under any prefix that
/// the request has.
#[cfg(feature = "bugs")]
pub(crate) async fn bugs_page(State(services): State<Arc<Services>>, OriginalUri(asked): OriginalUri) -> Response {
    let path = asked.path().strip_suffix("/bugs").unwrap_or_default();
    html(bugs_page_at(path, dsn(&services).as_deref()))
}

/// `GET /bugs.css`: the style sheet of the page of bugs.
#[cfg(feature = "bugs")]
pub(crate) async fn bugs_style(headers: HeaderMap) -> Response {
    asset(&headers, &BUGS_STYLE_TAG, "text/css; charset=utf-8", BUGS_STYLE)
}

/// `GET /bugs.js`: the script of the page of bugs.
#[cfg(feature = "bugs")]
pub(crate) async fn bugs_script(headers: HeaderMap) -> Response {
    asset(&headers, &BUGS_SCRIPT_TAG, "text/javascript; charset=utf-8", BUGS_SCRIPT)
}
