//! [`FaultIntake`]: counts equal faults in bounded memory, and limits how many a client may send.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sqal_core::{DeviceId, Timestamp};
use sqal_resilience::{KeyedBuckets, Rejected};
use sqal_storage::bugs::Occurrences;

use super::bounds::Bounds;
use super::crash;
use super::described::FaultProject;
use super::event::{Event, read};
use super::limits::IntakeLimits;
use super::parse::{Envelope, InvalidEnvelope, ItemKind};
use super::pending::{DropReason, FaultFile, Pending, PendingFault};
use super::rate::EventRate;
use crate::book::Fault;

/// The most keys of one rate whose events are limited one by one.
const MOST_KEYS: usize = 1_000;

/// What was taken from an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvelopeTally {
    /// The id of its event, which the client expects in the answer.
    pub event_id: Option<String>,
    /// The number of its events.
    pub events: usize,
    /// The number of its files that belong to an event.
    pub files: usize,
}

/// Counts equal faults until they are written. It is for all clients and all threads of a server.
///
/// ```
/// use sqal_bugs::envelope::{EnvelopeLimits, FaultIntake, FaultProject, IntakeLimits, parse};
/// use sqal_core::Timestamp;
/// use sqal_storage::bugs::BugSource;
///
/// let intake = FaultIntake::new(IntakeLimits::default());
/// let project = FaultProject { number: 1, source: BugSource::Device };
/// for second in 0..3 {
///     let event = format!("{{\"message\":\"valve {second} stuck\"}}");
///     let bytes = format!("{{}}\n{{\"type\":\"event\"}}\n{event}");
///     let envelope = parse(bytes.as_bytes(), &EnvelopeLimits::default())?;
///     intake.take_envelope(&envelope, &project, Timestamp::from_micros(second * 1_000_000)?)?;
/// }
/// let waiting = intake.drain();
/// assert_eq!((waiting.len(), waiting[0].seen.count), (1, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FaultIntake {
    limits: IntakeLimits,
    /// The buckets of the keys with one rate. A server has few rates: those of its projects.
    rates: Mutex<BTreeMap<EventRate, KeyedBuckets<String>>>,
    pending: Mutex<Pending>,
    bounds: Mutex<Bounds>,
}

impl FaultIntake {
    /// An intake without faults.
    #[must_use]
    pub fn new(limits: IntakeLimits) -> Self {
        Self { limits, rates: Mutex::default(), pending: Mutex::default(), bounds: Mutex::default() }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &IntakeLimits {
        &self.limits
    }

    /// Whether a client with this key, which has this rate, may send a number of events now. Each
    /// key has a bucket of its own. The rate of a key stays: with another one it has another
    /// bucket.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the client has sent its events of this minute; it says when the client may
    /// send again.
    pub fn admit(&self, key: &str, rate: EventRate, events: u32, now: Instant) -> Result<(), Rejected> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = rates.entry(rate).or_insert_with(|| buckets_of(rate));
        buckets.take(key.to_owned(), events, now).into_result().map(|_| ())
    }

    /// Takes the events of an envelope with its files, and counts its other items. An event that
    /// cannot be read is counted as dropped. `received` is the time of receipt.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvelope::Event`] if the envelope has nothing but events that cannot be read.
    pub fn take_envelope(
        &self,
        envelope: &Envelope<'_>,
        project: &FaultProject,
        received: Timestamp,
    ) -> Result<EnvelopeTally, InvalidEnvelope> {
        let of_kind = |kind: ItemKind| envelope.items.iter().enumerate().filter(move |(_, item)| item.kind == kind);
        let (mut events, mut unread) = (Vec::new(), Vec::new());
        for (item, found) in of_kind(ItemKind::Event) {
            match read(found.payload) {
                Ok(event) => events.push(event),
                Err(problem) => unread.push(InvalidEnvelope::Event { item, problem }),
            }
        }
        for _ in &unread {
            self.drop_some(DropReason::Refused, 1);
        }
        if unread.len() == envelope.items.len()
            && let Some(first) = unread.into_iter().next()
        {
            return Err(first);
        }
        if events.is_empty() {
            events.extend(crash::event(of_kind(ItemKind::Attachment).map(|(_, item)| item)));
        }
        let mut files: Vec<_> = of_kind(ItemKind::Attachment).map(|(_, item)| crash::file(item)).collect();
        let event_id = envelope.event_id.clone().or_else(|| events.first().and_then(|event| event.id.clone()));
        let tally =
            EnvelopeTally { event_id, events: events.len(), files: if events.is_empty() { 0 } else { files.len() } };
        let mut pending = self.lock();
        envelope.items.iter().for_each(|item| pending.count_item(item.kind));
        if events.is_empty() {
            for _ in &files {
                pending.drop_some(DropReason::Alone, 1);
            }
        }
        drop(pending);
        for event in &events {
            self.take_event(event, project, received, std::mem::take(&mut files));
        }
        Ok(tally)
    }

    /// Takes an event with its files. The files of a page are dropped.
    pub fn take_event(&self, event: &Event, project: &FaultProject, received: Timestamp, files: Vec<FaultFile>) {
        let device = project.device(event);
        let Ok(fault) = project.fault(event) else {
            self.drop_some(DropReason::Refused, 1);
            return;
        };
        let (kept, dropped) = if project.keeps_files() { (files, Vec::new()) } else { (Vec::new(), files) };
        let seen = seen_once(event.seen_at(received), device);
        let mut pending = self.lock();
        for _ in &dropped {
            pending.drop_some(DropReason::Files, 1);
        }
        let fault = PendingFault { fault, seen, files: kept, project: Some(*project), received };
        pending.merge(fault, &self.limits);
    }

    /// Takes a fault that was seen and received once, at one time. It is of no project: the caller
    /// decides how many new groups and files there are.
    pub fn take(&self, fault: Fault, at: Timestamp, device: Option<DeviceId>, files: Vec<FaultFile>) {
        let fault = PendingFault { fault, seen: seen_once(at, device), files, project: None, received: at };
        self.lock().merge(fault, &self.limits);
    }

    /// Takes all faults that wait, to be written.
    #[must_use]
    pub fn drain(&self) -> Vec<PendingFault> {
        self.lock().drain()
    }

    /// Gives back faults that could not be written.
    pub fn restore(&self, faults: impl IntoIterator<Item = PendingFault>) {
        let mut pending = self.lock();
        faults.into_iter().for_each(|fault| pending.merge(fault, &self.limits));
    }

    /// The number of groups that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().len()
    }

    /// What was not kept since the start, by reason.
    #[must_use]
    pub fn dropped(&self) -> BTreeMap<DropReason, u64> {
        self.lock().dropped().clone()
    }

    /// The items that were taken since the start, by kind.
    #[must_use]
    pub fn items(&self) -> BTreeMap<ItemKind, u64> {
        self.lock().items().clone()
    }

    /// Counts what is not kept.
    pub(super) fn drop_some(&self, reason: DropReason, count: u64) {
        self.lock().drop_some(reason, count);
    }

    /// What the projects have used.
    pub(super) fn bounds(&self) -> MutexGuard<'_, Bounds> {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One occurrence.
fn seen_once(at: Timestamp, device: Option<DeviceId>) -> Occurrences {
    Occurrences { count: 1, first: at, last: at, devices: device.into_iter().collect() }
}

/// The buckets of the keys with a rate. Every rate has a bucket.
fn buckets_of(rate: EventRate) -> KeyedBuckets<String> {
    KeyedBuckets::new(rate.quota(), MOST_KEYS).unwrap_or_else(|error| unreachable!("{error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;
    use sqal_resilience::{Clock, ManualClock};
    use sqal_storage::bugs::BugSource;

    use super::super::parse::{EnvelopeLimits, parse};
    use super::*;

    const PROJECT: FaultProject = FaultProject { number: 1, source: BugSource::Device };

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn event(word: &str, device: u8, firmware: &str) -> Event {
        Event {
            message: Some(format!("valve {word} stuck")),
            server_name: Some(format!("station-{device}")),
            release: Some(firmware.to_owned()),
            ..Event::default()
        }
    }

    fn small() -> IntakeLimits {
        let bytes = IntakeLimits { largest_file: 10, most_file_bytes: 25, ..IntakeLimits::default() };
        IntakeLimits { most_groups: 3, most_devices: 4, most_files: 2, ..bytes }
    }

    proptest! {
        #[test]
        fn every_event_is_counted_once_or_dropped_and_memory_is_bounded(
            events in proptest::collection::vec(("[a-f]", 0_u8..9, 0_i64..99, "[1-3]", 0_usize..14), 0..60),
            restores in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let intake = FaultIntake::new(small());
            for ((word, device, time, firmware, len), restores) in events.iter().zip(restores) {
                let files = vec![FaultFile { name: "a".to_owned(), content_type: None, bytes: vec![0; *len] }];
                intake.take_event(&event(word, *device, firmware), &PROJECT, at(*time), files);
                if restores {
                    intake.restore(intake.drain());
                }
            }
            let waiting = intake.drain();
            let counted: u64 = waiting.iter().map(|group| group.seen.count).sum();
            let limits = small();
            prop_assert!(waiting.len() <= limits.most_groups);
            prop_assert!(waiting.iter().all(|group| group.seen.devices.len() <= limits.most_devices));
            let files: Vec<_> = waiting.iter().flat_map(|group| &group.files).map(|file| file.bytes.len()).collect();
            prop_assert!(files.iter().all(|len| *len <= limits.largest_file));
            prop_assert!(files.iter().sum::<usize>() <= limits.most_file_bytes);
            prop_assert!(waiting.iter().all(|group| group.files.len() <= limits.most_files));
            let kinds: BTreeSet<_> = events.iter().map(|(word, _, _, firmware, _)| (word, firmware)).collect();
            if kinds.len() <= limits.most_groups {
                prop_assert_eq!((counted, waiting.len()), (events.len() as u64, kinds.len()));
            } else {
                // Each event that is dropped has one file, which is counted under the reason too.
                let dropped = intake.dropped().get(&DropReason::Groups).copied().unwrap_or_default();
                prop_assert_eq!(counted + dropped / 2, events.len() as u64);
            }
            prop_assert_eq!(intake.waiting(), 0);
        }

        #[test]
        fn the_first_and_the_last_time_of_a_group_are_the_extremes(
            times in proptest::collection::vec(0_i64..999, 1..20),
        ) {
            let intake = FaultIntake::new(IntakeLimits::default());
            for time in &times {
                intake.take_event(&event("a", 1, "1"), &PROJECT, at(*time), Vec::new());
            }
            let seen = intake.drain().remove(0).seen;
            prop_assert_eq!(Some(seen.first.micros()), times.iter().copied().min());
            prop_assert_eq!(Some(seen.last.micros()), times.iter().copied().max());
            prop_assert_eq!((seen.count, seen.devices.len()), (times.len() as u64, 1));
        }
    }

    #[test]
    fn a_client_is_limited_by_its_key_and_told_when_to_come_back() {
        let clock = ManualClock::new();
        let intake = FaultIntake::new(IntakeLimits::default());
        let rate = EventRate::per_minute(60).unwrap();
        assert_eq!((0..100).filter(|_| intake.admit("one", rate, 1, clock.now()).is_ok()).count(), 60);
        let refused = intake.admit("one", rate, 1, clock.now()).unwrap_err();
        assert_eq!(refused.retry_after_seconds(), Some(1));
        assert!(intake.admit("two", rate, 1, clock.now()).is_ok(), "another key has its own limit");
        clock.advance(Duration::from_secs(1));
        assert!(intake.admit("one", rate, 1, clock.now()).is_ok());
    }

    #[test]
    fn each_key_has_the_rate_of_its_project() {
        let (clock, intake) = (ManualClock::new(), FaultIntake::new(IntakeLimits::default()));
        for (key, events) in [("slow", 1), ("usual", EventRate::default().get()), ("fast", 7_000)] {
            let rate = EventRate::per_minute(events).unwrap();
            let admitted = (0..8_000).filter(|_| intake.admit(key, rate, 1, clock.now()).is_ok()).count();
            assert_eq!(admitted, usize::try_from(events).unwrap(), "{key}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_read_is_dropped_and_the_other_items_are_kept() {
        let intake = FaultIntake::new(IntakeLimits::default());
        let take = |text: &str| {
            let envelope = parse(text.as_bytes(), &EnvelopeLimits::default()).unwrap();
            intake.take_envelope(&envelope, &PROJECT, at(5))
        };
        let broken = "{}\n{\"type\":\"event\"}\n{\"message\":\"a\"}\n{\"type\":\"event\"}\n[1]\n";
        assert_eq!(take(broken).map(|tally| tally.events), Ok(1));
        assert_eq!(intake.drain().len(), 1);
        let beside =
            "{}\n{\"type\":\"event\"}\n{\n{\"type\":\"attachment\",\"attachment_type\":\"event.minidump\"}\nMDMP\n";
        assert_eq!(take(beside).map(|tally| (tally.events, tally.files)), Ok((1, 1)));
        assert_eq!(intake.drain().remove(0).files.len(), 1);
        assert_eq!(take("{}\n{\"type\":\"event\"}\n{\n{\"type\":\"session\"}\n{}\n"), Ok(EnvelopeTally::default()));
        let items = [(ItemKind::Event, 4), (ItemKind::Session, 1), (ItemKind::Attachment, 1)];
        assert_eq!(intake.items(), BTreeMap::from(items));

        let refused = take("{}\n{\"type\":\"event\"}\n[1]\n{\"type\":\"event\"}\n{\n").unwrap_err().to_string();
        assert!(refused.starts_with("item 0: the event is not an object of JSON"), "{refused}");
        assert_eq!((intake.waiting(), intake.items()), (0, BTreeMap::from(items)));
        assert_eq!(intake.dropped(), BTreeMap::from([(DropReason::Refused, 5)]));
    }

    #[test]
    fn equal_files_of_a_group_wait_once() {
        let intake = FaultIntake::new(small());
        for content in [b"one", b"two", b"one", b"two"] {
            let file = FaultFile { name: "a".to_owned(), content_type: None, bytes: content.to_vec() };
            intake.take_event(&event("a", 1, "1"), &PROJECT, at(0), vec![file.clone(), file]);
        }
        let group = intake.drain().remove(0);
        let contents: Vec<_> = group.files.iter().map(|file| file.bytes.as_slice()).collect();
        assert_eq!((group.seen.count, contents), (4, vec![b"one".as_slice(), b"two".as_slice()]));
        assert!(intake.dropped().is_empty(), "an equal file is not lost");
    }

    #[test]
    fn a_minidump_is_a_fault_by_itself_and_another_file_is_not() {
        let intake = FaultIntake::new(IntakeLimits::default());
        let take = |text: &str| {
            let envelope = parse(text.as_bytes(), &EnvelopeLimits::default()).unwrap();
            intake.take_envelope(&envelope, &PROJECT, at(5))
        };
        let minidump = "{\"event_id\":\"e\"}\n{\"type\":\"attachment\",\"attachment_type\":\"event.minidump\"}\nMDMP\n";
        let tally = EnvelopeTally { event_id: Some("e".to_owned()), events: 1, files: 1 };
        assert_eq!(take(minidump), Ok(tally));
        assert_eq!(take("{}\n{\"type\":\"attachment\"}\nalone\n"), Ok(EnvelopeTally::default()));
        assert_eq!(intake.dropped(), BTreeMap::from([(DropReason::Alone, 1)]));
        assert_eq!(intake.items(), BTreeMap::from([(ItemKind::Attachment, 2)]));
        let group = intake.drain().remove(0);
        assert_eq!((group.files[0].name.as_str(), group.files[0].bytes.as_slice()), ("minidump.dmp", &b"MDMP"[..]));
    }
}
