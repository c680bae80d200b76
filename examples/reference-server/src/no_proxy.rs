//! Refuses requests through a proxy, where the server authenticates no caller.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sqal_http::Problem;

/// The fields by which a request shows that a proxy has forwarded it.
const FORWARDED: [&str; 12] = [
    "cf-connecting-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-envoy-external-address",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
];

/// Refuses requests through a proxy: a server without tokens would otherwise serve unauthenticated
/// callers from the network.
pub(crate) async fn no_proxy(request: Request, next: Next) -> Response {
    if FORWARDED.iter().any(|field| request.headers().contains_key(*field)) {
        let what = "a proxy stands before a server without authentication: give the server SQAL_TOKENS_FILE";
        return Problem::not_allowed(what).into_response();
    }
    next.run(request).await
}
