//! Runs all laws of a store by one macro, and tests a line that a crash has cut.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use custom_adapter::LogStore;
use sqal_core::DeviceId;
use sqal_storage::conformance::{Fault, StorePlace, scored};
use sqal_storage::{SampleStore, sample_store_conformance};

/// A folder with a log in it.
struct Folder(tempfile::TempDir);

#[async_trait]
impl StorePlace for Folder {
    type Store = LogStore;

    async fn open(&self) -> LogStore {
        LogStore::open(&self.0.path().join("samples.log")).await.unwrap()
    }

    /// Simulates a full disk, which refuses samples of every device until the log is opened again.
    async fn refuse(&self, store: &LogStore, _: &DeviceId) -> Fault {
        store.limit_to(0).await;
        Fault::Injected
    }
}

sample_store_conformance!(place: async { Folder(tempfile::tempdir().unwrap()) });

#[tokio::test]
async fn what_was_stored_is_there_after_a_crash_in_the_middle_of_the_next_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.log");
    let sample = scored("a", 1_000_000, "one", 0.5);
    LogStore::open(&path).await.unwrap().insert(std::slice::from_ref(&sample)).await.unwrap();
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend(b"[{\"key\":");
    std::fs::write(&path, torn).unwrap();
    let store = LogStore::open(&path).await.unwrap();
    assert_eq!(store.get(&sample.id()).await.unwrap(), Some(sample));
    let next = scored("a", 2_000_000, "two", 0.5);
    store.insert(std::slice::from_ref(&next)).await.unwrap();
    drop(store);
    assert_eq!(LogStore::open(&path).await.unwrap().get(&next.id()).await.unwrap(), Some(next));
}
