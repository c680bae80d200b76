//! [`Rejected`]: a call that was not attempted, and when it may be tried again.

use std::time::Duration;

/// The call was refused before it was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused without being attempted{}", .retry_after.map_or_else(String::new, |after| format!("; try again in {after:?}")))]
pub struct Rejected {
    /// The least time to wait before another try can succeed, if that is known.
    pub retry_after: Option<Duration>,
}
