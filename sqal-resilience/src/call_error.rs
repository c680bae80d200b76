//! [`CallError`]: why a call brought no result: refused, timed out or failed.

use std::time::Duration;

use crate::Rejected;
use crate::clock::rounded;

/// A call exceeded its time limit. It is complete: a time limit has nothing but its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer in {:?}", rounded(.after))]
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_shows_a_time_limit_as_it_was_set_and_the_rest_of_a_deadline_to_two_decimals() {
        for (nanos, text) in [
            (2_000_000_000, "no answer in 2s"),
            (1_500_000_000, "no answer in 1.5s"),
            (250_000_000, "no answer in 250ms"),
            (59_854_033_585, "no answer in 59.85s"),
            (4_999_812_345, "no answer in 5s"),
            (12_345_678, "no answer in 12.35ms"),
            (999_999_999, "no answer in 1s"),
            (17, "no answer in 17ns"),
            (0, "no answer in 0ns"),
        ] {
            assert_eq!(TimeoutError { after: Duration::from_nanos(nanos) }.to_string(), text);
        }
        assert!(TimeoutError { after: Duration::MAX }.to_string().starts_with("no answer in 1844674407370955161"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_within_half_a_percent(nanos in any::<u64>(), fewer in 0..64_u32) {
            let time = Duration::from_nanos(nanos >> fewer);
            prop_assert!(rounded(&time).abs_diff(time) <= time / 200, "{time:?}");
        }
    }
}
