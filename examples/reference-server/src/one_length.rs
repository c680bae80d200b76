//! Requires a request body whose length all readers interpret equally (RFC 9112, 6.1).
//!
//! An unknown transfer coding could hide another length.

use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sqal_http::{Problem, Violation, sqal_protocol};

/// Refuses a transfer coding other than `chunked` alone, and any transfer coding in a version of
/// HTTP that has none.
///
/// The connection is then closed, because its next bytes may belong to the refused body. If a
/// request has both a length and chunks, hyper uses the chunks and closes the connection after its
/// answer.
pub(crate) async fn one_length(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let codings: Vec<_> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let (status, found) = match codings[..] {
        [] => return next.run(request).await,
        _ if request.version() < Version::HTTP_11 => (400, "a transfer coding in HTTP/1.0"),
        [coding] if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => return next.run(request).await,
        _ => (501, "a transfer coding other than chunked"),
    };
    let limit =
        "Content-Length, or Transfer-Encoding: chunked (RFC 9112, 6.1); Content-Encoding: gzip for a packed body";
    let french = "Content-Length, ou Transfer-Encoding: chunked (RFC 9112, 6.1) ; Content-Encoding: gzip pour un corps compressé";
    let problem = Problem::invalid_query(vec![Violation::new("Transfer-Encoding", found, limit, french)]);
    let problem = sqal_protocol::Problem { status, ..problem.into() };
    let mut refused = Problem::from(problem).into_response();
    refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::{Router, routing};
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_body_has_one_length() {
        let app = Router::new().route("/", routing::post(|| async { "here" })).layer(from_fn(one_length));
        for (version, fields, status) in [
            (Version::HTTP_11, &[][..], 200),
            (Version::HTTP_11, &[("content-length", "0")], 200),
            (Version::HTTP_11, &[("transfer-encoding", "Chunked")], 200),
            (Version::HTTP_11, &[("transfer-encoding", "gzip, chunked")], 501),
            (Version::HTTP_11, &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], 501),
            (Version::HTTP_11, &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], 501),
            (Version::HTTP_10, &[("transfer-encoding", "chunked")], 400),
        ] {
            let mut request = Request::post("/").version(version);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{version:?} {fields:?}");
            assert_eq!(answer.headers().contains_key("connection"), status != 200);
        }
    }
}
