//! Zones of unequal noise are each judged by their own noise, on flat boards and on far products.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::scene::Station;
use sqal_core::{Analyzer, DefectKind, TofFrame, tof::TofReading};
use sqal_sensors::{HeightReference, TofAnalyzer, TofProfile, Tray};

/// An analyser for a flat board 20 mm above a floor, which all 64 zones see.
fn board(distance_mm: f64) -> TofAnalyzer {
    let mut profile = TofProfile::example();
    profile.tray = Tray::free_standing();
    profile.tray.area_mm2 = Some(10_000.0);
    profile.reference = HeightReference::Flat { distance_mm: distance_mm + 20.0, u_mm: 0.3 };
    profile.minor_depth_mm = 1e-6;
    profile.minor_spot_percent = 1e-6;
    profile.major_depth_mm = 1e3;
    profile.major_spot_percent = 1e3;
    TofAnalyzer::new(profile).unwrap()
}

/// With noise only, one frame in a hundred shows a dent or a bump, with equal zones and with
/// corners 2.5 times as noisy as the middle.
#[test]
fn flat_boards_show_a_dent_in_one_frame_of_a_hundred() {
    for (name, station) in [("equal zones", Station::new(1)), ("noisy corners", Station::new(2).with_noisy_corners())] {
        let (mut station, analyzer, mut dented) = (station, board(130.0), 0);
        for _ in 0..4000 {
            let found = analyzer.analyze(&station.noise(130.0, 1.2)).unwrap();
            dented += u32::from(found.defects.iter().any(|d| matches!(d.kind, DefectKind::Dent | DefectKind::Bump)));
        }
        println!("{name}: {dented} of 4000 frames with a dent or bump");
        // 1 % of 4000 is 40 with a standard deviation of 6.3.
        assert!((15..=65).contains(&dented), "{name}: {dented} of 4000");
    }
}

/// The slope of a level board is zero within its uncertainty, whichever zones are noisier.
#[test]
fn noisy_corners_do_not_tilt_a_level_board() {
    let (mut station, analyzer) = (Station::new(3).with_noisy_corners(), board(130.0));
    let (mut outside, mut rough) = (0, 0);
    for _ in 0..1000 {
        let found = analyzer.analyze(&station.noise(130.0, 1.2)).unwrap().findings;
        let (tilt, variation) = (found.tilt_deg.unwrap(), found.height_variation_mm.unwrap());
        outside += u32::from(tilt.value() > 1.96 * tilt.u());
        rough += u32::from(variation.value() > 1.96 * variation.u());
    }
    println!("tilt outside of 95 %: {outside} of 1000, variation: {rough} of 1000");
    assert!(outside <= 75 && rough <= 75, "{outside} {rough}");
}

/// A height of 20 mm reads 20 mm from near and from far: a zone's own noise does not decide whether
/// it counts.
#[test]
fn a_lift_far_away_is_not_higher_than_it_is() {
    for (distance, sigma) in [(150.0, 1.2), (400.0, 3.0), (900.0, 7.0)] {
        let (mut station, analyzer) = (Station::new(4), board(distance));
        let mut sum = 0.0;
        for _ in 0..200 {
            let frame: TofReading = *station.noise(distance, sigma).reading();
            sum += analyzer.analyze(&TofFrame::new(frame).unwrap()).unwrap().findings.avg_height_mm.unwrap().value();
        }
        let mean = sum / 200.0;
        println!("a lift of 20 mm at {distance} mm with {sigma} mm of noise: {mean:.2} mm");
        assert!((mean - 20.0).abs() < 0.6, "{distance}: {mean}");
    }
}
