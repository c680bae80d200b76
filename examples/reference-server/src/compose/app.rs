//! The router with its layers, in the order in which a request passes them.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::from_fn;
use sqal_http::{Services, router};
use sqal_storage::queries::QueryProfiler;
use tower_http::cors::CorsLayer;

use crate::no_proxy::no_proxy;
use crate::one_host::one_host;
use crate::one_length::one_length;
use crate::profiling::{self, Profiling};
use crate::runbooks::with_runbooks;

/// The router of the services. The layer that is added last is passed first: the count of queries,
/// one host, one length, no proxy before an open server, and the rules for pages of other sites.
pub(super) fn over(mut services: Services, cors_origins: Vec<HeaderValue>, profiling: Profiling) -> Router {
    let profiler = profiling.enabled.then(Arc::<QueryProfiler>::default);
    services.plant.queries.clone_from(&profiler);
    let is_open = services.door.access.is_open();
    let mut app = with_runbooks(router(services)).layer(pages_that_may_read(cors_origins));
    if is_open {
        app = app.layer(from_fn(no_proxy));
    }
    app = app.layer(from_fn(one_length)).layer(from_fn(one_host));
    if let Some(profiler) = profiler {
        let count = move |request, next| profiling::count(profiling.headers, Arc::clone(&profiler), request, next);
        app = app.layer(from_fn(count));
    }
    app
}

/// The rules for pages of other sites (ARC-14): the named origins may read, and none may write.
fn pages_that_may_read(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new().allow_origin(origins).allow_methods([Method::GET]).allow_headers([header::AUTHORIZATION])
}
