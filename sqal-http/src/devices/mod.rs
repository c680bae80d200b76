//! The device stream: frames in, one answer per frame out, in order.
//!
//! A sample is acknowledged after its commit.

pub(crate) mod commands;
mod conduct;
mod dialog;
pub(crate) mod pending;
mod resume;
mod session;
pub(crate) mod sockets;

use session::upgrade;
pub use sockets::WebSockets;

use crate::door::quota::Class;
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
