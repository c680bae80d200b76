//! All laws by one macro, and the one that only a second opening can show.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use custom_adapter::LogStore;
use sqal_storage::conformance::scored;
use sqal_storage::{SampleStore, sample_store_conformance};

sample_store_conformance!(async {
    let folder = tempfile::tempdir().unwrap();
    // The file lives on while it is open, with or without its name.
    LogStore::open(&folder.path().join("samples.log")).await.unwrap()
});

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
