//! The middleware stack in order, with the reasons.
//!
//! From the outside in:
//!
//! 1. the *span* of the request (`traced.rs`), outermost, so that what is measured in a sampled
//!    trace has its id as exemplar, and so that refusals have a span too;
//! 2. *metrics*, so that refusals are counted too;
//! 3. *headers* that forbid a browser everything that the page does not need;
//! 4. before each route its *gate* (`gate.rs`). It applies the objective, which counts
//!    refusals too. Before any work it applies the shutdown, so that a process that ends accepts
//!    nothing new and waits for what runs (SHD-01; probes are not work). Then it applies the
//!    authentication of the caller, the caller's permission, and the quota.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;

use crate::door::problem::Problem;
use crate::door::traced::traced;
use crate::route::api_version::ApiVersion;
use crate::services::Services;

/// Puts the stack around the routes. Probes are answered until the process ends, because they must
/// report the end.
pub(crate) fn around(work: Router<Arc<Services>>, probes: Router<Arc<Services>>, services: Arc<Services>) -> Router {
    work.merge(probes)
        .fallback(no_route)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(from_fn(headers))
        .layer(from_fn_with_state(Arc::clone(&services), count))
        .layer(from_fn(traced))
        .with_state(services)
}

/// Refuses a path that no route has. If its version has no operation yet, the refusal names the
/// version that clients use.
async fn no_route(State(services): State<Arc<Services>>, asked: Uri) -> Problem {
    let versions = &services.plant.versions;
    let empty = ApiVersion::of(asked.path()).filter(|version| !versions.contains(version));
    match (empty, versions.last()) {
        (Some(empty), Some(used)) => {
            let (empty, used) = (empty.as_str(), used.as_str());
            Problem::not_found(format!("/api/{empty} has no operation yet: use /api/{used}"))
        }
        _ => Problem::not_found("no such path"),
    }
}

/// Counts requests, and records their time and sizes, by method, route and status (MET-01 to
/// MET-05). Unknown paths share the label `unknown`, and unknown methods `other`, so the number of
/// series is bounded by the routes.
async fn count(State(services): State<Arc<Services>>, request: Request, next: Next) -> Response {
    let begun = services.clock.now();
    // A client can invent any number of methods, and each would be a metric series for ever.
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let method = known.iter().find(|known| *known == request.method()).map_or("other", Method::as_str).to_owned();
    let endpoint = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    // If a router is nested as a service, its page answers under the prefix with and without a
    // slash at the end. Both count in one series.
    let endpoint = endpoint.replace("//", "/");
    let in_progress =
        metrics::gauge!("http_requests_in_progress", "method" => method.clone(), "endpoint" => endpoint.clone());
    metrics::histogram!("http_request_size_bytes").record(size(request.body()));
    let response = {
        let _counted = Counted::new(in_progress);
        next.run(request).await
    };
    metrics::histogram!("http_response_size_bytes").record(size(response.body()));
    let status = response.status().as_str().to_owned();
    let seconds = services.clock.now().saturating_duration_since(begun).as_secs_f64();
    let labels = [("method", method), ("endpoint", endpoint), ("status", status)];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels).record(seconds);
    response
}

/// The size of a body as far as it is known before the body is read. For a stream it is the least
/// size.
#[expect(clippy::cast_precision_loss, reason = "a histogram takes floating numbers")]
fn size(body: &Body) -> f64 {
    let hint = body.size_hint();
    hint.exact().unwrap_or_else(|| hint.lower()) as f64
}

/// Counts one more request in progress until it is dropped, also if the client leaves.
struct Counted(metrics::Gauge);

impl Counted {
    fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

async fn headers(request: Request, next: Next) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A page that needs more sets its own policy.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}
