//! A body that is read whole, neither too large nor too slow, and as JSON with the place of what is wrong in it.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use serde::de::DeserializeOwned;

use super::coding::NOT_GZIP;
use crate::Problem;
use crate::wire::read_body;

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a body; `too_large` says what is wrong with one over `most`.
pub(super) async fn whole(body: Body, most: usize, too_large: impl FnOnce() -> Problem) -> Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.to_string() == "length limit exceeded" => Err(too_large()),
        Ok(Err(error)) if error.to_string() == NOT_GZIP => Err(Problem::wrong(
            "",
            "bytes that are not gzip, or not all of it",
            "gzip (RFC 1952)",
            "du gzip (RFC 1952)",
        )),
        // The client is gone, and nobody reads this.
        Ok(Err(_)) => Err(Problem::too_slow("the body broke off")),
        Err(_) => Err(Problem::too_slow("the body took more than 30 s")),
    }
}

/// One JSON object and nothing behind it; `limit` and `french` say what was asked for.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8], limit: &str, french: &str) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::wrong("", format!("a byte that is not UTF-8, at byte {}", error.valid_up_to()), limit, french)
    })?;
    read_body(text, limit, french)
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
