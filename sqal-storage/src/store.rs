//! [`SampleStore`]: what every store of samples must guarantee.

use std::fmt::Debug;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};

use crate::{DeviceTally, Hourly, HourlyQuery, Page, SampleQuery, StorageError};

/// Keeps samples for ever and gives them back unchanged.
///
/// # Laws
///
/// Each is a test in `conformance` that every adapter runs; there is no "not supported".
///
/// 1. *Durable*: when `insert` returns `Ok`, every sample it reports as [`Inserted::Stored`] or [`Inserted::Duplicate`] survives the
///    end of the process.
/// 2. *Idempotent, never an upsert*: a sample whose id is known is an [`Inserted::Duplicate`] if it is the
///    [same reading](Sample::is_same_reading) as the stored one, and an [`Inserted::Conflict`] if it is another; what was stored first
///    stays. Of several tasks that insert one id at once, one is first.
/// 3. *One outcome per sample, in order*, also for a batch that repeats itself or is empty.
/// 4. *All or nothing*: a batch that fails has stored nothing.
/// 5. *Faithful*: `get` returns what was inserted, equal in every field.
/// 6. *Absent is not an error*: `get` of an unknown id is `Ok(None)`.
/// 7. *Newest first*: `query` orders by timestamp, then by id, both descending.
/// 8. *Pages cover everything once*: following [`Page::next`] visits each sample that was there at the start exactly once.
/// 9. *Filters filter*: a query for a device returns that device's samples and no others.
/// 10. *Hours and devices add up*: `hourly` and `by_device` count every sample that was ever stored once, duplicates and conflicts not at all, in the hour it was measured.
#[async_trait]
pub trait SampleStore: Debug + Send + Sync + 'static {
    /// Stores a batch in one transaction and says for each sample whether it is new.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; nothing of the batch is then stored.
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError>;

    /// The sample with this id.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read or the sample is damaged.
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError>;

    /// One page of samples, newest first.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read or a sample is damaged.
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError>;

    /// What the samples of each hour come to, oldest hour first; an hour without samples is left out.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError>;

    /// What the samples of each device come to in the same span of hours, in the order of the devices' names (as bytes); a device without
    /// samples is left out.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError>;

    /// Whether a sample could be stored now, as far as can be found out without storing one. Readiness rests on it.
    ///
    /// # Errors
    ///
    /// [`StorageError`] says why not.
    async fn ping(&self) -> Result<(), StorageError>;
}

/// What became of one sample of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is new and stored.
    Stored,
    /// The same reading was stored before; what was stored first stays.
    Duplicate,
    /// Another reading has this device, time and name; what was stored first stays, and this one is not stored.
    Conflict,
}

#[async_trait]
impl<S: SampleStore + ?Sized> SampleStore for std::sync::Arc<S> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        (**self).insert(batch).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        (**self).get(id).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        (**self).query(query).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        (**self).hourly(query).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        (**self).by_device(query).await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        (**self).ping().await
    }
}
