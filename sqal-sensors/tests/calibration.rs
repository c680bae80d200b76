//! Calibrations from simulated readings give the station's true values, and refuse bad readings.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::scene::{FLOOR_MM, Fault, Scene, Station, WHITE};
use sqal_core::{
    Analyzer, Channel, Gain, Grid, IntegrationTime, Spectrum, TofFrame, spectrum::AdcStatus, tof::TofReading,
};
use sqal_sensors::{
    EmptyTray, TofAnalyzer, TofProfile, WhiteTile,
    calibration::{EmptyTrayError, WhiteTileError},
};

fn frames(n: usize) -> Vec<TofFrame> {
    let mut station = Station::new(8);
    (0..n).map(|_| station.noise(FLOOR_MM, 1.2)).collect()
}

fn shifted(frame: &TofFrame, by: f32) -> TofFrame {
    let reading = *frame.reading();
    TofFrame::new(TofReading { distance_mm: reading.distance_mm.map(|mm| mm + by), ..reading }).unwrap()
}

#[test]
fn an_empty_tray_becomes_a_map_with_the_error_of_its_mean() {
    let profile = TofProfile::example();
    let tray = EmptyTray::from_frames(frames(100).iter(), &profile).unwrap();
    assert!(tray.distance_mm.iter().all(|mm| (mm - FLOOR_MM).abs() < 4.0 * 0.12), "{:?}", tray.distance_mm);
    // The largest of 24 zones, for 1.2 mm of noise and 100 frames, of which up to a third is lost
    // to chance correlation.
    assert!((0.10..0.25).contains(&tray.u_mm), "{}", tray.u_mm);
    // A profile with this reference measures the station's trays.
    let mut profile = profile;
    profile.reference = tray.reference();
    let calibrated = TofAnalyzer::new(profile).unwrap();
    let reading = Station::new(4).read(Scene { dome_mm: 0.0, ..Scene::GOOD }, Fault::None);
    let height = calibrated.analyze(&reading.frame.unwrap()).unwrap().findings.avg_height_mm.unwrap();
    assert!((height.value() - 20.5).abs() < 3.0 * height.u(), "{height:?}");
}

#[test]
fn a_sensor_that_still_warms_up_is_refused() {
    let profile = TofProfile::example();
    let warming: Vec<_> = (0_u8..60).zip(frames(60)).map(|(k, frame)| shifted(&frame, f32::from(k) / 30.0)).collect();
    match EmptyTray::from_frames(warming.iter(), &profile) {
        Err(EmptyTrayError::StillWarming { change_mm }) => assert!((change_mm - 2.0).abs() < 0.3, "{change_mm}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(EmptyTray::from_frames(frames(29).iter(), &profile), Err(EmptyTrayError::TooFew(29)));
}

#[test]
fn a_zone_that_sees_nothing_is_named() {
    let blind: Vec<_> = frames(40)
        .iter()
        .map(|frame| {
            let reading = *frame.reading();
            let amplitude_kcps = Some(Grid::from_fn(|zone| if zone == 27 { 0.0 } else { 900.0 }));
            TofFrame::new(TofReading { amplitude_kcps, ..reading }).unwrap()
        })
        .collect();
    let refused = EmptyTray::from_frames(blind.iter(), &TofProfile::example());
    assert_eq!(refused, Err(EmptyTrayError::Blind { zone: 27, seen: 0, frames: 40 }));
}

/// Readings of a surface with these basic counts, with a fixed pattern of ±2 counts, and a lamp
/// that changes by `drift` from the first to the last reading.
fn readings(basic: [f64; 10], n: u32, drift: f64) -> Vec<Spectrum> {
    let (gain, time) = (Gain::from_multiplier(1.0).unwrap(), IntegrationTime::from_millis(100.0).unwrap());
    let one = |k: u32| {
        let lamp = drift * f64::from(k) / f64::from(n) + 1.0;
        #[expect(clippy::cast_possible_truncation, reason = "counts")]
        let counts = core::array::from_fn(|c| {
            let wobble = f64::from((k * 5 + u32::try_from(c).unwrap() * 3) % 5) - 2.0;
            wobble.mul_add(1.0, basic[c] * lamp * 100.0).round().clamp(0.0, 35_971.0) as f32
        });
        Spectrum::new(counts, gain, time, AdcStatus::Clear).unwrap()
    };
    (0..n).map(one).collect()
}

#[test]
fn a_white_tile_becomes_the_reference_of_the_profile() {
    let (white, dark) = (readings(WHITE, 30, 0.0), readings([0.01; 10], 5, 0.0));
    let tile = WhiteTile::from_readings(white.iter(), dark.iter(), 0.98).unwrap();
    for (found, truth) in tile.reference.white.iter().zip(WHITE) {
        assert!((found - truth).abs() < 0.03, "{found} {truth}");
    }
    assert!((0.0..0.001).contains(&tile.reference.u_relative) && tile.readings == 30, "{tile:?}");
}

#[test]
fn what_is_no_white_reference_is_refused_with_what_to_do() {
    let (white, dark) = (readings(WHITE, 30, 0.0), readings([0.01; 10], 5, 0.0));
    let made = |white: &[Spectrum], dark: &[Spectrum], tile| WhiteTile::from_readings(white.iter(), dark.iter(), tile);
    assert_eq!(made(&white[..9], &dark, 0.98), Err(WhiteTileError::TooFew(9)));
    assert_eq!(made(&white, &[], 0.98), Err(WhiteTileError::NoDark));
    assert_eq!(made(&white, &dark, 0.0), Err(WhiteTileError::Reflectance(0.0)));
    let mut bright = WHITE;
    bright[4] = 400.0;
    assert_eq!(made(&readings(bright, 30, 0.0), &dark, 0.98), Err(WhiteTileError::Saturated(Channel::F5)));
    let mut dim = WHITE;
    dim[0] = 0.2;
    assert!(matches!(
        made(&readings(dim, 30, 0.0), &dark, 0.98),
        Err(WhiteTileError::Dim { channel: Channel::F1, .. })
    ));
    match made(&readings(WHITE, 30, -0.03), &dark, 0.98) {
        Err(WhiteTileError::StillWarming { percent }) => assert!((percent + 2.9).abs() < 0.2, "{percent}"),
        other => panic!("{other:?}"),
    }
}
