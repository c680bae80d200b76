//! `Content-Encoding` of requests: gzip is decoded while it is read, other codings are refused.

use std::io::Write as _;
use std::mem::take;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::write::MultiGzDecoder;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;

use crate::door::problem::Problem;

/// Bytes that are decoded at a time: gzip makes at most a thousand times as many of them.
const PIECE: usize = 1024;

/// The message of the error of a body that does not match its `Content-Encoding`.
pub(crate) const NOT_GZIP: &str = "the body is not gzip";

/// The request with its body decoded. The limit of the body's reader counts decoded bytes, of which
/// few are held before it stops.
///
/// # Errors
///
/// 415 with `Accept-Encoding: gzip` for an unknown coding.
#[expect(clippy::result_large_err, reason = "a refusal is an answer, and rare")]
pub(crate) fn unpacked(mut request: Request) -> Result<Request, Response> {
    let named = request.headers().get_all(header::CONTENT_ENCODING);
    let coding: Vec<_> = named.iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let coding = coding.join(", ");
    match coding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => return Ok(request),
        "gzip" | "x-gzip" => {}
        _ => {
            let mut refused = Problem::unsupported_coding(&coding).into_response();
            refused.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            return Err(refused);
        }
    }
    let headers = request.headers_mut();
    headers.remove(header::CONTENT_ENCODING);
    // The length counts the encoded bytes.
    headers.remove(header::CONTENT_LENGTH);
    let (parts, body) = request.into_parts();
    let unpacking = Unpacking {
        packed: body.into_data_stream(),
        waiting: Bytes::new(),
        decoder: MultiGzDecoder::new(Vec::new()),
        ended: false,
    };
    Ok(Request::from_parts(parts, Body::from_stream(try_unfold(unpacking, Unpacking::next))))
}

/// A body that is being decoded.
struct Unpacking {
    packed: BodyDataStream,
    /// The received bytes that are still encoded.
    waiting: Bytes,
    decoder: MultiGzDecoder<Vec<u8>>,
    ended: bool,
}

impl Unpacking {
    /// The next decoded bytes; `None` at the end.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, axum::Error> {
        let not_gzip = |_| axum::Error::new(NOT_GZIP);
        loop {
            if self.waiting.is_empty() {
                if self.ended {
                    return Ok(None);
                }
                if let Some(bytes) = self.packed.next().await {
                    self.waiting = bytes?;
                } else {
                    self.ended = true;
                    self.decoder.try_finish().map_err(not_gzip)?;
                }
            }
            let piece = self.waiting.split_to(self.waiting.len().min(PIECE));
            if !piece.is_empty() {
                self.decoder.write_all(&piece).map_err(not_gzip)?;
            }
            let bytes = take(self.decoder.get_mut());
            if !bytes.is_empty() {
                return Ok(Some((Bytes::from(bytes), self)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn request(coding: &str, body: Vec<u8>) -> Request {
        axum::http::Request::post("/").header("content-encoding", coding).body(Body::from(body)).unwrap()
    }

    fn read(request: Request, most: usize) -> Result<Vec<u8>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = unpacked(request).unwrap().into_body();
        runtime.block_on(to_bytes(body, most)).map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_packed_comes_out(bytes in prop::collection::vec(any::<u8>(), 0..5000), times in 1..40_usize) {
            let bytes = bytes.repeat(times);
            prop_assert_eq!(read(request("gzip", gzip(&bytes)), usize::MAX).unwrap(), bytes.clone());
            // Two consecutive members are one text.
            let half = bytes.len() / 2;
            let members = [gzip(&bytes[..half]), gzip(&bytes[half..])].concat();
            prop_assert_eq!(read(request("X-GZIP", members), usize::MAX).unwrap(), bytes);
        }

        #[test]
        fn what_is_not_gzip_or_was_cut_is_an_error(bytes in prop::collection::vec(any::<u8>(), 1..400), at in any::<prop::sample::Index>()) {
            let packed = gzip(&bytes);
            let cut = packed[..at.index(packed.len())].to_vec();
            prop_assert_eq!(read(request("gzip", cut), usize::MAX).unwrap_err(), NOT_GZIP);
        }
    }

    #[test]
    fn the_limit_is_one_of_the_unpacked_bytes() {
        let bomb = gzip(&vec![b' '; 16 * 1024 * 1024]);
        assert!(bomb.len() < 64 * 1024);
        assert_eq!(read(request("gzip", bomb), 1024 * 1024).unwrap_err(), "length limit exceeded");
    }

    #[test]
    fn another_coding_is_refused_and_told_which_is_known() {
        for coding in ["br", "deflate", "gzip, gzip", "zstd"] {
            let refused = unpacked(request(coding, Vec::new())).unwrap_err();
            assert_eq!(
                (refused.status().as_u16(), &refused.headers()["accept-encoding"]),
                (415, &HeaderValue::from_static("gzip"))
            );
        }
        assert!(unpacked(request("identity", Vec::new())).is_ok());
    }
}
