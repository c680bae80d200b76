//! [`SampleStore`]: the guarantees of every store of samples, what is asked of it, and the stores
//! and the writer that stand before it.

mod frame;
mod guarded;
mod query;
mod retrying;
mod tally;
mod writer;

use std::fmt::Debug;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};

use crate::StorageError;

pub use frame::{FrameError, decode_frame, encode_frame};
pub use guarded::GuardedStore;
pub use query::{Cursor, InvalidCursor, Page, SampleQuery};
pub use retrying::{RetryingStore, retry_read};
pub use tally::{DeviceTally, Hour, Hourly, HourlyQuery, InvalidSpan, Tally};
pub use writer::{BatchWriter, Receipt, WriteError, WriterConfig, WriterHandle};

/// Keeps samples permanently and returns them unchanged.
///
/// # Laws
///
/// Each is a test in `conformance` that every adapter runs. A law cannot be declared "not
/// supported".
///
/// 1. *Durable*: when `insert` returns `Ok`, every sample it reports as [`Inserted::Stored`] or
///    [`Inserted::Duplicate`] survives the end of the process.
/// 2. *Idempotent, never an upsert*: a sample whose id is known is an [`Inserted::Duplicate`] if it
///    is the [same reading](Sample::is_same_reading) as the stored one, and an
///    [`Inserted::Conflict`] if it is another reading. What was stored first stays. If several
///    tasks insert one id at once, one of them is first.
/// 3. *One outcome per sample, in order*, also for a batch that repeats itself or is empty.
/// 4. *All or nothing*: a batch that fails has stored nothing.
/// 5. *Faithful*: `get` returns what was inserted, equal in every field.
/// 6. *Absent is not an error*: `get` of an unknown id is `Ok(None)`.
/// 7. *Newest first*: `query` orders by timestamp, then by id, both descending.
/// 8. *Pages cover everything once*: following [`Page::next`] visits each sample that was there at
///    the start exactly once.
/// 9. *Filters filter*: a query for a device returns that device's samples and no others.
/// 10. *Hours and devices add up*: `hourly` and `by_device` count every sample that was ever stored
///     once, in the hour it was measured; duplicates and conflicts are not counted.
#[async_trait]
pub trait SampleStore: Debug + Send + Sync + 'static {
    /// Stores a batch in one transaction and returns for each sample whether it is new.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; no sample of the batch is then stored.
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError>;

    /// The sample with this id; `None` if the store does not have it.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read or the sample is damaged.
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError>;

    /// One page of samples, newest first.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read. A store may leave a damaged sample out of the
    /// page and log it.
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError>;

    /// The sums over the samples of each hour, oldest hour first; an hour without samples is left
    /// out.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError>;

    /// The sums over the samples of each device in the span of hours of a query, in the order of
    /// the devices' names (as bytes); a device without samples is left out.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError>;

    /// Checks whether a sample could be stored now, as far as this can be known without storing
    /// one. Readiness rests on it.
    ///
    /// # Errors
    ///
    /// [`StorageError`] says why a sample could not be stored.
    async fn ping(&self) -> Result<(), StorageError>;
}

/// The outcome of one sample of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The sample is new and stored.
    Stored,
    /// An equal reading was stored before; what was stored first stays.
    Duplicate,
    /// Another reading has this device, time and name. What was stored first stays, and this sample
    /// is not stored.
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
