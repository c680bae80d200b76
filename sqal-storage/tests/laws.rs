//! Every law on every store and decorator of this crate: one named test per law and store.
#![cfg(all(feature = "conformance", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::sync::Arc;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_resilience::{BreakerConfig, SystemClock};
use sqal_storage::{
    GuardedStore, Hourly, HourlyQuery, Inserted, MemoryStore, Page, SampleQuery, SampleStore, SqliteConfig, SqliteStore, StorageError,
    sample_store_conformance,
};

/// A SQLite store in a folder of its own that goes with it.
#[derive(Debug)]
struct Temporary {
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

async fn temporary() -> Temporary {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("samples.db"))).await.unwrap();
    Temporary { store, _folder: folder }
}

#[async_trait]
impl SampleStore for Temporary {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.store.insert(batch).await
    }
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.store.get(id).await
    }
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.store.query(query).await
    }
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.store.hourly(query).await
    }
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}

mod memory {
    use super::*;
    sample_store_conformance!(async { MemoryStore::new() });
}

mod memory_behind_an_arc {
    use super::*;
    sample_store_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn SampleStore> });
}

mod sqlite {
    use super::*;
    sample_store_conformance!(temporary());
}

mod postgres {
    use super::*;
    sample_store_conformance!(servers::fresh_store());
}

mod guarded {
    use super::*;
    sample_store_conformance!(async {
        GuardedStore::new(MemoryStore::new(), BreakerConfig::default(), BreakerConfig::default(), SystemClock).unwrap()
    });
}
