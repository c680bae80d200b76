//! The device stream: frames in, one answer per frame out, in order.
//!
//! A sample is acknowledged after its commit.

mod conduct;
mod resume;
mod session;
mod sockets;
mod speech;

pub(crate) use session::{CREDIT, upgrade};
pub use sockets::WebSockets;
pub use speech::Speech;
pub(crate) use speech::read_again;
