//! Reads a whole request body within limits of size and time, as bytes or as JSON.
//!
//! A fault in JSON is reported with its place.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use sqal_protocol::body::read_body;

use super::coding::NOT_GZIP;
use crate::door::budget::{Budget, ExceededError, Hold, Party, Resource};
use crate::door::problem::Problem;

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a body. `too_large` makes the problem of a body over `most` bytes.
pub(crate) async fn whole(body: Body, most: usize, too_large: impl FnOnce() -> Problem) -> Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.to_string() == "length limit exceeded" => Err(too_large()),
        Ok(Err(error)) => Err(broken_off(&error)),
        Err(_) => Err(Problem::too_slow("the body took more than 30 s")),
    }
}

/// The problem of a body that ended too early.
fn broken_off(error: &axum::Error) -> Problem {
    if error.to_string() == NOT_GZIP {
        let found = "bytes that are not gzip, or not all of it";
        Problem::wrong("", found, "gzip (RFC 1952)", "du gzip (RFC 1952)")
    } else {
        // The client is gone, and this answer is not read.
        Problem::too_slow("the body broke off")
    }
}

/// How many bytes of a body are counted at a time.
const STEP: usize = 64 * 1024;

/// The bytes of a body as [`whole`] reads them, counted for a party as they arrive. They are held
/// until the [`Hold`] is dropped.
pub(crate) async fn whole_within(
    budget: &Arc<Budget>,
    party: Party,
    body: Body,
    most: usize,
    too_large: impl FnOnce() -> Problem,
) -> Result<(Vec<u8>, Hold), Problem> {
    let mut hold = Hold::nothing(Arc::clone(budget), Resource::BodyBytes, party);
    // Memory is reserved once: a buffer that doubles would take three times the bytes that are
    // counted.
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(most).min(most);
    let mut bytes = Vec::with_capacity(expected);
    let mut chunks = body.into_data_stream();
    let reading = async {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| broken_off(&error))?;
            let length = bytes.len() + chunk.len();
            if length > most {
                return Err(too_large());
            }
            hold.grow_to(u64::try_from(length.next_multiple_of(STEP)).unwrap_or(u64::MAX))?;
            bytes.extend_from_slice(&chunk);
        }
        Ok::<_, Problem>(())
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    read.map_err(|_| Problem::too_slow("the body took more than 30 s"))??;
    Ok((bytes, hold))
}

impl From<ExceededError> for Problem {
    fn from(exceeded: ExceededError) -> Self {
        Self::busy(&exceeded.to_string())
    }
}

/// Parses one JSON object with nothing after it. `limit` and `french` describe the object that is
/// expected.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8], limit: &str, french: &str) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::wrong("", format!("a byte that is not UTF-8, at byte {}", error.valid_up_to()), limit, french)
    })?;
    read_body(text, limit, french).map_err(|violation| Problem::invalid_body(vec![violation]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_wrong_value_is_named_by_its_pointer() {
        type Rows = BTreeMap<String, Vec<BTreeMap<String, f32>>>;
        let place = |text: &str| {
            let problem = json::<Rows>(text.as_bytes(), "rows", "des lignes").unwrap_err();
            problem.violations[0].pointer.clone()
        };
        assert!(json::<Rows>(br#"{"a.b": [{"c": 1}]}"#, "rows", "des lignes").is_ok());
        for (text, pointer) in [
            (r#"{"rows": [{}, {"x": "two"}]}"#, "/rows/1/x"),
            (r#"{"a.b": [{"c/d": null}]}"#, "/a.b/0/c~1d"),
            (r#"{"a~b": 7}"#, "/a~0b"),
            ("[]", ""),
            (r#"{"a": []} and more"#, ""),
        ] {
            assert_eq!(place(text), pointer, "{text}");
        }
    }
}
