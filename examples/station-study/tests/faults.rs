//! Lasting faults of a station are named soon and rightly, and a station without one stays calm.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use sqal_alerts::station::{Cause, Change, StationFault, StationWatch};

use station_study::{Lasting, Shift, TRAYS_OF_A_SHIFT, named};

/// A station that has learned what is usual.
fn learned(shift: &mut Shift) -> StationWatch {
    let mut watch = StationWatch::new();
    assert!(named(&mut watch, shift, 250).is_empty());
    assert_eq!(watch.reference().unwrap().version, 1);
    watch
}

fn both(seed: u64) -> Vec<Shift> {
    vec![Shift::simulated(seed), Shift::recorded(seed)]
}

#[test]
fn the_five_lasting_faults_are_named_within_twenty_trays_and_none_is_blamed_on_the_product() {
    for seed in 0..2 {
        for fault in &Lasting::ALL[..5] {
            for mut shift in both(seed) {
                let mut watch = learned(&mut shift);
                shift.begin(*fault);
                let named = named(&mut watch, &mut shift, 60);
                let causes: Vec<_> = named.iter().map(|(tray, fault)| (*tray, fault.cause)).collect();
                let (tray, first) = named.first().unwrap_or_else(|| panic!("{fault:?} {seed}: nothing"));
                assert_eq!(first.cause, fault.causes()[0], "{fault:?} {seed}: {causes:?}");
                assert!(*tray <= 20, "{fault:?} {seed}: {causes:?}");
                assert!(
                    causes.iter().all(|(_, cause)| *cause != Cause::ProductChanged),
                    "{fault:?} {seed}: {causes:?}"
                );
            }
        }
    }
}

#[test]
fn a_shift_without_a_fault_is_calm() {
    for mut shift in both(1) {
        let mut watch = StationWatch::new();
        let named = named(&mut watch, &mut shift, TRAYS_OF_A_SHIFT / 2);
        assert!(named.is_empty(), "{named:?}");
    }
}

#[test]
fn every_other_fault_is_named_rightly_within_forty_trays() {
    for seed in 100..102 {
        for fault in &Lasting::ALL[5..] {
            let mut shift = Shift::simulated(seed);
            let mut watch = learned(&mut shift);
            shift.begin(*fault);
            let named = named(&mut watch, &mut shift, 60);
            let causes: Vec<_> = named.iter().map(|(tray, fault)| (*tray, fault.cause)).collect();
            assert!(
                causes.first().is_some_and(|(tray, cause)| *tray <= 40 && fault.causes().contains(cause)),
                "{fault:?} {seed}: {causes:?}"
            );
        }
    }
}

#[test]
fn a_repaired_station_is_well_again_and_its_trays_since_the_beginning_were_doubtful() {
    for fault in [Lasting::DeadTof, Lasting::DirtyWindow, Lasting::FilmedWindow, Lasting::MovedFloor] {
        let mut shift = Shift::simulated(7);
        let mut watch = learned(&mut shift);
        let before = watch.last().unwrap();
        shift.begin(fault);
        let named = named(&mut watch, &mut shift, 60);
        let (_, found) = named.first().unwrap();
        assert!(found.cause.makes_doubtful());
        // The first tray with the fault is the one after `before`; a drift shows a few trays later.
        let late = found.since.micros() - before.micros();
        let allowed = if fault == Lasting::MovedFloor { 8 } else { 2 };
        assert!((-1..=allowed).contains(&(late / 10_000_000)), "{fault:?}: {late} µs");
        shift.repair();
        let ended: Vec<StationFault> = (0..40)
            .flat_map(|_| watch.take(&shift.observation()))
            .filter_map(|change| if let Change::Ended(fault) = change { Some(fault) } else { None })
            .collect();
        assert_eq!(ended.iter().map(|fault| fault.cause).collect::<Vec<_>>(), [found.cause], "{fault:?}");
        assert!(ended[0].ended > Some(found.found) && watch.faults().is_empty());
    }
}

#[test]
fn a_person_who_accepts_a_change_ends_its_fault_and_it_is_not_named_again() {
    let mut shift = Shift::simulated(8);
    let mut watch = learned(&mut shift);
    shift.begin(Lasting::DarkerProduct);
    assert_eq!(named(&mut watch, &mut shift, 60)[0].1.cause, Cause::ProductChanged);
    let now = watch.last().unwrap();
    let ended = watch.relearn(now);
    assert!(!ended.is_empty() && ended.iter().all(|change| matches!(change, Change::Ended(_))), "{ended:?}");
    assert_eq!((watch.reference(), watch.trays_to_learn()), (None, 200));
    assert_eq!(named(&mut watch, &mut shift, 600), []);
    assert_eq!(watch.reference().unwrap().version, 2);
}

#[test]
fn a_fault_is_not_learned_as_usual() {
    let (mut shift, mut watch) = (Shift::simulated(9), StationWatch::new());
    // Zones that were never valid may be outside of the carrier: these were.
    assert_eq!(named(&mut watch, &mut shift, 20), []);
    shift.begin(Lasting::DirtyWindow);
    assert_eq!(named(&mut watch, &mut shift, 300)[0].1.cause, Cause::WindowDirty);
    assert_eq!(watch.reference(), None);
    shift.repair();
    assert!(named(&mut watch, &mut shift, 300).is_empty());
    assert!(watch.reference().is_some());
}

#[test]
fn a_watch_that_was_stored_goes_on_as_if_it_had_not_been() {
    let mut shift = Shift::simulated(10);
    let mut watch = learned(&mut shift);
    shift.begin(Lasting::MovedFloor);
    named(&mut watch, &mut shift, 6);
    let text = serde_json::to_string(&watch).unwrap();
    let mut read: StationWatch = serde_json::from_str(&text).unwrap();
    assert_eq!(read, watch);
    for _ in 0..40 {
        let tray = shift.observation();
        assert_eq!(read.take(&tray), watch.take(&tray));
    }
    assert!(!watch.faults().is_empty() && text.len() < 20_000, "{}", text.len());
}

#[test]
fn kept_trays_of_yesterday_change_nothing() {
    let mut shift = Shift::simulated(11);
    let mut watch = learned(&mut shift);
    let yesterday: Vec<_> = (0..12).map(|_| shift.observation()).collect();
    named(&mut watch, &mut shift, 100);
    shift.begin(Lasting::FilmedWindow);
    assert_eq!(named(&mut watch, &mut shift, 20)[0].1.cause, Cause::WindowFilmed);
    let received_at = shift.observation().received_at;
    for mut kept in yesterday {
        kept.received_at = received_at;
        assert!(watch.take(&kept).is_empty(), "a replay ends no fault");
    }
    assert_eq!(watch.faults().len(), 1);
}

#[test]
fn a_lamp_that_is_dead_is_found_although_spectra_still_come() {
    let mut shift = Shift::simulated(12);
    let mut watch = learned(&mut shift);
    shift.begin(Lasting::DeadLamp);
    let named = named(&mut watch, &mut shift, 20);
    assert_eq!(named.first().map(|(_, fault)| fault.cause), Some(Cause::SensorBlind));
}

#[test]
fn a_station_without_a_spectral_sensor_is_not_watched_for_it() {
    let (mut shift, mut watch) = (Shift::simulated(13), StationWatch::new());
    shift.begin(Lasting::DeadSpectrum);
    assert_eq!(named(&mut watch, &mut shift, 600), []);
    assert_eq!(watch.reference().unwrap().version, 1);
}
