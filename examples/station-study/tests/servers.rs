//! Stations are shared by servers: what one has learned and found, another goes on with.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqal_alerts::station::{Cause, Change, Observation, StationFault, StationWatch, Stations};
use sqal_core::{DeviceId, Name, Timestamp};
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::{MemoryStore, StorageErrorKind};
use station_study::{Lasting, Shift};

/// Lets every call of a store fail while it is `true`.
#[derive(Debug, Default)]
struct Away(AtomicBool);

#[async_trait]
impl Interpose for Away {
    async fn turn(&self, _: Call) -> Turn {
        if self.0.load(Ordering::SeqCst) { Turn::FailsBefore(StorageErrorKind::Unavailable) } else { Turn::Done }
    }
}

/// An empty store that a test takes away.
fn store() -> Arc<Interposed<MemoryStore, Away>> {
    Arc::new(Interposed::new(MemoryStore::new(), Away::default()))
}

fn device() -> DeviceId {
    Name::new("POSTE1").unwrap()
}

/// The causes of the faults that begin with the next trays. What has changed is written after each.
async fn begun(stations: &Stations, shift: &mut Shift, trays: u32) -> Vec<Cause> {
    let mut begun = Vec::new();
    for _ in 0..trays {
        let tray = shift.observation();
        for change in stations.take(&tray, tray.received_at).await.unwrap() {
            if let Change::Began(fault) = change {
                begun.push(fault.cause);
            }
        }
        // A store that is away is written to later.
        let _ = stations.write(tray.received_at).await;
    }
    begun
}

fn causes(faults: &[StationFault]) -> Vec<(Cause, bool)> {
    faults.iter().map(|fault| (fault.cause, fault.ended.is_some())).collect()
}

#[tokio::test]
async fn a_station_that_goes_to_another_server_is_known_there_and_left_here() {
    let (store, mut shift) = (Arc::new(MemoryStore::new()), Shift::simulated(3));
    let (first, second) = (Stations::new(store.clone()), Stations::new(store.clone()));
    assert!(begun(&first, &mut shift, 250).await.is_empty());
    let at = shift.observation().received_at;
    let known = second.station(&device(), at).await.unwrap().unwrap();
    assert_eq!((known.reference.map(|span| span.version), known.faults.len()), (Some(1), 0));
    shift.begin(Lasting::FilmedWindow);
    assert_eq!(begun(&second, &mut shift, 20).await, [Cause::WindowFilmed]);
    let at = shift.observation().received_at;
    assert_eq!(first.station(&device(), at).await.unwrap().unwrap().faults.len(), 1, "what is stored is newer");
    assert_eq!((first.watched(), second.watched()), (1, 1));
    first.write(at).await.unwrap();
    assert_eq!((first.watched(), second.watched()), (0, 1), "its gauges become 0");
    assert_eq!(second.page(None, 10, at).await.unwrap().items.len(), 1);
    // It comes back, with all that is known of it.
    assert!(begun(&first, &mut shift, 5).await.is_empty());
    assert_eq!(first.station(&device(), at).await.unwrap().unwrap().faults.len(), 1);
}

#[tokio::test]
async fn faults_that_are_over_are_kept_and_a_relearned_station_has_none() {
    let (store, mut shift) = (Arc::new(MemoryStore::new()), Shift::simulated(4));
    let stations = Stations::new(store);
    begun(&stations, &mut shift, 250).await;
    shift.begin(Lasting::DeadTof);
    assert_eq!(begun(&stations, &mut shift, 20).await, [Cause::SensorBlind]);
    shift.repair();
    begun(&stations, &mut shift, 40).await;
    shift.begin(Lasting::DirtyWindow);
    assert_eq!(begun(&stations, &mut shift, 20).await, [Cause::WindowDirty]);
    let now = shift.observation().received_at;
    let all = stations.faults(&device(), now).await.unwrap().unwrap();
    assert_eq!(causes(&all), [(Cause::WindowDirty, false), (Cause::SensorBlind, true)]);
    let relearned = stations.relearn(&device(), now).await.unwrap().unwrap();
    assert_eq!((relearned.reference, relearned.faults.len()), (None, 0));
    let all = stations.faults(&device(), now).await.unwrap().unwrap();
    assert_eq!(causes(&all), [(Cause::WindowDirty, true), (Cause::SensorBlind, true)]);
    let none = Name::new("NONE").unwrap();
    assert_eq!(stations.relearn(&none, now).await.unwrap(), None);
    assert_eq!(stations.faults(&none, now).await.unwrap(), None);
}

/// Trays between the ends that two servers would tell must not be lost.
#[tokio::test]
async fn a_fault_that_ends_while_the_store_is_away_is_kept_later() {
    let (store, mut shift) = (store(), Shift::simulated(5));
    let stations = Stations::new(store.clone());
    begun(&stations, &mut shift, 250).await;
    shift.begin(Lasting::DeadTof);
    assert_eq!(begun(&stations, &mut shift, 20).await, [Cause::SensorBlind]);
    shift.repair();
    store.turns.0.store(true, Ordering::SeqCst);
    assert!(begun(&stations, &mut shift, 40).await.is_empty(), "it is watched on");
    store.turns.0.store(false, Ordering::SeqCst);
    begun(&stations, &mut shift, 4).await;
    let now = shift.observation().received_at;
    let other = Stations::new(store);
    let all = other.faults(&device(), now).await.unwrap().unwrap();
    assert_eq!(causes(&all), [(Cause::SensorBlind, true)]);
    assert!(all[0].ended > Some(all[0].found));
}

#[tokio::test]
async fn a_station_that_is_stored_is_not_learned_anew_because_the_store_was_away_at_the_start() {
    let (store, mut shift) = (store(), Shift::simulated(6));
    begun(&Stations::new(store.clone()), &mut shift, 250).await;
    let started = Stations::new(store.clone());
    store.turns.0.store(true, Ordering::SeqCst);
    let tray = shift.observation();
    started.take(&tray, tray.received_at).await.unwrap_err();
    store.turns.0.store(false, Ordering::SeqCst);
    let tray = shift.observation();
    assert!(started.take(&tray, tray.received_at).await.unwrap().is_empty(), "it is not asked for yet");
    assert_eq!(started.watched(), 0);
    begun(&started, &mut shift, 4).await;
    let now = shift.observation().received_at;
    assert_eq!(started.station(&device(), now).await.unwrap().unwrap().reference.map(|span| span.version), Some(1));
}

#[tokio::test]
async fn a_decision_to_learn_anew_holds_on_the_server_that_watches_the_station() {
    let (store, mut shift) = (Arc::new(MemoryStore::new()), Shift::simulated(7));
    let (watching, other) = (Stations::new(store.clone()), Stations::new(store));
    begun(&watching, &mut shift, 250).await;
    let now = shift.observation().received_at;
    assert_eq!(other.relearn(&device(), now).await.unwrap().unwrap().reference, None);
    begun(&watching, &mut shift, 10).await;
    let now = shift.observation().received_at;
    let view = watching.station(&device(), now).await.unwrap().unwrap();
    assert_eq!((view.reference, view.trays_to_learn < 200), (None, true), "{view:?}");
    begun(&watching, &mut shift, 210).await;
    let view = watching.station(&device(), now).await.unwrap().unwrap();
    assert_eq!(view.reference.map(|span| span.version), Some(2));
}

#[tokio::test]
async fn stations_beyond_the_limit_wait_for_one_that_is_silent() {
    let stations = Stations::new(Arc::new(MemoryStore::new())).with_limit(2);
    let mut shift = Shift::simulated(8);
    let mut tray = |name: &str| {
        let mut tray: Observation = shift.observation();
        tray.device = Name::new(name).unwrap();
        tray
    };
    for name in ["A", "B", "C", "D"] {
        let tray = tray(name);
        assert!(stations.take(&tray, tray.received_at).await.unwrap().is_empty());
        stations.write(tray.received_at).await.unwrap();
    }
    assert_eq!(stations.watched(), 2);
    let late = tray("C");
    let later = late.received_at.micros() + i64::try_from(Duration::from_mins(11).as_micros()).unwrap();
    let later = Timestamp::from_micros(later).unwrap();
    stations.take(&late, later).await.unwrap();
    let names: Vec<_> = stations.page(None, 10, later).await.unwrap().items;
    assert_eq!((stations.watched(), names.len()), (2, 2), "A has given way; C is stored with the next writing");
    assert_eq!(StationWatch::default(), StationWatch::new());
}
