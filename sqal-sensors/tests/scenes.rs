//! Every labelled scene is recognised, volumes are within the model's limits, and pulses show fat.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use fixtures::scene::{CNH_LAYOUT, Fault, LABELLED, Scene, Shape, Station};
use sqal_core::{Analyzer, DefectKind, Flag};
use sqal_sensors::{
    ProductReference, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile, Tray,
    spectral::absorbance,
    tof::{CnhHistograms, CnhLayout},
};

fn tof() -> TofAnalyzer {
    TofAnalyzer::new(TofProfile::example()).unwrap()
}

/// The example profile with a reference of the product, estimated from 200 good trays with the
/// variation of good trays.
fn profile_with_reference() -> SpectralProfile {
    let plain = SpectralAnalyzer::new(SpectralProfile::example()).unwrap();
    let mut station = Station::new(404);
    let good = (0..200).map(|k| {
        // A fixed spread of the three pigments over the trays.
        let spread = |step: i32, by: f64| by * f64::from(k * step % 21 - 10) / 10.0;
        let heme = Scene::GOOD.heme + spread(8, 0.06);
        let scene = Scene { heme, met: 0.10 + spread(5, 0.10), carotenoid: 0.15 + spread(13, 0.05), ..Scene::GOOD };
        let found = plain.analyze(&station.read(scene, Fault::None).spectrum.unwrap()).unwrap();
        absorbance(&found.findings.reflectance).map(|band| band.unwrap().value())
    });
    let good: Vec<_> = good.collect();
    let reference = Some(ProductReference::fit(good.into_iter()).unwrap());
    let mut profile = SpectralProfile::example();
    profile.reference = reference;
    profile
}

/// Every label is found in at least 95 of 100 readings, and at least 95 of 100 good trays show no
/// defect.
#[test]
fn every_scene_is_recognised() {
    let spectral = SpectralAnalyzer::new(profile_with_reference()).unwrap();
    for labelled in LABELLED {
        let mut station = Station::new(7);
        let mut right = 0;
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            let reading = station.read(labelled.scene, labelled.fault);
            let shape = tof().analyze(&reading.frame.unwrap()).unwrap();
            let colour = reading.spectrum.and_then(|spectrum| spectral.analyze(&spectrum).ok());
            let colour = colour.map(|assessment| assessment.defects).unwrap_or_default();
            let kinds: Vec<DefectKind> = shape.defects.iter().chain(&colour).map(|defect| defect.kind).collect();
            seen.extend(kinds.iter().map(|kind| kind.as_str()));
            let nothing = labelled.defects.is_empty() && kinds.is_empty();
            let all = !labelled.defects.is_empty() && labelled.defects.iter().all(|kind| kinds.contains(kind));
            // If all eight bands are saturated, the reading cannot be assessed, which counts as a
            // correct result here.
            let blinded = labelled.fault == Fault::Glare && colour.is_empty();
            right += u32::from(nothing || all || blinded);
        }
        println!("{:<14} {right:>3} of 100, seen: {seen:?}", labelled.name);
        assert!(right >= 95, "{}: {right} of 100, seen {seen:?}", labelled.name);
    }
}

/// The mean error of the volume over the scenes of the measurement model is at most 5 % for trays
/// and 10 % for free-standing products.
#[test]
fn volumes_are_within_the_limits_of_the_model() {
    let error = |analyzer: &TofAnalyzer, scene: Scene| {
        let mut station = Station::new(12);
        let truth = scene.volume_mm3();
        let each = (0..100).map(|_| {
            let found = analyzer.analyze(&station.read(scene, Fault::None).frame.unwrap()).unwrap().findings;
            (found.volume_mm3.unwrap().value() - truth).abs() / truth
        });
        let mean = each.sum::<f64>() / 100.0;
        println!("{:>6.3} {:?} {} mm", mean, scene.shape, scene.height_mm);
        mean
    };
    let trays =
        [Scene::GOOD, Scene { height_mm: 22.0, dome_mm: 0.0, ..Scene::GOOD }, Scene { height_mm: 25.0, ..Scene::GOOD }];
    let tray = trays.map(|scene| error(&tof(), scene)).iter().sum::<f64>() / 3.0;

    let mut free = TofProfile::example();
    free.tray = Tray::free_standing();
    let free = TofAnalyzer::new(free).unwrap();
    let shapes = [
        (25.0, Shape::Block { half: (30.0, 30.0), at: (0.0, 0.0) }),
        (20.0, Shape::Block { half: (40.0, 25.0), at: (0.0, 0.0) }),
        (20.0, Shape::Block { half: (30.0, 20.0), at: (12.0, -8.0) }),
        (25.0, Shape::Dome { radius: 45.0, at: (0.0, 0.0) }),
        (25.0, Shape::Dome { radius: 35.0, at: (12.0, 8.0) }),
        (25.0, Shape::Heap { sigma: 18.0 }),
    ];
    let scene = |(height_mm, shape)| Scene { height_mm, shape, dome_mm: 0.0, ..Scene::GOOD };
    let standing = shapes.map(|shape| error(&free, scene(shape))).iter().sum::<f64>() / 6.0;
    println!("mean error: tray {tray:.3}, free {standing:.3}");
    assert!(tray <= 0.05 && standing <= 0.10, "tray {tray}, free {standing}");
}

/// If a free-standing product extends beyond the view, its volume is its mean height times the area
/// that is seen.
#[test]
fn a_free_volume_is_its_mean_height_times_its_area() {
    let mut profile = TofProfile::example();
    profile.tray = Tray::free_standing();
    let scene = Scene {
        height_mm: 25.0,
        dome_mm: 0.0,
        shape: Shape::Block { half: (60.0, 60.0), at: (0.0, 0.0) },
        ..Scene::GOOD
    };
    let found = TofAnalyzer::new(profile).unwrap().analyze(&Station::noiseless(&scene)).unwrap();
    let (volume, height) = (found.findings.volume_mm3.unwrap(), found.findings.avg_height_mm.unwrap());
    // 2 · 125 mm · tan 22.5° is 103.6 mm, so the block extends beyond the view of the sensor.
    let seen = (250.0 * 22.5_f64.to_radians().tan()).powi(2);
    assert!(found.flags.contains(Flag::ZoneAreas));
    assert!(
        height.value().mul_add(-seen, volume.value()).abs() < 1e-6 * volume.value(),
        "{volume:?} {height:?} {seen}"
    );
}

/// Light from below the surface widens the returned pulse, so the histograms distinguish
/// translucent fat from opaque fat.
#[test]
fn translucent_fat_broadens_the_pulse() {
    let [start_bin, sub_sample, x, y, merge_x, merge_y, columns, rows] = CNH_LAYOUT;
    let layout = CnhLayout { start_bin, sub_sample, start: [x, y], merge: [merge_x, merge_y], groups: [columns, rows] };
    let mut station = Station::new(3);
    let mut broadening = |penetration_mm: f64| {
        let scene = Scene { penetration_mm, ..Scene::GOOD };
        let frame = station.read(scene, Fault::None).frame.unwrap();
        let block = station.histograms(&scene);
        let histograms = CnhHistograms::new(&block).unwrap();
        let found = tof().analyze_with_histograms(&frame, &histograms, layout).unwrap();
        let pulses = found.findings.pulse_analysis.unwrap();
        assert_eq!((pulses.seen, pulses.multiple), (16, 0.0));
        pulses.broadening.unwrap()
    };
    let (opaque, translucent) = (broadening(0.0), broadening(3.0));
    println!("broadening: opaque {opaque:.3}, 3 mm deep {translucent:.3}");
    assert!((0.9..1.1).contains(&opaque) && translucent > opaque + 0.03, "{opaque} {translucent}");
}
