//! Distributions of the analyses' results over all recordings of real sensors.
//!
//! `SQAL_WRITE=1 cargo test -p sqal-sensors --test distributions -- --nocapture` draws them in
//! `docs/recorded.svg` and prints the figures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use fixtures::capture;
use sqal_core::{Analyzer, Measured};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile, tof::decode_uld_frame};

/// One output over all recordings of its sensor; `None` if it is unknown.
struct Output {
    name: &'static str,
    values: Vec<Option<f64>>,
}

impl Output {
    fn known(&self) -> Vec<f64> {
        let mut known: Vec<f64> = self.values.iter().copied().flatten().collect();
        known.sort_by(f64::total_cmp);
        known
    }
}

fn outputs() -> Vec<Output> {
    let tof = TofAnalyzer::new(TofProfile::example()).unwrap();
    let frames: Vec<_> = capture::vl53l8_buffers()
        .unwrap()
        .iter()
        .map(|raw| tof.analyze(&decode_uld_frame(&raw.buffer).unwrap()).unwrap())
        .collect();
    let spectral = SpectralAnalyzer::new(SpectralProfile::example()).unwrap();
    let readings = capture::as7341_readings().unwrap();
    let spectra: Vec<_> = readings.iter().map(|recorded| spectral.analyze(&recorded.spectrum).unwrap()).collect();
    let value = |m: Option<Measured>| m.map(Measured::value);
    macro_rules! of {
        ($from:expr, $name:literal, $get:expr) => {
            Output { name: $name, values: $from.iter().map($get).collect() }
        };
    }
    vec![
        of!(frames, "valid zones", |a| Some(f64::from(a.findings.valid_zones))),
        of!(frames, "volume, mm³", |a| value(a.findings.volume_mm3)),
        of!(frames, "mean height, mm", |a| value(a.findings.avg_height_mm)),
        of!(frames, "height variation, mm", |a| value(a.findings.height_variation_mm)),
        of!(frames, "surface uniformity", |a| value(a.findings.surface_uniformity)),
        of!(frames, "tilt, degrees", |a| value(a.findings.tilt_deg)),
        of!(frames, "Sq levelled, mm", |a| a.findings.areal_levelled.map(|areal| areal.sq)),
        of!(frames, "reflectance, %", |a| value(a.findings.reflectance_analysis.map(|r| r.mean))),
        of!(frames, "Moran's I", |a| a.findings.reflectance_analysis.and_then(|r| r.morans_i)),
        of!(frames, "3D score", |a| value(a.score)),
        of!(readings, "headroom", |r| Some(r.spectrum.headroom())),
        of!(spectra, "least signal/noise", |a| a.findings.snr),
        of!(spectra, "NIR/Clear", |a| value(a.findings.nir_to_clear)),
        of!(spectra, "L*", |a| a.findings.color.map(|c| c.l.value())),
        of!(spectra, "hue, degrees", |a| value(a.findings.color.and_then(|c| c.hue_deg))),
        of!(spectra, "ΔE00 to the product", |a| value(a.findings.color.and_then(|c| c.delta_e00))),
        of!(spectra, "oxidation index", |a| value(a.findings.oxidation_index)),
        of!(spectra, "freshness index", |a| value(a.findings.freshness_index)),
        of!(spectra, "fat quality index", |a| value(a.findings.fat_quality_index)),
        of!(spectra, "spectral score", |a| value(a.score)),
    ]
}

#[test]
fn every_output_over_the_recordings_is_finite_and_drawn() {
    let outputs = outputs();
    println!("{:<22} {:>6} {:>11} {:>11} {:>11}", "output", "known", "least", "median", "most");
    for output in &outputs {
        let known = output.known();
        assert!(known.iter().all(|x| x.is_finite()), "{}", output.name);
        let at = |q: usize| known.get((known.len().max(1) - 1) * q / 2).copied().unwrap_or(f64::NAN);
        let (n, all) = (known.len(), output.values.len());
        println!("{:<22} {n:>3}/{all:<3} {:>11.3} {:>11.3} {:>11.3}", output.name, at(0), at(1), at(2));
    }
    // The recordings are of a hand close to the sensor and of an office lamp, so no score may be
    // that of a good product.
    let scores = outputs.iter().filter(|output| output.name.ends_with("score")).flat_map(Output::known);
    assert!(scores.fold(0.0, f64::max) < 0.5);
    if std::env::var_os("SQAL_WRITE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recorded.svg"), draw(&outputs)).unwrap();
    }
}

/// Small multiples of histograms with 16 bins each.
fn draw(outputs: &[Output]) -> String {
    const WIDE: usize = 200;
    const HIGH: usize = 110;
    let rows = outputs.len().div_ceil(5);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        5 * WIDE,
        rows * HIGH
    );
    for (k, output) in outputs.iter().enumerate() {
        let (left, top) = (k % 5 * WIDE + 10, k / 5 * HIGH + 8);
        let (known, all) = (output.known(), output.values.len());
        let _ = write!(
            svg,
            "<g transform=\"translate({left} {top})\"><text y=\"8\">{}</text>\
             <text x=\"180\" y=\"8\" text-anchor=\"end\" fill=\"#777\">{} of {all}</text>",
            output.name,
            known.len()
        );
        if let (Some(least), Some(most)) = (known.first(), known.last()) {
            let span = (most - least).max(1e-9);
            let mut counts = [0_usize; 16];
            for x in &known {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 15")]
                let bin = ((x - least) / span * 16.0).clamp(0.0, 15.0) as usize;
                counts[bin] += 1;
            }
            let tallest = counts.iter().copied().max().unwrap_or(1).max(1);
            for (bin, count) in counts.iter().enumerate() {
                let tall = 60 * count / tallest;
                let (x, y) = (bin * 11, 75 - tall);
                let _ = write!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"10\" height=\"{tall}\" fill=\"#3a6ea5\"/>");
            }
            let _ = write!(
                svg,
                "<line y1=\"75\" x2=\"176\" y2=\"75\" stroke=\"#777\"/><text y=\"87\" fill=\"#777\">{least:.3}</text>\
                 <text x=\"176\" y=\"87\" text-anchor=\"end\" fill=\"#777\">{most:.3}</text>"
            );
        }
        svg.push_str("</g>\n");
    }
    svg + "</svg>\n"
}
