//! The coverage of each field's 95 % interval, by scene.
//!
//! Coverage is the share of trays whose true value lies in the interval.
//!
//! `SQAL_TRAYS=10000 SQAL_WRITE=1 cargo test --release -p sqal-sensors --test coverage` writes the
//! table of `docs/coverage.md`. Without these variables 600 trays of each scene are simulated, and
//! every field is compared with the wider limits that this number requires.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fixtures::scene::{Fault, LABELLED, Labelled, Scene, Station, WHITE};
use sqal_core::{Analyzer, Flag, Flags, Gain, IntegrationTime, Measured, SpectralFindings, Spectrum, TofFindings};
use sqal_sensors::{ColorCalibration, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

/// The table's rows, with the flags that explain a field outside of 93 to 97 %.
const FIELDS: [(&str, &[Flag]); 13] = [
    ("volume_mm3", &[]),
    ("avg_height_mm", &[]),
    ("height_variation_mm", &[Flag::BelowNoise]),
    ("surface_uniformity", &[Flag::LevelledBelowNoise]),
    ("tilt_deg", &[Flag::BelowNoise]),
    ("reflectance mean", &[]),
    ("L*", &[]),
    ("a*", &[]),
    ("b*", &[]),
    ("C*", &[]),
    ("oxidation_index", &[Flag::NearLimit]),
    ("freshness_index", &[Flag::NearLimit]),
    ("fat_quality_index", &[Flag::NearLimit]),
];

/// The scenes whose truth the fields must cover: without a fault, and with light from the surface
/// itself.
fn scenes() -> impl Iterator<Item = &'static Labelled> {
    LABELLED.iter().filter(|labelled| labelled.fault == Fault::None && labelled.name != "half empty")
}

fn shape(found: &TofFindings) -> [Option<Measured>; 6] {
    [
        found.volume_mm3,
        found.avg_height_mm,
        found.height_variation_mm,
        found.surface_uniformity,
        found.tilt_deg,
        found.reflectance_analysis.map(|r| r.mean),
    ]
}

fn colour(found: &SpectralFindings) -> [Option<Measured>; 7] {
    let color = found.color;
    [
        color.map(|c| c.l),
        color.map(|c| c.a),
        color.map(|c| c.b),
        color.map(|c| c.chroma),
        found.oxidation_index,
        found.freshness_index,
        found.fat_quality_index,
    ]
}

/// The true values: geometry from the scene itself, quantities of the zones from a frame without
/// noise, and colour from counts without noise.
fn truth(scene: &Scene, tof: &TofAnalyzer, spectral: &SpectralAnalyzer) -> Vec<Option<f64>> {
    let frame = Station::noiseless(scene);
    let mut shape = shape(&tof.analyze(&frame).unwrap().findings).map(|m| m.map(Measured::value));
    let (volume, area) = scene.volume_and_area();
    (shape[0], shape[1]) = (Some(volume), Some(volume / area));
    let (gain, time) = (Gain::from_multiplier(512.0).unwrap(), IntegrationTime::from_millis(182.0).unwrap());
    let reflectance = scene.reflectance();
    #[expect(clippy::cast_possible_truncation, reason = "the reading's own precision")]
    let counts = core::array::from_fn(|k| (WHITE[k] * reflectance[k] / 0.98 * 350.0) as f32);
    let exact = Spectrum::new(counts, gain, time, sqal_core::spectrum::AdcStatus::Clear).unwrap();
    // The basic counts of the scene, by a profile whose white was read in these units. Their noise
    // is in u, not in the counts.
    let unit = 350.0 / (gain.multiplier() * time.millis());
    let mut profile = spectral.profile().clone();
    let reference = profile.white_reference.as_mut().unwrap();
    reference.white = reference.white.map(|white| white * unit);
    (profile.shot_noise, profile.read_noise) = (1e-9, 0.0);
    let found = SpectralAnalyzer::new(profile).unwrap();
    let colour = colour(&found.analyze(&exact).unwrap().findings).map(|m| m.map(Measured::value));
    shape.into_iter().chain(colour).collect()
}

#[test]
fn ninety_five_percent_intervals_cover_the_truth() {
    #[expect(clippy::disallowed_methods, reason = "a study takes its size from its caller")]
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let trays = number("SQAL_TRAYS").unwrap_or(600);
    // The map of the simulated device is exact, so it adds nothing to u.
    let exact_map = SpectralProfile::example().color.map(|map| ColorCalibration { u_lab: 0.0, ..map });
    let mut profile = SpectralProfile::example();
    profile.color = exact_map;
    let spectral = SpectralAnalyzer::new(profile).unwrap();

    let mut table = BTreeMap::<(usize, &str), Tally>::new();
    for labelled in scenes() {
        let mut station = Station::new(20_261_121);
        // The depth of the reflection is measured once on the product, with a ruler.
        let penetration_bias_mm = labelled.scene.penetration_mm;
        let mut profile = TofProfile::example();
        profile.penetration_bias_mm = penetration_bias_mm;
        let tof = TofAnalyzer::new(profile).unwrap();
        let truth = truth(&labelled.scene, &tof, &spectral);
        let mut tallies = [Tally::default(); FIELDS.len()];
        for _ in 0..trays {
            let reading = station.read(labelled.scene, Fault::None);
            let shaped = tof.analyze(&reading.frame.unwrap()).unwrap();
            let coloured = spectral.analyze(&reading.spectrum.unwrap()).unwrap();
            let flags = shaped.flags.iter().chain(coloured.flags.iter()).fold(Flags::default(), Flags::with);
            let found = shape(&shaped.findings).into_iter().chain(colour(&coloured.findings));
            for (field, ((found, truth), tally)) in found.zip(&truth).zip(&mut tallies).enumerate() {
                if let (Some(found), Some(truth)) = (found, truth) {
                    tally.trays += 1.0;
                    tally.covered += f64::from(u8::from((found.value() - truth).abs() <= 1.959_964 * found.u()));
                    tally.flagged += f64::from(u8::from(FIELDS[field].1.iter().any(|flag| flags.contains(*flag))));
                }
            }
        }
        table.extend(tallies.into_iter().enumerate().map(|(field, tally)| ((field, labelled.name), tally)));
    }

    let text = markdown(&table, trays);
    println!("{text}");
    if std::env::var_os("SQAL_WRITE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/coverage.md");
        std::fs::write(path, &text).unwrap();
    }
    // Four standard errors of a share of 0.95, added to the promised limits.
    let slack = 4.0 * (0.95 * 0.05 / f64::from(trays)).sqrt();
    let out: Vec<String> = table
        .iter()
        .filter(|(_, tally)| {
            let (share, most) = (tally.share(), if tally.is_flagged() { 1.0 } else { 0.97 + slack });
            tally.trays > 0.0 && !(0.93 - slack..=most).contains(&share)
        })
        .map(|((field, scene), tally)| format!("{} in {scene}: {:.4}", FIELDS[*field].0, tally.share()))
        .collect();
    assert!(out.is_empty(), "out of 93 to 97 % and without a flag:\n{}", out.join("\n"));
}

/// The number of trays of a scene on which a field was measured, covered, and flagged.
#[derive(Clone, Copy, Default)]
struct Tally {
    trays: f64,
    covered: f64,
    flagged: f64,
}

impl Tally {
    fn share(&self) -> f64 {
        self.covered / self.trays
    }

    /// Whether the field has its flag on a tenth of the trays or more. Then it may cover more than
    /// promised, but not less.
    fn is_flagged(&self) -> bool {
        self.flagged >= 0.1 * self.trays
    }
}

fn markdown(table: &BTreeMap<(usize, &str), Tally>, trays: u32) -> String {
    let names: Vec<_> = scenes().map(|labelled| labelled.name).collect();
    let mut text = format!(
        "# How often an interval covers the truth\n\nShare of {trays} simulated trays per scene whose 95 % interval (value ± 1.96 u) covers \
         the truth, in percent; the promise is 93 to 97.\nA star: a flag on a tenth of the trays or more says that the field is \
         below the noise (its interval is then an upper limit) or near an end of its range; it may then cover more often, never less.\nMade by `SQAL_TRAYS=10000 SQAL_WRITE=1 cargo test --release -p sqal-sensors \
         --test coverage`; truths and errors stand in `fixtures/src/scene`.\n\n| field | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for (field, (name, _)) in FIELDS.iter().enumerate() {
        let _ = write!(text, "| `{name}` |");
        for scene in &names {
            let _ = match table.get(&(field, *scene)) {
                Some(tally) if tally.trays > 0.0 => {
                    let star = if tally.is_flagged() { "*" } else { "" };
                    write!(text, " {:.1}{star} |", 100.0 * tally.share())
                }
                _ => write!(text, " – |"),
            };
        }
        text.push('\n');
    }
    text
}
