//! Free-standing products: bare floor is not missing, and partly covered zones do not count.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::scene::{Fault, Scene, Shape, Station};
use proptest::prelude::*;
use sqal_core::{
    Analyzer, DefectKind, Flag, Grade, Grid, TofFindings, TofFrame,
    analyze::Assessment,
    tof::{TargetStatus, TofReading},
};
use sqal_sensors::{Desirability, TofAnalyzer, TofProfile, Tray};

/// The free-standing shapes of the measurement model, with their greatest height.
const SHAPES: [(f64, Shape); 6] = [
    (25.0, Shape::Block { half: (30.0, 30.0), at: (0.0, 0.0) }),
    (20.0, Shape::Block { half: (40.0, 25.0), at: (0.0, 0.0) }),
    (20.0, Shape::Block { half: (30.0, 20.0), at: (12.0, -8.0) }),
    (25.0, Shape::Dome { radius: 45.0, at: (0.0, 0.0) }),
    (25.0, Shape::Dome { radius: 35.0, at: (12.0, 8.0) }),
    (25.0, Shape::Heap { sigma: 18.0 }),
];

fn scene((height_mm, shape): (f64, Shape)) -> Scene {
    Scene { height_mm, shape, dome_mm: 0.0, ..Scene::GOOD }
}

/// A profile of a free-standing product, with a specification about its own volume and height.
fn profile(volume: f64, height: f64, variation: f64) -> TofProfile {
    let mut profile = TofProfile::example();
    profile.tray = Tray::free_standing();
    profile.volume_mm3 = Desirability::Target { lo: 0.7 * volume, hi: 1.3 * volume, width: 0.05 * volume };
    profile.height_mm = Desirability::Target { lo: 0.7 * height, hi: 1.3 * height, width: 1.0 };
    profile.variation_mm = Desirability::Smaller { at: variation, width: 0.6 };
    profile
}

fn analysed(profile: &TofProfile, frame: &TofFrame) -> Assessment<TofFindings> {
    TofAnalyzer::new(profile.clone()).unwrap().analyze(frame).unwrap()
}

/// A block has the height of its top within its uncertainty, with and without noise. The height of
/// zones half on the floor does not count.
#[test]
fn a_block_is_as_high_as_it_is() {
    for shape in &SHAPES[..3] {
        let scene = scene(*shape);
        let found = analysed(&profile(scene.volume_mm3(), shape.0, 3.5), &Station::noiseless(&scene)).findings;
        let (height, variation) = (found.avg_height_mm.unwrap(), found.height_variation_mm);
        println!("{:?}: {height:?} {variation:?}", shape.1);
        assert!((height.value() - shape.0).abs() < 0.6f64.max(2.0 * height.u()), "{:?}: {height:?}", shape.1);
        assert!(variation.is_none_or(|v| v.value() < 1.5), "{:?}: {variation:?}", shape.1);
        let mut station = Station::new(31);
        for _ in 0..100 {
            let found =
                analysed(&profile(scene.volume_mm3(), shape.0, 3.5), &station.read(scene, Fault::None).frame.unwrap());
            let height = found.findings.avg_height_mm.unwrap();
            assert!((height.value() - shape.0).abs() < 4.0 * height.u().max(0.3), "{:?}: {height:?}", shape.1);
        }
    }
}

/// A good free-standing product gets a good grade: no part of it is reported as missing or dented.
#[test]
fn what_stands_free_and_is_good_is_graded_good() {
    for shape in SHAPES {
        let scene = scene(shape);
        let mut station = Station::new(9);
        let truth = analysed(&profile(1e5, 20.0, 3.5), &Station::noiseless(&scene)).findings;
        let (height, variation) =
            (truth.avg_height_mm.unwrap().value(), truth.height_variation_mm.map_or(0.0, sqal_core::Measured::value));
        let profile = profile(scene.volume_mm3(), height, variation + 3.0);
        let (mut good, mut defects) = (0, Vec::new());
        for _ in 0..100 {
            let found = analysed(&profile, &station.read(scene, Fault::None).frame.unwrap());
            let kinds = found.defects.iter().map(|defect| defect.kind);
            assert!(!kinds.clone().any(|kind| kind == DefectKind::MissingProduct), "{shape:?}: {:?}", found.defects);
            good += u32::from(found.grade >= Some(Grade::A));
            defects.extend(kinds);
        }
        println!("{shape:?}: {good} of 100 A or better, {} defects", defects.len());
        assert!(good >= 90, "{shape:?}: {good} of 100, {defects:?}");
    }
}

/// An empty place is missing product, and so is a hole that the product encloses.
#[test]
fn nothing_there_and_a_hole_are_missing_product() {
    let empty = Scene { height_mm: 0.0, dome_mm: 0.0, ..Scene::GOOD };
    let found = analysed(&profile(1e5, 20.0, 3.5), &Station::noiseless(&empty));
    assert!(found.defects.iter().any(|defect| defect.kind == DefectKind::MissingProduct), "{:?}", found.defects);
    let block = Station::noiseless(&scene((25.0, Shape::Block { half: (60.0, 60.0), at: (0.0, 0.0) })));
    let mut reading = *block.reading();
    for zone in [27, 28, 35] {
        reading.distance_mm[zone] = 150.0;
    }
    let found = analysed(&profile(1e5, 25.0, 9.0), &TofFrame::new(reading).unwrap());
    let hole = found.defects.iter().find(|defect| defect.kind == DefectKind::MissingProduct).unwrap();
    assert_eq!(hole.zones.iter().collect::<Vec<_>>(), [27, 28, 35]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The values in a zone that the device calls invalid change no result.
    #[test]
    fn the_distance_of_an_invalid_zone_changes_nothing(
        seed in any::<u64>(), shape in prop::sample::select(SHAPES.to_vec()), zones in prop::collection::vec(0..64_usize, 1..8),
        distance in prop_oneof![Just(0.0_f32), Just(4000.0), Just(-20.0), -100.0..8000.0_f32], free in any::<bool>(),
    ) {
        let scene = if free { scene(shape) } else { Scene::GOOD };
        let profile = if free { profile(1e5, 20.0, 5.0) } else { TofProfile::example() };
        let frame = Station::new(seed).read(scene, Fault::None).frame.unwrap();
        let with = |distance: Option<f32>| {
            let mut reading: TofReading = *frame.reading();
            for zone in &zones {
                reading.status.as_mut().unwrap()[*zone] = TargetStatus(255);
                if let Some(distance) = distance {
                    reading.distance_mm[*zone] = distance;
                }
            }
            TofAnalyzer::new(profile.clone()).unwrap().analyze(&TofFrame::new(reading).unwrap()).unwrap()
        };
        let (own, other) = (with(None), with(Some(distance)));
        prop_assert_eq!(&own, &other);
        if let Some(volume) = own.findings.volume_mm3 {
            prop_assert!(volume.u() < 1e6, "{:?}", volume);
        }
    }
}

/// One zone far away or at the lens, valid or not, changes the volume of a block by at most its own
/// share.
#[test]
fn a_lost_zone_costs_no_more_than_a_zone() {
    let scene = scene(SHAPES[0]);
    let frame = Station::noiseless(&scene);
    let profile = profile(scene.volume_mm3(), 25.0, 3.5);
    let whole = analysed(&profile, &frame).findings.volume_mm3.unwrap();
    for distance in [0.0, 30.0, 4000.0] {
        for zone in 0..64 {
            let mut reading = *frame.reading();
            reading.distance_mm[zone] = distance;
            reading.status =
                Some(Grid::from_fn(|one| if one == zone { TargetStatus(255) } else { TargetStatus::VALID }));
            let found = analysed(&profile, &TofFrame::new(reading).unwrap());
            let volume = found.findings.volume_mm3.unwrap();
            assert!(
                (volume.value() - whole.value()).abs() < 0.08 * whole.value(),
                "{zone} {distance}: {volume:?} {whole:?}"
            );
            assert!(
                volume.u() < 0.3 * whole.value() && found.flags.contains(Flag::Imputed),
                "{zone} {distance}: {volume:?}"
            );
        }
    }
}
