//! Bodies of HTTP messages (feature `http-body`): one that can be sent again, one that ends in time, and one that holds a permit until it ends.

mod held;
mod replay;
mod timed;

pub use held::HeldBody;
pub use replay::ReplayBody;
pub use timed::TimedBody;

use crate::TimedOut;

/// Why a body broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError<E> {
    /// The body itself.
    #[error(transparent)]
    Inner(E),
    /// It took too long.
    #[error(transparent)]
    TimedOut(TimedOut),
    /// More than was kept has passed since, or the body broke off for another reader: this copy cannot be read to its end.
    #[error("the body outgrew what is kept of it, or broke off, and cannot be sent again")]
    Outgrown,
}
