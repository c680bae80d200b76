//! [`Remote`]: a store that is away, or full, while a test says so.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_storage::samples::{DeviceTally, Hourly, HourlyQuery, Page};
use sqal_storage::{Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, StorageErrorKind};

/// A store in memory behind a line that may be cut: its calls then fail as those of a database that
/// refuses connections.
#[derive(Debug, Default)]
pub(crate) struct Remote {
    pub(crate) store: MemoryStore,
    pub(crate) away: AtomicBool,
    /// The store answers, and has no room.
    pub(crate) full: AtomicBool,
}

impl Remote {
    fn there(&self) -> Result<(), StorageError> {
        if !self.away.load(Ordering::SeqCst) {
            return Ok(());
        }
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = StorageError::new("remote", StorageErrorKind::Unavailable);
        Err(StorageError { source: Some(refused.into()), ..error })
    }
}

#[async_trait]
impl SampleStore for Remote {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.there()?;
        if self.full.load(Ordering::SeqCst) && !batch.is_empty() {
            return Err(StorageError::new("remote", StorageErrorKind::Full));
        }
        self.store.insert(batch).await
    }
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.there()?;
        self.store.get(id).await
    }
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.there()?;
        self.store.query(query).await
    }
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.there()?;
        self.store.hourly(query).await
    }
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.there()?;
        self.store.by_device(query).await
    }
    async fn ping(&self) -> Result<(), StorageError> {
        self.there()
    }
}
