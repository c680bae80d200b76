//! [`NameConflicts`]: counts readings whose name is taken, and logs them at most once a minute.
//!
//! The name of a reading is taken if another reading has its device, time and name. The pace of the
//! log is limited for each device.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use sqal_core::{DeviceId, SampleKey};
use sqal_protocol::time::rfc3339;
use sqal_resilience::{KeyedBuckets, Quota};
use tracing::warn;

/// The most devices whose log lines are limited at a time. A conflict of a further device is
/// counted and not logged.
const MOST_DEVICES: usize = 10_000;

/// Counter and log of readings whose name is taken.
#[derive(Debug)]
pub struct NameConflicts {
    pace: KeyedBuckets<DeviceId>,
}

impl Default for NameConflicts {
    fn default() -> Self {
        let quota = Quota::new(NonZeroU32::MIN, Duration::from_mins(1));
        let pace = KeyedBuckets::new(quota, MOST_DEVICES).unwrap_or_else(|_| unreachable!("one a minute is a rate"));
        Self { pace }
    }
}

impl NameConflicts {
    /// Counts a conflict. Logs it if no conflict of its device was logged in the last minute.
    pub fn count(&self, key: &SampleKey, now: Instant) {
        metrics::counter!("samples_conflict_total").increment(1);
        if self.may_log(key.device_id, now) {
            warn!(
                device_id = %key.device_id,
                sample_id = %key.name,
                timestamp = %rfc3339(key.timestamp),
                "another reading has this device, time and name; the new reading is rejected and kept as a dead letter. \
                 Look for two devices with one device_id, or for a device whose counter and clock both start again"
            );
        }
    }

    fn may_log(&self, device: DeviceId, now: Instant) -> bool {
        self.pace.take(device, 1, now).allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;
    use sqal_resilience::{Clock, ManualClock};

    #[test]
    fn conflicts_of_a_device_are_logged_once_a_minute() {
        let (conflicts, clock) = (NameConflicts::default(), ManualClock::new());
        let [a, b]: [DeviceId; 2] = ["A", "B"].map(|name| Name::new(name).unwrap());
        for _ in 0..10 {
            for device in [a, b] {
                assert!(conflicts.may_log(device, clock.now()));
                assert!((0..50).all(|_| !conflicts.may_log(device, clock.now())), "one line for all of them");
            }
            clock.advance(Duration::from_secs(61));
        }
    }
}
