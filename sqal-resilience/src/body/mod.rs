//! Bodies of HTTP messages (feature `http-body`): replayable, limited in time, or holding a permit.

mod held;
mod replay;
mod timed;

pub use held::HeldBody;
pub use replay::ReplayBody;
pub use timed::TimedBody;

use crate::TimeoutError;

/// Why a body ended with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError<E> {
    /// The inner body failed.
    #[error(transparent)]
    Inner(E),
    /// The body exceeded its time limit.
    #[error(transparent)]
    TimedOut(TimeoutError),
    /// This copy cannot be read to its end: the body has outgrown what is kept of it, or it failed
    /// for another reader.
    #[error("the body outgrew what is kept of it, or broke off, and cannot be sent again")]
    Outgrown,
}
