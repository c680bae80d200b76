//! [`MemoryStore`]: the model that every other store is compared with; it lasts as long as the
//! process.

mod blobs;
mod bugs;
mod queue;
mod records;
mod relay;

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sqal_core::{DeviceId, Sample, SampleId, Timestamp};

use crate::queue::check_text;
use crate::{
    Custody, Inserted, Register, SampleQuery, SampleStore, SealedFields, StorageError,
    audit::{Action, AuditEntry, Head},
    custody::{ActionOf, Gone, Purge},
    labels::{LabelName, LabelValue},
    register::{Entry, EntryKind, EntryName},
    samples::{DeviceTally, Hour, Hourly, HourlyQuery, Page, Tally},
    sealed::{ErasureOf, FieldKey, FieldName, KeyId, Sealed, Subject},
};

pub use blobs::MemoryBlobs;
pub use relay::{MemoryRelay, MemoryRelayLimits};

/// A store in memory, for tests, examples and embedding services that store nothing.
///
/// It obeys every law but durability: memory does not survive the end of the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    // Ordered by time and id, so that a page is a walk backwards.
    samples: BTreeMap<(Timestamp, SampleId), Sample>,
    // Hours are separate, because they outlive their samples.
    hours: BTreeMap<(Hour, DeviceId), Tally>,
    audit: Vec<AuditEntry>,
    fields: BTreeMap<FieldKey, Sealed>,
    register: BTreeMap<(EntryKind, EntryName), Vec<Entry>>,
    jobs: queue::Jobs,
    records: records::Recorded,
    bugs: bugs::Tracker,
}

impl Kept {
    fn hours_of(&self, query: &HourlyQuery) -> impl Iterator<Item = (Hour, DeviceId, Tally)> {
        let (span, wanted) = (query.from()..query.until(), query.device_id().copied());
        let hours = self.hours.iter().map(|((hour, device), tally)| (*hour, *device, *tally));
        hours.filter(move |(hour, device, _)| span.contains(hour) && wanted.is_none_or(|wanted| wanted == *device))
    }

    fn write_down(&mut self, action: Action) -> AuditEntry {
        let last = self.audit.last().map(|entry| Head { number: entry.number, hash: entry.hash });
        let entry = AuditEntry::after(last.as_ref(), action);
        self.audit.push(entry.clone());
        entry
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SampleStore for MemoryStore {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let mut kept = self.kept();
        let Kept { samples, hours, .. } = &mut *kept;
        let insert = |sample: &Sample| match samples.entry((sample.key.timestamp, sample.id())) {
            btree_map::Entry::Occupied(known) if known.get().is_same_reading(sample) => Inserted::Duplicate,
            btree_map::Entry::Occupied(_) => Inserted::Conflict,
            btree_map::Entry::Vacant(place) => {
                place.insert(sample.clone());
                let one = Tally::of(sample);
                let hour = (Hour::of(sample.key.timestamp), sample.key.device_id);
                hours.entry(hour).and_modify(|sum| *sum = sum.and(&one)).or_insert(one);
                Inserted::Stored
            }
        };
        Ok(batch.iter().map(insert).collect())
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        Ok(self.kept().samples.iter().find(|((_, known), _)| known == id).map(|(_, sample)| sample.clone()))
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        let kept = self.kept();
        let samples = &kept.samples;
        let older =
            |key: &(Timestamp, SampleId)| query.after.is_none_or(|after| *key < (after.timestamp(), after.id()));
        let wanted = |sample: &Sample| query.device_id.is_none_or(|device| sample.key.device_id == device);
        let items = samples.iter().rev().filter(|(key, sample)| older(key) && wanted(sample));
        let items = items.map(|(_, sample)| sample.clone()).take(usize::from(query.limit.get()) + 1).collect();
        Ok(Page::from_one_more(items, query.limit))
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        let kept = self.kept();
        Ok(Hourly::together(kept.hours_of(query).map(|(hour, _, tally)| Hourly { hour, tally })))
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        let kept = self.kept();
        Ok(DeviceTally::together(kept.hours_of(query).map(|(_, device_id, tally)| DeviceTally { device_id, tally })))
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

#[async_trait]
impl Custody for MemoryStore {
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError> {
        let kept = self.kept();
        let samples = kept.samples.keys().filter(|(time, _)| *time < purge.samples_before).count();
        let hours = kept.hours.keys().filter(|(hour, _)| *hour < purge.hours_before).count();
        Ok(gone(samples, hours))
    }

    async fn purge(&self, purge: &Purge, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        let mut kept = self.kept();
        let before = (kept.samples.len(), kept.hours.len());
        kept.samples.retain(|(time, _), _| *time >= purge.samples_before);
        kept.hours.retain(|(hour, _), _| *hour >= purge.hours_before);
        let gone = gone(before.0 - kept.samples.len(), before.1 - kept.hours.len());
        kept.write_down(action(gone));
        Ok(gone)
    }

    async fn erase_device(&self, device: &DeviceId, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        let mut kept = self.kept();
        let before = (kept.samples.len(), kept.hours.len());
        kept.samples.retain(|_, sample| sample.key.device_id != *device);
        kept.hours.retain(|(_, of), _| of != device);
        let gone = gone(before.0 - kept.samples.len(), before.1 - kept.hours.len());
        kept.write_down(action(gone));
        Ok(gone)
    }

    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError> {
        Ok(self.kept().write_down(action))
    }

    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError> {
        let kept = self.kept();
        Ok(kept.audit.iter().filter(|entry| entry.number > after).take(usize::from(limit)).cloned().collect())
    }
}

#[async_trait]
impl SealedFields for MemoryStore {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        self.kept().fields.insert(*key, sealed.clone());
        Ok(())
    }

    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        Ok(self.kept().fields.get(key).cloned())
    }

    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        let kept = self.kept();
        let theirs = kept.fields.iter().filter(|(key, _)| key.subject == *subject);
        Ok(theirs.map(|(key, sealed)| (key.field, sealed.clone())).collect())
    }

    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        let kept = self.kept();
        let others =
            kept.fields.iter().filter(|(at, sealed)| sealed.key != key && after.is_none_or(|after| *at > after));
        Ok(others.map(|(at, sealed)| (*at, sealed.clone())).take(usize::from(limit)).collect())
    }

    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let there = kept.fields.get_mut(key).filter(|sealed| *sealed == old);
        Ok(there.map(|sealed| *sealed = new.clone()).is_some())
    }

    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        let mut kept = self.kept();
        let before = kept.fields.len();
        kept.fields.retain(|key, _| key.subject != *subject);
        let count = count(before - kept.fields.len());
        kept.write_down(action(count));
        Ok(count)
    }
}

#[async_trait]
impl Register for MemoryStore {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        check_text(&entry.body, "memory")?;
        let mut kept = self.kept();
        let versions = kept.register.entry((entry.kind, entry.name)).or_default();
        let follows = versions.last().map_or(0, |last| last.version).checked_add(1) == Some(entry.version);
        if follows {
            versions.push(entry.clone());
            kept.write_down(entry.action());
        }
        Ok(follows)
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        let kept = self.kept();
        let versions = kept.register.get(&(*kind, *name)).into_iter().flatten().rev();
        let wanted = versions.filter(|entry| before.is_none_or(|before| entry.version < before));
        Ok(wanted.take(usize::from(limit)).cloned().collect())
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        let kept = self.kept();
        let of_kind = kept.register.iter().filter(|((of, _), _)| of == kind);
        Ok(of_kind.filter_map(|(_, versions)| versions.last()).cloned().collect())
    }

    async fn labelled(
        &self,
        kind: &EntryKind,
        (label, value): (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        let mut newest = self.newest(kind).await?;
        newest.retain(|entry| entry.labels.get(label) == Some(value) && after.is_none_or(|after| entry.name > *after));
        newest.truncate(limit.into());
        Ok(newest)
    }

    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        let mut counts = BTreeMap::new();
        for value in self.newest(kind).await?.iter().filter_map(|entry| entry.labels.get(label)) {
            *counts.entry(*value).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect())
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn gone(samples: usize, hours: usize) -> Gone {
    Gone { samples: count(samples), hours: count(hours) }
}
