//! [`Outcome`]: whether a result counts against the target that was called.

/// What a call says about the health of its target.
///
/// A request that was itself wrong is a success of the target: it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target did its work.
    Success,
    /// The target failed.
    Failure,
    /// The call says nothing about the target, for example because the caller gave up.
    Ignored,
}
