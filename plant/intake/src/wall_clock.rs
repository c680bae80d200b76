//! [`WallClock`]: the source of wall time, which is data and therefore an argument.

use std::sync::Arc;

use sqal_core::Timestamp;

/// Returns the wall time. It is an argument, so that a test can set the time.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
