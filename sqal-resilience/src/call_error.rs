//! [`CallError`]: why a call brought no result: refused, timed out or failed.

use std::time::Duration;

use crate::Rejected;

/// A call exceeded its time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer in {after:?}")]
pub struct TimeoutError {
    /// The time limit.
    pub after: Duration,
}

/// Why a call brought no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError<E> {
    /// The call was refused and not attempted.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The call was attempted and took too long.
    #[error(transparent)]
    TimedOut(#[from] TimeoutError),
    /// The call was attempted and failed.
    #[error("the call failed")]
    Inner(#[source] E),
}

impl<E> CallError<E> {
    /// The HTTP status that fits best: 429 or 503 for a refusal, 504 for a timeout. `None` for an
    /// error of the target, which the caller knows best.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        match self {
            Self::Rejected(refused) => Some(refused.reason.http_status()),
            Self::TimedOut(_) => Some(504),
            Self::Inner(_) => None,
        }
    }

    /// The error of the target; `None` if the call was refused or timed out.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Rejected(_) | Self::TimedOut(_) => None,
        }
    }
}
