//! [`Repeats`]: the newest reading of each device, by which a frame that repeats it is detected.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sqal_core::{DeviceId, SampleKey, TofFrame};

/// The newest reading of each device, as its fingerprint.
///
/// Two real readings differ by their noise. If a device sends the same numbers under another name
/// or time, it has sent a stale reading, and has not seen the product that the frame names. A
/// sample that is sent again under its own name and time is not a repeat.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<Newest>);

#[derive(Debug, Default)]
struct Newest {
    readings: HashMap<DeviceId, (SampleKey, u64)>,
    /// The device that was seen first comes first.
    order: VecDeque<DeviceId>,
}

impl Repeats {
    /// The most devices that are remembered, in 4 MB.
    const MOST: usize = 10_000;

    /// Whether a frame repeats the newest one of its device, which belonged to another sample.
    pub(crate) fn repeats(&self, key: &SampleKey, frame: &TofFrame) -> bool {
        let Some(fingerprint) = frame.fingerprint() else { return false };
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.readings.get(&key.device_id).is_some_and(|(known, seen)| *seen == fingerprint && known != key)
    }

    /// Remembers a frame as the newest of its device. The caller has checked that the sender may
    /// speak for the device.
    pub(crate) fn remember(&self, key: &SampleKey, frame: &TofFrame) {
        let Some(fingerprint) = frame.fingerprint() else { return };
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.readings.insert(key.device_id, (*key, fingerprint)).is_some() {
            return;
        }
        newest.order.push_back(key.device_id);
        if newest.order.len() > Self::MOST
            && let Some(first) = newest.order.pop_front()
        {
            newest.readings.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::scene::{Scene, Station};
    use sqal_core::{Name, Timestamp};

    fn key(device: &str, sample: &str) -> SampleKey {
        SampleKey {
            device_id: Name::new(device).unwrap(),
            timestamp: Timestamp::from_micros(1_000_000).unwrap(),
            sample_id: Name::new(sample).unwrap(),
        }
    }

    #[test]
    fn a_reading_under_another_name_repeats_and_the_same_sample_does_not() {
        let (repeats, seen) = (Repeats::default(), Station::noiseless(&Scene::GOOD));
        let other = Station::new(3).next_reading().frame.unwrap();
        assert!(!repeats.repeats(&key("A", "S-1"), &seen));
        repeats.remember(&key("A", "S-1"), &seen);
        assert!(!repeats.repeats(&key("A", "S-1"), &seen), "it is sent again");
        assert!(repeats.repeats(&key("A", "S-2"), &seen));
        assert!(!repeats.repeats(&key("A", "S-2"), &other) && !repeats.repeats(&key("B", "S-2"), &seen));
        repeats.remember(&key("A", "S-2"), &other);
        assert!(!repeats.repeats(&key("A", "S-3"), &seen), "not the one before");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (repeats, seen) = (Repeats::default(), Station::noiseless(&Scene::GOOD));
        for k in 0..Repeats::MOST + 10 {
            repeats.remember(&key(&k.to_string(), "S-1"), &seen);
        }
        let newest = repeats.0.lock().unwrap();
        assert_eq!((newest.readings.len(), newest.order.len()), (Repeats::MOST, Repeats::MOST));
    }
}
