//! The values that each documented column shows of a sample, so that two swapped columns are
//! detected.

use std::collections::BTreeMap;

use sqal_core::{Flags, Grade, Measured, Sample};

/// Columns that show a number.
pub(crate) fn numbers(sample: &Sample) -> BTreeMap<&'static str, Option<f64>> {
    let value = |measured: Option<Measured>| measured.map(Measured::value);
    let (tof, spectral) = (sample.inspection.tof.as_ref(), sample.inspection.spectral.as_ref());
    let verdict = &sample.inspection.verdict;
    BTreeMap::from([
        ("vl53l8ch_volume_mm3", tof.and_then(|tof| value(tof.findings.volume_mm3))),
        ("vl53l8ch_avg_height_mm", tof.and_then(|tof| value(tof.findings.avg_height_mm))),
        ("vl53l8ch_height_variation_mm", tof.and_then(|tof| value(tof.findings.height_variation_mm))),
        ("vl53l8ch_surface_uniformity", tof.and_then(|tof| value(tof.findings.surface_uniformity))),
        ("vl53l8ch_quality_score", tof.and_then(|tof| value(tof.score))),
        ("as7341_integration_time", sample.spectrum.map(|spectrum| spectrum.integration_time().millis())),
        ("as7341_gain", sample.spectrum.map(|spectrum| spectrum.gain().multiplier())),
        ("as7341_color_score", spectral.and_then(|spectral| value(spectral.findings.color_score))),
        ("as7341_freshness_score", spectral.and_then(|spectral| value(spectral.findings.freshness_index))),
        ("as7341_fat_quality_index", spectral.and_then(|spectral| value(spectral.findings.fat_quality_index))),
        ("as7341_oxidation_index", spectral.and_then(|spectral| value(spectral.findings.oxidation_index))),
        ("as7341_color_uniformity", spectral.and_then(|spectral| value(spectral.findings.color_uniformity))),
        ("as7341_quality_score", spectral.and_then(|spectral| value(spectral.score))),
        ("fusion_final_score", value(verdict.score)),
        ("fusion_confidence", Some(verdict.stated_confidence().get())),
        ("processing_time_ms", Some(f64::from(sample.processing_micros) / 1000.0)),
        ("meta_temperature_c", sample.meta.temperature_c.map(f64::from)),
        ("meta_humidity_percent", sample.meta.humidity_percent.map(f64::from)),
    ])
}

/// Columns that show a text.
pub(crate) fn texts(sample: &Sample) -> BTreeMap<&'static str, Option<String>> {
    let grade = |grade: Option<Grade>| grade.map(|grade| grade.as_str().to_owned());
    let (tof, spectral) = (sample.inspection.tof.as_ref(), sample.inspection.spectral.as_ref());
    BTreeMap::from([
        ("device_id", Some(sample.key.device_id.to_string())),
        ("sample_id", Some(sample.key.name.to_string())),
        ("vl53l8ch_grade", grade(tof.and_then(|tof| tof.grade))),
        ("as7341_grade", grade(spectral.and_then(|spectral| spectral.grade))),
        ("fusion_final_grade", grade(Some(sample.inspection.verdict.grade))),
        ("meta_firmware_version", sample.meta.firmware_version.map(|name| name.to_string())),
    ])
}

/// Columns of `graded_samples` that show a number and are not named as the documented ones.
pub(crate) fn graded_numbers(sample: &Sample) -> BTreeMap<&'static str, Option<f64>> {
    let documented = numbers(sample);
    let u = |measured: Option<Measured>| {
        #[expect(clippy::cast_possible_truncation, reason = "what the column holds")]
        let single = measured.map(|measured| measured.u() as f32);
        single.map(f64::from)
    };
    let (tof, spectral) = (sample.inspection.tof.as_ref(), sample.inspection.spectral.as_ref());
    let mut shown: BTreeMap<_, _> = [
        ("volume_mm3", "vl53l8ch_volume_mm3"),
        ("avg_height_mm", "vl53l8ch_avg_height_mm"),
        ("height_variation_mm", "vl53l8ch_height_variation_mm"),
        ("surface_uniformity", "vl53l8ch_surface_uniformity"),
        ("tof_score", "vl53l8ch_quality_score"),
        ("integration_time_ms", "as7341_integration_time"),
        ("gain", "as7341_gain"),
        ("color_score", "as7341_color_score"),
        ("freshness_index", "as7341_freshness_score"),
        ("fat_quality_index", "as7341_fat_quality_index"),
        ("oxidation_index", "as7341_oxidation_index"),
        ("color_uniformity", "as7341_color_uniformity"),
        ("spectral_score", "as7341_quality_score"),
        ("score", "fusion_final_score"),
        ("confidence", "fusion_confidence"),
        ("processing_ms", "processing_time_ms"),
        ("temperature_c", "meta_temperature_c"),
        ("humidity_percent", "meta_humidity_percent"),
    ]
    .map(|(name, known)| (name, documented[known]))
    .into();
    shown.extend([
        ("volume_mm3_u", tof.and_then(|tof| u(tof.findings.volume_mm3))),
        ("avg_height_mm_u", tof.and_then(|tof| u(tof.findings.avg_height_mm))),
        ("height_variation_mm_u", tof.and_then(|tof| u(tof.findings.height_variation_mm))),
        ("surface_uniformity_u", tof.and_then(|tof| u(tof.findings.surface_uniformity))),
        ("tof_score_u", tof.and_then(|tof| u(tof.score))),
        ("color_score_u", spectral.and_then(|spectral| u(spectral.findings.color_score))),
        ("freshness_index_u", spectral.and_then(|spectral| u(spectral.findings.freshness_index))),
        ("fat_quality_index_u", spectral.and_then(|spectral| u(spectral.findings.fat_quality_index))),
        ("oxidation_index_u", spectral.and_then(|spectral| u(spectral.findings.oxidation_index))),
        ("color_uniformity_u", spectral.and_then(|spectral| u(spectral.findings.color_uniformity))),
        ("spectral_score_u", spectral.and_then(|spectral| u(spectral.score))),
        ("score_u", u(sample.inspection.verdict.score)),
        ("profile_version", Some(f64::from(sample.profile.version))),
    ]);
    shown
}

/// Columns of `graded_samples` that show a text.
fn graded_texts(sample: &Sample) -> BTreeMap<&'static str, Option<String>> {
    let documented = texts(sample);
    let mut shown: BTreeMap<_, _> = [
        ("device_id", "device_id"),
        ("sample_id", "sample_id"),
        ("tof_grade", "vl53l8ch_grade"),
        ("spectral_grade", "as7341_grade"),
        ("grade", "fusion_final_grade"),
        ("firmware_version", "meta_firmware_version"),
    ]
    .map(|(name, known)| (name, documented[known].clone()))
    .into();
    shown.extend([
        ("profile", Some(sample.profile.name.to_string())),
        ("purpose", Some(sample.purpose.as_str().to_owned())),
    ]);
    shown
}

/// Compares a row of `graded_samples` with its sample. `text` and `number` read a column of the
/// row.
pub(crate) fn assert_graded(
    sample: &Sample,
    text: impl Fn(&str) -> Option<String>,
    number: impl Fn(&str) -> Option<f64>,
) {
    for (name, wanted) in graded_numbers(sample) {
        assert_eq!(number(name), wanted, "{name}");
    }
    for (name, wanted) in graded_texts(sample) {
        assert_eq!(text(name), wanted, "{name}");
    }
    let shown = lists_of(&text("defects").unwrap(), &text("flags").unwrap());
    assert_eq!(shown, graded_lists(sample));
    let reading = sample.tof.as_ref().map(sqal_core::TofFrame::reading);
    for (name, is_there) in [
        ("distance_matrix", reading.is_some()),
        ("reflectance_matrix", reading.is_some_and(|reading| reading.reflectance_percent.is_some())),
        ("amplitude_matrix", reading.is_some_and(|reading| reading.amplitude_kcps.is_some())),
        ("channels", sample.spectrum.is_some()),
    ] {
        assert_eq!(text(name).is_some(), is_there, "{name}");
    }
}

/// The JSON values of `graded_samples`: the zones of each defect, and the names of all flags.
fn graded_lists(sample: &Sample) -> (Vec<Vec<usize>>, Vec<String>) {
    let zones = sample.inspection.verdict.defects.iter().map(|defect| defect.zones.iter().collect()).collect();
    let (tof, spectral) = (sample.inspection.tof.as_ref(), sample.inspection.spectral.as_ref());
    let all = spectral.map_or_else(Flags::default, |spectral| spectral.flags);
    let all = all.iter().fold(tof.map_or_else(Flags::default, |tof| tof.flags), Flags::with);
    (zones, all.iter().map(|flag| flag.as_str().to_owned()).collect())
}

/// The lists of [`graded_lists`], from the JSON that a database returns.
fn lists_of(defects: &str, flags: &str) -> (Vec<Vec<usize>>, Vec<String>) {
    #[derive(serde::Deserialize)]
    struct Shown {
        zones: Vec<usize>,
    }
    let defects: Vec<Shown> = serde_json::from_str(defects).unwrap();
    (defects.into_iter().map(|defect| defect.zones).collect(), serde_json::from_str(flags).unwrap())
}

/// Columns that show a time, in whole seconds since 1970.
pub(crate) fn seconds(sample: &Sample) -> BTreeMap<&'static str, i64> {
    let seconds = |micros: i64| micros.div_euclid(1_000_000);
    BTreeMap::from([
        ("timestamp", seconds(sample.key.timestamp.micros())),
        ("created_at", seconds(sample.received_at.micros())),
    ])
}

/// Any two columns differ in at least one of the samples, and each has a value in one of them, so a
/// swap is always detected.
pub(crate) fn every_column_is_told_apart(samples: &[Sample]) {
    told_apart(samples, numbers);
    told_apart(samples, texts);
    told_apart(samples, graded_numbers);
    told_apart(samples, graded_texts);
    for sample in samples {
        let times = seconds(sample);
        assert_ne!(times["timestamp"], times["created_at"]);
    }
}

fn told_apart<T: PartialEq>(samples: &[Sample], columns: fn(&Sample) -> BTreeMap<&'static str, Option<T>>) {
    let shown: Vec<_> = samples.iter().map(columns).collect();
    let names: Vec<_> = shown[0].keys().copied().collect();
    for name in &names {
        assert!(shown.iter().any(|row| row[name].is_some()), "{name} is empty everywhere");
        for other in names.iter().filter(|other| *other != name) {
            let differ = shown.iter().any(|row| row[name].is_some() && row[name] != row[other]);
            assert!(differ, "{name} and {other} are equal everywhere");
        }
    }
}
