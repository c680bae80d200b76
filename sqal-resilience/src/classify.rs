//! [`Classify`] and [`WorthIt`]: whether a result is a failure, and whether to try again after it.
//!
//! Each is decided in one place, for all primitives that need to know it.

use std::time::Duration;

use crate::{CallError, Outcome};

/// Whether a result is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Do not try again: another try would fail as well, or do harm.
    Never,
    /// Try again after the usual delay.
    Yes,
    /// Try again, but not before this time, which the target itself asked for (`Retry-After`).
    After(Duration),
}

/// Judges results. Any function of the result is a `Classify`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot judge results of the type `Result<{T}, {E}>`",
    label = "no judge of these results",
    note = "`ByCallError` judges results whose error is a `CallError`: put `CallErrors` below the layer",
    note = "a closure states the type of its argument: `|result: &Result<_, _>| …`"
)]
pub trait Classify<T, E> {
    /// What this result says about the target.
    fn classify(&self, result: &Result<T, E>) -> Outcome;
}

/// Takes an error for a failure, and everything else for a success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorIsFailure;

impl<T, E> Classify<T, E> for ErrorIsFailure {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        if result.is_ok() { Outcome::Success } else { Outcome::Failure }
    }
}

#[diagnostic::do_not_recommend]
impl<T, E, F: Fn(&Result<T, E>) -> Outcome> Classify<T, E> for F {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}

/// Decides which results are worth another try. Any function of the result is a `WorthIt`;
/// [`ByRequest`] makes one of a function of request and result.
///
/// An implementation for requests of every type `R` fits every service. An implementation that
/// judges by the request names its type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say which results of the type `Result<{T}, {E}>` are worth another try",
    label = "no judge of these results",
    note = "`ByCallError` judges results whose error is a `CallError`: put `CallErrors` below the layer",
    note = "a closure states the type of its argument: `|result: &Result<_, _>| …`"
)]
pub trait WorthIt<T, E, R = ()> {
    /// Whether to try again after this result.
    fn again(&self, result: &Result<T, E>) -> Again;

    /// Whether to make this request again after this result. By default, the request does not
    /// matter.
    #[inline]
    fn again_for(&self, request: &R, result: &Result<T, E>) -> Again {
        let _ = request;
        self.again(result)
    }
}

/// Judges by a function of request and result. Without a request to look at, no result is worth
/// another try.
///
/// ```
/// use sqal_resilience::{classify::{Again, ByRequest, WorthIt}, Idempotency, idempotency::Sent};
///
/// #[derive(Debug)]
/// struct Refused; // the connection was refused: the target has seen nothing
///
/// let judge = ByRequest(|method: &&str, result: &Result<(), Refused>| match result {
///     Err(Refused) if Idempotency::of_method(method, None).may_repeat(Sent::No) => Again::Yes,
///     _ => Again::Never,
/// });
/// assert_eq!(judge.again_for(&"POST", &Err(Refused)), Again::Yes);
/// assert_eq!(judge.again_for(&"POST", &Ok(())), Again::Never);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ByRequest<F>(pub F);

impl<T, E, R, F: Fn(&R, &Result<T, E>) -> Again> WorthIt<T, E, R> for ByRequest<F> {
    #[inline]
    fn again(&self, _: &Result<T, E>) -> Again {
        Again::Never
    }

    #[inline]
    fn again_for(&self, request: &R, result: &Result<T, E>) -> Again {
        (self.0)(request, result)
    }
}

/// Every error is worth another try.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryError;

impl<T, E, R> WorthIt<T, E, R> for EveryError {
    #[inline]
    fn again(&self, result: &Result<T, E>) -> Again {
        if result.is_ok() { Again::Never } else { Again::Yes }
    }
}

#[diagnostic::do_not_recommend]
impl<T, E, R, F: Fn(&Result<T, E>) -> Again> WorthIt<T, E, R> for F {
    #[inline]
    fn again(&self, result: &Result<T, E>) -> Again {
        self(result)
    }
}

/// Judges a [`CallError`]. A refusal of a layer below says nothing about the target and is not
/// tried again. A timeout or an error of the target is a failure, and worth another try. A response
/// is a success, whatever its status; to judge by the status, pass a function instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByCallError;

impl<T, E> Classify<T, CallError<E>> for ByCallError {
    #[inline]
    fn classify(&self, result: &Result<T, CallError<E>>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(CallError::Rejected(_)) => Outcome::Ignored,
            Err(CallError::TimedOut(_) | CallError::Inner(_)) => Outcome::Failure,
        }
    }
}

impl<T, E, R> WorthIt<T, CallError<E>, R> for ByCallError {
    #[inline]
    fn again(&self, result: &Result<T, CallError<E>>) -> Again {
        match result {
            Err(CallError::TimedOut(_) | CallError::Inner(_)) => Again::Yes,
            Ok(_) | Err(CallError::Rejected(_)) => Again::Never,
        }
    }
}
