//! The decoders against recordings of real sensors.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::capture;
use sqal_core::{Analyzer, Flag};
use sqal_sensors::{
    SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile,
    moments::Moments,
    tof::{CnhHistograms, UldError, cnh_bin_centre_mm, decode_uld_frame},
};

/// Oracle (a): all 45 recorded result buffers decode to the values of the recorder's own software.
#[test]
fn all_45_recorded_frames_decode_to_the_expected_distances_and_statuses() {
    let buffers = capture::vl53l8_buffers().unwrap();
    let expected = capture::vl53l8_expected().unwrap();
    assert_eq!(expected.len(), 45);
    for (raw, expected) in buffers.iter().zip(&expected) {
        assert_eq!(raw.timestamp_us, expected.timestamp_us);
        let frame = decode_uld_frame(&raw.buffer).unwrap();
        for zone in 0..64 {
            // The recorder rounds down to whole millimetres; our decoder keeps the quarters.
            let floor = frame.reading().distance_mm[zone].floor();
            assert!((f64::from(floor) - f64::from(expected.distance_mm[zone])).abs() < 0.5, "zone {zone}");
            assert_eq!(frame.reading().status.unwrap()[zone].0, expected.target_status[zone], "zone {zone}");
        }
    }
}

/// Oracle (b): the golden CNH vector of a real VL53L8CH, 320 bins bit for bit.
#[test]
fn the_recorded_cnh_block_decodes_bit_for_bit() {
    let recorded = capture::vl53l8_cnh().unwrap();
    assert_eq!(recorded.block.len(), 1708);
    let cnh = CnhHistograms::new(&recorded.block).unwrap();
    assert_eq!((cnh.aggregates(), cnh.bins(), recorded.aggregates.len()), (16, 20, 16));
    let mut least = f64::INFINITY;
    for (k, bins) in recorded.aggregates.iter().enumerate() {
        for (bin, (count, scaler)) in bins.iter().enumerate() {
            let exact = f64::from(*count) / 2.0_f64.powi(i32::from(*scaler));
            let ours = cnh.value(k, bin).unwrap();
            assert_eq!(ours.to_bits(), exact.to_bits(), "aggregate {k}, bin {bin}");
            least = least.min(ours);
        }
    }
    // Figures that the description of the recording prints.
    assert!((cnh.value(0, 0).unwrap() - 17.906).abs() < 5e-4 && (cnh.ambient(0).unwrap() - 2.912).abs() < 5e-4);
    assert!((least + 1.96).abs() < 5e-3 && (cnh.reference_residual() - 768.55).abs() < 5e-3);
    assert!((cnh_bin_centre_mm(10, 2, 19) - 1839.2).abs() < 0.05);
    assert_eq!((cnh.value(16, 0), cnh.value(0, 20), cnh.ambient(16)), (None, None, None));
}

#[test]
fn a_damaged_cnh_block_is_refused_and_nothing_panics() {
    let block = capture::vl53l8_cnh().unwrap().block;
    for cut in 0..block.len() {
        assert!(CnhHistograms::new(&block[..cut]).is_err(), "{cut} bytes");
    }
    for at in 0..20 {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut damaged = block.clone();
            damaged[at] = value;
            if let Ok(cnh) = CnhHistograms::new(&damaged) {
                let _ = (cnh.value(cnh.aggregates() - 1, cnh.bins() - 1), cnh.ambient(cnh.aggregates() - 1));
            }
        }
    }
}

#[test]
fn a_torn_or_short_buffer_is_refused_and_nothing_panics() {
    let whole = capture::vl53l8_buffers().unwrap().remove(0).buffer;
    assert!(matches!(decode_uld_frame(&whole[..1450]), Err(UldError::Length(1450))));
    assert!(matches!(decode_uld_frame(&[]), Err(UldError::Length(0))));
    let mut torn = whole.clone();
    torn[11] ^= 0xFF; // the swapped header word that holds the frame's number
    assert!(matches!(decode_uld_frame(&torn), Err(UldError::Torn { .. })));
    for cut in (24..whole.len()).step_by(4) {
        let _ = decode_uld_frame(&whole[..cut]);
    }
}

/// The noise of a target close to the sensor is about half of what the device reports, and never
/// more than reported.
#[test]
fn the_recorded_noise_is_within_what_the_device_claims() {
    let frames: Vec<_> =
        capture::vl53l8_buffers().unwrap().iter().map(|raw| decode_uld_frame(&raw.buffer).unwrap()).collect();
    let (mut found, mut claimed, mut zones) = (0.0, 0.0, 0.0);
    for zone in 0..64 {
        let valid = || {
            frames
                .iter()
                .filter(move |f| f.reading().status.unwrap()[zone].0 == 5 && f.reading().distance_mm[zone] > 0.0)
        };
        if valid().count() < 40 {
            continue;
        }
        // The noise is taken from differences of neighbouring frames, so that movements of the hand
        // do not count. Their variance is twice the noise's.
        let steps = valid()
            .zip(valid().skip(1))
            .map(|(a, b)| f64::from(b.reading().distance_mm[zone] - a.reading().distance_mm[zone]));
        found += Moments::of(steps).unwrap().sample_sd() / 2.0_f64.sqrt();
        claimed += Moments::of(valid().map(|f| f64::from(f.reading().sigma_mm.unwrap()[zone]))).unwrap().mean;
        zones += 1.0;
    }
    println!("{zones} zones: {:.2} mm of noise, {:.2} mm claimed", found / zones, claimed / zones);
    assert!(zones >= 20.0 && (0.35..1.2).contains(&(found / claimed)), "{zones} zones, {found} {claimed}");
}

/// The recorded target lies 0 to 31 mm before the sensor, closer than it can measure. The analysis
/// must report that, and not a tray.
#[test]
fn recorded_readings_of_something_else_are_analysed_and_said_to_be_something_else() {
    let analyzer = TofAnalyzer::new(TofProfile::example()).unwrap();
    for raw in capture::vl53l8_buffers().unwrap() {
        let assessment = analyzer.analyze(&decode_uld_frame(&raw.buffer).unwrap()).unwrap();
        assert!((20..=64).contains(&assessment.findings.valid_zones));
        assert!(assessment.score.is_none_or(|score| score.value() < 0.5), "{assessment:?}");
    }
    let analyzer = SpectralAnalyzer::new(SpectralProfile::example()).unwrap();
    for recorded in capture::as7341_readings().unwrap() {
        let assessment = analyzer.analyze(&recorded.spectrum).unwrap();
        let saturated = recorded.headroom < 0.02;
        assert_eq!(assessment.flags.contains(Flag::Saturated), saturated);
    }
}
