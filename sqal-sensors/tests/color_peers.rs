//! Colour against colour-science and scikit-image, Sharma's table, and a simulated chart.
//!
//! The chart is seen through simulated filters.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::Value;
use sqal_core::{Analyzer, findings::Lab};
use sqal_sensors::{
    ColorCalibration, SpectralAnalyzer, SpectralProfile,
    spectral::{FitError, ciede2000, lab, tristimulus, yellowness_e313},
};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn three(value: &Value) -> [f64; 3] {
    numbers(value).try_into().unwrap()
}

fn color([l, a, b]: [f64; 3]) -> Lab {
    Lab { l, a, b }
}

/// A column of the CIE table from `from` nm on.
fn column(name: &str, from: f64) -> Vec<f64> {
    let mut lines = fixtures::CIE_5NM.lines();
    let at = lines.next().unwrap().split(',').position(|head| head == name).unwrap();
    let cells = lines.map(|line| line.split(',').map(|cell| cell.parse::<f64>().unwrap()).collect::<Vec<_>>());
    cells.filter(|row| row[0] >= from).map(|row| row[at]).collect()
}

/// 120 spectra under two illuminants at 1e-9: the plain 5 nm sum.
#[test]
fn all_120_spectra_agree_with_colour_science_under_d65_and_a() {
    let all: Value = serde_json::from_str(fixtures::SPECTRA).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 120);
    let observer = ["xbar2", "ybar2", "zbar2"].map(|name| column(name, 380.0));
    let observer = [0, 1, 2].map(|k| observer[k].as_slice());
    for (name, light) in [("D65", column("D65", 380.0)), ("A", column("A", 380.0))] {
        let white = tristimulus(&vec![1.0; light.len()], &light, observer).unwrap();
        for case in cases {
            let expected = &case["out"][name];
            let xyz = tristimulus(&numbers(&case["R"]), &light, observer).unwrap();
            let ours = lab(xyz, white);
            let pairs = [
                (xyz, three(&expected["XYZ_sum5nm"])),
                ([ours.l, ours.a, ours.b], three(&expected["Lab_from_sum5nm"])),
                (white, three(&expected["white_sum5nm"])),
            ];
            for (ours, theirs) in pairs {
                for k in 0..3 {
                    assert!((ours[k] - theirs[k]).abs() < 1e-9, "case {}, {name}: {ours:?} {theirs:?}", case["id"]);
                }
            }
        }
    }
}

#[test]
fn all_120_pairs_agree_with_colour_science_at_1e_9() {
    let all: Value = serde_json::from_str(fixtures::SPECTRA).unwrap();
    let pairs = all["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 120);
    for pair in pairs {
        let ours = ciede2000(color(three(&pair["Lab1"])), color(three(&pair["Lab2"])));
        assert!((ours - pair["dE00"].as_f64().unwrap()).abs() < 1e-9, "{pair}: {ours}");
    }
}

/// Sharma, Wu & Dalal 2005, table 1: the published test data of CIEDE2000, printed to four digits.
#[test]
fn the_34_pairs_of_sharma_agree_to_the_printed_digits() {
    for (k, (one, other, printed)) in SHARMA.iter().enumerate() {
        let ours = ciede2000(color(*one), color(*other));
        assert!((ours - printed).abs() < 5e-5, "pair {}: {ours}, printed {printed}", k + 1);
        assert!((ours - ciede2000(color(*other), color(*one))).abs() < 1e-12, "pair {} is not symmetric", k + 1);
    }
    assert_eq!(SHARMA.len(), 34);
}

type Pair = ([f64; 3], [f64; 3], f64);

#[rustfmt::skip]
const SHARMA: [Pair; 34] = [
    ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
    ([50.0, 3.1571, -77.2803], [50.0, 0.0, -82.7485], 2.8615),
    ([50.0, 2.8361, -74.02], [50.0, 0.0, -82.7485], 3.4412),
    ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0),
    ([50.0, -1.1848, -84.8006], [50.0, 0.0, -82.7485], 1.0),
    ([50.0, -0.9009, -85.5211], [50.0, 0.0, -82.7485], 1.0),
    ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
    ([50.0, -1.0, 2.0], [50.0, 0.0, 0.0], 2.3669),
    ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
    ([50.0, 2.49, -0.001], [50.0, -2.49, 0.001], 7.1792),
    ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
    ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0012], 7.2195),
    ([50.0, -0.001, 2.49], [50.0, 0.0009, -2.49], 4.8045),
    ([50.0, -0.001, 2.49], [50.0, 0.001, -2.49], 4.8045),
    ([50.0, -0.001, 2.49], [50.0, 0.0011, -2.49], 4.7461),
    ([50.0, 2.5, 0.0], [50.0, 0.0, -2.5], 4.3065),
    ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
    ([50.0, 2.5, 0.0], [61.0, -5.0, 29.0], 22.8977),
    ([50.0, 2.5, 0.0], [56.0, -27.0, -3.0], 31.903),
    ([50.0, 2.5, 0.0], [58.0, 24.0, 15.0], 19.4535),
    ([50.0, 2.5, 0.0], [50.0, 3.1736, 0.5854], 1.0),
    ([50.0, 2.5, 0.0], [50.0, 3.2972, 0.0], 1.0),
    ([50.0, 2.5, 0.0], [50.0, 1.8634, 0.5757], 1.0),
    ([50.0, 2.5, 0.0], [50.0, 3.2592, 0.335], 1.0),
    ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
    ([63.0109, -31.0961, -5.8663], [62.8187, -29.7946, -4.0864], 1.263),
    ([61.2901, 3.7196, -5.3901], [61.4292, 2.248, -4.962], 1.8731),
    ([35.0831, -44.1164, 3.7933], [35.0232, -40.0716, 1.5901], 1.8645),
    ([22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373),
    ([36.4612, 47.858, 18.3852], [36.2715, 50.5065, 21.2231], 1.4146),
    ([90.8027, -2.0831, 1.441], [91.1528, -1.6435, 0.0447], 1.4441),
    ([90.9257, -0.5406, -0.9208], [88.6381, -0.8985, -0.7239], 1.5381),
    ([6.7747, -0.2908, -2.4247], [5.8714, -0.0985, -2.2286], 0.6377),
    ([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082),
];

/// The 24 patches of the chart: the reflectances in eight Gaussian filters with the datasheet's
/// centres and widths under a white LED, and the XYZ.
fn chart(shift_nm: f64) -> Vec<([f64; 8], [f64; 3])> {
    let centres = [415.0, 445.0, 480.0, 515.0, 555.0, 590.0, 630.0, 680.0];
    let widths = [26.0, 30.0, 36.0, 39.0, 39.0, 40.0, 50.0, 52.0];
    let rows: Vec<Vec<f64>> = fixtures::COLOR_CHECKER
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|c| c.parse().unwrap()).collect())
        .collect();
    let at = |patch: usize, nm: f64| {
        let k = ((nm - 380.0) / 10.0).floor().clamp(0.0, 34.0);
        let part = ((nm - 380.0) / 10.0 - k).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 34")]
        let k = k as usize;
        rows[k][patch + 1].mul_add(1.0 - part, rows[k + 1][patch + 1] * part)
    };
    let observer = ["xbar2", "ybar2", "zbar2"].map(|name| column(name, 360.0));
    let (day, led) = (column("D65", 360.0), column("LED-B5", 360.0));
    let wavelengths: Vec<f64> =
        (0..day.len()).map(|k| 5.0f64.mul_add(f64::from(u32::try_from(k).unwrap()), 360.0)).collect();
    (0..24)
        .map(|patch| {
            let reflectance: Vec<f64> = wavelengths.iter().map(|nm| at(patch, *nm)).collect();
            let xyz = tristimulus(&reflectance, &day, [&observer[0], &observer[1], &observer[2]]).unwrap();
            let bands = std::array::from_fn(|band| {
                let seen = |k: usize| {
                    let off = (wavelengths[k] - centres[band] - shift_nm) / (widths[band] / 2.354_82);
                    led[k] * (-0.5 * off * off).exp()
                };
                let light: f64 = (0..wavelengths.len()).map(seen).sum();
                (0..wavelengths.len()).map(|k| seen(k) * reflectance[k]).sum::<f64>() / light
            });
            (bands, xyz)
        })
        .collect()
}

fn white() -> [f64; 3] {
    let observer = ["xbar2", "ybar2", "zbar2"].map(|name| column(name, 360.0));
    let day = column("D65", 360.0);
    tristimulus(&vec![1.0; day.len()], &day, [&observer[0], &observer[1], &observer[2]]).unwrap()
}

/// A map fitted on the chart reproduces it. On a device whose filters are shifted by 5 nm, the map
/// does not.
#[test]
fn a_map_fitted_on_the_chart_reproduces_it_and_belongs_to_one_device() {
    let fit = ColorCalibration::fit(chart(0.0).into_iter(), white()).unwrap();
    assert!(fit.mean_de00 < 0.5 && fit.patches == 24, "{fit:?}");
    for (row, white) in fit.calibration.white().iter().zip(white()) {
        assert!((row - white).abs() < 1e-9, "white does not map to white");
    }
    let other: Vec<f64> = chart(5.0)
        .into_iter()
        .map(|(bands, xyz)| ciede2000(lab(fit.calibration.xyz(&bands), white()), lab(xyz, white())))
        .collect();
    let mean = other.iter().sum::<f64>() / 24.0;
    println!("mean dE00: own device {:.3} (max {:.3}), shifted by 5 nm {mean:.2}", fit.mean_de00, fit.max_de00);
    assert!(mean > 4.0 * fit.mean_de00, "{mean}");
}

#[test]
fn charts_that_cannot_carry_a_map_are_refused() {
    let few = chart(0.0).into_iter().take(11);
    assert_eq!(ColorCalibration::fit(few, white()), Err(FitError::TooFew(11)));
    let grey = (1..20).map(|k| ([f64::from(k) / 20.0; 8], white().map(|w| w * f64::from(k) / 20.0)));
    assert_eq!(ColorCalibration::fit(grey, white()), Err(FitError::Undetermined));
    let broken = chart(0.0).into_iter().map(|(bands, _)| (bands, [f64::NAN; 3]));
    assert_eq!(ColorCalibration::fit(broken, white()), Err(FitError::Numbers));
}

proptest! {
    #[test]
    fn white_is_100_0_0_and_grey_has_no_chroma(grey in 0.0..=1.0_f64) {
        let color = lab(white().map(|w| w * grey), white());
        prop_assert!((0.0..=100.0 + 1e-9).contains(&color.l) && color.a.abs() < 1e-9 && color.b.abs() < 1e-9);
        prop_assert!(ciede2000(color, color) == 0.0);
    }

    #[test]
    fn no_colour_makes_nan(xyz in prop::array::uniform3(-10.0..200.0_f64), other in prop::array::uniform3(0.0..100.0_f64)) {
        let (one, other) = (lab(xyz, white()), lab(other, white()));
        prop_assert!(one.l.is_finite() && one.a.is_finite() && one.b.is_finite());
        prop_assert!(ciede2000(one, other).is_finite());
        prop_assert!(yellowness_e313(xyz).is_none_or(f64::is_finite));
    }
}

/// The worked example of the ams evaluation kit (AS7341 EVK workbook, gain 512, 182 ms): raw, basic
/// and corrected counts.
///
/// The workbook multiplies by its gain correction, which recorded data contradict. The profile
/// divides, so it is given the inverse here.
#[test]
fn the_worked_example_of_ams_comes_out() {
    const RAW: [f32; 10] = [1074.0, 1910.0, 2749.0, 3156.0, 3378.0, 3304.0, 3852.0, 4193.0, 12407.0, 5032.0];
    const BASIC: [f64; 10] = [
        0.011_525_71,
        0.020_497_306,
        0.029_501_097,
        0.033_868_847,
        0.036_251_257,
        0.035_457_12,
        0.041_338_023,
        0.044_997_49,
        0.133_146_638,
        0.054_001_28,
    ];
    const CORRECTED: [f64; 10] = [
        0.011_057_181_6,
        0.019_664_075_3,
        0.028_301_855,
        0.032_492_053_2,
        0.034_777_615_9,
        0.034_015_761_6,
        0.039_657_601,
        0.043_168_307_7,
        0.127_734_126_7,
        0.051_806_087_3,
    ];
    const CORRECTION: f64 = 0.959_349_243_600_411;
    let gain = sqal_core::Gain::from_multiplier(512.0).unwrap();
    let time = sqal_core::IntegrationTime::from_millis(182.0).unwrap();
    let spectrum = sqal_core::Spectrum::new(RAW, gain, time, sqal_core::spectrum::AdcStatus::Clear).unwrap();
    let basic = |gain_correction| {
        let mut profile = SpectralProfile::example();
        profile.gain_correction = gain_correction;
        SpectralAnalyzer::new(profile).unwrap().analyze(&spectrum).unwrap().findings.basic_counts.map(Option::unwrap)
    };
    let mut table = [1.0; 11];
    table[10] = 1.0 / CORRECTION;
    let (plain, corrected) = (basic(None), basic(Some(table)));
    for k in 0..10 {
        // The workbook's time is 181.998 ms, which it prints as 182.
        assert!((plain[k] - BASIC[k]).abs() < 1e-4 * BASIC[k], "{} {}", plain[k], BASIC[k]);
        assert!((corrected[k] / plain[k] - CORRECTION).abs() < 1e-7);
        assert!((corrected[k] - CORRECTED[k]).abs() < 1e-4 * CORRECTED[k], "{} {}", corrected[k], CORRECTED[k]);
        assert!((CORRECTED[k] / BASIC[k] - CORRECTION).abs() < 1e-7, "the workbook agrees with itself");
    }
}
