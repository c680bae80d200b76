//! What each documented column shows of a sample, so that two columns that are swapped are found.

use std::collections::BTreeMap;

use sqal_core::{Grade, Measured, Sample};

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
        ("sample_id", Some(sample.key.sample_id.to_string())),
        ("vl53l8ch_grade", grade(tof.and_then(|tof| tof.grade))),
        ("as7341_grade", grade(spectral.and_then(|spectral| spectral.grade))),
        ("fusion_final_grade", grade(Some(sample.inspection.verdict.grade))),
        ("meta_firmware_version", sample.meta.firmware_version.map(|name| name.to_string())),
    ])
}

/// Columns that show a time, in whole seconds since 1970.
pub(crate) fn seconds(sample: &Sample) -> BTreeMap<&'static str, i64> {
    let seconds = |micros: i64| micros.div_euclid(1_000_000);
    BTreeMap::from([
        ("timestamp", seconds(sample.key.timestamp.micros())),
        ("created_at", seconds(sample.received_at.micros())),
    ])
}

/// Any two columns differ in at least one of the samples, and each has a value in one: a swap cannot go unseen.
pub(crate) fn every_column_is_told_apart(samples: &[Sample]) {
    told_apart(samples, numbers);
    told_apart(samples, texts);
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
