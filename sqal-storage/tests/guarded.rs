//! A store behind breakers: which errors count against it, which do not, and which observer is
//! notified.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_resilience::{
    BreakerConfig, ManualClock,
    breaker::{Event, OpenFor, State},
};
use sqal_storage::conformance::sample;
use sqal_storage::{
    GuardedStore, Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};

/// A store that works, is unavailable, or is busy, and counts its calls.
#[derive(Debug, Default)]
struct Moody {
    store: MemoryStore,
    /// 0: works, 1: unavailable, 2: busy.
    mood: AtomicU8,
    calls: AtomicUsize,
}

impl Moody {
    fn mood(&self) -> Result<(), StorageError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.mood.load(Ordering::SeqCst) {
            0 => Ok(()),
            1 => Err(StorageError::new("moody", StorageErrorKind::Unavailable)),
            _ => Err(StorageError::new("moody", StorageErrorKind::Busy)),
        }
    }
}

#[async_trait]
impl SampleStore for Moody {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.mood()?;
        self.store.insert(batch).await
    }
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.mood()?;
        self.store.get(id).await
    }
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.mood()?;
        self.store.query(query).await
    }
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.mood()?;
        self.store.hourly(query).await
    }
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.mood()?;
        self.store.by_device(query).await
    }
    async fn ping(&self) -> Result<(), StorageError> {
        self.mood()
    }
}

type Told = Arc<Mutex<Vec<(State, State)>>>;

fn guarded() -> (GuardedStore<Arc<Moody>, ManualClock>, Arc<Moody>, ManualClock, [Told; 2]) {
    let (moody, clock, told) = (Arc::new(Moody::default()), ManualClock::new(), [Told::default(), Told::default()]);
    let usual = BreakerConfig::default();
    let observer = |told: &Told| {
        let told = Arc::clone(told);
        move |event: &Event| told.lock().unwrap().push((event.from, event.to))
    };
    let store = GuardedStore::new(Arc::clone(&moody), usual, usual, clock.clone()).unwrap();
    (store.observed_by(observer(&told[0]), observer(&told[1])), moody, clock, told)
}

#[tokio::test]
async fn a_store_that_is_away_is_not_called_and_the_observer_is_told() {
    let (store, moody, clock, told) = guarded();
    let one = [sample("ESP32_001", 1, "1", 50.0)];
    moody.mood.store(1, Ordering::SeqCst);
    for _ in 0..5 {
        assert!(store.insert(&one).await.is_err());
    }
    assert_eq!(store.states(), [State::Open, State::Closed], "reading is another matter");
    let asked = moody.calls.load(Ordering::SeqCst);
    let refused = store.insert(&one).await.unwrap_err();
    assert_eq!((refused.kind, refused.backend), (StorageErrorKind::Unavailable, "breaker"));
    assert_eq!(refused.retry_after, Some(Duration::from_mins(1)));
    assert_eq!(moody.calls.load(Ordering::SeqCst), asked);
    assert!(store.ping().await.is_err(), "a ping asks the store itself");

    moody.mood.store(0, Ordering::SeqCst);
    clock.advance(Duration::from_mins(1));
    for k in 2..=3 {
        assert_eq!(store.insert(&[sample("ESP32_001", k, "1", 50.0)]).await.unwrap().len(), 1);
    }
    assert_eq!(store.states(), [State::Closed, State::Closed]);
    let changes = [(State::Closed, State::Open), (State::Open, State::HalfOpen), (State::HalfOpen, State::Closed)];
    assert_eq!(*told[0].lock().unwrap(), changes);
    assert!(told[1].lock().unwrap().is_empty());
}

#[tokio::test]
async fn many_who_ask_do_not_stop_the_line() {
    let (store, moody, _, told) = guarded();
    moody.mood.store(2, Ordering::SeqCst);
    for _ in 0..20 {
        assert!(store.query(&SampleQuery::newest(std::num::NonZeroU16::MIN)).await.is_err());
    }
    assert_eq!(store.states(), [State::Closed, State::Closed], "busy is not away");
    moody.mood.store(1, Ordering::SeqCst);
    let id = sample("ESP32_001", 1, "1", 50.0).id();
    for _ in 0..5 {
        assert!(store.get(&id).await.is_err());
    }
    assert_eq!(store.states(), [State::Closed, State::Open]);
    assert_eq!(*told[1].lock().unwrap(), [(State::Closed, State::Open)]);
}

/// The store is back for writers: readers do not wait until the time of their breaker is over.
#[tokio::test]
async fn a_write_that_is_a_success_again_lets_reading_probe_at_once() {
    let (moody, clock) = (Arc::new(Moody::default()), ManualClock::new());
    let writing = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(5)), ..BreakerConfig::default() };
    let store = GuardedStore::new(Arc::clone(&moody), writing, BreakerConfig::default(), clock.clone()).unwrap();
    let newest = SampleQuery::newest(std::num::NonZeroU16::MIN);
    moody.mood.store(1, Ordering::SeqCst);
    for k in 0..5 {
        assert!(store.insert(&[sample("ESP32_001", k, "1", 50.0)]).await.is_err());
        assert!(store.query(&newest).await.is_err());
    }
    assert_eq!(store.states(), [State::Open, State::Open]);
    moody.mood.store(0, Ordering::SeqCst);
    clock.advance(Duration::from_secs(5));
    assert!(store.query(&newest).await.is_err(), "its own time is a minute");
    store.insert(&[sample("ESP32_001", 9, "1", 50.0)]).await.unwrap();
    for _ in 0..2 {
        store.query(&newest).await.unwrap();
    }
    assert_eq!(store.states()[1], State::Closed);

    // If reads fail while writes succeed, writes do not make the breaker for reading probe again
    // and again.
    for k in 10..12 {
        store.insert(&[sample("ESP32_001", k, "1", 50.0)]).await.unwrap();
    }
    moody.mood.store(1, Ordering::SeqCst);
    for _ in 0..5 {
        assert!(store.query(&newest).await.is_err());
    }
    moody.mood.store(0, Ordering::SeqCst);
    store.insert(&[sample("ESP32_001", 13, "1", 50.0)]).await.unwrap();
    assert_eq!(store.states(), [State::Closed, State::Open]);
}
