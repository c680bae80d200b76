//! [`Outcome`]: whether a result counts against the target that was called.

/// What a call says about the health of its target.
///
/// If a request was itself wrong, the call is a success of the target, because the target answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target did its work.
    Success,
    /// The target failed.
    Failure,
    /// The call says nothing about the target, for example because the caller gave up.
    Ignored,
}
