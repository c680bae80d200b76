//! Laws of both analyses over all readings of the sensors, and over scenes of known truth.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use fixtures::scene::{Fault, Scene, Station};
use fixtures::strategy;
use proptest::prelude::*;
use sqal_core::{
    Analyzer, Defect, DefectKind, Flag, Grade, Grid, Measured, TofFrame,
    analyze::Assessment,
    defect::Severity,
    tof::{DistanceKind, TofReading},
};
use sqal_sensors::{
    HeightReference, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile,
    robust::{Plane, Point, robust_plane},
};

fn tof() -> TofAnalyzer {
    TofAnalyzer::new(TofProfile::example()).unwrap()
}

fn spectral() -> SpectralAnalyzer {
    SpectralAnalyzer::new(SpectralProfile::example()).unwrap()
}

fn is_honest<F>(assessment: &Assessment<F>) -> bool {
    assessment.score.is_none_or(|s| (0.0..=1.0).contains(&s.value()))
        && assessment.score.is_some() == assessment.grade.is_some()
        && assessment.defects.windows(2).all(|pair| pair[0].severity >= pair[1].severity)
        && !(assessment.defects.iter().any(|d| d.severity == Severity::Critical)
            && assessment.grade > Some(Grade::Reject))
}

/// The source of each zone if the grid is turned or flipped.
type Turn = fn(usize) -> usize;

fn moved<T: Copy>(grid: &Grid<T>, zone: &impl Fn(usize) -> usize) -> Grid<T> {
    Grid::from_fn(|k| grid[zone(k)])
}

fn flipped(frame: &TofFrame, zone: impl Fn(usize) -> usize) -> TofFrame {
    let reading = frame.reading();
    TofFrame::new(TofReading {
        distance_mm: moved(&reading.distance_mm, &zone),
        reflectance_percent: reading.reflectance_percent.map(|grid| moved(&grid, &zone)),
        amplitude_kcps: reading.amplitude_kcps.map(|grid| moved(&grid, &zone)),
        sigma_mm: reading.sigma_mm.map(|grid| moved(&grid, &zone)),
        status: reading.status.map(|grid| moved(&grid, &zone)),
        distance_kind: reading.distance_kind,
    })
    .unwrap()
}

fn close(a: Option<Measured>, b: Option<Measured>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            (a.value() - b.value()).abs() <= 1e-9 * (1.0 + a.value().abs())
                && (a.u() - b.u()).abs() <= 1e-9 * (1.0 + a.u())
        }
        (a, b) => a.is_none() == b.is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_frame_is_assessed_without_panic_and_honestly(frame in strategy::tof_frame()) {
        for reference in [TofProfile::example().reference, HeightReference::None, HeightReference::Rim { floor_below_mm: 0.0, u_mm: 0.5 }] {
            let mut profile = TofProfile::example();
            profile.reference = reference;
            if let Ok(assessment) = TofAnalyzer::new(profile).unwrap().analyze(&frame) {
                prop_assert!(is_honest(&assessment), "{assessment:?}");
            }
        }
    }

    #[test]
    fn any_spectrum_is_assessed_without_panic_and_honestly(spectrum in strategy::spectrum()) {
        if let Ok(assessment) = spectral().analyze(&spectrum) {
            prop_assert!(is_honest(&assessment), "{assessment:?}");
        }
    }

    #[test]
    fn turning_the_grid_or_flipping_it_changes_no_scalar(seed in any::<u64>(), free in any::<bool>()) {
        let frame = Station::new(seed).next_reading().frame.unwrap();
        let mut profile = TofProfile::example();
        profile.tray.area_mm2 = profile.tray.area_mm2.filter(|_| !free);
        let analyze = |frame: &TofFrame, sideways: bool| {
            let mut profile = profile.clone();
            if sideways {
                (profile.tray.rows, profile.tray.columns) = (profile.tray.columns, profile.tray.rows);
            }
            TofAnalyzer::new(profile).unwrap().analyze(frame).unwrap()
        };
        let plain = analyze(&frame, false);
        let turns: [(bool, Turn); 7] = [
            (false, |k| 63 - k),
            (false, |k| k / 8 * 8 + 7 - k % 8),
            (false, |k| (7 - k / 8) * 8 + k % 8),
            (true, |k| k % 8 * 8 + k / 8),
            (true, |k| k % 8 * 8 + 7 - k / 8),
            (true, |k| (7 - k % 8) * 8 + k / 8),
            (true, |k| (7 - k % 8) * 8 + 7 - k / 8),
        ];
        for (sideways, turn) in turns {
            let turned = analyze(&flipped(&frame, turn), sideways);
            let (a, b) = (&plain.findings, &turned.findings);
            prop_assert!(close(a.volume_mm3, b.volume_mm3), "{:?} {:?}", a.volume_mm3, b.volume_mm3);
            prop_assert!(close(a.avg_height_mm, b.avg_height_mm));
            prop_assert!(close(a.height_variation_mm, b.height_variation_mm));
            prop_assert!(close(a.surface_uniformity, b.surface_uniformity));
            prop_assert!(close(a.tilt_deg, b.tilt_deg));
            prop_assert!(close(plain.score, turned.score), "{:?} {:?}", plain.score, turned.score);
            prop_assert_eq!(plain.grade, turned.grade);
            prop_assert_eq!(plain.flags, turned.flags);
            let kinds = |a: &Assessment<_>| a.defects.iter().map(|d| (d.kind, d.zones.len())).collect::<Vec<_>>();
            prop_assert_eq!(kinds(&plain), kinds(&turned));
        }
    }
}

#[test]
fn the_same_reading_gives_the_same_bits() {
    let reading = Station::new(3).next_reading();
    let (frame, spectrum) = (reading.frame.unwrap(), reading.spectrum.unwrap());
    assert_eq!(tof().analyze(&frame), tof().analyze(&frame));
    assert_eq!(spectral().analyze(&spectrum), spectral().analyze(&spectrum));
}

/// A full tray that is read with much noise is not reported as empty, and a tray below its limit is
/// not reported as overfull.
#[test]
fn noise_alone_makes_no_gross_defect() {
    let noisy = |height: f32, sigma: f32, seed: u32| {
        let spread = |zone: usize| {
            // A fixed, seeded scatter of ±1.5 σ, like that of a noisy frame.
            let k = u32::try_from(zone).unwrap().wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503));
            let share = f32::from(u16::try_from((k >> 8) % 1000).unwrap()) / 1000.0;
            share.mul_add(3.0, -1.5)
        };
        let frame = TofFrame::new(TofReading {
            distance_mm: Grid::from_fn(|zone| sigma.mul_add(spread(zone), 150.0 - height)),
            reflectance_percent: Some(Grid::from_fn(|_| 45.0)),
            amplitude_kcps: Some(Grid::from_fn(|_| 900.0)),
            sigma_mm: Some(Grid::from_fn(|_| sigma)),
            status: Some(Grid::from_fn(|_| sqal_core::tof::TargetStatus::VALID)),
            distance_kind: DistanceKind::Perpendicular,
        });
        tof().analyze(&frame.unwrap()).unwrap()
    };
    for seed in 0..200 {
        let full = noisy(20.0, 7.0, seed);
        assert!(full.defects.iter().all(|d| d.severity < Severity::Critical), "{:?}", full.defects);
        let high = noisy(26.0, 2.0, seed);
        assert!(high.defects.iter().all(|d| d.kind != DefectKind::Overfill), "{:?}", high.defects);
    }
}

/// One frame of pure noise in a hundred shows a dent or a bump, as designed: 0.01 ± 0.003 over 100
/// 000 frames.
#[test]
fn the_family_error_of_dents_and_bumps_is_one_in_a_hundred() {
    let mut profile = TofProfile::example();
    profile.minor_depth_mm = 1e-6;
    profile.major_depth_mm = 1e6;
    let analyzer = TofAnalyzer::new(profile).unwrap();
    let mut station = Station::new(77);
    let frames = 100_000;
    let found = (0..frames).filter(|_| {
        let noise = station.noise(130.0, 2.0);
        let assessment = analyzer.analyze(&noise).unwrap();
        assessment.defects.iter().any(|d| matches!(d.kind, DefectKind::Dent | DefectKind::Bump))
    });
    let share = f64::from(u32::try_from(found.count()).unwrap()) / f64::from(frames);
    println!("family error over {frames} frames of noise: {share:.4}");
    assert!((0.007..=0.013).contains(&share), "{share}");
}

/// A deep dent is found in its place, with its sign and about its depth, as one defect. A deeper
/// dent is detected more often.
#[test]
fn dents_are_found_where_they_are_and_the_deeper_the_surer() {
    let mut profile = TofProfile::example();
    profile.minor_depth_mm = 0.1;
    let analyzer = TofAnalyzer::new(profile).unwrap();
    println!("detection power of a dent of one zone, by depth and noise:");
    for sigma in [0.6, 1.2, 2.4] {
        let mut station = Station::new(31).with_sigma(sigma);
        let (mut line, mut last) = (format!("  sigma {sigma} mm:"), 0);
        for depth in [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0] {
            let dent_mm = depth * sigma;
            // If the ground of a dent is within three of its noise of the floor, it is missing
            // product, not a dent.
            if 3.0f64.mul_add(sigma, dent_mm) > 19.5 {
                continue;
            }
            let mut hits = 0;
            for _ in 0..200 {
                let frame = station.read(Scene { dent_mm, ..Scene::GOOD }, Fault::None).frame.unwrap();
                let found = analyzer.analyze(&frame).unwrap();
                // The middle of the dent lies before row 4, column 5.
                let there = |d: &&Defect| d.kind == DefectKind::Dent && d.zones.contains(4 * 8 + 5);
                if let Some(extent) = found.defects.iter().find(there).and_then(|dent| dent.extent) {
                    hits += 1;
                    assert!(extent.depth_mm < 0.0 && extent.volume_mm3 < 0.0 && extent.area_mm2 > 0.0, "{extent:?}");
                }
            }
            let _ = write!(line, " {depth:.0}σ {:.2}", f64::from(hits) / 200.0);
            assert!(hits + 20 >= last, "the power fell from {last} to {hits} of 200 at {dent_mm} mm");
            last = hits;
        }
        println!("{line}");
        assert!(last >= 80, "the deepest dent is found in {last} of 200");
    }
}

/// The reference plane of a rim of which a third shows another surface, at 3 mm of noise. The error
/// in the middle of the tray is that of the remaining zones; least squares errs ten times as much.
#[test]
fn a_plane_survives_a_third_of_wrong_points() {
    let mut station = Station::new(99);
    let (mut robust, mut naive) = (0.0, 0.0);
    for trial in 0..500_u32 {
        let noise = station.noise(150.0, 3.0);
        let mut points = Vec::new();
        for zone in (0..64_u32).filter(|zone| matches!(zone / 8, 0 | 7) || matches!(zone % 8, 0 | 7)) {
            // Nine of 28 zones, scattered, and others in each trial: steps of 3, 9, 11 … visit all
            // 28 before they repeat.
            let n = u32::try_from(points.len()).unwrap();
            let step = [3, 5, 9, 11, 13][trial as usize % 5];
            let covered = (n * step + trial / 5) % 28 < 9;
            let z = f64::from(noise.reading().distance_mm[zone as usize]) - if covered { 30.0 } else { 0.0 };
            points.push(Point { x: f64::from(zone % 8) - 3.5, y: f64::from(zone / 8) - 3.5, z });
        }
        robust += (robust_plane(&points).unwrap().at(0.0, 0.0) - 150.0).powi(2);
        naive += (Plane::least_squares(points.iter().copied()).unwrap().at(0.0, 0.0) - 150.0).powi(2);
    }
    let (robust, naive) = ((robust / 500.0_f64).sqrt(), (naive / 500.0_f64).sqrt());
    println!(
        "root mean square error over 500 rims, 32 % covered, sigma 3 mm: robust {robust:.2} mm, least squares {naive:.2} mm"
    );
    assert!(robust <= 0.8 && naive > 5.0, "{robust} {naive}");
}

/// One capture of a flat target shows the kind of a distance: with the wrong kind, the plane is not
/// flat (13 mm and more at half a metre).
#[test]
fn a_plane_fit_tells_perpendicular_from_radial() {
    let mut station = Station::new(15);
    let flat = station.noise(480.0, 0.9);
    let fit = |distance_kind| {
        let place = |zone: usize, mm: f64| {
            let tangent = |k: usize| ((f64::from(u8::try_from(k).unwrap()) - 3.5) * 5.625).to_radians().tan();
            let (x, y) = (tangent(zone % 8), tangent(zone / 8));
            let z = match distance_kind {
                DistanceKind::Perpendicular => mm,
                DistanceKind::Radial => mm / y.mul_add(y, x.mul_add(x, 1.0)).sqrt(),
            };
            Point { x: x * z, y: y * z, z }
        };
        let points: Vec<_> = (0..64).map(|zone| place(zone, f64::from(flat.reading().distance_mm[zone]))).collect();
        let plane = Plane::least_squares(points.iter().copied()).unwrap();
        (points.iter().map(|p| plane.residual(p).powi(2)).sum::<f64>() / 64.0).sqrt()
    };
    let (right, wrong) = (fit(DistanceKind::Perpendicular), fit(DistanceKind::Radial));
    println!("plane through a flat target at 480 mm: {right:.2} mm as perpendicular, {wrong:.1} mm as radial");
    assert!(right < 2.0 && wrong > 13.0, "{right} {wrong}");
}

/// The value of a defective channel is unknown, so there is no oxidation index, and none that shows
/// a fresh product.
#[test]
fn a_dead_channel_is_not_fresh() {
    let reading = Station::new(2).read(Scene::GOOD, Fault::None).spectrum.unwrap();
    let mut counts = *reading.all_counts();
    counts[sqal_core::Channel::F5.index()] = 0.0;
    let dead =
        sqal_core::Spectrum::new(counts, reading.gain(), reading.integration_time(), reading.adc_status()).unwrap();
    let found = spectral().analyze(&dead).unwrap();
    assert_eq!(found.findings.oxidation_index, None);
    assert!(found.reliability.get() < 1.0);
}

/// If half of the rim has one height and half another, the reference is refused, not guessed.
#[test]
fn a_rim_of_two_surfaces_is_refused_as_a_reference() {
    let mut profile = TofProfile::example();
    profile.reference = HeightReference::Rim { floor_below_mm: 0.0, u_mm: 0.5 };
    let analyzer = TofAnalyzer::new(profile).unwrap();
    let frame = |far: f32| {
        TofFrame::new(TofReading {
            distance_mm: Grid::from_fn(|zone| {
                if (2..6).contains(&(zone / 8)) && (1..7).contains(&(zone % 8)) {
                    130.0
                } else if zone % 8 < 4 {
                    150.0
                } else {
                    far
                }
            }),
            reflectance_percent: Some(Grid::from_fn(|_| 45.0)),
            amplitude_kcps: Some(Grid::from_fn(|_| 900.0)),
            sigma_mm: Some(Grid::from_fn(|_| 1.0)),
            status: Some(Grid::from_fn(|_| sqal_core::tof::TargetStatus::VALID)),
            distance_kind: DistanceKind::Perpendicular,
        })
        .unwrap()
    };
    let even = analyzer.analyze(&frame(150.0)).unwrap();
    assert!(
        (even.findings.avg_height_mm.unwrap().value() - 20.0).abs() < 1e-6 && even.flags.contains(Flag::RimReference)
    );
    let torn = analyzer.analyze(&frame(120.0)).unwrap();
    assert!(torn.flags.contains(Flag::NoReference) && torn.findings.volume_mm3.is_none());
}

/// Radial and perpendicular readings of one flat tray give equal heights, because a frame states
/// the kind of its distances.
#[test]
fn a_radial_frame_is_brought_to_the_axis() {
    let tangent = |k: usize| (f64::from(u8::try_from(k).unwrap()) - 3.5) * 5.625;
    let radial = TofFrame::new(TofReading {
        distance_mm: Grid::from_fn(|zone| {
            let (x, y) = (tangent(zone % 8).to_radians().tan(), tangent(zone / 8).to_radians().tan());
            #[expect(clippy::cast_possible_truncation, reason = "a distance to seven digits")]
            let radial = (130.0 * y.mul_add(y, x.mul_add(x, 1.0)).sqrt()) as f32;
            radial
        }),
        reflectance_percent: Some(Grid::from_fn(|_| 45.0)),
        amplitude_kcps: Some(Grid::from_fn(|_| 900.0)),
        sigma_mm: Some(Grid::from_fn(|_| 1.0)),
        status: Some(Grid::from_fn(|_| sqal_core::tof::TargetStatus::VALID)),
        distance_kind: DistanceKind::Radial,
    });
    let found = tof().analyze(&radial.unwrap()).unwrap().findings;
    assert!((found.avg_height_mm.unwrap().value() - 20.0).abs() < 1e-4, "{found:?}");
}

/// Each 95 % interval of volume and mean height covers the truth of 400 good trays in 92 to 98 % of
/// them.
#[test]
fn intervals_of_volume_and_height_cover_the_truth() {
    let mut station = Station::new(20_261_121);
    let (mut volume, mut height) = (0, 0);
    for _ in 0..400 {
        let good = station.read(Scene::GOOD, Fault::None);
        let found = tof().analyze(&good.frame.unwrap()).unwrap().findings;
        let covers = |m: Measured, truth: f64| u32::from((m.value() - truth).abs() <= 1.96 * m.u());
        volume += covers(found.volume_mm3.unwrap(), good.scene.volume_mm3());
        height += covers(found.avg_height_mm.unwrap(), good.scene.volume_mm3() / 6300.0);
    }
    println!("covered of 400: volume {volume}, height {height}");
    assert!((368..=392).contains(&volume) && (368..=392).contains(&height), "{volume} and {height} of 400");
}

#[test]
fn the_uncertainty_of_volume_and_height_is_the_closed_form() {
    let frame = TofFrame::new(TofReading {
        distance_mm: Grid::from_fn(|_| 130.0),
        reflectance_percent: Some(Grid::from_fn(|_| 45.0)),
        amplitude_kcps: Some(Grid::from_fn(|_| 900.0)),
        sigma_mm: Some(Grid::from_fn(|_| 1.25)),
        status: Some(Grid::from_fn(|_| sqal_core::tof::TargetStatus::VALID)),
        distance_kind: DistanceKind::Perpendicular,
    });
    let found = tof().analyze(&frame.unwrap()).unwrap().findings;
    let u_height = 0.3f64.mul_add(0.3, 1.25_f64.powi(2) / 24.0 + 1.0).sqrt();
    let u_volume = (6300.0 * u_height).hypot(20.0 * 30.0);
    assert!((found.avg_height_mm.unwrap().u() - u_height).abs() < 1e-12);
    let volume = found.volume_mm3.unwrap();
    assert!((volume.value() - 126_000.0).abs() < 1e-6 && (volume.u() - u_volume).abs() < 1e-6, "{volume:?} {u_volume}");
}

#[test]
fn a_flat_tray_read_with_noise_is_not_called_rough() {
    let mut station = Station::new(5);
    let flat = Scene { dome_mm: 0.0, slope: 0.0, ..Scene::GOOD };
    let mut below = 0;
    for _ in 0..50 {
        let assessment = tof().analyze(&station.read(flat, Fault::None).frame.unwrap()).unwrap();
        below += u32::from(assessment.flags.contains(Flag::BelowNoise));
        let uniformity = assessment.findings.surface_uniformity.unwrap();
        assert!(4.0f64.mul_add(uniformity.u(), uniformity.value()) >= 1.0, "{uniformity:?}");
    }
    assert!(below >= 40, "{below} of 50");
}

#[test]
fn half_empty_trays_and_blind_windows_are_defects() {
    let mut station = Station::new(11);
    let half = station.read(Scene { filled: 0.55, ..Scene::GOOD }, Fault::None);
    let found = tof().analyze(&half.frame.unwrap()).unwrap();
    assert!(found.defects.iter().any(|d| d.kind == DefectKind::MissingProduct), "{:?}", found.defects);
    assert!(found.grade <= Some(Grade::B));

    let empty = station.read(Scene { height_mm: 0.0, dome_mm: 0.0, ..Scene::GOOD }, Fault::None);
    let found = tof().analyze(&empty.frame.unwrap()).unwrap();
    assert_eq!((found.grade, found.findings.avg_height_mm), (Some(Grade::Reject), None));
    assert!(found.flags.contains(Flag::NoProduct));

    let blind = station.read(Scene::GOOD, Fault::DirtyWindow);
    let found = tof().analyze(&blind.frame.unwrap()).unwrap();
    assert!(found.defects.iter().any(|d| d.kind == DefectKind::InvalidZones), "{:?}", found.defects);
    assert!(found.reliability.get() < 0.9);
}

#[test]
fn oxidation_rises_with_the_oxidised_share_and_freshness_falls() {
    let mut station = Station::new(2);
    let mut last: Option<(f64, f64)> = None;
    for met in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let reading = station.read(Scene { met, ..Scene::GOOD }, Fault::None);
        let found = spectral().analyze(&reading.spectrum.unwrap()).unwrap().findings;
        let now = (found.oxidation_index.unwrap().value(), found.freshness_index.unwrap().value());
        if let Some(last) = last {
            assert!(now.0 > last.0 && now.1 <= last.1, "{last:?} -> {now:?}");
        }
        last = Some(now);
    }
}

#[test]
fn a_saturated_spectrum_is_unknown_where_it_is_saturated() {
    let reading = Station::new(2).read(Scene::GOOD, Fault::Glare);
    let found = spectral().analyze(&reading.spectrum.unwrap());
    match found {
        Ok(found) => {
            assert!(found.flags.contains(Flag::Saturated));
            assert!(found.findings.basic_counts.iter().any(Option::is_none));
            assert!(found.defects.iter().any(|d| d.kind == DefectKind::Saturation));
        }
        Err(refused) => assert_eq!(refused, sqal_core::AnalysisError::NothingUsable),
    }
}

#[test]
fn without_a_white_reference_there_is_no_score_and_the_flag_says_why() {
    let mut profile = SpectralProfile::example();
    profile.white_reference = None;
    let spectrum = Station::new(2).read(Scene::GOOD, Fault::None).spectrum.unwrap();
    let found = SpectralAnalyzer::new(profile).unwrap().analyze(&spectrum).unwrap();
    assert_eq!((found.score, found.grade), (None, None));
    assert!(found.flags.contains(Flag::NoWhiteReference));
}

#[test]
fn too_little_pigment_refuses_the_oxidation_ratio() {
    let spectrum = Station::new(2).read(Scene { heme: 0.002, ..Scene::GOOD }, Fault::None).spectrum.unwrap();
    let found = spectral().analyze(&spectrum).unwrap();
    assert_eq!(found.findings.oxidation_index, None);
    assert!(found.flags.contains(Flag::LowHeme));
}

#[test]
fn a_missing_status_doubles_the_noise_and_is_flagged() {
    let frame = Station::new(4).read(Scene::GOOD, Fault::None).frame.unwrap();
    let told = tof().analyze(&frame).unwrap();
    let untold = TofFrame::new(TofReading { status: None, ..*frame.reading() }).unwrap();
    let untold = tof().analyze(&untold).unwrap();
    assert!(untold.flags.contains(Flag::StatusMissing) && !told.flags.contains(Flag::StatusMissing));
    assert!(untold.reliability < told.reliability);
    assert!(untold.findings.volume_mm3.unwrap().u() > told.findings.volume_mm3.unwrap().u());
}
