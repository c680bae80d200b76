//! [`FaultIntake`]: counts equal faults in bounded memory, and limits how many a client may send.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqal_core::{DeviceId, Timestamp};
use sqal_resilience::bucket::InvalidQuota;
use sqal_resilience::{KeyedBuckets, Quota, Rejected};
use sqal_storage::bugs::{BugSource, Occurrences};

use super::described::FaultProject;
use super::event::{Event, EventException, EventLevel, read};
use super::parse::{Envelope, EnvelopeItem, InvalidEnvelope, ItemKind};
use super::pending::{DropReason, FaultFile, Pending, PendingFault};
use crate::book::Fault;

/// The most keys of clients whose events are limited one by one.
const MOST_KEYS: usize = 1_000;

/// The kind of attachment that is a crash by itself, without an event.
const MINIDUMP: &str = "event.minidump";

/// What the intake holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeLimits {
    /// Groups that wait to be written; the versions of the firmware of a group count apart.
    pub most_groups: usize,
    /// Devices of a group that waits.
    pub most_devices: usize,
    /// Files of a group: of those that wait, and of its bug while it is not ended.
    pub most_files: usize,
    /// The bytes of a file.
    pub largest_file: usize,
    /// The bytes of all files that wait. While they are written, this number of bytes can wait
    /// beside them.
    pub most_file_bytes: usize,
    /// Events of a client in a minute.
    pub events_per_minute: NonZeroU32,
}

/// 1 000 groups of 1 000 devices and 5 files, 10 MiB a file and 64 MiB together, and 6 000 events a
/// minute.
impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            most_groups: 1_000,
            most_devices: 1_000,
            most_files: 5,
            largest_file: 10 << 20,
            most_file_bytes: 64 << 20,
            events_per_minute: NonZeroU32::MIN.saturating_add(5_999),
        }
    }
}

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
/// let intake = FaultIntake::new(IntakeLimits::default())?;
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
    rates: KeyedBuckets<String>,
    pending: Mutex<Pending>,
}

impl FaultIntake {
    /// An intake without faults.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if no limiter can keep the number of events in a minute.
    pub fn new(limits: IntakeLimits) -> Result<Self, InvalidQuota> {
        let quota = Quota::new(limits.events_per_minute, Duration::from_secs(60));
        Ok(Self { limits, rates: KeyedBuckets::new(quota, MOST_KEYS)?, pending: Mutex::default() })
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &IntakeLimits {
        &self.limits
    }

    /// Whether a client with this key may send a number of events now.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the client has sent its events of this minute; it says when the client may
    /// send again.
    pub fn admit(&self, key: &str, events: u32, now: Instant) -> Result<(), Rejected> {
        self.rates.take(key.to_owned(), events, now).into_result().map(|_| ())
    }

    /// Takes the events of an envelope with its files, and counts its other items. `received` is
    /// the time of receipt.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvelope::Event`] if an event cannot be read; nothing was taken then.
    pub fn take_envelope(
        &self,
        envelope: &Envelope<'_>,
        project: &FaultProject,
        received: Timestamp,
    ) -> Result<EnvelopeTally, InvalidEnvelope> {
        let of_kind = |kind: ItemKind| envelope.items.iter().enumerate().filter(move |(_, item)| item.kind == kind);
        let mut events = Vec::new();
        for (item, found) in of_kind(ItemKind::Event) {
            events.push(read(found.payload).map_err(|problem| InvalidEnvelope::Event { item, problem })?);
        }
        let is_crash = of_kind(ItemKind::Attachment).any(|(_, item)| item.attachment_type.as_deref() == Some(MINIDUMP));
        if events.is_empty() && is_crash {
            events.push(crash());
        }
        let mut files: Vec<_> = of_kind(ItemKind::Attachment).map(|(_, item)| file(item)).collect();
        let event_id = envelope.event_id.clone().or_else(|| events.first().and_then(|event| event.id.clone()));
        let tally =
            EnvelopeTally { event_id, events: events.len(), files: if events.is_empty() { 0 } else { files.len() } };
        let mut pending = self.lock();
        envelope.items.iter().for_each(|item| pending.count_item(item.kind));
        if events.is_empty() {
            files.iter().for_each(|_| pending.drop_some(DropReason::Alone, 1));
        }
        drop(pending);
        for event in &events {
            self.take_event(event, project, received, std::mem::take(&mut files));
        }
        Ok(tally)
    }

    /// Takes an event with its files.
    pub fn take_event(&self, event: &Event, project: &FaultProject, received: Timestamp, files: Vec<FaultFile>) {
        let device = event.device().filter(|_| project.source == BugSource::Device);
        match project.fault(event) {
            Ok(fault) => self.take(fault, event.seen_at(received), device, files),
            Err(_) => self.drop_some(DropReason::Refused, 1),
        }
    }

    /// Takes a fault that was seen once.
    pub fn take(&self, fault: Fault, at: Timestamp, device: Option<DeviceId>, files: Vec<FaultFile>) {
        let seen = Occurrences { count: 1, first: at, last: at, devices: device.into_iter().collect() };
        self.lock().merge(PendingFault { fault, seen, files }, &self.limits);
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

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event of a crash of which there is only a minidump.
fn crash() -> Event {
    let exception = EventException { kind: Some("Minidump".to_owned()), ..EventException::default() };
    Event { level: EventLevel::Fatal, exceptions: vec![exception], ..Event::default() }
}

fn file(item: &EnvelopeItem<'_>) -> FaultFile {
    let is_minidump = item.attachment_type.as_deref() == Some(MINIDUMP);
    let name = if is_minidump { "minidump.dmp" } else { "attachment" };
    FaultFile {
        name: item.file_name.clone().unwrap_or_else(|| name.to_owned()),
        content_type: item.content_type.clone(),
        bytes: item.payload.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use sqal_resilience::{Clock, ManualClock};

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
        IntakeLimits {
            most_groups: 3,
            most_devices: 4,
            most_files: 2,
            largest_file: 10,
            most_file_bytes: 25,
            ..IntakeLimits::default()
        }
    }

    proptest! {
        #[test]
        fn every_event_is_counted_once_or_dropped_and_memory_is_bounded(
            events in proptest::collection::vec(("[a-f]", 0_u8..9, 0_i64..99, "[1-3]", 0_usize..14), 0..60),
            restores in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let intake = FaultIntake::new(small()).unwrap();
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
            let intake = FaultIntake::new(IntakeLimits::default()).unwrap();
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
        let limits = IntakeLimits { events_per_minute: NonZeroU32::new(60).unwrap(), ..IntakeLimits::default() };
        let intake = FaultIntake::new(limits).unwrap();
        assert_eq!((0..100).filter(|_| intake.admit("one", 1, clock.now()).is_ok()).count(), 60);
        let refused = intake.admit("one", 1, clock.now()).unwrap_err();
        assert_eq!(refused.retry_after_seconds(), Some(1));
        assert!(intake.admit("two", 1, clock.now()).is_ok(), "another key has its own limit");
        clock.advance(Duration::from_secs(1));
        assert!(intake.admit("one", 1, clock.now()).is_ok());
    }

    #[test]
    fn an_envelope_is_taken_whole_or_not_at_all() {
        let intake = FaultIntake::new(IntakeLimits::default()).unwrap();
        let take = |text: &str| {
            let envelope = parse(text.as_bytes(), &EnvelopeLimits::default()).unwrap();
            intake.take_envelope(&envelope, &PROJECT, at(5))
        };
        let broken = "{}\n{\"type\":\"event\"}\n{\"message\":\"a\"}\n{\"type\":\"event\"}\n[1]\n";
        let refused = take(broken).unwrap_err().to_string();
        assert!(refused.starts_with("item 1: the event is not an object of JSON"), "{refused}");
        assert_eq!((intake.waiting(), intake.items().len()), (0, 0));

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
