//! [`Presence`]: which devices are heard from: online, late or offline, each by the interval at which it usually sends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sqal_core::{DeviceId, Timestamp};

/// How a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Heard {
    /// It sends as it usually does.
    Online,
    /// Three of its samples are missing.
    Late,
    /// Ten of its samples are missing, or it never sent to this process.
    Offline,
}

/// A device that was heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// How it is now.
    pub heard: Heard,
    /// When its last sample was stored.
    pub last: Timestamp,
    /// How long it usually takes from one sample to the next; `None` before the second.
    pub interval: Option<Duration>,
}

/// The devices that this process has heard from, at most ten thousand; then the one that is silent for longest is forgotten.
///
/// A device's usual interval is a moving average (a fifth of the newest), and no interval is taken for shorter than a second: three late
/// packets of a fast device are no silence.
#[derive(Debug, Default)]
pub struct Presence(Mutex<HashMap<DeviceId, Known>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    last: Timestamp,
    at: Instant,
    measured: Timestamp,
    interval: Option<Duration>,
}

impl Presence {
    const MOST: usize = 10_000;
    const NEWEST: f64 = 0.2;
    const SHORTEST: Duration = Duration::from_secs(1);
    /// Before the second sample: what a device may take that was never seen to take less.
    const UNKNOWN: Duration = Duration::from_secs(20);

    fn known(&self) -> MutexGuard<'_, HashMap<DeviceId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sample of a device was stored: when it was measured, the wall clock, and now.
    ///
    /// The interval is learned from when samples were measured: what a device kept and sends at once says how often it measures all the same.
    pub fn heard(&self, device: DeviceId, measured: Timestamp, wall: Timestamp, now: Instant) {
        let mut known = self.known();
        if known.len() >= Self::MOST
            && !known.contains_key(&device)
            && let Some(silent) = known.iter().min_by_key(|(_, known)| known.at).map(|(device, _)| *device)
        {
            known.remove(&silent);
        }
        let seen = known.entry(device).or_insert(Known { last: wall, at: now, measured, interval: None });
        let since = u64::try_from(measured.micros() - seen.measured.micros()).unwrap_or(0);
        if since > 0 {
            let since = Duration::from_micros(since);
            let usual = seen.interval.unwrap_or(since);
            // What comes after a silence says nothing of the usual interval.
            let newest = since.min(usual * 3);
            let average = Self::NEWEST.mul_add(newest.as_secs_f64() - usual.as_secs_f64(), usual.as_secs_f64());
            seen.interval = Some(Duration::from_secs_f64(average));
        }
        (seen.last, seen.at, seen.measured) = (wall, now, seen.measured.max(measured));
    }

    /// How a device is now.
    #[must_use]
    pub fn of(&self, device: &DeviceId, now: Instant) -> Option<Present> {
        self.known().get(device).map(|known| known.present(now))
    }

    /// Every device that is known, by name.
    #[must_use]
    pub fn all(&self, now: Instant) -> Vec<(DeviceId, Present)> {
        let mut all: Vec<_> = self.known().iter().map(|(device, known)| (*device, known.present(now))).collect();
        all.sort_unstable_by_key(|(device, _)| *device);
        all
    }
}

impl Known {
    fn present(&self, now: Instant) -> Present {
        let usual = self.interval.map_or(Presence::UNKNOWN, |interval| interval.max(Presence::SHORTEST));
        let silent = now.saturating_duration_since(self.at);
        let heard = if silent <= usual * 3 {
            Heard::Online
        } else if silent <= usual * 10 {
            Heard::Late
        } else {
            Heard::Offline
        };
        Present { heard, last: self.last, interval: self.interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;
    use sqal_resilience::{Clock, ManualClock};

    fn device(name: &str) -> DeviceId {
        Name::new(name).unwrap()
    }

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn a_device_is_late_after_three_and_offline_after_ten_of_its_own_intervals() {
        for interval in [5, 60] {
            let (clock, presence) = (ManualClock::new(), Presence::default());
            for k in 0..5 {
                let measured = wall(k * i64::try_from(interval).unwrap());
                presence.heard(device("a"), measured, wall(k), clock.now());
                clock.advance(Duration::from_secs(interval));
            }
            let heard = || presence.of(&device("a"), clock.now()).unwrap();
            assert_eq!(heard().interval, Some(Duration::from_secs(interval)));
            assert_eq!((heard().heard, heard().last), (Heard::Online, wall(4)));
            clock.advance(Duration::from_secs(2 * interval));
            assert_eq!(heard().heard, Heard::Online, "three intervals");
            clock.advance(Duration::from_millis(1));
            assert_eq!(heard().heard, Heard::Late);
            clock.advance(Duration::from_secs(7 * interval).abs_diff(Duration::from_millis(1)));
            assert_eq!(heard().heard, Heard::Late, "ten intervals");
            clock.advance(Duration::from_millis(1));
            assert_eq!(heard().heard, Heard::Offline);
            let interval_secs = i64::try_from(interval).unwrap();
            presence.heard(device("a"), wall(14 * interval_secs), wall(9), clock.now());
            assert_eq!(heard().heard, Heard::Online);
            assert!(heard().interval.unwrap() < Duration::from_secs(2 * interval), "a silence is no interval");
            // What it kept comes at once, measured at its own pace; and one that comes late changes nothing.
            let before = heard().interval;
            for k in 0..100 {
                presence.heard(device("a"), wall((15 + k) * interval_secs), wall(9), clock.now());
            }
            presence.heard(device("a"), wall(interval_secs), wall(9), clock.now());
            assert!(heard().interval < before && heard().interval >= Some(Duration::from_secs(interval)));
        }
    }

    #[test]
    fn a_fast_device_is_not_late_for_three_packets_and_a_new_one_has_a_minute() {
        let (clock, presence) = (ManualClock::new(), Presence::default());
        presence.heard(device("new"), wall(0), wall(0), clock.now());
        for k in 0..10 {
            let measured = Timestamp::from_micros(k * 10_000).unwrap();
            presence.heard(device("fast"), measured, wall(0), clock.now());
            clock.advance(Duration::from_millis(10));
        }
        clock.advance(Duration::from_secs(2));
        let all: Vec<_> = presence.all(clock.now()).into_iter().map(|(name, present)| (name, present.heard)).collect();
        assert_eq!(all, [(device("fast"), Heard::Online), (device("new"), Heard::Online)]);
        clock.advance(Duration::from_mins(1));
        let all: Vec<_> = presence.all(clock.now()).into_iter().map(|(_, present)| present.heard).collect();
        assert_eq!(all, [Heard::Offline, Heard::Late]);
        assert_eq!(presence.of(&device("nobody"), clock.now()), None);
    }

    #[test]
    fn the_memory_is_bounded_and_the_most_silent_goes() {
        let (clock, presence) = (ManualClock::new(), Presence::default());
        for k in 0..=Presence::MOST {
            presence.heard(device(&format!("{k}")), wall(0), wall(0), clock.now());
            clock.advance(Duration::from_millis(1));
        }
        assert_eq!(presence.all(clock.now()).len(), Presence::MOST);
        assert_eq!(presence.of(&device("0"), clock.now()), None);
        assert!(presence.of(&device("1"), clock.now()).is_some());
    }
}
