//! [`full_sample`]: a sample in which every part is present and every field differs from its
//! default, and the fields in which two samples differ.

use sqal_core::{
    Defect, DefectKind, Defects, Flag, Flags, Gain, Grade, Grid, Inspection, IntegrationTime, Measured, Name,
    ProfileRef, Purpose, Sample, Score, SpectralFindings, Spectrum, Timestamp, TofFindings, TofFrame, Verdict,
    analyze::Assessment,
    defect::{DefectExtent, Severity, ZoneSet},
    findings::{ArealParameters, ColorFindings, HeightBins, OutlierTest, PulseStatistics, ReflectanceStatistics},
    sample::{Meta, Reported},
    spectrum::AdcStatus,
    tof::{DistanceKind, TargetStatus, TofReading},
    unseen::Unseen,
    verdict::{Alternative, CalibratedConfidence, Cap, Instrument, Reasons, RuleKind},
};

use super::sample;

/// A sample with every part: both sensors with every matrix, findings, defects, flags, the device's
/// own conclusion and what it reported about itself.
///
/// No field has its default, so a store that loses a field is detected.
///
/// # Panics
///
/// If a name is empty or too long, or the time is out of range.
#[must_use]
pub fn full_sample(device: &str, micros: i64, sample_id: &str) -> Sample {
    let bare = sample(device, micros, sample_id, 61.5);
    Sample {
        received_at: Timestamp::from_micros(micros + 1_234_567).expect("a time between the years 0 and 9999"),
        tof: Some(tof_frame()),
        spectrum: Some(spectrum()),
        inspection: Inspection {
            tof: Some(assessed(tof_findings(), 0.71, DefectKind::Dent)),
            spectral: Some(assessed(spectral_findings(), 0.83, DefectKind::Oxidation)),
            verdict: verdict(),
        },
        reported: Some(Reported { score: Some(score(0.89)), grade: Some(Grade::A) }),
        meta: Meta {
            firmware_version: Some(Name::new("2.7.1").expect("a short name")),
            temperature_c: Some(4.25),
            humidity_percent: Some(61.5),
        },
        profile: ProfileRef {
            name: Name::new("conformance").expect("a short name"),
            version: 3,
            hash: core::array::from_fn(|k| u8::try_from(k * 7 + 1).unwrap_or(1)),
        },
        processing_micros: 345,
        purpose: Purpose::Calibration,
        ..bare
    }
}

fn score(value: f64) -> Score {
    Score::new(value).expect("a score")
}

fn measured(value: f64, u: f64) -> Measured {
    Measured::new(value, u).expect("a value and its uncertainty")
}

/// A value whose uncertainty is a 64th of it.
fn about(value: f64) -> Measured {
    measured(value, value / 64.0)
}

/// A different number for each zone, in steps that the sensor has.
fn zones(first: f32, step: f32) -> Grid<f32> {
    let mut next = first;
    Grid::from_fn(|_| {
        next += step;
        next
    })
}

fn tof_frame() -> TofFrame {
    let reading = TofReading {
        distance_mm: zones(120.0, 0.25),
        reflectance_percent: Some(zones(40.0, 0.5)),
        amplitude_kcps: Some(zones(900.0, 1.0)),
        sigma_mm: Some(zones(1.0, 0.125)),
        status: Some(Grid::from_fn(|zone| if zone % 5 == 0 { TargetStatus(9) } else { TargetStatus::VALID })),
        distance_kind: DistanceKind::Radial,
    };
    TofFrame::new(reading).expect("numbers that the sensor produces")
}

fn spectrum() -> Spectrum {
    let counts = [1234.0, 2456.0, 4512.0, 6690.0, 6800.0, 9934.0, 14600.0, 13300.0, 33000.0, 5010.0];
    let gain = Gain::from_multiplier(64.0).expect("a gain of the device");
    let time = IntegrationTime::from_millis(100.0).expect("a time of the device");
    Spectrum::new(counts, gain, time, AdcStatus::Clear).expect("counts below the full scale")
}

fn defects(kind: DefectKind) -> Defects {
    let zones = ZoneSet::from_fn(|zone| zone % 9 == 0);
    let extent = DefectExtent { area_mm2: 12.5, depth_mm: -1.5, volume_mm3: -9.25 };
    let mut first = Defect::new(kind, Severity::Major, zones, score(0.75));
    first.extent = Some(extent);
    let second = Defect::new(DefectKind::Tilt, Severity::Minor, ZoneSet::from_fn(|zone| zone < 8), score(0.5));
    [first, second].into_iter().collect()
}

fn assessed<F>(findings: F, value: f64, kind: DefectKind) -> Assessment<F> {
    let mut assessment = Assessment::new(findings);
    assessment.score = Some(measured(value, 0.03));
    assessment.undefected = Some(measured(value + 0.1, 0.02));
    assessment.grade = Some(Grade::B);
    assessment.reliability = score(0.95);
    assessment.coverage = score(0.875);
    assessment.unseen = unseen();
    assessment.defects = defects(kind);
    assessment.flags = Flags::default().with(Flag::Imputed).with(Flag::RimReference);
    assessment
}

fn unseen() -> Unseen {
    let [area, window, channels, sensors, evidence] = [0.0625, 0.25, 0.125, 0.5, 0.375].map(score);
    Unseen { area, window, channels, sensors, evidence }
}

fn areal(scale: f64) -> ArealParameters {
    ArealParameters {
        sa: scale,
        sq: scale * 1.25,
        sp: scale * 3.0,
        sv: scale * 2.0,
        sz: scale * 5.0,
        ssk: Some(-0.25),
        sku: Some(2.75),
        sdq: Some(0.125),
        sdr: Some(0.0625),
    }
}

fn tof_findings() -> TofFindings {
    let mut findings = TofFindings::UNMEASURED;
    findings.valid_zones = 59;
    findings.height_mm = Some(Grid::from_fn(|zone| (zone % 5 != 0).then_some(18.5)));
    findings.volume_mm3 = Some(about(90_000.0));
    findings.avg_height_mm = Some(about(18.7));
    findings.height_variation_mm = Some(about(1.9));
    findings.surface_uniformity = Some(about(0.91));
    findings.tilt_deg = Some(about(1.25));
    findings.areal = Some(areal(1.5));
    findings.areal_levelled = Some(areal(0.75));
    findings.bins_analysis = Some(HeightBins {
        counts: core::array::from_fn(|k| u8::try_from(k).unwrap_or(1)),
        bin_width_mm: 0.5,
        entropy_bits: 2.5,
        mode: 7,
    });
    findings.pulse_analysis = Some(PulseStatistics {
        seen: 48,
        multiple: 0.0625,
        median_width_mm: Some(37.5),
        broadening: Some(1.125),
        median_snr: 21.5,
    });
    findings.reflectance_analysis = Some(ReflectanceStatistics {
        mean: measured(41.5, 0.25),
        sd: 2.5,
        cv: Some(0.0625),
        min: 33.5,
        p05: 35.5,
        median: 41.0,
        p95: 47.5,
        max: 49.5,
        uniformity: Some(about(0.875)),
        morans_i: Some(0.375),
    });
    findings
}

fn spectral_findings() -> SpectralFindings {
    let mut bands = 0.25;
    let mut next = || {
        bands += 0.03125;
        bands
    };
    let mut findings = SpectralFindings::UNMEASURED;
    findings.basic_counts = core::array::from_fn(|_| Some(next()));
    findings.reflectance = core::array::from_fn(|_| Some(about(next())));
    findings.snr = Some(113.5);
    findings.nir_to_clear = Some(about(0.15));
    findings.outlier = Some(OutlierTest { t2: 7.5, p: 0.25 });
    findings.color = Some(ColorFindings {
        xyz: [31.5, 30.25, 18.75],
        l: measured(61.5, 0.5),
        a: measured(9.5, 0.25),
        b: measured(21.5, 0.375),
        chroma: measured(23.5, 0.3125),
        hue_deg: Some(about(66.25)),
        yellowness: Some(44.5),
        delta_e00: Some(about(2.125)),
    });
    findings.color_score = Some(about(0.8125));
    findings.oxidation_index = Some(about(0.1875));
    findings.freshness_index = Some(about(0.90625));
    findings.fat_quality_index = Some(about(0.84375));
    findings.color_uniformity = Some(about(0.9375));
    findings
}

fn verdict() -> Verdict {
    let next = Alternative { grade: Grade::A, score: Some(score(0.85)), u: Some(0.015_625) };
    Verdict {
        score: Some(measured(0.7625, 0.025)),
        grade: Grade::B,
        point_grade: Some(Grade::A),
        cap: Cap::MajorDefect,
        tof_score: Some(measured(0.71, 0.03)),
        spectral_score: Some(measured(0.83, 0.03)),
        confidence: score(0.875),
        calibrated: Some(CalibratedConfidence { confidence: score(0.8125), version: 5 }),
        conformity_probability: score(0.96875),
        coverage: score(0.90625),
        unseen: unseen(),
        conflict: score(0.125),
        defects: defects(DefectKind::Dent),
        reasons: Reasons { rule: RuleKind::HarmonicMean, weakest: Some(Instrument::Tof), next: Some(next) },
    }
}

/// The names of the fields in which two samples differ.
#[expect(clippy::too_many_lines, reason = "one line for each field")]
pub(super) fn differences(expected: &Sample, found: &Sample) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut compare = |name: &'static str, equal: bool| {
        if !equal {
            names.push(name);
        }
    };
    compare("key", expected.key == found.key);
    compare("received_at", expected.received_at == found.received_at);
    match (&expected.tof, &found.tof) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.reading(), b.reading());
            compare("tof.distance_mm", a.distance_mm == b.distance_mm);
            compare("tof.reflectance_percent", a.reflectance_percent == b.reflectance_percent);
            compare("tof.amplitude_kcps", a.amplitude_kcps == b.amplitude_kcps);
            compare("tof.sigma_mm", a.sigma_mm == b.sigma_mm);
            compare("tof.status", a.status == b.status);
            compare("tof.distance_kind", a.distance_kind == b.distance_kind);
        }
        (a, b) => compare("tof", a == b),
    }
    match (&expected.spectrum, &found.spectrum) {
        (Some(a), Some(b)) => {
            compare("spectrum.counts", a.all_counts().iter().eq(b.all_counts()));
            compare("spectrum.gain", a.gain() == b.gain());
            compare("spectrum.integration_time", a.integration_time() == b.integration_time());
            compare("spectrum.adc_status", a.adc_status() == b.adc_status());
        }
        (a, b) => compare("spectrum", a == b),
    }
    let (a, b) = (&expected.inspection, &found.inspection);
    match (&a.tof, &b.tof) {
        (Some(a), Some(b)) if a != b => {
            compare("inspection.tof.findings", a.findings == b.findings);
            compare("inspection.tof.defects", a.defects == b.defects);
            compare("inspection.tof.flags", a.flags == b.flags);
            compare("inspection.tof.score", a.score == b.score);
        }
        (a, b) => compare("inspection.tof", a == b),
    }
    match (&a.spectral, &b.spectral) {
        (Some(a), Some(b)) if a != b => {
            compare("inspection.spectral.findings", a.findings == b.findings);
            compare("inspection.spectral.defects", a.defects == b.defects);
            compare("inspection.spectral.flags", a.flags == b.flags);
            compare("inspection.spectral.score", a.score == b.score);
        }
        (a, b) => compare("inspection.spectral", a == b),
    }
    compare("inspection.verdict.score", a.verdict.score == b.verdict.score);
    compare("inspection.verdict.grade", a.verdict.grade == b.verdict.grade);
    compare("inspection.verdict.defects", a.verdict.defects == b.verdict.defects);
    compare("inspection.verdict.reasons", a.verdict.reasons == b.verdict.reasons);
    compare("reported", expected.reported == found.reported);
    compare("meta.firmware_version", expected.meta.firmware_version == found.meta.firmware_version);
    compare("meta.temperature_c", expected.meta.temperature_c == found.meta.temperature_c);
    compare("meta.humidity_percent", expected.meta.humidity_percent == found.meta.humidity_percent);
    compare("profile", expected.profile == found.profile);
    compare("processing_micros", expected.processing_micros == found.processing_micros);
    if names.is_empty() && expected != found {
        names.push("a field that has no name here");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Assessments and findings have constructors, so the compiler does not ask for a new field of
    /// them here. This test does. One defect of two has a size.
    #[test]
    fn every_part_of_the_full_sample_is_there() {
        let shown = format!("{:#?}", full_sample("D", 1_000_000, "S").inspection);
        let absent = shown.lines().map(str::trim).filter(|line| line.ends_with(": None,") && *line != "extent: None,");
        assert_eq!(absent.collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(shown.lines().filter(|line| line.contains(": Some(")).count() > 40, "{shown}");
    }
}
