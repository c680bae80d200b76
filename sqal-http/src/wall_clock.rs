//! [`WallClock`]: the source of wall time, which is data and therefore an argument.

use std::sync::Arc;

use sqal_core::Timestamp;

/// The source of wall time. Time is data, so a test passes its own.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
