//! [`OwnFaults`]: the rules by which a server reports faults of its own and of its devices.

mod described;
mod gate;
mod rule;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sqal_core::{DeviceId, Name};

use self::described::{breaker_open, caught_panic, dead_letters, device_offline, station_fault};
use self::gate::Gate;
use crate::book::Fault;

pub use self::rule::{OwnRule, OwnSettings};

/// The most breakers, and the most devices, that are watched at a time. Further ones are not
/// watched until there is room.
const MOST_WATCHED: usize = 10_000;

/// A device that is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedDevice {
    /// The device.
    pub id: DeviceId,
    /// The version of its firmware, if it is known.
    pub firmware: Option<Name<32>>,
}

/// Whether a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevicePresence {
    /// The device sends.
    Online,
    /// The device does not send, and nothing says why.
    Offline,
    /// The device does not send, and this is planned: a shift has ended, or it is switched off.
    Ended,
}

/// Something that lasts: since when, and whether it was reported.
#[derive(Clone, Copy, Debug)]
struct Lasting {
    since: Instant,
    is_reported: bool,
}

/// Which faults a server reports of its own.
///
/// Each observation gives the fault that is to be reported, if there is one. A breaker that is
/// open, and a device that is offline, are observed again and again while it lasts, and are
/// reported once.
///
/// # Laws
///
/// 1. *A rule that is off reports nothing.*
/// 2. *A subject is reported at most once in a cool-down*: a panic at one place, a breaker, a
///    device.
/// 3. *All rules together report at most [`OwnSettings::most_per_hour`] faults within any hour*,
///    whatever is observed.
/// 4. *No rule hides another*: half of these reports is divided into equal shares of the rules that
///    are on, and no rule takes the share of another one.
/// 5. *Memory is bounded*, whatever is observed.
///
/// ```
/// use std::time::Duration;
///
/// use sqal_bugs::own::{OwnFaults, OwnSettings};
/// use sqal_resilience::{Clock, ManualClock};
///
/// let (clock, mut own) = (ManualClock::new(), OwnFaults::new(OwnSettings::default(), None));
/// assert!(own.observe_breaker("postgres", true, clock.now()).is_none());
/// clock.advance(Duration::from_secs(6 * 60));
/// let fault = own.observe_breaker("postgres", true, clock.now()).unwrap();
/// assert_eq!(fault.new.content().title, "The breaker postgres stays open");
/// ```
#[derive(Debug)]
pub struct OwnFaults {
    settings: OwnSettings,
    /// The version of the server.
    version: Option<Name<32>>,
    gate: Gate,
    breakers: BTreeMap<String, Lasting>,
    offline: BTreeMap<DeviceId, Lasting>,
    letters: BTreeMap<DeviceId, VecDeque<Instant>>,
}

impl OwnFaults {
    /// The rules of a server that has observed nothing.
    #[must_use]
    pub fn new(settings: OwnSettings, version: Option<Name<32>>) -> Self {
        Self {
            settings,
            version,
            gate: Gate::new(),
            breakers: BTreeMap::new(),
            offline: BTreeMap::new(),
            letters: BTreeMap::new(),
        }
    }

    /// A panic was caught. `place` is the file with the line, as the panic says it.
    pub fn observe_panic(&mut self, place: &str, message: &str, now: Instant) -> Option<Fault> {
        if !self.is_on(OwnRule::CaughtPanic) {
            return None;
        }
        let fault = caught_panic(place, message, self.version)?;
        self.gate.admits(OwnRule::CaughtPanic, fault.key, now, &self.settings).then_some(fault)
    }

    /// A breaker is open or not.
    pub fn observe_breaker(&mut self, name: &str, is_open: bool, now: Instant) -> Option<Fault> {
        if !is_open || !self.is_on(OwnRule::BreakerOpen) {
            self.breakers.remove(name);
            return None;
        }
        let open = lasting(&mut self.breakers, name.to_owned(), now)?;
        let lasted = now.saturating_duration_since(open.since);
        if open.is_reported || lasted <= self.settings.breaker_open_for {
            return None;
        }
        let fault = breaker_open(name, lasted, self.version)?;
        open.is_reported = self.gate.admits(OwnRule::BreakerOpen, fault.key, now, &self.settings);
        open.is_reported.then_some(fault)
    }

    /// What a device sent became a dead letter.
    pub fn observe_dead_letter(&mut self, device: ObservedDevice, now: Instant) -> Option<Fault> {
        if !self.is_on(OwnRule::DeadLetterBurst) {
            return None;
        }
        let (burst, within) = (self.settings.dead_letters.max(1), self.settings.dead_letters_within);
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > within;
        if self.letters.len() >= MOST_WATCHED && !self.letters.contains_key(&device.id) {
            self.letters.retain(|_, times| times.back().is_some_and(|last| !is_old(last)));
            if self.letters.len() >= MOST_WATCHED {
                return None;
            }
        }
        let times = self.letters.entry(device.id).or_default();
        times.push_back(now);
        while times.len() > burst || times.front().is_some_and(is_old) {
            times.pop_front();
        }
        if times.len() < burst {
            return None;
        }
        let fault = dead_letters(device, times.len(), within)?;
        if !self.gate.admits(OwnRule::DeadLetterBurst, fault.key, now, &self.settings) {
            return None;
        }
        self.letters.remove(&device.id);
        Some(fault)
    }

    /// Whether a device would be reported if it were observed as offline now, for a caller that
    /// then has to find out more about it: its firmware, or whether it sends to another server.
    #[must_use]
    pub fn would_report_offline(&self, device: DeviceId, now: Instant) -> bool {
        if !self.is_on(OwnRule::DeviceOffline) {
            return false;
        }
        let offline = self.offline.get(&device);
        let lasted = offline.map_or(Duration::ZERO, |offline| now.saturating_duration_since(offline.since));
        if offline.is_some_and(|offline| offline.is_reported) || lasted < self.settings.offline_for {
            return false;
        }
        let fault = device_offline(ObservedDevice { id: device, firmware: None }, lasted);
        fault.is_some_and(|fault| self.gate.would_admit(OwnRule::DeviceOffline, fault.key, now, &self.settings))
    }

    /// A device is there or not.
    pub fn observe_presence(
        &mut self,
        device: ObservedDevice,
        presence: DevicePresence,
        now: Instant,
    ) -> Option<Fault> {
        if presence != DevicePresence::Offline || !self.is_on(OwnRule::DeviceOffline) {
            self.offline.remove(&device.id);
            return None;
        }
        let offline = lasting(&mut self.offline, device.id, now)?;
        let lasted = now.saturating_duration_since(offline.since);
        if offline.is_reported || lasted < self.settings.offline_for {
            return None;
        }
        let fault = device_offline(device, lasted)?;
        offline.is_reported = self.gate.admits(OwnRule::DeviceOffline, fault.key, now, &self.settings);
        offline.is_reported.then_some(fault)
    }

    /// An instrument of a station is at fault. `cause` is the word of the cause, as the state of
    /// the station names it.
    pub fn observe_station_fault(&mut self, device: ObservedDevice, cause: &str, now: Instant) -> Option<Fault> {
        if !self.is_on(OwnRule::StationFault) {
            return None;
        }
        let fault = station_fault(device, cause)?;
        self.gate.admits(OwnRule::StationFault, fault.key, now, &self.settings).then_some(fault)
    }

    /// Whether a rule is on.
    #[must_use]
    pub fn is_on(&self, rule: OwnRule) -> bool {
        self.settings.rules.contains(&rule)
    }
}

/// What is known of something that lasts, from now on if it is new; `None` if there is no room.
fn lasting<K: Ord>(table: &mut BTreeMap<K, Lasting>, key: K, now: Instant) -> Option<&mut Lasting> {
    if table.len() >= MOST_WATCHED && !table.contains_key(&key) {
        return None;
    }
    Some(table.entry(key).or_insert(Lasting { since: now, is_reported: false }))
}

/// A duration in whole minutes, for a text.
fn minutes(duration: Duration) -> u64 {
    duration.as_secs() / 60
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_resilience::{Clock, ManualClock};
    use sqal_storage::bugs::GroupKey;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn device(number: u16) -> ObservedDevice {
        ObservedDevice { id: Name::new(&format!("station-{number}")).unwrap(), firmware: None }
    }

    fn own() -> (ManualClock, OwnFaults) {
        (ManualClock::new(), OwnFaults::new(OwnSettings::default(), None))
    }

    /// An observation of a flood.
    #[derive(Clone, Debug)]
    enum Observed {
        Panic(u16, u16),
        Breaker(u16, bool),
        DeadLetters(u16, u8),
        Presence(u16, DevicePresence),
        StationFault(u16, u16),
    }

    fn observed() -> impl Strategy<Value = Observed> {
        let presence =
            prop::sample::select(vec![DevicePresence::Online, DevicePresence::Offline, DevicePresence::Ended]);
        prop_oneof![
            (0_u16..400, 0_u16..3).prop_map(|(file, line)| Observed::Panic(file, line)),
            (0_u16..60, prop::bool::weighted(0.9)).prop_map(|(name, is_open)| Observed::Breaker(name, is_open)),
            (0_u16..60, 1_u8..40).prop_map(|(device, count)| Observed::DeadLetters(device, count)),
            (0_u16..60, presence).prop_map(|(device, presence)| Observed::Presence(device, presence)),
            (0_u16..60, 0_u16..3).prop_map(|(device, cause)| Observed::StationFault(device, cause)),
        ]
    }

    /// The name of a file that is not like another by its digits.
    fn letters(number: u16) -> String {
        let letter = |number: u16| char::from(b'g' + u8::try_from(number % 20).unwrap());
        [letter(number / 20), letter(number)].iter().collect()
    }

    fn observe(own: &mut OwnFaults, observed: &Observed, now: Instant) -> Vec<GroupKey> {
        let faults = match *observed {
            Observed::Panic(file, line) => {
                vec![own.observe_panic(&format!("src/{}.rs:{line}:5", letters(file)), "index 7", now)]
            }
            Observed::Breaker(name, is_open) => vec![own.observe_breaker(&letters(name), is_open, now)],
            Observed::DeadLetters(number, count) => {
                (0..count).map(|_| own.observe_dead_letter(device(number), now)).collect()
            }
            Observed::Presence(number, presence) => {
                let expected = own.would_report_offline(device(number).id, now);
                let fault = own.observe_presence(device(number), presence, now);
                assert_eq!(fault.is_some(), expected && presence == DevicePresence::Offline);
                vec![fault]
            }
            Observed::StationFault(number, cause) => {
                vec![own.observe_station_fault(device(number), &letters(cause), now)]
            }
        };
        faults.into_iter().flatten().map(|fault| fault.key).collect()
    }

    proptest! {
        #[test]
        fn no_flood_of_observations_becomes_a_flood_of_bugs(
            observations in proptest::collection::vec((observed(), 0_u64..120), 0..400),
        ) {
            let (clock, mut own) = own();
            let mut reported: Vec<(Instant, GroupKey)> = Vec::new();
            for (observed, seconds) in &observations {
                clock.advance(Duration::from_secs(*seconds));
                let now = clock.now();
                reported.extend(observe(&mut own, observed, now).into_iter().map(|key| (now, key)));
            }
            let settings = OwnSettings::default();
            let hour = Duration::from_hours(1);
            for (at, (now, key)) in reported.iter().enumerate() {
                let before = &reported[..=at];
                let within = before.iter().filter(|(then, _)| now.duration_since(*then) < hour).count();
                prop_assert!(within <= settings.most_per_hour, "{within} faults in an hour");
                let equal = before.iter().filter(|(then, other)| {
                    other == key && now.duration_since(*then) < settings.cool_down
                });
                prop_assert_eq!(equal.count(), 1, "twice within the cool-down");
            }
        }

        #[test]
        fn a_rule_that_is_off_reports_nothing(
            observations in proptest::collection::vec((observed(), 0_u64..900), 0..100),
        ) {
            let clock = ManualClock::new();
            let mut own = OwnFaults::new(OwnSettings { rules: [].into(), ..OwnSettings::default() }, None);
            for (observed, seconds) in &observations {
                clock.advance(Duration::from_secs(*seconds));
                prop_assert_eq!(observe(&mut own, observed, clock.now()), Vec::new());
            }
        }
    }

    #[test]
    fn a_breaker_is_reported_once_while_it_is_open_and_again_when_it_opens_after_the_cool_down() {
        let (clock, mut own) = own();
        let mut open_for = |minutes: u32| {
            let before = own.observe_breaker("redis", true, clock.now()).is_some();
            clock.advance(MINUTE * minutes);
            before || own.observe_breaker("redis", true, clock.now()).is_some()
        };
        assert!(!open_for(5), "five minutes are not longer than five minutes");
        assert!(open_for(1));
        assert!(!open_for(600), "it was reported");
        assert!(own.observe_breaker("redis", false, clock.now()).is_none());
        assert!(own.observe_breaker("redis", true, clock.now()).is_none());
        clock.advance(MINUTE * 6);
        assert!(own.observe_breaker("redis", true, clock.now()).is_some());
    }

    #[test]
    fn a_device_that_comes_back_or_whose_end_is_planned_is_not_reported() {
        for end in [DevicePresence::Online, DevicePresence::Ended] {
            let (clock, mut own) = own();
            assert!(own.observe_presence(device(1), DevicePresence::Offline, clock.now()).is_none());
            clock.advance(MINUTE * 14);
            assert!(own.observe_presence(device(1), end, clock.now()).is_none());
            clock.advance(MINUTE * 14);
            assert!(own.observe_presence(device(1), DevicePresence::Offline, clock.now()).is_none());
            clock.advance(MINUTE * 15);
            assert!(own.observe_presence(device(1), DevicePresence::Offline, clock.now()).is_some());
            assert!(own.observe_presence(device(1), DevicePresence::Offline, clock.now()).is_none());
        }
    }

    #[test]
    fn dead_letters_are_a_burst_only_of_one_device_within_ten_minutes() {
        let (clock, mut own) = own();
        for letter in 0..60 {
            assert!(own.observe_dead_letter(device(letter % 4), clock.now()).is_none(), "15 of each");
        }
        clock.advance(MINUTE * 11);
        let faults = (0..20).filter(|_| own.observe_dead_letter(device(1), clock.now()).is_some());
        assert_eq!(faults.count(), 1);
    }

    #[test]
    fn a_panic_is_one_fault_wherever_its_line_is_and_another_at_another_place() {
        let (clock, mut own) = own();
        let fault = own.observe_panic("src/grade.rs:10:5", "index 7 of 3", clock.now()).unwrap();
        assert_eq!(fault.new.content().title, "Panic at src/grade.rs: index 7 of 3");
        assert!(own.observe_panic("src/grade.rs:12:9", "index 8 of 3", clock.now()).is_none());
        assert!(own.observe_panic("src/intake.rs:12:9", "index 8 of 3", clock.now()).is_some());
        let fault = own.observe_station_fault(device(1), "window_dirty", clock.now()).unwrap();
        assert_eq!(fault.new.content().title, "Station station-1: window_dirty");
        assert!(own.observe_station_fault(device(1), "window_dirty", clock.now()).is_none());
        assert!(own.observe_station_fault(device(1), "lamp_fading", clock.now()).is_some());
    }
}
