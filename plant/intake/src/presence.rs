//! [`Presence`]: which devices are online, late or offline, and which disagree with this server.
//!
//! Each device is judged by the interval at which it usually sends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sqal_core::{DeviceId, Timestamp};

use crate::disagreement::{Fault, Lasting};
use crate::usual_interval::{LastValues, UsualInterval};

/// The presence of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Heard {
    /// The device sends as it usually does.
    Online,
    /// Three samples of the device are missing.
    Late,
    /// Ten samples of the device are missing, or it never sent to this process.
    Offline,
}

/// Whether a device and this server agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Agreement {
    /// The last frame of the device was accepted.
    Agrees,
    /// The last frame of the device was refused, because its time is too far ahead of the server's
    /// clock.
    ClockDisagrees,
    /// The last frame of the device was refused, because its profile is not known here.
    ProfileUnknown,
}

/// A device that has sent to this process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Present {
    /// The presence of the device now.
    pub heard: Heard,
    /// When the last sample of the device was stored; `None` before the first.
    pub last: Option<Timestamp>,
    /// The usual time from one sample to the next; `None` before the fourth sample.
    pub interval: Option<Duration>,
    /// How far the device's clock is ahead of the server's clock, in seconds, from the least
    /// delayed of its last 15 frames.
    pub clock_offset_secs: f64,
    /// Whether the device and this server agree.
    pub agreement: Agreement,
}

/// How many devices disagree with this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disagreeing {
    /// Devices that sent in the last five minutes.
    pub heard: usize,
    /// The devices among them whose clock is ahead of the server's clock.
    pub clock: usize,
    /// The devices among them whose profile is not known here.
    pub profile: usize,
}

impl Disagreeing {
    /// Whether the server's own clock is taken to be wrong: it is if most devices, and at least
    /// three, disagree with it.
    #[must_use]
    pub const fn servers_clock_is_wrong(self) -> bool {
        self.are_most(self.clock)
    }

    /// Whether the server's own profiles are taken to be wrong: they are if most devices, and at
    /// least three, name a profile that the server does not know.
    #[must_use]
    pub const fn servers_profiles_are_wrong(self) -> bool {
        self.are_most(self.profile)
    }

    const fn are_most(self, devices: usize) -> bool {
        devices >= 3 && devices * 2 > self.heard
    }
}

/// The devices that have sent to this process, at most ten thousand. If there are more, the device
/// that has been silent longest is forgotten.
///
/// A device's usual interval is the median of its last 15 intervals between arrivals. To judge a
/// silence, an interval of less than a second counts as a second: three late packets of a fast
/// device are not a silence.
#[derive(Debug, Default)]
pub struct Presence(Mutex<HashMap<DeviceId, Known>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    last: Option<Timestamp>,
    at: Instant,
    usual: Option<UsualInterval>,
    /// Microseconds by which the clock of the device was ahead when each of its last frames
    /// arrived.
    ahead: LastValues<i64>,
    disagrees: Option<Lasting>,
}

impl Presence {
    const MOST: usize = 10_000;
    const SHORTEST: Duration = Duration::from_secs(1);
    /// Before three intervals are known, a device is late after this time at the earliest, and
    /// offline after three times this time at the earliest.
    const UNKNOWN: Duration = Duration::from_secs(20);
    /// After this time a device is offline, however seldom it sends.
    const LATEST: Duration = Duration::from_hours(4);
    /// Devices that sent within this time are counted among those that agree or disagree.
    const LATELY: Duration = Duration::from_mins(5);

    fn known(&self) -> MutexGuard<'_, HashMap<DeviceId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a stored sample of a device: when it was measured, the wall clock, and the monotonic
    /// time.
    pub fn heard(&self, device: DeviceId, measured: Timestamp, wall: Timestamp, now: Instant) {
        let mut all = self.known();
        let known = entry(&mut all, device, now);
        match &mut known.usual {
            Some(usual) => usual.add(measured, now),
            None => known.usual = Some(UsualInterval::begin(measured, now)),
        }
        known.ahead.push(measured.micros().saturating_sub(wall.micros()));
        (known.last, known.at, known.disagrees) = (Some(wall), now, None);
    }

    /// Records that a frame was refused because its device and this server disagree. Returns
    /// whether they have disagreed for ten minutes.
    pub(crate) fn disagrees(
        &self,
        device: DeviceId,
        fault: Fault,
        measured: Timestamp,
        wall: Timestamp,
        now: Instant,
    ) -> bool {
        let mut all = self.known();
        let known = entry(&mut all, device, now);
        known.ahead.push(measured.micros().saturating_sub(wall.micros()));
        let lasting = Lasting::after(known.disagrees, fault, now);
        (known.at, known.disagrees) = (now, Some(lasting));
        lasting.is_long(now)
    }

    /// The presence of a device now; `None` for an unknown device.
    #[must_use]
    pub fn of(&self, device: &DeviceId, now: Instant) -> Option<Present> {
        self.known().get(device).map(|known| known.present(now))
    }

    /// Every known device, by name.
    #[must_use]
    pub fn all(&self, now: Instant) -> Vec<(DeviceId, Present)> {
        let mut all: Vec<_> = self.known().iter().map(|(device, known)| (*device, known.present(now))).collect();
        all.sort_unstable_by_key(|(device, _)| *device);
        all
    }

    /// How many devices disagree with this server now.
    #[must_use]
    pub fn disagreeing(&self, now: Instant) -> Disagreeing {
        let all = self.known();
        let lately = all.values().filter(|known| now.saturating_duration_since(known.at) <= Self::LATELY);
        lately.fold(Disagreeing::default(), |mut sum, known| {
            sum.heard += 1;
            match known.disagrees.map(|lasting| lasting.fault) {
                Some(Fault::Clock) => sum.clock += 1,
                Some(Fault::Profile) => sum.profile += 1,
                None => {}
            }
            sum
        })
    }

    /// Reports as gauges how many devices disagree.
    pub fn report(&self, now: Instant) {
        let Disagreeing { clock, profile, .. } = self.disagreeing(now);
        for (name, count) in [("devices_clock_disagrees", clock), ("devices_profile_unknown", profile)] {
            #[expect(clippy::cast_precision_loss, reason = "at most ten thousand")]
            metrics::gauge!(name).set(count as f64);
        }
    }
}

/// The entry of a device. If there is no room for a new device, it replaces the one that has been
/// silent longest.
fn entry(all: &mut HashMap<DeviceId, Known>, device: DeviceId, now: Instant) -> &mut Known {
    if all.len() >= Presence::MOST
        && !all.contains_key(&device)
        && let Some(silent) = all.iter().min_by_key(|(_, known)| known.at).map(|(device, _)| *device)
    {
        all.remove(&silent);
    }
    all.entry(device).or_insert_with(|| Known {
        last: None,
        at: now,
        usual: None,
        ahead: LastValues::default(),
        disagrees: None,
    })
}

impl Known {
    /// The silence after which the device is late, and the silence after which it is offline.
    fn patience(&self) -> (Duration, Duration) {
        let longest = self.usual.and_then(|usual| usual.longest());
        let (late, offline) = if let Some(median) = self.usual.and_then(|usual| usual.median()) {
            let usual = median.max(Presence::SHORTEST);
            (usual * 3, usual * 10)
        } else {
            // One or two intervals do not show what is usual, but they show that a sample may take
            // as long.
            let seen = longest.unwrap_or_default();
            (Presence::UNKNOWN.max(seen * 3), (Presence::UNKNOWN * 3).max(seen * 10))
        };
        (late, offline.min(Presence::LATEST))
    }

    fn present(&self, now: Instant) -> Present {
        let (late, offline) = self.patience();
        let silent = now.saturating_duration_since(self.at);
        let heard = if silent <= late {
            Heard::Online
        } else if silent <= offline {
            Heard::Late
        } else {
            Heard::Offline
        };
        // A frame is delayed on its way, and while its device keeps it. So the least delayed frame
        // shows the clock best.
        let ahead = self.ahead.known().iter().max().copied().unwrap_or(0);
        let seconds = i32::try_from(ahead / 1_000_000).unwrap_or(if ahead < 0 { i32::MIN } else { i32::MAX });
        let micros = i32::try_from(ahead % 1_000_000).unwrap_or(0);
        let clock_offset_secs = f64::from(seconds) + f64::from(micros) / 1e6;
        let agreement = match self.disagrees.map(|lasting| lasting.fault) {
            None => Agreement::Agrees,
            Some(Fault::Clock) => Agreement::ClockDisagrees,
            Some(Fault::Profile) => Agreement::ProfileUnknown,
        };
        let interval = self.usual.and_then(|usual| usual.median());
        Present { heard, last: self.last, interval, clock_offset_secs, agreement }
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

    /// The time that has passed on a clock, as wall time.
    fn passed(clock: &ManualClock, begun: Instant) -> Timestamp {
        Timestamp::from_micros(i64::try_from((clock.now() - begun).as_micros()).unwrap()).unwrap()
    }

    #[test]
    fn a_device_is_late_after_three_and_offline_after_ten_of_its_own_intervals() {
        for interval in [5, 60] {
            let (clock, presence) = (ManualClock::new(), Presence::default());
            let begun = clock.now();
            for _ in 0..5 {
                presence.heard(device("a"), passed(&clock, begun), passed(&clock, begun), clock.now());
                clock.advance(Duration::from_secs(interval));
            }
            let heard = || presence.of(&device("a"), clock.now()).unwrap();
            let interval_secs = i64::try_from(interval).unwrap();
            assert_eq!(heard().interval, Some(Duration::from_secs(interval)));
            assert_eq!((heard().heard, heard().last), (Heard::Online, Some(wall(4 * interval_secs))));
            clock.advance(Duration::from_secs(2 * interval));
            assert_eq!(heard().heard, Heard::Online, "three intervals");
            clock.advance(Duration::from_millis(1));
            assert_eq!(heard().heard, Heard::Late);
            clock.advance(Duration::from_secs(7 * interval).abs_diff(Duration::from_millis(1)));
            assert_eq!(heard().heard, Heard::Late, "ten intervals");
            clock.advance(Duration::from_millis(1));
            assert_eq!(heard().heard, Heard::Offline);
            presence.heard(device("a"), passed(&clock, begun), passed(&clock, begun), clock.now());
            assert_eq!(heard().heard, Heard::Online);
            assert_eq!(heard().interval, Some(Duration::from_secs(interval)), "a silence is no interval");
            // The device sends the samples that it kept at once, measured at its own pace. These,
            // and one late sample, change nothing.
            for k in 0..100 {
                presence.heard(device("a"), wall((15 + k) * interval_secs), wall(9), clock.now());
            }
            presence.heard(device("a"), wall(interval_secs), wall(9), clock.now());
            assert_eq!(heard().interval, Some(Duration::from_secs(interval)));
        }
    }

    #[test]
    fn a_clock_that_is_set_is_no_usual_interval_and_a_silence_of_65_seconds_is_offline() {
        let (clock, presence) = (ManualClock::new(), Presence::default());
        presence.heard(device("a"), wall(0), wall(80_116_500), clock.now());
        clock.advance(Duration::from_millis(20));
        presence.heard(device("a"), wall(80_116_500), wall(80_116_500), clock.now());
        let heard = || presence.of(&device("a"), clock.now()).unwrap();
        assert_eq!((heard().heard, heard().interval), (Heard::Online, None));
        clock.advance(Duration::from_secs(65));
        assert_eq!((heard().heard, heard().interval), (Heard::Offline, None));
    }

    #[test]
    fn a_device_that_sends_every_hour_is_offline_after_four() {
        let (clock, presence) = (ManualClock::new(), Presence::default());
        let begun = clock.now();
        for _ in 0..6 {
            clock.advance(Duration::from_hours(1));
            presence.heard(device("a"), passed(&clock, begun), passed(&clock, begun), clock.now());
        }
        let heard = || presence.of(&device("a"), clock.now()).unwrap().heard;
        clock.advance(Duration::from_hours(3));
        assert_eq!(heard(), Heard::Online);
        clock.advance(Duration::from_hours(1));
        assert_eq!(heard(), Heard::Late);
        clock.advance(Duration::from_secs(1));
        assert_eq!(heard(), Heard::Offline);
    }

    #[test]
    fn a_fast_device_is_not_late_for_three_packets_and_a_new_one_has_twenty_seconds() {
        let (clock, presence) = (ManualClock::new(), Presence::default());
        presence.heard(device("new"), wall(0), wall(0), clock.now());
        for k in 0..10 {
            let measured = Timestamp::from_micros(k * 10_000).unwrap();
            presence.heard(device("fast"), measured, wall(0), clock.now());
            clock.advance(Duration::from_millis(10));
        }
        let all = || {
            let all = presence.all(clock.now()).into_iter();
            all.map(|(name, present)| (name, present.heard)).collect::<Vec<_>>()
        };
        clock.advance(Duration::from_secs(2));
        assert_eq!(all(), [(device("fast"), Heard::Online), (device("new"), Heard::Online)]);
        clock.advance(Duration::from_secs(20));
        assert_eq!(all(), [(device("fast"), Heard::Offline), (device("new"), Heard::Late)]);
        clock.advance(Duration::from_mins(1));
        assert_eq!(all(), [(device("fast"), Heard::Offline), (device("new"), Heard::Offline)]);
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

    #[test]
    fn one_wrong_clock_is_its_devices_and_the_same_of_most_devices_is_the_servers() {
        let (clock, presence) = (ManualClock::new(), Presence::default());
        let ahead = |name: &str| presence.disagrees(device(name), Fault::Clock, wall(600), wall(0), clock.now());
        let wrong = || presence.disagreeing(clock.now()).servers_clock_is_wrong();
        assert!(!ahead("1") && !ahead("2"));
        assert!(!wrong(), "two devices prove nothing");
        for name in ["4", "5", "6"] {
            presence.heard(device(name), wall(0), wall(0), clock.now());
        }
        ahead("3");
        assert!(!wrong(), "three of six are not most");
        ahead("4");
        assert!(wrong());
        assert_eq!(presence.disagreeing(clock.now()), Disagreeing { heard: 6, clock: 4, profile: 0 });
        let one = presence.of(&device("4"), clock.now()).unwrap();
        assert_eq!((one.agreement, one.clock_offset_secs), (Agreement::ClockDisagrees, 600.0));
        // If a sample is stored again, its device agrees again.
        presence.heard(device("4"), wall(0), wall(0), clock.now());
        assert!(!wrong());
        // A device that disagreed and is silent no longer counts.
        ahead("4");
        clock.advance(Presence::LATELY + Duration::from_secs(1));
        assert_eq!(presence.disagreeing(clock.now()), Disagreeing::default());
    }

    #[test]
    fn a_disagreement_of_ten_minutes_is_long_until_a_sample_is_stored() {
        let (clock, presence) = (ManualClock::new(), Presence::default());
        let unknown = || presence.disagrees(device("a"), Fault::Profile, wall(0), wall(0), clock.now());
        assert!(!unknown());
        clock.advance(Lasting::BOUND);
        assert!(unknown());
        presence.heard(device("a"), wall(0), wall(0), clock.now());
        assert!(!unknown(), "it begins anew");
    }
}
