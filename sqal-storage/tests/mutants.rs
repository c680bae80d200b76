//! The laws are tested too: stores with one bug each, and the law that must catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU16;
use std::sync::Mutex;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_storage::conformance::{self, sample};
use sqal_storage::{
    Cursor, DeviceTally, Hour, Hourly, HourlyQuery, Inserted, MemoryStore, Page, SampleQuery, SampleStore,
    StorageError, Tally,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    Overwrites,
    ForgetsAField,
    ReportsDuplicatesAsStored,
    OutcomesReversed,
    AbsentIsSomething,
    IdIgnoresTheName,
    OldestFirst,
    PageSkipsOne,
    PageRepeatsOne,
    IgnoresTheDevice,
    DeviceByPrefix,
    HoursCountDuplicates,
    HoursIncludeTheEnd,
    HoursOfAllDevices,
    HoursForgetABatch,
    NewestHourFirst,
    DevicesForgetOne,
    DevicesInAnyOrder,
    DevicesAllTheSame,
    DevicesOfAllTimes,
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
    store: MemoryStore,
    overwritten: Mutex<Vec<Sample>>,
    seen: Mutex<Vec<Sample>>,
}

#[async_trait]
impl SampleStore for Mutant {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let batch: Vec<_> = batch
            .iter()
            .cloned()
            .map(|mut s| {
                if self.bug == Bug::ForgetsAField {
                    s.meta.humidity_percent = None;
                }
                if self.bug == Bug::IdIgnoresTheName {
                    s.key.sample_id = sqal_core::Name::new("x").unwrap();
                }
                s
            })
            .collect();
        let mut outcomes = self.store.insert(&batch).await?;
        self.seen.lock().unwrap().extend(batch.clone());
        match self.bug {
            Bug::Overwrites => self.overwritten.lock().unwrap().extend(batch),
            Bug::ReportsDuplicatesAsStored => outcomes.fill(Inserted::Stored),
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
                    hour.tally = of_it.reduce(|sum, next| sum.and(&next)).unwrap();
                }
            }
            Bug::HoursForgetABatch => {
                let last = seen.last().map(|s| Hour::of(s.key.timestamp));
                hours.retain(|hour| Some(hour.hour) != last);
            }
            Bug::NewestHourFirst => hours.reverse(),
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
        Ok(())
    }
}

/// How many of the laws a store with this bug breaks.
async fn broken_laws(bug: Bug) -> usize {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = 0;
            $(
                let mutant = Mutant { bug, store: MemoryStore::new(), overwritten: Mutex::default(), seen: Mutex::default() };
                let run = tokio::spawn(async move { conformance::$law(&mutant).await });
                broken += usize::from(run.await.is_err());
            )*
            broken
        }};
    }
    broken! {
        an_inserted_sample_is_got_back_equal
        inserting_again_is_a_duplicate_and_overwrites_nothing
        a_batch_has_one_outcome_per_sample_in_order
        an_unknown_id_is_absent
        device_time_and_name_tell_samples_apart
        a_query_returns_the_newest_first
        pages_cover_everything_once
        a_query_for_a_device_returns_only_that_device
        hours_add_up
        hours_count_no_duplicate
    }
}

#[tokio::test]
async fn a_store_without_a_bug_breaks_no_law() {
    assert_eq!(broken_laws(Bug::None).await, 0);
}

#[tokio::test]
async fn every_bug_breaks_a_law() {
    let bugs = [
        Bug::Overwrites,
        Bug::ForgetsAField,
        Bug::ReportsDuplicatesAsStored,
        Bug::OutcomesReversed,
        Bug::AbsentIsSomething,
        Bug::IdIgnoresTheName,
        Bug::OldestFirst,
        Bug::PageSkipsOne,
        Bug::PageRepeatsOne,
        Bug::IgnoresTheDevice,
        Bug::DeviceByPrefix,
        Bug::HoursCountDuplicates,
        Bug::HoursIncludeTheEnd,
        Bug::HoursOfAllDevices,
        Bug::HoursForgetABatch,
        Bug::NewestHourFirst,
        Bug::DevicesForgetOne,
        Bug::DevicesInAnyOrder,
        Bug::DevicesAllTheSame,
        Bug::DevicesOfAllTimes,
    ];
    for bug in bugs {
        assert!(broken_laws(bug).await > 0, "{bug:?} is caught by no law");
    }
}
