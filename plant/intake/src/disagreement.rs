//! [`Disagreement`]: a refusal in which a device and this server disagree, and either may be right.
//!
//! ```text
//!            refused                     still refused 10 min later
//! agrees ───────────────> disagrees, ────────────────────────────> disagrees, the frame is
//!    ^                    sent again after 5 s                     kept here too, sent again after 60 s
//!    └──────────────────────────── a sample is stored ────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use sqal_core::{DeviceId, Timestamp};
use sqal_protocol::Problem;

/// On what a device and this server disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The frame's time is too far ahead of the server's clock: either clock may be wrong.
    Clock,
    /// The frame names a profile that is not known here. It may be known in a minute, or on another
    /// server.
    Profile,
}

/// A frame that was refused for a [`Fault`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disagreement {
    pub(crate) device_id: DeviceId,
    pub(crate) measured: Timestamp,
    pub(crate) fault: Fault,
}

/// Why a frame was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    /// `None` if the frame itself proves that it is wrong.
    pub(crate) disagreement: Option<Disagreement>,
}

impl From<Problem> for Box<Refusal> {
    fn from(problem: Problem) -> Self {
        Self::new(Refusal { problem, disagreement: None })
    }
}

/// A disagreement, and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lasting {
    pub(crate) fault: Fault,
    since: Instant,
}

impl Lasting {
    /// Within this time only the device keeps its frames. Afterwards this server keeps copies too.
    pub(crate) const BOUND: Duration = Duration::from_mins(10);
    /// After the bound, a device sends again after this number of seconds.
    pub(crate) const LATER: u32 = 60;

    /// The disagreement after another refusal. For another kind of fault, the bound begins again.
    pub(crate) fn after(before: Option<Self>, fault: Fault, now: Instant) -> Self {
        match before {
            Some(before) if before.fault == fault => before,
            _ => Self { fault, since: now },
        }
    }

    /// Whether the bound has passed.
    pub(crate) fn is_long(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= Self::BOUND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sqal_resilience::{Clock, ManualClock};

    proptest! {
        #[test]
        fn a_disagreement_is_long_ten_minutes_after_its_first_refusal_however_often_it_is_refused(
            pauses in prop::collection::vec(0..120_u64, 1..60),
        ) {
            let (clock, mut lasting, mut passed) = (ManualClock::new(), None, 0);
            for pause in pauses {
                let now = Lasting::after(lasting, Fault::Clock, clock.now());
                prop_assert_eq!(now.is_long(clock.now()), passed >= 600);
                lasting = Some(now);
                clock.advance(Duration::from_secs(pause));
                passed += pause;
            }
            let other = Lasting::after(lasting, Fault::Profile, clock.now());
            prop_assert!(!other.is_long(clock.now()));
        }
    }
}
