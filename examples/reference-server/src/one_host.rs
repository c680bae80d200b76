//! Requires one valid host in each request (RFC 9112, 3.2).
//!
//! If a request had two hosts, a proxy could have checked the other one.

use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sqal_http::{Problem, Violation};

/// Refuses a request of HTTP/1.1 without a host, and any request with two hosts or an invalid one.
pub(crate) async fn one_host(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let found = match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => None,
        (None, _) => Some("no Host"),
        (Some(_), Some(_)) => Some("more than one Host"),
        (Some(host), None) => (!may_be_a_host(host)).then_some("a Host that is none"),
    };
    match found {
        None => next.run(request).await,
        Some(found) => {
            let limit = "one field Host with a host and perhaps a port (RFC 9112, 3.2)";
            let french = "un seul champ Host : un hôte et, au besoin, un port (RFC 9112, 3.2)";
            Problem::invalid_query(vec![Violation::new("Host", found, limit, french)]).into_response()
        }
    }
}

fn may_be_a_host(host: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"/\\?#@,<>\"".contains(byte);
    host.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::{Router, routing};
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_request_names_one_host() {
        let app = Router::new().route("/", routing::get(|| async { "here" })).layer(from_fn(one_host));
        for (version, hosts, status) in [
            (Version::HTTP_11, &["line:8000"][..], StatusCode::OK),
            (Version::HTTP_11, &["[::1]:8000"], StatusCode::OK),
            (Version::HTTP_11, &[], StatusCode::BAD_REQUEST),
            (Version::HTTP_10, &[], StatusCode::OK),
            (Version::HTTP_10, &["a", "b"], StatusCode::BAD_REQUEST),
            (Version::HTTP_11, &["a", "b"], StatusCode::BAD_REQUEST),
            (Version::HTTP_11, &["a", "a"], StatusCode::BAD_REQUEST),
            (Version::HTTP_11, &["a, b"], StatusCode::BAD_REQUEST),
            (Version::HTTP_11, &["a/b"], StatusCode::BAD_REQUEST),
            (Version::HTTP_11, &["user@a"], StatusCode::BAD_REQUEST),
        ] {
            let mut request = Request::get("/").version(version);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), status, "{version:?} {hosts:?}");
        }
    }
}
