//! [`CallError`]: a call that brought no result, whoever is to blame.

use std::time::Duration;

use crate::Rejected;

/// The time for a call was over before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer in {after:?}")]
pub struct TimedOut {
    /// How long was waited.
    pub after: Duration,
}

/// A call that brought no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError<E> {
    /// It was not attempted.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It was attempted and took too long.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// It was attempted and failed.
    #[error("the call failed")]
    Inner(#[source] E),
}

impl<E> CallError<E> {
    /// The HTTP status that says it best: 429 or 503 for a refusal, 504 for a timeout; `None` for an error of the target, which the caller knows
    /// best.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        match self {
            Self::Rejected(refused) => Some(refused.reason.http_status()),
            Self::TimedOut(_) => Some(504),
            Self::Inner(_) => None,
        }
    }

    /// The error of the target, if it was that.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Rejected(_) | Self::TimedOut(_) => None,
        }
    }
}
