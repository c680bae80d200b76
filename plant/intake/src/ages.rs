//! [`Ages`]: when a device without a clock measured; a frame that is sent again keeps its time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use sqal_core::{DeviceId, Name, Timestamp};

/// One sample of one run of a device: the first half of the SHA-256 of their names.
type Named = [u8; 16];

fn named(names: [&str; 3]) -> Named {
    let mut hash = Sha256::new();
    for name in names {
        // Lengths first, so that two different lists of names never feed the same bytes.
        hash.update([u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        hash.update(name);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    half
}

/// The times of the newest samples whose device reported an age instead of a time.
///
/// The time is part of a sample's identity. A frame that is sent again is older by then, and
/// arrives after another delay. It keeps the time that the first frame of its device, run and name
/// got.
#[derive(Debug, Default)]
pub(crate) struct Ages(Mutex<Given>);

#[derive(Debug, Default)]
struct Given {
    times: HashMap<Named, Timestamp>,
    /// Oldest first.
    order: VecDeque<Named>,
}

impl Ages {
    /// The most samples that are remembered: one hour of five stations that measure twice a second,
    /// in 3 MB.
    const MOST: usize = 36_000;

    /// The time of a sample that arrived at `now` and was `age_ms` old. A remembered sample keeps
    /// its first time. This call remembers nothing.
    pub(crate) fn time_of(
        &self,
        device: DeviceId,
        boot: Name<64>,
        sample: Name<100>,
        age_ms: u32,
        now: Timestamp,
    ) -> Timestamp {
        let given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = named([device.as_str(), boot.as_str(), sample.as_str()]);
        let known = given.times.get(&named).copied();
        known.unwrap_or_else(|| Timestamp::from_micros(now.micros() - i64::from(age_ms) * 1000).unwrap_or(now))
    }

    /// Remembers the time of a sample. The caller has checked that the sender may speak for the
    /// device, so no other sender can set the device's times.
    pub(crate) fn remember(&self, device: DeviceId, boot: Name<64>, sample: Name<100>, time: Timestamp) {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = named([device.as_str(), boot.as_str(), sample.as_str()]);
        if given.times.contains_key(&named) {
            return;
        }
        if given.order.len() >= Self::MOST
            && let Some(oldest) = given.order.pop_front()
        {
            given.times.remove(&oldest);
        }
        given.order.push_back(named);
        given.times.insert(named, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn a_frame_that_comes_again_has_the_time_of_the_first() {
        let ages = Ages::default();
        let name = |text: &str| Name::new(text).unwrap();
        let device = Name::new("A").unwrap();
        let first = ages.time_of(device, name("boot 1"), Name::new("S-1").unwrap(), 2000, at(1000));
        assert_eq!(first, at(998));
        ages.remember(device, name("boot 1"), Name::new("S-1").unwrap(), first);
        // Sent again after seven seconds, the frame is seven seconds older and was delayed a little
        // longer.
        assert_eq!(ages.time_of(device, name("boot 1"), Name::new("S-1").unwrap(), 9000, at(1008)), first);
        // After a restart of the device, its sample names begin again.
        assert_eq!(ages.time_of(device, name("boot 2"), Name::new("S-1").unwrap(), 0, at(1008)), at(1008));
    }

    /// A frame is refused if its sender may not speak for the device, and then sets no time.
    #[test]
    fn a_look_alone_is_not_remembered() {
        let (ages, device, boot) = (Ages::default(), Name::new("A").unwrap(), Name::new("boot").unwrap());
        let sample = Name::new("S-1").unwrap();
        assert_eq!(ages.time_of(device, boot, sample, 86_400_000, at(100_000)), at(13_600));
        assert_eq!(ages.time_of(device, boot, sample, 1000, at(100_000)), at(99_999));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (ages, device, boot) = (Ages::default(), Name::new("A").unwrap(), Name::new("boot").unwrap());
        for k in 0..Ages::MOST + 10 {
            ages.remember(device, boot, Name::new(&k.to_string()).unwrap(), at(1));
        }
        let given = ages.0.lock().unwrap();
        assert_eq!((given.times.len(), given.order.len()), (Ages::MOST, Ages::MOST));
    }
}
