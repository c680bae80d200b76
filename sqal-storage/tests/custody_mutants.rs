//! The laws of custody are tested too: stores with one bug each, and exactly the laws that must
//! catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqal_core::{DeviceId, Name, Sample, SampleId, Timestamp};
use sqal_storage::conformance::custody;
use sqal_storage::{
    Custody, Inserted, MemoryStore, SampleQuery, SampleStore, StorageError,
    audit::{Action, AuditEntry},
    custody::{ActionOf, Gone, Purge},
    samples::{DeviceTally, Hour, Hourly, HourlyQuery, Page},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    PurgesTheBoundToo,
    PurgesNoHours,
    PurgesHoursWithTheirSamples,
    StatesNoHours,
    DryRunPurges,
    DryRunIsWrittenDown,
    DryRunStatesNothing,
    ErasesEveryDevice,
    KeepsTheHoursOfAnErasedDevice,
    KeepsTheSamplesOfAnErasedDevice,
    RefusesAnErasedDevice,
    PurgesInSilence,
    ErasesInSilence,
    WritesDownNoNumbers,
    WritesDownTwice,
    NewestLineFirst,
    IgnoresTheLimitOfLines,
    BeginsTheLogAgain,
    LinesAreNotLinked,
    NumbersFromZero,
}

/// A memory store with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    store: MemoryStore,
    /// The data of the store as they would be if no device had been erased.
    unerased: MemoryStore,
    erased: Mutex<Option<DeviceId>>,
    /// The audit log is that of another store, so that a bug can leave a line out.
    log: MemoryStore,
}

impl Mutant {
    fn new(bug: Bug) -> Self {
        let [store, unerased, log] = std::array::from_fn(|_| MemoryStore::new());
        Self { bug, store, unerased, erased: Mutex::default(), log }
    }

    /// The bounds that this store takes for those of a purge.
    fn bounds(&self, purge: &Purge) -> Purge {
        let Purge { samples_before, hours_before } = *purge;
        match self.bug {
            Bug::PurgesTheBoundToo => {
                let samples_before = Timestamp::from_micros(samples_before.micros() + 1).unwrap();
                Purge { samples_before, hours_before }
            }
            Bug::PurgesNoHours => Purge { samples_before, hours_before: Hour::of(Timestamp::from_micros(0).unwrap()) },
            Bug::PurgesHoursWithTheirSamples => Purge { samples_before, hours_before: Hour::of(samples_before) },
            _ => *purge,
        }
    }

    /// Records an action in the log; `silence` is the bug that leaves it out.
    async fn write_down(&self, action: ActionOf<'_>, gone: Gone, silence: Bug) -> Result<(), StorageError> {
        if self.bug == silence {
            return Ok(());
        }
        let stated = if self.bug == Bug::WritesDownNoNumbers { Gone::default() } else { gone };
        for _ in 0..=usize::from(self.bug == Bug::WritesDownTwice) {
            self.log.log_action(action(stated)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SampleStore for Mutant {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let erased = *self.erased.lock().unwrap();
        if self.bug == Bug::RefusesAnErasedDevice && batch.iter().any(|sample| Some(sample.key.device_id) == erased) {
            return Ok(vec![Inserted::Duplicate; batch.len()]);
        }
        self.unerased.insert(batch).await?;
        self.store.insert(batch).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.store.get(id).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        if self.bug == Bug::KeepsTheSamplesOfAnErasedDevice {
            return self.unerased.query(query).await;
        }
        self.store.query(query).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        if self.bug == Bug::KeepsTheHoursOfAnErasedDevice {
            return self.unerased.hourly(query).await;
        }
        self.store.hourly(query).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.store.by_device(query).await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}

#[async_trait]
impl Custody for Mutant {
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError> {
        let gone = self.store.would_purge(purge).await?;
        match self.bug {
            Bug::DryRunPurges => self.store.purge(purge, &|_| dry_run()).await,
            Bug::DryRunIsWrittenDown => self.log.log_action(dry_run()).await.map(|_| gone),
            Bug::DryRunStatesNothing => Ok(Gone::default()),
            _ => Ok(gone),
        }
    }

    async fn purge(&self, purge: &Purge, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        let purge = self.bounds(purge);
        self.unerased.purge(&purge, action).await?;
        let gone = self.store.purge(&purge, action).await?;
        self.write_down(action, gone, Bug::PurgesInSilence).await?;
        Ok(if self.bug == Bug::StatesNoHours { Gone { hours: 0, ..gone } } else { gone })
    }

    async fn erase_device(&self, device: &DeviceId, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        let gone = self.store.erase_device(device, action).await?;
        if self.bug == Bug::ErasesEveryDevice {
            let left = self.store.query(&SampleQuery::newest(std::num::NonZeroU16::MAX)).await?.items;
            for sample in left {
                self.store.erase_device(&sample.key.device_id, action).await?;
            }
        }
        *self.erased.lock().unwrap() = Some(*device);
        self.write_down(action, gone, Bug::ErasesInSilence).await?;
        Ok(gone)
    }

    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError> {
        let entry = self.log.log_action(action).await?;
        Ok(if self.bug == Bug::NumbersFromZero { AuditEntry { number: entry.number - 1, ..entry } } else { entry })
    }

    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError> {
        let after = if self.bug == Bug::BeginsTheLogAgain { 0 } else { after };
        let limit = if self.bug == Bug::IgnoresTheLimitOfLines { u16::MAX } else { limit };
        let mut lines = self.log.audit(after, limit).await?;
        match self.bug {
            Bug::NewestLineFirst => lines.reverse(),
            Bug::LinesAreNotLinked => {
                lines = lines.into_iter().map(|line| AuditEntry { previous: [0; 32], ..line }).collect();
            }
            _ => {}
        }
        Ok(lines)
    }
}

/// The action of a dry run that is written down.
fn dry_run() -> Action {
    Action {
        at: Timestamp::from_micros(0).unwrap(),
        actor: Name::new("mutant").unwrap(),
        category: Name::new("gdpr_purge").unwrap(),
        what: Name::new("a dry run").unwrap(),
    }
}

/// The laws that a store with this bug breaks, in the order of the laws.
async fn broken_laws(bug: Bug) -> Vec<&'static str> {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = Vec::new();
            $(
                let mutant = Mutant::new(bug);
                if AssertUnwindSafe(custody::$law(&mutant)).catch_unwind().await.is_err() {
                    broken.push(stringify!($law));
                }
            )*
            broken
        }};
    }
    broken! {
        purging_takes_what_is_older_and_nothing_else
        what_would_go_is_what_goes
        an_erased_device_is_gone
        what_was_done_is_written_down_in_a_chain
    }
}

const PURGED: &str = "purging_takes_what_is_older_and_nothing_else";
const WOULD: &str = "what_would_go_is_what_goes";
const ERASED: &str = "an_erased_device_is_gone";
const CHAIN: &str = "what_was_done_is_written_down_in_a_chain";

/// Each bug and all the laws that it breaks: a law that is broken by a bug of another law proves
/// nothing about its own.
const BUGS: [(Bug, &[&str]); 21] = [
    (Bug::None, &[]),
    (Bug::PurgesTheBoundToo, &[PURGED, WOULD, CHAIN]),
    (Bug::PurgesNoHours, &[PURGED, WOULD]),
    (Bug::PurgesHoursWithTheirSamples, &[PURGED, WOULD, CHAIN]),
    (Bug::StatesNoHours, &[PURGED, WOULD]),
    (Bug::DryRunPurges, &[WOULD]),
    (Bug::DryRunIsWrittenDown, &[WOULD]),
    (Bug::DryRunStatesNothing, &[WOULD]),
    (Bug::ErasesEveryDevice, &[ERASED]),
    (Bug::KeepsTheHoursOfAnErasedDevice, &[ERASED]),
    (Bug::KeepsTheSamplesOfAnErasedDevice, &[ERASED]),
    (Bug::RefusesAnErasedDevice, &[ERASED]),
    (Bug::PurgesInSilence, &[CHAIN]),
    (Bug::ErasesInSilence, &[CHAIN]),
    (Bug::WritesDownNoNumbers, &[CHAIN]),
    (Bug::WritesDownTwice, &[CHAIN]),
    (Bug::NewestLineFirst, &[CHAIN]),
    (Bug::IgnoresTheLimitOfLines, &[CHAIN]),
    (Bug::BeginsTheLogAgain, &[CHAIN]),
    (Bug::LinesAreNotLinked, &[CHAIN]),
    (Bug::NumbersFromZero, &[CHAIN]),
];

#[tokio::test]
async fn every_bug_breaks_exactly_its_laws_and_no_bug_breaks_none() {
    for (bug, laws) in BUGS {
        assert_eq!(broken_laws(bug).await, laws, "{bug:?}");
    }
}
