//! [`TraceClock`]: the monotonic and the wall clock by which spans are timed.

use std::time::{Instant, SystemTime};

/// The clocks of spans: those of the machine, or a function of the caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TraceClock {
    /// The clocks of the machine, each read only when it is needed.
    Machine,
    /// A function that gives both times of one moment.
    Given(fn() -> (Instant, SystemTime)),
}

impl TraceClock {
    /// Both times, for the root of a trace.
    #[expect(clippy::disallowed_methods, reason = "a span is timed where it begins; tests give their own clock")]
    pub(crate) fn both(self) -> (Instant, SystemTime) {
        match self {
            Self::Machine => (Instant::now(), SystemTime::now()),
            Self::Given(now) => now(),
        }
    }

    /// The monotonic time, for every other begin and end.
    #[expect(clippy::disallowed_methods, reason = "a span is timed where it ends; tests give their own clock")]
    pub(crate) fn instant(self) -> Instant {
        match self {
            Self::Machine => Instant::now(),
            Self::Given(now) => now().0,
        }
    }
}
