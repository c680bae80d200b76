//! [`Seconds`]: the pace of a drill.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// One second after the other. A second that lasts too long delays those that follow.
pub(crate) struct Seconds {
    runtime: Runtime,
    interval: Interval,
}

impl Seconds {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let mut interval = runtime.block_on(async { interval(Duration::from_secs(1)) });
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { runtime, interval }
    }

    /// Waits for the next second.
    pub(crate) fn next(&mut self) {
        let Self { runtime, interval } = self;
        runtime.block_on(interval.tick());
    }
}
