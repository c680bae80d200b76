//! The device stream: frames in, one answer per frame out, in order.
//!
//! A sample is acknowledged after its commit.

mod conduct;
mod pending;
mod resume;
mod session;
mod sockets;
mod speech;

pub(crate) use pending::CREDIT;
use session::upgrade;
pub use sockets::WebSockets;
pub use speech::Speech;
pub(crate) use speech::read_again;

use crate::quota::Class;
use crate::route::{DEVICE, Endpoint, get};

/// The routes of devices.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/ws/sensors", DEVICE, Class::Unlimited, upgrade)
            .line("the device endpoint ([protocol.md](protocol.md))", "")
            .good_call("/ws/sensors", 400),
        get("/ws/sensors/", DEVICE, Class::Unlimited, upgrade)
            .line("the device endpoint ([protocol.md](protocol.md))", "")
            .good_call("/ws/sensors/", 400),
    ]
}
