//! [`Classify`]: what a result says of the target, decided once for everybody who wants to know.

use crate::Outcome;

/// Judges results. Any function of the result is one.
pub trait Classify<T, E> {
    /// What this result says of the target.
    fn classify(&self, result: &Result<T, E>) -> Outcome;
}

/// An error is a failure, everything else a success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorIsFailure;

impl<T, E> Classify<T, E> for ErrorIsFailure {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        if result.is_ok() { Outcome::Success } else { Outcome::Failure }
    }
}

impl<T, E, F: Fn(&Result<T, E>) -> Outcome> Classify<T, E> for F {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}
