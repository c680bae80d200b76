//! [`Repeats`]: the newest readings of each device, by which a frame that repeats one is detected.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sqal_core::{DeviceId, SampleId};

/// The number of readings of a device that are remembered. A firmware that reads into two or three
/// buffers in turn repeats the reading before the last one when it stops reading.
const READINGS: usize = 4;

/// The newest readings of each device, as their fingerprints.
///
/// Two real readings differ by their noise. If a device sends the same numbers under another name
/// or time, it has sent a stale reading, and has not seen the product that the frame names. A
/// sample that is sent again under its own name and time is not a repeat.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<Newest>);

/// A reading: the sample that it came with, and its
/// [fingerprint](sqal_core::TofFrame::fingerprint).
type Seen = (SampleId, u64);

#[derive(Debug, Default)]
struct Newest {
    readings: HashMap<DeviceId, VecDeque<Seen>>,
    /// The device that was seen first comes first.
    order: VecDeque<DeviceId>,
}

impl Repeats {
    /// The most devices that are remembered, in 4 MB.
    const MOST: usize = 10_000;

    /// Whether a reading repeats one of the newest of its device that came with another sample.
    pub(crate) fn repeats(&self, device: &DeviceId, (sample, fingerprint): Seen) -> bool {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newest.readings.get(device);
        let is_same = |&(other, seen): &Seen| seen == fingerprint && other != sample;
        known.is_some_and(|known| known.iter().any(is_same) && !known.contains(&(sample, fingerprint)))
    }

    /// Remembers a reading as the newest of its device. The caller has checked that the sender may
    /// speak for the device.
    pub(crate) fn remember(&self, device: DeviceId, reading: Seen) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Newest { readings, order } = &mut *newest;
        let known = readings.entry(device).or_insert_with(|| {
            order.push_back(device);
            VecDeque::with_capacity(READINGS)
        });
        if known.contains(&reading) {
            return;
        }
        known.truncate(READINGS - 1);
        known.push_front(reading);
        if order.len() > Self::MOST
            && let Some(first) = order.pop_front()
        {
            readings.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;

    fn device(name: &str) -> DeviceId {
        Name::new(name).unwrap()
    }

    fn sample(number: u8) -> SampleId {
        SampleId::from_bytes([number; 16])
    }

    #[test]
    fn a_reading_under_another_name_repeats_and_the_same_sample_does_not() {
        let repeats = Repeats::default();
        assert!(!repeats.repeats(&device("A"), (sample(1), 7)));
        repeats.remember(device("A"), (sample(1), 7));
        assert!(!repeats.repeats(&device("A"), (sample(1), 7)), "it is sent again");
        assert!(repeats.repeats(&device("A"), (sample(2), 7)));
        assert!(!repeats.repeats(&device("A"), (sample(2), 8)) && !repeats.repeats(&device("B"), (sample(2), 7)));
    }

    #[test]
    fn buffers_that_are_sent_in_turn_repeat() {
        let repeats = Repeats::default();
        for number in 0..3 {
            repeats.remember(device("A"), (sample(number), u64::from(number)));
        }
        for number in 3..9 {
            let stale = (sample(number), u64::from(number % 3));
            assert!(repeats.repeats(&device("A"), stale), "{number}");
            repeats.remember(device("A"), stale);
            assert!(!repeats.repeats(&device("A"), (sample(100 + number), 1000 + u64::from(number))), "a new reading");
        }
    }

    #[test]
    fn a_stale_sample_that_is_sent_again_is_judged_as_before_or_is_a_duplicate() {
        let repeats = Repeats::default();
        repeats.remember(device("A"), (sample(1), 7));
        repeats.remember(device("A"), (sample(2), 7));
        // Both are known with this reading: neither is new.
        assert!(!repeats.repeats(&device("A"), (sample(1), 7)) && !repeats.repeats(&device("A"), (sample(2), 7)));
        assert!(repeats.repeats(&device("A"), (sample(3), 7)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let repeats = Repeats::default();
        for number in 0..Repeats::MOST + 10 {
            for reading in 0..9 {
                repeats.remember(device(&number.to_string()), (sample(reading), u64::from(reading)));
            }
        }
        let newest = repeats.0.lock().unwrap();
        assert_eq!((newest.readings.len(), newest.order.len()), (Repeats::MOST, Repeats::MOST));
        assert!(newest.readings.values().all(|known| known.len() == READINGS));
    }
}
