//! Version 1 of the findings' binary form, which had no unseen shares; it is read without end and
//! never written again.

use sqal_core::{
    Channel, Defects, Flags, Grade, Measured, ProfileRef, Score, SpectralFindings, TofFindings,
    sample::{Meta, Reported},
    unseen::Unseen,
    verdict::{CalibratedConfidence, Cap, Reasons},
};

/// The data of a sample beside its key and its raw readings, as version 1 wrote it.
#[derive(serde::Deserialize)]
pub(super) struct Findings {
    pub(super) inspection: Inspection,
    pub(super) reported: Option<Reported>,
    pub(super) meta: Meta,
    pub(super) profile: ProfileRef,
    pub(super) processing_micros: u32,
}

#[derive(serde::Deserialize)]
pub(super) struct Inspection {
    tof: Option<Assessment<TofFindings>>,
    spectral: Option<Assessment<SpectralFindings>>,
    verdict: Verdict,
}

#[derive(serde::Deserialize)]
struct Assessment<F> {
    findings: F,
    score: Option<Measured>,
    undefected: Option<Measured>,
    grade: Option<Grade>,
    reliability: Score,
    coverage: Score,
    defects: Defects,
    flags: Flags,
}

#[derive(serde::Deserialize)]
struct Verdict {
    score: Option<Measured>,
    grade: Grade,
    point_grade: Option<Grade>,
    cap: Cap,
    tof_score: Option<Measured>,
    spectral_score: Option<Measured>,
    confidence: Score,
    #[serde(default)]
    calibrated: Option<CalibratedConfidence>,
    conformity_probability: Score,
    coverage: Score,
    conflict: Score,
    defects: Defects,
    #[serde(default)]
    reasons: Reasons,
}

impl<F> Assessment<F> {
    fn with(self, unseen: Unseen) -> sqal_core::analyze::Assessment<F> {
        let mut assessment = sqal_core::analyze::Assessment::new(self.findings);
        assessment.score = self.score;
        assessment.undefected = self.undefected;
        assessment.grade = self.grade;
        assessment.reliability = self.reliability;
        assessment.coverage = self.coverage;
        assessment.unseen = unseen;
        (assessment.defects, assessment.flags) = (self.defects, self.flags);
        assessment
    }
}

impl From<Inspection> for sqal_core::Inspection {
    /// The shares that version 1 did not write are derived from the findings. The tray's share is
    /// that of the window, because the tray's zones are not in the findings.
    fn from(old: Inspection) -> Self {
        let blind = |there: bool| if there { Score::ZERO } else { Score::ONE };
        let window = old
            .tof
            .as_ref()
            .map_or(Score::ONE, |tof| Score::nearest(1.0 - f64::from(tof.findings.valid_zones.min(64)) / 64.0));
        let channels = old.spectral.as_ref().map_or(Score::ONE, |spectral| {
            let missing = Channel::ALL[..8].iter().filter(|band| spectral.findings.reflectance[band.index()].is_none());
            Score::nearest(f64::from(u8::try_from(missing.count()).unwrap_or(8)) / 8.0)
        });
        let verdict = old.verdict;
        let silent = [verdict.tof_score.is_none(), verdict.spectral_score.is_none()];
        let sensors = match silent {
            [true, true] => Score::ONE,
            [false, false] => Score::ZERO,
            _ => Score::nearest(0.5),
        };
        let area = window.max(blind(verdict.tof_score.is_some()));
        let evidence = Score::nearest(1.0 - verdict.coverage.get());
        Self {
            tof: old.tof.map(|tof| tof.with(Unseen { area, window, ..Unseen::NOTHING })),
            spectral: old.spectral.map(|spectral| spectral.with(Unseen { channels, ..Unseen::NOTHING })),
            verdict: sqal_core::Verdict {
                score: verdict.score,
                grade: verdict.grade,
                point_grade: verdict.point_grade,
                cap: verdict.cap,
                tof_score: verdict.tof_score,
                spectral_score: verdict.spectral_score,
                confidence: verdict.confidence,
                calibrated: verdict.calibrated,
                conformity_probability: verdict.conformity_probability,
                coverage: verdict.coverage,
                unseen: Unseen { area, window, channels, sensors, evidence },
                conflict: verdict.conflict,
                defects: verdict.defects,
                reasons: verdict.reasons,
            },
        }
    }
}
