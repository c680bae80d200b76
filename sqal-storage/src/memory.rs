//! [`MemoryStore`]: the model that every other store is compared with; it lasts as long as the process.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sqal_core::{Sample, SampleId, Timestamp};

use crate::{Hour, Hourly, HourlyQuery, Inserted, Page, SampleQuery, SampleStore, StorageError};

/// A store in memory, for tests, examples and embedders that keep nothing.
///
/// It obeys every law but durability across the end of the process, which no memory can.
#[derive(Debug, Default)]
pub struct MemoryStore {
    // Ordered by time and id, so that a page is a walk backwards.
    samples: Mutex<BTreeMap<(Timestamp, SampleId), Sample>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn samples(&self) -> MutexGuard<'_, BTreeMap<(Timestamp, SampleId), Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SampleStore for MemoryStore {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let mut samples = self.samples();
        let insert = |sample: &Sample| match samples.entry((sample.key.timestamp, sample.id())) {
            Entry::Occupied(_) => Inserted::Duplicate,
            Entry::Vacant(place) => {
                place.insert(sample.clone());
                Inserted::Stored
            }
        };
        Ok(batch.iter().map(insert).collect())
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        Ok(self.samples().iter().find(|((_, known), _)| known == id).map(|(_, sample)| sample.clone()))
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        let samples = self.samples();
        let older =
            |key: &(Timestamp, SampleId)| query.after.is_none_or(|after| *key < (after.timestamp(), after.id()));
        let wanted = |sample: &Sample| query.device_id.is_none_or(|device| sample.key.device_id == device);
        let items = samples.iter().rev().filter(|(key, sample)| older(key) && wanted(sample));
        let items = items.map(|(_, sample)| sample.clone()).take(usize::from(query.limit.get()) + 1).collect();
        Ok(Page::from_one_more(items, query.limit))
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        let samples = self.samples();
        let hours = query.from()..query.until();
        Ok(Hourly::of(samples.values().filter(|sample| {
            hours.contains(&Hour::of(sample.key.timestamp))
                && query.device_id().is_none_or(|device| *device == sample.key.device_id)
        })))
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
