//! [`OwnWatch`]: looks for faults of the server and its devices, which it reports as bugs.
//!
//! ```text
//!   panics, breakers, dead letters, presence, stations --> rules (OwnFaults) --> intake --> book
//!                                                          cool-down, bound
//! ```

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqal_alerts::station::{Cause, Stations};
use sqal_bugs::Fault;
use sqal_bugs::envelope::FaultIntake;
use sqal_bugs::own::{DevicePresence, ObservedDevice, OwnFaults, OwnRule};
use sqal_core::{DeviceId, Sample, Timestamp};
use sqal_http::sqal_intake::Presence;
use sqal_http::sqal_intake::presence::{Heard, Present};
use sqal_http::{Access, DeadLetters};
use sqal_resilience::Clock;
use sqal_storage::{SampleQuery, SampleStore, StorageError};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};

use super::new_letters::NewLetters;
use super::panic_log::PanicLog;
use crate::compose::breaker_states::BreakerStates;
use crate::wall_clock::wall_clock;

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// The stations that are read at a time.
const STATIONS_AT_ONCE: u16 = 200;

/// What the server knows of itself and of its devices.
pub(super) struct Watched {
    /// The panics of the process; `None` if no rule looks at them.
    pub(super) panics: Option<PanicLog>,
    pub(super) breakers: BreakerStates,
    pub(super) letters: Arc<DeadLetters>,
    /// For which device the sender of a dead letter may speak.
    pub(super) access: Arc<Access>,
    pub(super) presence: Arc<Presence>,
    /// The state of the stations; `None` if no station is watched.
    pub(super) stations: Option<Arc<Stations>>,
    pub(super) store: Arc<dyn SampleStore>,
    pub(super) clock: Arc<dyn Clock>,
}

/// A fault of a station: its device, its cause, and when it was found.
type StationFaultKey = (DeviceId, Cause, Timestamp);

/// Looks at what the server knows, and gives what the rules report to the intake.
pub(super) struct OwnWatch {
    own: OwnFaults,
    intake: Arc<FaultIntake>,
    watched: Watched,
    new_letters: NewLetters,
    /// When the watch began: a fault of a station that was found before was reported before.
    began: Timestamp,
    /// The faults of stations that last and were observed.
    observed: BTreeSet<StationFaultKey>,
}

impl OwnWatch {
    /// A watch that begins now.
    pub(super) fn new(own: OwnFaults, intake: Arc<FaultIntake>, watched: Watched, now: Timestamp) -> Self {
        let new_letters = NewLetters::after(&watched.letters);
        Self { own, intake, watched, new_letters, began: now, observed: BTreeSet::new() }
    }

    /// Looks every 5 seconds.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(wall_clock()).await;
        }
    }

    /// Looks once.
    async fn look(&mut self, wall: Timestamp) {
        let now = self.watched.clock.now();
        let mut faults = self.of_process(now);
        faults.extend(self.of_letters(now, wall).await);
        faults.extend(self.of_presence(now).await);
        match self.of_stations(now, wall).await {
            Ok(found) => faults.extend(found),
            Err(error) => debug!(%error, "the stations were not looked at for faults"),
        }
        for fault in faults {
            let content = fault.new.content();
            let device = content.links.device_id;
            info!(title = content.title.as_str(), "the server reports a fault of its own or of a device as a bug");
            self.intake.take(fault, wall, device, Vec::new());
        }
    }

    /// Panics and open breakers.
    fn of_process(&mut self, now: Instant) -> Vec<Fault> {
        let panics = self.watched.panics.as_ref().map(PanicLog::take).unwrap_or_default();
        let panics = panics.iter().filter_map(|panic| self.own.observe_panic(&panic.place, &panic.message, now));
        let mut faults: Vec<_> = panics.collect();
        for (name, is_open) in self.watched.breakers.all() {
            faults.extend(self.own.observe_breaker(name, is_open, now));
        }
        faults
    }

    /// Bursts of frames that were refused for good.
    async fn of_letters(&mut self, now: Instant, wall: Timestamp) -> Vec<Fault> {
        let counts = self.new_letters.look(&self.watched.letters, &self.watched.access, wall);
        if !self.own.is_on(OwnRule::DeadLetterBurst) {
            return Vec::new();
        }
        let mut faults = Vec::new();
        for (id, count) in counts {
            let device = self.observed(id).await;
            faults.extend((0..count).filter_map(|_| self.own.observe_dead_letter(device, now)));
        }
        faults
    }

    /// Devices that are offline while another one sends. If all have stopped, the line has stopped.
    /// The store is asked for a device only if it would be reported otherwise.
    async fn of_presence(&mut self, now: Instant) -> Vec<Fault> {
        let all = self.watched.presence.all(now);
        let is_running = all.iter().any(|(_, present)| present.heard == Heard::Online);
        let mut faults = Vec::new();
        for (id, present) in all {
            let mut presence = match present.heard {
                Heard::Online | Heard::Late => DevicePresence::Online,
                Heard::Offline if is_running => DevicePresence::Offline,
                Heard::Offline => DevicePresence::Ended,
            };
            let mut device = ObservedDevice { id, firmware: None };
            if presence == DevicePresence::Offline && self.own.would_report_offline(id, now) {
                let newest = self.newest(id).await;
                if newest.as_ref().is_some_and(|sample| is_sent_elsewhere(sample, &present)) {
                    presence = DevicePresence::Ended;
                }
                device.firmware = newest.and_then(|sample| sample.meta.firmware_version);
            }
            faults.extend(self.own.observe_presence(device, presence, now));
        }
        faults
    }

    /// A device with the version of its firmware, as its newest sample names it.
    async fn observed(&self, id: DeviceId) -> ObservedDevice {
        let firmware = self.newest(id).await.and_then(|sample| sample.meta.firmware_version);
        ObservedDevice { id, firmware }
    }

    /// The newest sample of a device, whichever server has received it; `None` if it is not known.
    async fn newest(&self, device: DeviceId) -> Option<Sample> {
        let mut query = SampleQuery::newest(NonZeroU16::MIN);
        query.device_id = Some(device);
        self.watched.store.query(&query).await.ok()?.items.into_iter().next()
    }

    /// Faults of instruments that were found since the watch began, at stations that send to this
    /// server. Each is observed once.
    async fn of_stations(&mut self, now: Instant, wall: Timestamp) -> Result<Vec<Fault>, StorageError> {
        let stations = self.watched.stations.clone().filter(|_| self.own.is_on(OwnRule::StationFault));
        let Some(stations) = stations else { return Ok(Vec::new()) };
        let (mut lasting, mut after) = (BTreeSet::new(), None);
        loop {
            let page = stations.page(after.as_ref(), STATIONS_AT_ONCE, wall).await?;
            for station in page.items {
                let is_here = self.watched.presence.of(&station.device, now).is_some();
                let faults = station
                    .faults
                    .iter()
                    .filter(|fault| is_here && fault.cause.makes_doubtful() && fault.found >= self.began);
                lasting.extend(faults.map(|fault| (station.device, fault.cause, fault.found)));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let new: Vec<_> = lasting.difference(&self.observed).copied().collect();
        self.observed = lasting;
        let mut faults = Vec::new();
        for (id, cause, _) in new {
            let device = self.observed(id).await;
            faults.extend(self.own.observe_station_fault(device, cause.as_str(), now));
        }
        Ok(faults)
    }
}

/// Whether the newest sample of a device that is offline here was measured after the last one that
/// came here: the device sends to another server then.
fn is_sent_elsewhere(newest: &Sample, present: &Present) -> bool {
    present.last.is_some_and(|last| newest.key.timestamp > last)
}

#[cfg(test)]
mod tests {
    use sqal_bugs::envelope::IntakeLimits;
    use sqal_bugs::own::OwnSettings;
    use sqal_core::Name;
    use sqal_resilience::breaker::{Event, Observer, State};
    use sqal_resilience::{ManualClock, breaker};
    use sqal_storage::{MemoryStore, conformance};

    use super::*;

    fn device(name: &str) -> DeviceId {
        Name::new(name).unwrap()
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + i64::try_from(second).unwrap() * 1_000_000).unwrap()
    }

    /// A server whose time and whose parts a test sets.
    struct Plant {
        clock: ManualClock,
        begun: Instant,
        breakers: BreakerStates,
        presence: Arc<Presence>,
        store: Arc<MemoryStore>,
        intake: Arc<FaultIntake>,
        watch: OwnWatch,
    }

    impl Plant {
        /// A server with some rules. Panics of other tests are panics of its process, too.
        fn new(rules: &[OwnRule]) -> Self {
            let settings = OwnSettings { rules: rules.iter().copied().collect(), ..OwnSettings::default() };
            let (clock, breakers) = (ManualClock::new(), BreakerStates::default());
            let (presence, intake) = (Arc::<Presence>::default(), Arc::new(FaultIntake::new(IntakeLimits::default())));
            let store = Arc::new(MemoryStore::new());
            let watched = Watched {
                panics: rules.contains(&OwnRule::CaughtPanic).then(PanicLog::begin),
                breakers: breakers.clone(),
                letters: Arc::default(),
                access: Arc::new(Access::open()),
                presence: Arc::clone(&presence),
                stations: Some(Arc::new(Stations::new(store.clone()))),
                store: store.clone(),
                clock: Arc::new(clock.clone()),
            };
            let watch = OwnWatch::new(OwnFaults::new(settings, None), Arc::clone(&intake), watched, at(0));
            Self { begun: clock.now(), clock, breakers, presence, store, intake, watch }
        }

        fn seconds(&self) -> u64 {
            self.clock.now().saturating_duration_since(self.begun).as_secs()
        }

        /// Looks each minute, and returns the titles of what was reported meanwhile, without panics
        /// of other files.
        async fn look_for(&mut self, minutes: u64) -> Vec<String> {
            for _ in 0..minutes {
                self.look_once().await;
            }
            let titles = self.intake.drain().into_iter().map(|pending| {
                assert_eq!(pending.seen.count, 1);
                pending.fault.new.content().title.clone()
            });
            let is_mine = |title: &String| !title.starts_with("Panic") || title.contains("own_watch.rs");
            titles.filter(is_mine).collect()
        }

        /// Looks a minute later.
        async fn look_once(&mut self) {
            self.clock.advance(Duration::from_mins(1));
            self.watch.look(at(self.seconds())).await;
        }

        fn heard(&self, name: &str) {
            self.presence.heard(device(name), at(self.seconds()), at(self.seconds()), self.clock.now());
        }

        /// Stores a sample that was measured now, as any server of the database does.
        async fn stored(&self, name: &str, firmware: &str) {
            let micros = at(self.seconds()).micros();
            let mut sample = conformance::sample(name, micros, &format!("{name} {micros}"), 50.0);
            sample.meta.firmware_version = Name::new(firmware).ok();
            self.store.insert(&[sample]).await.unwrap();
        }
    }

    fn changes(to: State) -> Event {
        Event { from: State::Closed, to, cause: breaker::Cause::Failures, generation: 1 }
    }

    #[tokio::test]
    async fn a_breaker_that_stays_open_is_reported_once_while_it_is_open() {
        let mut plant = Plant::new(&[OwnRule::BreakerOpen]);
        let observed = plant.breakers.of("database");
        assert!(plant.look_for(30).await.is_empty());
        for _ in 0..2 {
            observed.changed(&changes(State::Open));
            assert!(plant.look_for(5).await.is_empty());
            observed.changed(&changes(State::HalfOpen));
            let reported = plant.look_for(120).await;
            assert!(reported.len() == 1 && reported[0].contains("database"), "{reported:?}");
            observed.changed(&changes(State::Closed));
            assert!(plant.look_for(30).await.is_empty());
        }
    }

    #[tokio::test]
    async fn bug_12_a_caught_panic_is_one_bug_however_often_it_comes() {
        let mut plant = Plant::new(&[OwnRule::CaughtPanic]);
        for (round, expected) in [(0, 1), (1, 0)] {
            for _ in 0..50 {
                let broken = tokio::spawn(async { panic!("planted") }).await;
                assert!(broken.unwrap_err().is_panic());
            }
            let reported = plant.look_for(5).await;
            assert_eq!(reported.len(), expected, "{round}: {reported:?}");
        }
    }

    #[tokio::test]
    async fn a_device_that_is_silent_while_another_sends_is_reported_once_and_a_line_that_stops_is_not() {
        let mut plant = Plant::new(&[OwnRule::DeviceOffline]);
        let mut reported = Vec::new();
        for minute in 0..120 {
            // The first device stops after ten minutes, the second after an hour.
            for (name, until) in [("POSTE1", 10), ("POSTE2", 60)] {
                if minute < until {
                    plant.heard(name);
                }
            }
            reported.extend(plant.look_for(1).await);
        }
        assert!(reported.len() == 1 && reported[0].contains("POSTE1"), "{reported:?}");
    }

    /// Forty devices move to another server of the database, which is more than may be reported in
    /// an hour. A device that stops afterwards is reported, with its firmware.
    #[tokio::test]
    async fn devices_that_send_to_another_server_take_no_room_from_those_that_are_silent() {
        let mut plant = Plant::new(&[OwnRule::DeviceOffline]);
        let moved: Vec<_> = (0..40).map(|number| format!("MOVED{number}")).collect();
        for minute in 0..90 {
            plant.heard("POSTE1");
            if minute < 10 {
                for name in &moved {
                    plant.heard(name);
                }
            } else {
                for name in &moved {
                    plant.stored(name, "2.4.0").await;
                }
            }
            if minute < 40 {
                plant.heard("POSTE2");
                plant.stored("POSTE2", "2.3.1").await;
            }
            plant.look_once().await;
        }
        let pending = plant.intake.drain();
        let [silent] = &pending[..] else { panic!("{} reports", pending.len()) };
        let content = silent.fault.new.content();
        assert_eq!((content.title.as_str(), content.links.device_id), ("POSTE2 is offline", Some(device("POSTE2"))));
        let firmware = Name::new("2.3.1").ok();
        assert_eq!((content.links.firmware_version, silent.fault.firmware), (firmware, firmware));
    }

    #[tokio::test]
    async fn a_rule_that_is_off_is_not_looked_at() {
        let mut plant = Plant::new(&[]);
        let observed = plant.breakers.of("database");
        observed.changed(&changes(State::Open));
        let broken = tokio::spawn(async { panic!("planted") }).await;
        assert!(broken.unwrap_err().is_panic());
        assert!(plant.look_for(60).await.is_empty());
    }
}
