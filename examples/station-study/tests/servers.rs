//! Stations are shared by servers: what one has learned and found, another goes on with.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use sqal_alerts::station::{Cause, Change, Observation, StationWatch, Stations};
use sqal_core::{Name, Timestamp};
use sqal_storage::MemoryStore;

use station_study::{Lasting, Shift};

fn received(tray: &Observation) -> Timestamp {
    tray.received_at
}

/// The causes of the faults that begin with the next `trays`.
async fn begun(stations: &Stations, shift: &mut Shift, trays: u32) -> Vec<Cause> {
    let mut begun = Vec::new();
    for _ in 0..trays {
        let tray = shift.observation();
        for change in stations.take(&tray, received(&tray)).await.unwrap() {
            if let Change::Began(fault) = change {
                begun.push(fault.cause);
            }
        }
    }
    begun
}

#[tokio::test]
async fn a_station_that_goes_to_another_server_is_known_there() {
    let (store, mut shift) = (Arc::new(MemoryStore::new()), Shift::simulated(3));
    let (first, second) = (Stations::new(store.clone()), Stations::new(store.clone()));
    assert!(begun(&first, &mut shift, 250).await.is_empty());
    let device = Name::new("POSTE1").unwrap();
    let at = shift.observation().received_at;
    let known = second.station(&device, at).await.unwrap().unwrap();
    assert_eq!((known.reference, known.faults.len()), (Some(1), 0));
    shift.begin(Lasting::FilmedWindow);
    assert_eq!(begun(&second, &mut shift, 20).await, [Cause::WindowFilmed]);
    // The first server had heard of the station a short time ago, so it goes on with what it knows
    // until it writes; then it takes over what the second has found.
    assert!(begun(&first, &mut shift, 20).await.len() <= 1);
    let at = shift.observation().received_at;
    assert_eq!(first.station(&device, at).await.unwrap().unwrap().faults.len(), 1);
    assert_eq!(second.page(None, 10, at).await.unwrap().len(), 1);
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
    let (device, now) = (Name::new("POSTE1").unwrap(), shift.observation().received_at);
    let causes = |faults: Vec<sqal_alerts::station::StationFault>| {
        faults.iter().map(|fault| (fault.cause, fault.ended.is_some())).collect::<Vec<_>>()
    };
    let all = causes(stations.faults(&device, now).await.unwrap());
    assert_eq!(all, [(Cause::WindowDirty, false), (Cause::SensorBlind, true)]);
    let relearned = stations.relearn(&device, now).await.unwrap().unwrap();
    assert_eq!((relearned.reference, relearned.faults.len()), (None, 0));
    let all = causes(stations.faults(&device, now).await.unwrap());
    assert_eq!(all, [(Cause::WindowDirty, true), (Cause::SensorBlind, true)]);
    assert_eq!(stations.relearn(&Name::new("NONE").unwrap(), now).await.unwrap(), None);
}

#[tokio::test]
async fn stations_beyond_the_limit_are_not_watched() {
    let stations = Stations::new(Arc::new(MemoryStore::new())).with_limit(2);
    let mut shift = Shift::simulated(5);
    for name in ["A", "B", "C", "D"] {
        let mut tray = shift.observation();
        tray.device = Name::new(name).unwrap();
        assert!(stations.take(&tray, tray.received_at).await.unwrap().is_empty());
    }
    assert_eq!(stations.shown().len(), 2);
    assert_eq!(StationWatch::default(), StationWatch::new());
}
