//! The laws are tested too: stores with one bug each, and the law that must catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqal_core::{
    DeviceId, Name, Purpose, Sample, SampleId, TofFrame,
    tof::{DistanceKind, TofReading},
};
use sqal_storage::conformance::{self, Fault, StorePlace, sample};
use sqal_storage::{
    Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    samples::{Cursor, DeviceTally, Hour, Hourly, HourlyQuery, Page, Tally},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    Overwrites,
    /// Loses a part of each sample: a place in [`FORGOTTEN`].
    Forgets(usize),
    ReportsDuplicatesAsStored,
    ReportsConflictsAsDuplicates,
    ReportsConflictsAsDuplicatesWithinABatch,
    /// Takes a sample with a new verdict for another reading.
    ReportsJudgementsAsConflicts,
    /// Checks whether an id is known, and inserts a moment later.
    LooksBeforeItInserts,
    OutcomesReversed,
    AbsentIsSomething,
    IdIgnoresTheName,
    OldestFirst,
    PageSkipsOne,
    PageRepeatsOne,
    IgnoresTheDevice,
    DeviceByPrefix,
    HoursCountDuplicates,
    HoursCountCalibrations,
    HoursIncludeTheEnd,
    HoursOfAllDevices,
    HoursForgetABatch,
    NewestHourFirst,
    DevicesForgetOne,
    DevicesInAnyOrder,
    DevicesAllTheSame,
    DevicesOfAllTimes,
    /// Writes no sample to the disk.
    ForgetsAtTheEnd,
    /// Writes every sample to the disk, and reads back the last of several readings.
    LastReadingWins,
    /// Writes a batch to the disk, and makes it known a moment later: of two tasks one may be first
    /// in memory and the other on the disk.
    WritesBeforeItKnows,
    /// Writes no hours to the disk.
    ForgetsHoursAtTheEnd,
    /// Stores the samples before the one that it refuses.
    StoresHalfABatch,
    /// Counts the samples before the one that it refuses.
    StoresHalfABatchOnDisk,
    /// Stores a batch without the sample that it refuses.
    SkipsWhatItRefuses,
    /// Works, and answers a ping with an error.
    RefusesPings,
}

/// The parts of a sample that a store can lose, one at a time.
const FORGOTTEN: [fn(&mut Sample); 17] = [
    |s| s.tof = None,
    |s| change_tof(s, |reading| reading.sigma_mm = None),
    |s| change_tof(s, |reading| reading.status = None),
    |s| change_tof(s, |reading| reading.distance_kind = DistanceKind::Perpendicular),
    |s| s.spectrum = None,
    |s| s.inspection.tof = None,
    |s| s.inspection.spectral = None,
    |s| s.inspection.verdict.defects.clear(),
    |s| {
        if let Some(tof) = &mut s.inspection.tof {
            tof.defects.clear();
        }
    },
    |s| {
        if let Some(spectral) = &mut s.inspection.spectral {
            spectral.findings.color = None;
        }
    },
    |s| s.reported = None,
    |s| s.meta.firmware_version = None,
    |s| s.meta.temperature_c = None,
    |s| s.meta.humidity_percent = None,
    |s| s.profile.hash = [0; 16],
    |s| s.received_at = s.key.timestamp,
    |s| s.processing_micros = 0,
];

fn change_tof(sample: &mut Sample, change: fn(&mut TofReading)) {
    if let Some(frame) = &sample.tof {
        let mut reading = *frame.reading();
        change(&mut reading);
        sample.tof = TofFrame::new(reading).ok();
    }
}

/// The hour before 1970.
const FIRST: Hour = Hour::of(match sqal_core::Timestamp::from_micros(-1) {
    Ok(time) => time,
    Err(_) => unreachable!(),
});

/// A memory store with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    store: Arc<MemoryStore>,
    overwritten: Mutex<Vec<Sample>>,
    seen: Mutex<Vec<Sample>>,
    refused: Mutex<Option<DeviceId>>,
    disk: Arc<Disk>,
}

/// The samples that a store was given, in order; they outlive the store.
#[derive(Debug, Default)]
struct Disk(Mutex<Vec<Sample>>);

impl Mutant {
    fn new(bug: Bug) -> Self {
        Self {
            bug,
            store: Arc::default(),
            overwritten: Mutex::default(),
            seen: Mutex::default(),
            refused: Mutex::default(),
            disk: Arc::default(),
        }
    }
}

/// A place of memory stores with one bug.
struct MutantPlace {
    bug: Bug,
    disk: Arc<Disk>,
}

#[async_trait]
impl StorePlace for MutantPlace {
    type Store = Mutant;

    async fn open(&self) -> Mutant {
        let mutant = Mutant { disk: Arc::clone(&self.disk), ..Mutant::new(self.bug) };
        let mut written = self.disk.0.lock().unwrap().clone();
        match self.bug {
            Bug::ForgetsAtTheEnd => written.clear(),
            Bug::LastReadingWins => written.reverse(),
            _ => {}
        }
        mutant.store.insert(&written).await.unwrap();
        mutant
    }

    async fn refuse(&self, store: &Mutant, device: &DeviceId) -> Fault {
        *store.refused.lock().unwrap() = Some(*device);
        Fault::Injected
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each bug")]
#[async_trait]
impl SampleStore for Mutant {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let refused = *self.refused.lock().unwrap();
        if let Some(at) = batch.iter().position(|sample| Some(sample.key.device_id) == refused) {
            match self.bug {
                Bug::StoresHalfABatch => drop(self.store.insert(&batch[..at]).await?),
                Bug::StoresHalfABatchOnDisk => self.disk.0.lock().unwrap().extend_from_slice(&batch[..at]),
                Bug::SkipsWhatItRefuses => return Ok(vec![Inserted::Stored; batch.len()]),
                _ => {}
            }
            return Err(StorageError::new("mutant", StorageErrorKind::Refused));
        }
        let batch: Vec<_> = batch
            .iter()
            .cloned()
            .map(|mut s| {
                if let Bug::Forgets(part) = self.bug {
                    FORGOTTEN[part](&mut s);
                }
                if self.bug == Bug::IdIgnoresTheName {
                    s.key.name = Name::new("x").unwrap();
                }
                s
            })
            .collect();
        let mut before = Vec::new();
        for sample in &batch {
            before.push(self.store.get(&sample.id()).await?);
        }
        if self.bug == Bug::LooksBeforeItInserts {
            tokio::task::yield_now().await;
        }
        let written = {
            let mut disk = self.disk.0.lock().unwrap();
            disk.extend_from_slice(&batch);
            disk.len()
        };
        if self.bug == Bug::WritesBeforeItKnows {
            for _ in 0..=written % 2 {
                tokio::task::yield_now().await;
            }
        }
        let mut outcomes = self.store.insert(&batch).await?;
        self.seen.lock().unwrap().extend(batch.clone());
        for (k, outcome) in outcomes.iter_mut().enumerate() {
            let known = before[k].as_ref();
            match self.bug {
                Bug::ReportsDuplicatesAsStored => *outcome = Inserted::Stored,
                Bug::ReportsConflictsAsDuplicates if *outcome == Inserted::Conflict => *outcome = Inserted::Duplicate,
                Bug::ReportsConflictsAsDuplicatesWithinABatch if *outcome == Inserted::Conflict && known.is_none() => {
                    *outcome = Inserted::Duplicate;
                }
                Bug::ReportsJudgementsAsConflicts if known.is_some_and(|known| *known != batch[k]) => {
                    *outcome = Inserted::Conflict;
                }
                Bug::LooksBeforeItInserts if known.is_none() => *outcome = Inserted::Stored,
                _ => {}
            }
        }
        match self.bug {
            Bug::Overwrites => self.overwritten.lock().unwrap().extend(batch),
            Bug::OutcomesReversed => outcomes.reverse(),
            _ => {}
        }
        Ok(outcomes)
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        if let Some(last) = self.overwritten.lock().unwrap().iter().rev().find(|s| s.id() == *id) {
            return Ok(Some(last.clone()));
        }
        let found = self.store.get(id).await?;
        Ok(if self.bug == Bug::AbsentIsSomething { found.or_else(|| Some(sample("a", 1, "a", 0.0))) } else { found })
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        let mut query = query.clone();
        let device = query.device_id;
        if matches!(self.bug, Bug::IgnoresTheDevice | Bug::DeviceByPrefix) {
            query.device_id = None;
        }
        if self.bug == Bug::DeviceByPrefix {
            query.limit = NonZeroU16::new(1000).unwrap();
        }
        let mut page = self.store.query(&query).await?;
        match self.bug {
            Bug::OldestFirst => page.items.reverse(),
            Bug::PageSkipsOne if page.next.is_some() && page.items.len() > 1 => {
                page.items.pop();
            }
            Bug::PageRepeatsOne if page.next.is_some() && page.items.len() > 1 => {
                page.next = Some(Cursor::of(&page.items[page.items.len() - 2]));
            }
            Bug::DeviceByPrefix => {
                let prefix = device.map(|d| d.to_string()).unwrap_or_default();
                page.items.retain(|s| s.key.device_id.as_str().starts_with(&prefix));
            }
            _ => {}
        }
        Ok(page)
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        let mut query = *query;
        if self.bug == Bug::HoursIncludeTheEnd {
            let after = sqal_core::Timestamp::from_micros(query.until().begins().micros() + 3_600_000_000).unwrap();
            let longer = HourlyQuery::new(query.from(), Hour::of(after)).unwrap();
            query = query.device_id().map_or(longer, |device| longer.of_device(*device));
        }
        if self.bug == Bug::HoursOfAllDevices {
            query = HourlyQuery::new(query.from(), query.until()).unwrap();
        }
        let mut hours = self.store.hourly(&query).await?;
        let seen = self.seen.lock().unwrap();
        match self.bug {
            Bug::HoursCountDuplicates => {
                for hour in &mut hours {
                    let of_it = seen
                        .iter()
                        .filter(|s| query.device_id().is_none_or(|device| *device == s.key.device_id))
                        .filter(|s| Hour::of(s.key.timestamp) == hour.hour)
                        .map(Tally::of);
                    // Samples that an earlier opening has seen are not counted again.
                    hour.tally = of_it.reduce(|sum, next| sum.and(&next)).unwrap_or(hour.tally);
                }
            }
            Bug::HoursCountCalibrations => {
                let counted = |s: &Sample| Tally::of(&Sample { purpose: Purpose::Product, ..s.clone() });
                for hour in &mut hours {
                    let of_it = seen
                        .iter()
                        .filter(|s| query.device_id().is_none_or(|device| *device == s.key.device_id))
                        .filter(|s| Hour::of(s.key.timestamp) == hour.hour)
                        .map(counted);
                    // Samples beyond the store's count came twice, which is another bug.
                    let counted = of_it.reduce(|sum, next| sum.and(&next));
                    hour.tally = counted.filter(|sum| sum.samples() == hour.tally.samples()).unwrap_or(hour.tally);
                }
            }
            Bug::HoursForgetABatch => {
                let last = seen.last().map(|s| Hour::of(s.key.timestamp));
                hours.retain(|hour| Some(hour.hour) != last);
            }
            Bug::NewestHourFirst => hours.reverse(),
            // Only hours that this opening has seen.
            Bug::ForgetsHoursAtTheEnd => {
                hours.retain(|hour| seen.iter().any(|s| Hour::of(s.key.timestamp) == hour.hour));
            }
            _ => {}
        }
        Ok(hours)
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        let query = match self.bug {
            Bug::DevicesOfAllTimes => &HourlyQuery::new(FIRST, query.until()).unwrap(),
            _ => query,
        };
        let mut devices = self.store.by_device(query).await?;
        match self.bug {
            Bug::DevicesForgetOne => drop(devices.pop()),
            Bug::DevicesInAnyOrder => devices.reverse(),
            Bug::DevicesAllTheSame if !devices.is_empty() => devices[0].tally = devices.last().unwrap().tally,
            _ => {}
        }
        Ok(devices)
    }

    async fn ping(&self) -> Result<(), StorageError> {
        if self.bug == Bug::RefusesPings {
            return Err(StorageError::new("mutant", StorageErrorKind::Unavailable));
        }
        Ok(())
    }
}

/// The laws that a store with this bug breaks, as their messages state them.
async fn broken_laws(bug: Bug) -> Vec<String> {
    let mut broken = Vec::new();
    macro_rules! run {
        ($tested:expr; $($law:ident)*) => {
            $(
                let tested = $tested;
                let run = tokio::spawn(async move { conformance::$law(&tested).await });
                if let Err(error) = run.await {
                    let panic = error.into_panic();
                    let text = panic.downcast_ref::<String>().cloned();
                    broken.push(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap());
                }
            )*
        };
    }
    run! { Arc::new(Mutant::new(bug));
        an_inserted_sample_is_got_back_equal
        inserting_again_is_a_duplicate_and_overwrites_nothing
        another_reading_with_a_known_id_is_a_conflict
        of_tasks_that_insert_one_id_at_once_one_is_first
        a_batch_has_one_outcome_per_sample_in_order
        an_unknown_id_is_absent
        device_time_and_name_tell_samples_apart
        a_query_returns_the_newest_first
        pages_cover_everything_once
        a_query_for_a_device_returns_only_that_device
        hours_add_up
        hours_count_no_duplicate
        a_ping_is_answered
    }
    run! { MutantPlace { bug, disk: Arc::default() };
        what_was_acknowledged_is_there_when_the_store_is_opened_again
        the_first_of_several_tasks_is_there_when_the_store_is_opened_again
        a_batch_that_fails_has_stored_nothing
    }
    broken
}

#[tokio::test]
async fn a_store_without_a_bug_breaks_no_law() {
    assert_eq!(broken_laws(Bug::None).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_bug_breaks_a_law_and_the_message_is_its_sentence() {
    let bugs = [
        Bug::Overwrites,
        Bug::ReportsDuplicatesAsStored,
        Bug::ReportsConflictsAsDuplicates,
        Bug::ReportsConflictsAsDuplicatesWithinABatch,
        Bug::ReportsJudgementsAsConflicts,
        Bug::LooksBeforeItInserts,
        Bug::OutcomesReversed,
        Bug::AbsentIsSomething,
        Bug::IdIgnoresTheName,
        Bug::OldestFirst,
        Bug::PageSkipsOne,
        Bug::PageRepeatsOne,
        Bug::IgnoresTheDevice,
        Bug::DeviceByPrefix,
        Bug::HoursCountDuplicates,
        Bug::HoursCountCalibrations,
        Bug::HoursIncludeTheEnd,
        Bug::HoursOfAllDevices,
        Bug::HoursForgetABatch,
        Bug::NewestHourFirst,
        Bug::DevicesForgetOne,
        Bug::DevicesInAnyOrder,
        Bug::DevicesAllTheSame,
        Bug::DevicesOfAllTimes,
        Bug::ForgetsAtTheEnd,
        Bug::LastReadingWins,
        Bug::WritesBeforeItKnows,
        Bug::ForgetsHoursAtTheEnd,
        Bug::StoresHalfABatch,
        Bug::StoresHalfABatchOnDisk,
        Bug::SkipsWhatItRefuses,
    ];
    for bug in bugs.into_iter().chain((0..FORGOTTEN.len()).map(Bug::Forgets)) {
        let broken = broken_laws(bug).await;
        assert!(!broken.is_empty(), "{bug:?} is caught by no law");
        for message in broken {
            assert!(message.starts_with("law ") && message.len() < 2500, "{bug:?}: {message}");
        }
    }
}

/// Each part of a sample that is lost is named, so that the author of an adapter need not search
/// for it.
#[tokio::test]
async fn what_a_store_loses_of_a_sample_is_named() {
    let law = "law 5: get returns what was inserted, equal in every field";
    for (part, name) in [(1, "tof.sigma_mm"), (4, "spectrum"), (10, "reported"), (11, "meta.firmware_version")] {
        let broken = broken_laws(Bug::Forgets(part)).await;
        assert_eq!(broken.first(), Some(&format!("{law}: a/full differs in {name}")));
    }
}

/// A store that breaks durability or atomicity is caught by the law of that name.
#[tokio::test]
async fn durability_and_atomicity_are_caught_by_their_own_laws() {
    for (bug, law) in [
        (Bug::ForgetsAtTheEnd, "law 1: "),
        (Bug::LastReadingWins, "law 1: "),
        (Bug::WritesBeforeItKnows, "law 1: "),
        (Bug::ForgetsHoursAtTheEnd, "law 1: "),
        (Bug::StoresHalfABatch, "law 4: "),
        (Bug::StoresHalfABatchOnDisk, "law 4: "),
        (Bug::SkipsWhatItRefuses, "law 4: "),
    ] {
        let broken = broken_laws(bug).await;
        assert!(broken.iter().any(|message| message.starts_with(law)), "{bug:?}: {broken:?}");
    }
}

/// The law about pings has no number: it is about the operation of a store and not about its data.
#[tokio::test]
async fn a_store_that_refuses_pings_breaks_the_law_about_them_and_no_other() {
    let broken = broken_laws(Bug::RefusesPings).await;
    assert!(broken.len() == 1 && broken[0].starts_with("a store that works answers: "), "{broken:?}");
}
