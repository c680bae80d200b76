//! The spool: samples that wait in a file while the store is unavailable are acknowledged, found,
//! moved in order, and counted once.
#![cfg(all(feature = "conformance", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId, Timestamp};
use sqal_resilience::Backoff;
use sqal_storage::conformance::scored;
use sqal_storage::{
    Inserted, MemoryStore, SampleQuery, SampleStore, SpooledStore, SqliteStore, StorageError, StorageErrorKind,
    samples::{DeviceTally, Hour, Hourly, HourlyQuery, Page},
    sqlite::SqliteConfig,
};

/// A store that is unavailable when the test says so, refuses the device `poison`, and remembers
/// the order in which samples came.
#[derive(Debug, Default)]
struct Remote {
    store: MemoryStore,
    away: AtomicBool,
    tries: AtomicUsize,
    order: Mutex<Vec<String>>,
    /// While it is set, pings are not answered.
    frozen: AtomicBool,
    /// While it is set, insertions wait.
    gate: AtomicBool,
    at_gate: AtomicUsize,
}

impl Remote {
    fn there(&self) -> Result<(), StorageError> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(StorageError::new("remote", StorageErrorKind::Unavailable));
        }
        Ok(())
    }
}

#[async_trait]
impl SampleStore for Remote {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.there()?;
        while self.gate.load(Ordering::SeqCst) {
            self.at_gate.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        if batch.iter().any(|s| s.key.device_id.as_str() == "poison") {
            return Err(StorageError::new("remote", StorageErrorKind::Refused));
        }
        self.order.lock().unwrap().extend(batch.iter().map(|s| s.key.name.to_string()));
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
        if self.frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.there()
    }
}

/// A host that never answers is unavailable, and samples can still be stored: the probe answers
/// before a health check gives up.
#[tokio::test]
async fn a_frozen_store_is_ready_as_long_as_the_spool_has_room() {
    let (store, remote, _folder) = spooled(1).await;
    remote.frozen.store(true, Ordering::SeqCst);
    let asked = tokio::time::timeout(Duration::from_secs(2), store.ping());
    asked.await.expect("within the time of a health check").unwrap();
    remote.away.store(true, Ordering::SeqCst);
    assert_eq!(store.insert(&samples("a", 0..1)).await.unwrap(), [Inserted::Stored]);
    assert!(store.ping().await.unwrap_err().is_transient(), "the spool is full");
}

async fn spool(folder: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(&SqliteConfig::at(folder.join("spool.db"))).await.unwrap())
}

async fn spooled(most: u64) -> (SpooledStore<Arc<Remote>>, Arc<Remote>, tempfile::TempDir) {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::new(Remote::default()));
    let store = SpooledStore::new(Arc::clone(&remote), spool(folder.path()).await, most).await.unwrap();
    (store, remote, folder)
}

fn samples(device: &str, range: std::ops::Range<i64>) -> Vec<Sample> {
    // Times run against the order of arrival.
    range.map(|k| scored(device, 1_000_000_000_000 - k * 60_000_000, &format!("{k}"), 0.5)).collect()
}

fn hours() -> HourlyQuery {
    let hour = |micros| Hour::of(Timestamp::from_micros(micros).unwrap());
    HourlyQuery::new(hour(0), hour(2_000_000_000_000)).unwrap()
}

#[tokio::test]
async fn what_the_store_could_not_take_is_acknowledged_found_and_moved_in_the_order_it_came() {
    let (store, remote, _folder) = spooled(1000).await;
    let (before, during, after) = (samples("a", 0..5), samples("a", 5..130), samples("a", 130..135));
    assert_eq!(store.insert(&before).await.unwrap(), [Inserted::Stored; 5]);
    remote.away.store(true, Ordering::SeqCst);
    for one in &during {
        assert_eq!(store.insert(std::slice::from_ref(one)).await.unwrap(), [Inserted::Stored]);
    }
    assert_eq!(store.insert(&during[..2]).await.unwrap(), [Inserted::Duplicate; 2], "what waits is known");
    assert_eq!(store.waiting(), 125);
    store.ping().await.unwrap();
    assert_eq!(store.get(&during[7].id()).await.unwrap().as_ref(), Some(&during[7]));

    remote.away.store(false, Ordering::SeqCst);
    assert_eq!(store.insert(&after).await.unwrap(), [Inserted::Stored; 5]);
    assert_eq!(store.insert(&during[3..5]).await.unwrap(), [Inserted::Duplicate; 2]);
    let all = [before, during.clone(), after].concat();
    let mut expected = all.clone();
    expected.sort_by_key(|s| std::cmp::Reverse((s.key.timestamp, s.id())));
    for moved in [0, 100, 25, 0] {
        if moved > 0 {
            assert_eq!(store.forward(100).await.unwrap(), moved);
        }
        // The pages and the hours are equal, however many samples have moved.
        let mut query = SampleQuery::newest(7.try_into().unwrap());
        let mut seen = Vec::new();
        loop {
            let page = store.query(&query).await.unwrap();
            seen.extend(page.items);
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        assert_eq!(seen, expected);
        assert_eq!(store.hourly(&hours()).await.unwrap(), Hourly::of(&all));
    }
    assert_eq!((store.waiting(), store.forward(100).await.unwrap()), (0, 0));
    let order = remote.order.lock().unwrap();
    let spooled: Vec<_> = order.iter().filter(|name| (5..130).contains(&name.parse::<i32>().unwrap())).collect();
    assert_eq!(spooled, during.iter().map(|s| s.key.name.to_string()).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_an_earlier_process_left_is_moved_too() {
    let (store, remote, folder) = spooled(1000).await;
    remote.away.store(true, Ordering::SeqCst);
    let left = samples("a", 0..3);
    store.insert(&left).await.unwrap();
    drop(store);
    remote.away.store(false, Ordering::SeqCst);
    let store = SpooledStore::new(Arc::clone(&remote), spool(folder.path()).await, 1000).await.unwrap();
    assert_eq!(store.waiting(), 3);
    assert_eq!(store.forward(500).await.unwrap(), 3);
    assert_eq!(remote.store.get(&left[0].id()).await.unwrap().as_ref(), Some(&left[0]));
}

/// A crash between the store's commit and the spool's moves a sample twice: it is stored once.
#[tokio::test]
async fn a_sample_that_moves_twice_is_stored_and_seen_once() {
    let (store, remote, _folder) = spooled(1000).await;
    remote.away.store(true, Ordering::SeqCst);
    let one = samples("a", 0..1);
    store.insert(&one).await.unwrap();
    remote.store.insert(&one).await.unwrap();
    remote.away.store(false, Ordering::SeqCst);
    let page = store.query(&SampleQuery::newest(10.try_into().unwrap())).await.unwrap();
    assert_eq!((page.items.as_slice(), page.next), (one.as_slice(), None));
    assert_eq!(store.forward(10).await.unwrap(), 1);
    assert_eq!(store.hourly(&hours()).await.unwrap(), Hourly::of(&one));
}

#[tokio::test]
async fn a_full_spool_gives_samples_back_and_says_so() {
    let (store, remote, _folder) = spooled(4).await;
    remote.away.store(true, Ordering::SeqCst);
    store.insert(&samples("a", 0..4)).await.unwrap();
    let refused = store.insert(&samples("a", 4..5)).await.unwrap_err();
    assert!(refused.is_transient(), "{refused:?}");
    assert!(store.ping().await.is_err(), "nothing can be stored any more");
    remote.away.store(false, Ordering::SeqCst);
    assert_eq!(store.insert(&samples("a", 4..5)).await.unwrap(), [Inserted::Stored]);
}

#[tokio::test]
async fn a_sample_that_the_store_refuses_stays_and_stops_no_other() {
    let (store, remote, _folder) = spooled(100).await;
    remote.away.store(true, Ordering::SeqCst);
    let poison = samples("poison", 50..51);
    store.insert(&samples("a", 0..3)).await.unwrap();
    store.insert(&poison).await.unwrap();
    store.insert(&samples("a", 3..6)).await.unwrap();
    remote.away.store(false, Ordering::SeqCst);
    assert_eq!(store.forward(100).await.unwrap(), 6);
    assert_eq!(store.waiting(), 1);
    for _ in 0..3 {
        assert_eq!(store.forward(100).await.unwrap(), 0);
    }
    assert_eq!(store.get(&poison[0].id()).await.unwrap().as_ref(), Some(&poison[0]), "nothing is lost");
    // A refusal of the store itself is not a reason to spool.
    assert_eq!(store.insert(&samples("poison", 60..61)).await.unwrap_err().kind, StorageErrorKind::Refused);
}

#[tokio::test]
async fn forwarding_goes_on_by_itself_when_the_store_is_back() {
    let (store, remote, _folder) = spooled(1000).await;
    let store = Arc::new(store);
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(2)).unwrap();
    let forwarding = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.keep_forwarding(backoff).await }
    });
    for outage in 0..3 {
        remote.away.store(true, Ordering::SeqCst);
        store.insert(&samples("a", outage * 10..outage * 10 + 10)).await.unwrap();
        // The forwarder has tried and failed at least once more.
        let tries = remote.tries.load(Ordering::SeqCst);
        while remote.tries.load(Ordering::SeqCst) == tries {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.waiting(), 10);
        remote.away.store(false, Ordering::SeqCst);
        while store.waiting() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(store.hourly(&hours()).await.unwrap(), Hourly::of(&samples("a", 0..30)));
    forwarding.abort();
}

/// However many samples at the head of the spool are refused, the samples behind them move.
#[tokio::test]
async fn refused_samples_do_not_stop_those_behind_them() {
    let (store, remote, _folder) = spooled(1000).await;
    remote.away.store(true, Ordering::SeqCst);
    store.insert(&samples("poison", 0..30)).await.unwrap();
    store.insert(&samples("a", 30..60)).await.unwrap();
    remote.away.store(false, Ordering::SeqCst);
    let mut moved = 0;
    for _ in 0..20 {
        moved += store.forward(7).await.unwrap();
    }
    assert_eq!((moved, store.waiting()), (30, 30));
}

/// A page ends where one of its two sources ends: samples of the other source beyond that come with
/// the next page.
#[tokio::test]
async fn a_page_never_skips_what_only_one_half_has() {
    let (store, remote, _folder) = spooled(1000).await;
    store.insert(&samples("a", 0..20)).await.unwrap();
    remote.away.store(true, Ordering::SeqCst);
    store.insert(&samples("b", 40..41)).await.unwrap();
    remote.away.store(false, Ordering::SeqCst);
    for limit in 1..25 {
        let mut query = SampleQuery::newest(limit.try_into().unwrap());
        let mut seen = 0;
        loop {
            let page = store.query(&query).await.unwrap();
            seen += page.items.len();
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        assert_eq!(seen, 21, "pages of {limit}");
    }
}

/// While a batch moves to a store that is slow to answer, every call but those for hours continues.
#[tokio::test]
async fn only_reads_of_hours_wait_for_samples_that_move() {
    let (store, remote, _folder) = spooled(1000).await;
    remote.away.store(true, Ordering::SeqCst);
    let waiting = samples("a", 0..3);
    store.insert(&waiting).await.unwrap();
    remote.away.store(false, Ordering::SeqCst);
    remote.gate.store(true, Ordering::SeqCst);
    let mut moving = Box::pin(store.forward(10));
    // The forwarder first reads the spool in another thread.
    while remote.at_gate.load(Ordering::SeqCst) == 0 {
        assert!(futures_util::poll!(&mut moving).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(store.get(&waiting[0].id()).await.unwrap().as_ref(), Some(&waiting[0]));
    assert_eq!(store.query(&SampleQuery::newest(10.try_into().unwrap())).await.unwrap().items.len(), 3);
    remote.gate.store(false, Ordering::SeqCst);
    assert_eq!(moving.await.unwrap(), 3);
}

/// Another reading with the key of a sample.
fn another(sample: &Sample) -> Sample {
    let mut another = sample.clone();
    another.meta.humidity_percent = Some(7.0);
    assert!(!another.is_same_reading(sample));
    another
}

#[tokio::test]
async fn another_reading_with_the_key_of_one_that_waits_is_a_conflict() {
    let (store, remote, _folder) = spooled(100).await;
    remote.away.store(true, Ordering::SeqCst);
    let all = samples("a", 0..3);
    assert_eq!(store.insert(&all[..1]).await.unwrap(), [Inserted::Stored]);
    let other = another(&all[0]);
    let batch = vec![other.clone(), all[0].clone(), all[1].clone()];
    let expected = [Inserted::Conflict, Inserted::Duplicate, Inserted::Stored];
    assert_eq!(store.insert(&batch).await.unwrap(), expected);
    assert_eq!(store.waiting(), 2, "a conflict does not wait");
    remote.away.store(false, Ordering::SeqCst);
    let batch = vec![other, all[0].clone(), all[2].clone(), another(&all[1])];
    let expected = [Inserted::Conflict, Inserted::Duplicate, Inserted::Stored, Inserted::Conflict];
    assert_eq!(store.insert(&batch).await.unwrap(), expected);
    assert_eq!((store.forward(10).await.unwrap(), store.waiting()), (2, 0));
    assert_eq!(store.hourly(&hours()).await.unwrap(), Hourly::of(&all));
    assert_eq!(store.get(&all[0].id()).await.unwrap().as_ref(), Some(&all[0]));
}

/// A sample that was acknowledged from the spool is not lost if the store turns out to have another
/// reading under its key.
#[tokio::test]
async fn a_conflict_that_is_found_while_samples_move_is_handed_to_its_keeper() {
    let (store, remote, _folder) = spooled(100).await;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::new(AtomicBool::new(false));
    let store = store.with_conflict_keeper({
        let (kept, keeps) = (Arc::clone(&kept), Arc::clone(&keeps));
        move |sample: &Sample| {
            kept.lock().unwrap().push(sample.clone());
            keeps.load(Ordering::SeqCst)
        }
    });
    let all = samples("a", 0..6);
    store.insert(&all[..1]).await.unwrap();
    remote.away.store(true, Ordering::SeqCst);
    // The store is not available to report that it knows this key.
    let other = another(&all[0]);
    assert_eq!(store.insert(&all[1..3]).await.unwrap(), [Inserted::Stored; 2]);
    assert_eq!(store.insert(std::slice::from_ref(&other)).await.unwrap(), [Inserted::Stored]);
    assert_eq!(store.insert(&all[3..]).await.unwrap(), [Inserted::Stored; 3]);
    remote.away.store(false, Ordering::SeqCst);
    // While it is not kept elsewhere, it stays in the spool, and stops no other sample.
    assert_eq!(store.forward(100).await.unwrap(), 5);
    assert_eq!(store.waiting(), 1);
    for _ in 0..3 {
        assert_eq!(store.forward(100).await.unwrap(), 0);
    }
    assert_eq!(store.waiting(), 1);
    keeps.store(true, Ordering::SeqCst);
    let mut moved = 0;
    for _ in 0..3 {
        moved += store.forward(100).await.unwrap();
    }
    assert_eq!((moved, store.waiting()), (1, 0));
    assert_eq!(kept.lock().unwrap().last(), Some(&other));
    assert!(kept.lock().unwrap().iter().all(|sample| *sample == other), "nothing else is handed over");
    assert_eq!(store.get(&all[0].id()).await.unwrap().as_ref(), Some(&all[0]), "what was stored first stays");
    assert_eq!(store.hourly(&hours()).await.unwrap(), Hourly::of(&all));
}

#[tokio::test]
async fn a_conflict_without_a_keeper_stays_in_the_spool_and_stops_no_other() {
    let (store, remote, folder) = spooled(100).await;
    let all = samples("a", 0..2);
    store.insert(&all[..1]).await.unwrap();
    remote.away.store(true, Ordering::SeqCst);
    let other = another(&all[0]);
    store.insert(&[other.clone(), all[1].clone()]).await.unwrap();
    remote.away.store(false, Ordering::SeqCst);
    for _ in 0..4 {
        store.forward(10).await.unwrap();
    }
    assert_eq!(store.waiting(), 1);
    assert_eq!(remote.store.get(&all[1].id()).await.unwrap().as_ref(), Some(&all[1]));
    drop(store);
    assert_eq!(spool(folder.path()).await.get(&other.id()).await.unwrap(), Some(other), "nothing is lost");
}
