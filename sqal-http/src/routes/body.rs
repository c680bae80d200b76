//! A body that is read whole, neither too large nor too slow.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};

use crate::Problem;

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a body; `too_large` says what is wrong with one over `most`.
pub(super) async fn whole(body: Body, most: usize, too_large: impl FnOnce() -> Problem) -> Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.to_string() == "length limit exceeded" => Err(too_large()),
        // The client is gone, and nobody reads this.
        Ok(Err(_)) => Err(Problem::too_slow("the body broke off")),
        Err(_) => Err(Problem::too_slow("the body took more than 30 s")),
    }
}
