//! A sensor that is mounted turned or mirrored gives the results of an upright one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::scene::{Fault, Scene, Station};
use fixtures::strategy;
use proptest::prelude::*;
use sqal_core::{Analyzer, DefectKind, Grid, Score, TofFrame, defect::ZoneSet};
use sqal_sensors::{
    EmptyTray, HeightReference, Mount, Rotation, TofAnalyzer, TofProfile,
    tof::{CnhHistograms, CnhLayout},
};

fn mount() -> impl Strategy<Value = Mount> {
    (prop::sample::select(vec![0_u16, 90, 180, 270]), any::<bool>())
        .prop_map(|(degrees, mirrored)| Mount { rotation: Rotation::try_from(degrees).unwrap(), mirrored })
}

/// The frame that a sensor with this mount sends of a scene, if an upright one would see `frame`.
fn as_sent(frame: &TofFrame, mount: Mount) -> TofFrame {
    let seen_at = |source: usize| (0..64).find(|zone| mount.source(*zone) == source).unwrap();
    frame.rearranged(seen_at)
}

fn references() -> impl Strategy<Value = HeightReference> {
    prop_oneof![
        Just(HeightReference::Flat { distance_mm: 150.0, u_mm: 0.3 }),
        Just(HeightReference::Rim { floor_below_mm: 0.0, u_mm: 0.5 }),
        // The floor differs in all zones, so a map that is not in the mounted orientation would
        // change the result.
        prop::collection::vec(140.0..160.0_f64, 64)
            .prop_map(|floor| HeightReference::Map { distance_mm: Grid::from_fn(|zone| floor[zone]), u_mm: 0.3 }),
    ]
}

proptest! {
    /// The results are equal bit for bit, for any frame, place of the tray and reference.
    #[test]
    fn a_turned_frame_with_its_mount_is_the_frame(
        frame in strategy::partial_tof_frame(), mount in mount(), reference in references(),
        edges in (1..=3_u8, 4..=6_u8, 1..=3_u8, 4..=6_u8), stands_free in any::<bool>(),
    ) {
        let mut upright = TofProfile::example();
        upright.tray.rows = [edges.0, edges.1];
        upright.tray.columns = [edges.2, edges.3];
        upright.tray.area_mm2 = (!stands_free).then_some(6300.0);
        upright.reference = reference;
        let mut turned = upright.clone();
        turned.mount = mount;
        let expected = TofAnalyzer::new(upright).unwrap().analyze(&frame);
        let found = TofAnalyzer::new(turned).unwrap().analyze(&as_sent(&frame, mount));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_turned_scene_with_its_mount_is_the_scene(seed in 0..1000_u64, mount in mount()) {
        let reading = Station::new(seed).read(Scene { dent_mm: 13.0, ..Scene::GOOD }, Fault::None);
        let frame = reading.frame.unwrap();
        let upright = TofAnalyzer::new(TofProfile::example()).unwrap();
        let mut profile = TofProfile::example();
        profile.mount = mount;
        let turned = TofAnalyzer::new(profile).unwrap();
        prop_assert_eq!(turned.analyze(&as_sent(&frame, mount)), upright.analyze(&frame));
    }
}

/// The dent of a scene is reported in the plant's orientation, not in that of the sensor's rows.
#[test]
fn zones_of_defects_and_heights_are_in_the_mounted_orientation() {
    let frame = Station::new(9).read(Scene { dent_mm: 13.0, ..Scene::GOOD }, Fault::None).frame.unwrap();
    let mount = Mount { rotation: Rotation::HalfTurn, mirrored: false };
    let analysed = |profile: TofProfile| TofAnalyzer::new(profile).unwrap().analyze(&frame).unwrap();
    let as_seen = analysed(TofProfile::example());
    let mut profile = TofProfile::example();
    profile.mount = mount;
    let turned = analysed(profile);
    let dent = |assessment: &sqal_core::analyze::Assessment<sqal_core::TofFindings>| {
        assessment.defects.iter().find(|defect| defect.kind == DefectKind::Dent).map(|defect| defect.zones)
    };
    let (here, there) = (dent(&as_seen).unwrap(), dent(&turned).unwrap());
    assert_eq!(there, ZoneSet::from_fn(|zone| here.contains(63 - zone)));
    let (map, turned_map) = (as_seen.findings.height_mm.unwrap(), turned.findings.height_mm.unwrap());
    for zone in 0..64 {
        let close = |(a, b): (f32, f32)| (a - b).abs() < 1e-3;
        assert_eq!(map[zone].is_some(), turned_map[63 - zone].is_some(), "zone {zone}");
        assert!(map[zone].zip(turned_map[63 - zone]).is_none_or(close), "zone {zone}");
    }
}

/// A block of 64 groups of one zone each. The histograms of the groups in one row of the sensor are
/// empty.
fn histograms_dark_in(row: usize) -> Vec<u8> {
    let (groups, bins) = (64, 12);
    let mut bytes: Vec<u8> = Vec::new();
    for word in [0, 0, 0, 0, 12 << 16 | 64_u32, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    for group in 0..groups {
        for bin in 0..bins {
            let count: i32 = if bin == 6 && group / 8 != row { 400 } else { 0 };
            bytes.extend(count.to_le_bytes());
        }
    }
    // The scalers of the counts, the ambient light and its scalers, all 0.
    bytes.extend(std::iter::repeat_n(0, groups * bins + 4 * groups + groups));
    bytes
}

/// Groups of histograms belong to the sensor's zones, so a mount turns their results with the
/// frame.
#[test]
fn histograms_are_turned_with_their_frame() {
    let frame = Station::noiseless(&Scene::GOOD);
    let block = histograms_dark_in(2);
    let histograms = CnhHistograms::new(&block).unwrap();
    let layout = CnhLayout { start_bin: 0, sub_sample: 2, start: [0, 0], merge: [1, 1], groups: [8, 8] };
    let unseen = |rotation: Rotation| {
        let mut profile = TofProfile::example();
        profile.mount = Mount { rotation, mirrored: false };
        let found = TofAnalyzer::new(profile).unwrap().analyze_with_histograms(&frame, &histograms, layout).unwrap();
        assert_eq!(found.findings.valid_zones, 56);
        found.unseen.area
    };
    // The tray is 4 rows of 6 columns. A dark row of the sensor is a row of the tray, or after a
    // quarter turn a column.
    assert_eq!(unseen(Rotation::None), Score::nearest(6.0 / 24.0));
    assert_eq!(unseen(Rotation::Clockwise90), Score::nearest(4.0 / 24.0));
}

/// The map of an empty tray is in the mounted orientation: heights over it are 0 everywhere, for
/// any mount.
#[test]
fn an_empty_tray_is_flat_over_its_own_map() {
    let mount = Mount { rotation: Rotation::Clockwise90, mirrored: true };
    let mut profile = TofProfile::example();
    profile.mount = mount;
    // A floor that slopes along the sensor's rows.
    let mut reading = *Station::noiseless(&Scene::GOOD).reading();
    #[expect(clippy::cast_precision_loss, reason = "at most 63")]
    let floor = Grid::from_fn(|zone| 0.25f32.mul_add((zone % 8) as f32, 150.0 + (zone / 8) as f32));
    reading.distance_mm = floor;
    let frame = TofFrame::new(reading).unwrap();
    let frames = vec![frame; 30];
    let tray = EmptyTray::from_frames(frames.iter(), &profile).unwrap();
    for zone in profile.tray.zones() {
        assert!((tray.distance_mm[zone] - f64::from(floor[mount.source(zone)])).abs() < 1e-9, "zone {zone}");
    }
    profile.reference = tray.reference();
    let over = TofAnalyzer::new(profile).unwrap();
    let heights = over.analyze(&frame).unwrap().findings.height_mm.unwrap();
    assert!(heights.iter().flatten().all(|height| height.abs() < 1e-3), "{heights:?}");
}
