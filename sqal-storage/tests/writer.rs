//! The writer: receipts after the commit, refused samples that fail alone, retries while the store
//! is unavailable, and back-pressure.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_storage::conformance::sample;
use sqal_storage::{
    BatchWriter, Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, StorageErrorKind, WriteError,
    WriterConfig,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};
use tokio::sync::Semaphore;

/// A memory store that refuses samples of the device "poison", and is unavailable for its first
/// `away` calls.
#[derive(Debug)]
struct Moody {
    store: MemoryStore,
    away: AtomicUsize,
    calls: AtomicUsize,
    gate: Semaphore,
}

impl Moody {
    fn new(away: usize, open: usize) -> Arc<Self> {
        Arc::new(Self {
            store: MemoryStore::new(),
            away: AtomicUsize::new(away),
            calls: AtomicUsize::new(0),
            gate: Semaphore::new(open),
        })
    }
}

#[async_trait]
impl SampleStore for Moody {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.gate.acquire().await.unwrap().forget();
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            return Err(StorageError::new("moody", StorageErrorKind::Unavailable));
        }
        if batch.iter().any(|s| s.key.device_id.as_str() == "poison") {
            return Err(StorageError::new("moody", StorageErrorKind::Refused));
        }
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
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.store.by_device(query).await
    }
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}

fn samples(n: usize) -> Vec<Sample> {
    (0..n).map(|k| sample(if k == 7 { "poison" } else { "good" }, 1_000_000, &format!("{k}"), 0.0)).collect()
}

#[tokio::test]
async fn a_poison_sample_fails_alone_and_its_neighbours_are_stored() {
    let store = Moody::new(0, 1000);
    let (handle, mut writer) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
    let mut receipts = Vec::new();
    for one in samples(50) {
        receipts.push(handle.submit(Box::new(one)).await.unwrap());
    }
    drop(handle);
    for (k, receipt) in receipts.into_iter().enumerate() {
        match receipt.outcome().await {
            Ok(outcome) => assert!(k != 7 && outcome == Inserted::Stored, "{k}"),
            Err(refused) => assert!(k == 7 && matches!(refused, WriteError::Refused(_)), "{k}: {refused}"),
        }
    }
    writer.finished().await;
    let page = store.query(&SampleQuery::newest(100.try_into().unwrap())).await.unwrap();
    assert_eq!(page.items.len(), 49);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_loses_nothing() {
    let store = Moody::new(4, 1000);
    let (handle, _writer) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
    let one = sample("good", 1, "one", 0.0);
    let receipt = handle.submit(Box::new(one.clone())).await.unwrap();
    assert_eq!(receipt.outcome().await.unwrap(), Inserted::Stored);
    assert_eq!(store.get(&one.id()).await.unwrap(), Some(one));
    assert_eq!(store.calls.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_told_to_the_sender() {
    let store = Moody::new(usize::MAX, usize::MAX >> 4);
    let (handle, _writer) = BatchWriter::start(store, WriterConfig::usual());
    let receipt = handle.submit(Box::new(sample("good", 1, "one", 0.0))).await.unwrap();
    assert!(matches!(receipt.outcome().await, Err(WriteError::Unavailable(_))));
}

#[tokio::test]
async fn a_full_queue_makes_the_sender_wait_and_the_next_commit_takes_all_that_waited() {
    let store = Moody::new(0, 0);
    let two = NonZeroUsize::new(2).unwrap();
    let mut config = WriterConfig::usual();
    config.queue = two;
    let (handle, _writer) = BatchWriter::start(Arc::clone(&store) as _, config);
    let mut receipts = vec![handle.submit(Box::new(sample("good", 1, "first", 0.0))).await.unwrap()];
    tokio::task::yield_now().await; // the writer now holds the first and waits at the gate
    for name in ["second", "third"] {
        receipts.push(handle.submit(Box::new(sample("good", 1, name, 0.0))).await.unwrap());
    }
    let fourth = handle.submit(Box::new(sample("good", 1, "fourth", 0.0)));
    tokio::pin!(fourth);
    assert!(futures_poll(&mut fourth).await.is_none(), "the fourth should wait");
    store.gate.add_permits(10);
    receipts.push(fourth.await.unwrap());
    for receipt in receipts {
        assert_eq!(receipt.outcome().await.unwrap(), Inserted::Stored);
    }
    assert!(store.calls.load(Ordering::SeqCst) <= 3);
}

/// Polls a future once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_sample_is_written_even_if_its_caller_waits_no_longer() {
    let store = Moody::new(0, 1000);
    let (handle, mut writer) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
    let one = sample("good", 1, "one", 0.0);
    drop(handle.submit(Box::new(one.clone())).await.unwrap());
    drop(handle);
    writer.finished().await;
    assert_eq!(store.get(&one.id()).await.unwrap(), Some(one));
}

/// A store that is broken (not unavailable, and not refusing content) gives samples back to be sent
/// again: no sample is thrown away.
#[derive(Debug)]
struct Broken(StorageErrorKind);

#[async_trait]
impl SampleStore for Broken {
    async fn insert(&self, _: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        Err(StorageError::new("broken", self.0.clone()))
    }
    async fn get(&self, _: &SampleId) -> Result<Option<Sample>, StorageError> {
        Err(StorageError::new("broken", self.0.clone()))
    }
    async fn query(&self, _: &SampleQuery) -> Result<Page, StorageError> {
        Err(StorageError::new("broken", self.0.clone()))
    }
    async fn hourly(&self, _: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        Err(StorageError::new("broken", self.0.clone()))
    }
    async fn by_device(&self, _: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        Err(StorageError::new("broken", self.0.clone()))
    }
    async fn ping(&self) -> Result<(), StorageError> {
        Err(StorageError::new("broken", self.0.clone()))
    }
}

#[tokio::test]
async fn a_broken_store_refuses_no_sample_for_ever() {
    let kinds = [
        StorageErrorKind::Internal,
        StorageErrorKind::Corrupt("page 3".to_owned()),
        StorageErrorKind::SchemaTooNew { found: 9, known: 1 },
    ];
    for kind in kinds {
        let (handle, _writer) = BatchWriter::start(Arc::new(Broken(kind.clone())), WriterConfig::usual());
        let receipt = handle.submit(Box::new(sample("good", 1, "one", 0.0))).await.unwrap();
        assert!(matches!(receipt.outcome().await, Err(WriteError::Unavailable(_))), "{kind:?}");
    }
}

#[tokio::test]
async fn a_closed_writer_writes_what_it_has_and_takes_nothing_more_by_any_handle() {
    let store = Moody::new(0, 1000);
    let (handle, mut writer) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
    let receipt = handle.submit(Box::new(sample("good", 1, "one", 0.0))).await.unwrap();
    assert!(handle.is_open());
    writer.close();
    writer.finished().await;
    assert_eq!(receipt.outcome().await.unwrap(), Inserted::Stored);
    assert!(!handle.is_open());
    assert!(matches!(handle.submit(Box::new(sample("good", 2, "two", 0.0))).await, Err(WriteError::Stopped)));
}

/// Batches that the store did not accept are counted in a row; a commit, or a probe that finds the
/// store back, restarts the count.
#[tokio::test(start_paused = true)]
async fn batches_that_fail_in_a_row_are_counted_until_one_is_stored() {
    let tries = WriterConfig::usual().tries;
    let store = Moody::new(3 * usize::try_from(tries).unwrap(), 1000);
    let (handle, mut writer) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
    let one = |k: usize| Box::new(sample("good", 1_000_000, &format!("{k}"), 0.0));
    for k in 1..3 {
        let outcome = handle.submit(one(k)).await.unwrap().outcome().await;
        assert!(matches!(outcome, Err(WriteError::Unavailable(_))));
        assert_eq!(usize::try_from(handle.failed_in_a_row()).unwrap(), k);
    }
    handle.store_is_back();
    assert_eq!(handle.failed_in_a_row(), 0);
    assert!(handle.submit(one(3)).await.unwrap().outcome().await.is_err());
    assert_eq!(handle.failed_in_a_row(), 1);
    handle.submit(one(4)).await.unwrap().outcome().await.unwrap();
    assert_eq!(handle.failed_in_a_row(), 0);
    // A sample that is refused for its content says nothing about the store.
    let poison = Box::new(sample("poison", 1_000_000, "5", 0.0));
    assert!(matches!(handle.submit(poison).await.unwrap().outcome().await, Err(WriteError::Refused(_))));
    assert_eq!(handle.failed_in_a_row(), 0);
    drop(handle);
    writer.finished().await;
}
