//! [`Verdict`]: the decision on one product, with everything needed to defend it.

mod explanation;
mod figure;

use crate::{
    Defects, Grade, Measured, Score, SpectralFindings, TofFindings, analyze::Assessment, defect::Severity,
    unseen::Unseen,
};
pub use explanation::Explanation;

/// Why a final grade is worse than the score alone would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cap {
    /// Nothing held the grade back.
    None = 0,
    /// The uncertainty: the better grade was not certain enough.
    Guard = 1,
    /// The share of the evidence that was available is too small.
    Coverage = 2,
    /// A major defect, or a state that is treated as a major defect.
    MajorDefect = 3,
    /// A critical defect.
    CriticalDefect = 4,
    /// Too little was measured: no instrument gave a usable score, or the unseen shares exceed what
    /// the profile allows for any grade that is sold.
    Unmeasured = 5,
}

impl Cap {
    /// The share of the evidence below which no grade better than B is given.
    pub const LEAST_COVERAGE: f64 = 0.75;

    /// The best grade that defects and coverage allow, with the cap that sets it; `None` if neither
    /// limits the grade.
    ///
    /// A critical defect rejects; too little evidence, or a major defect, allows at most B.
    #[must_use]
    pub fn on(gravest: Option<Severity>, coverage: Score) -> Option<(Grade, Self)> {
        match gravest {
            Some(Severity::Critical) => Some((Grade::Reject, Self::CriticalDefect)),
            _ if coverage.get() < Self::LEAST_COVERAGE => Some((Grade::B, Self::Coverage)),
            Some(Severity::Major) => Some((Grade::B, Self::MajorDefect)),
            _ => None,
        }
    }
}

/// One of the two instruments of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Instrument {
    /// The time-of-flight sensor, which sees the shape.
    Tof = 0,
    /// The spectral sensor, which sees the colour.
    Spectral = 1,
}

/// The kind of rule that joined the scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RuleKind {
    /// The weighted harmonic mean.
    HarmonicMean = 0,
    /// The weighted average, as the prototype did.
    WeightedAverage = 1,
    /// The worst score alone.
    WorstScore = 2,
    /// A power mean of another exponent.
    PowerMean = 3,
    /// A rule from outside this workspace, or a rule that was not recorded.
    #[default]
    Other = 4,
}

impl RuleKind {
    /// The name of the rule; `None` for [`RuleKind::Other`].
    #[must_use]
    pub const fn name(self, language: Language) -> Option<&'static str> {
        let (english, french) = match self {
            Self::HarmonicMean => ("harmonic mean", "moyenne harmonique"),
            Self::WeightedAverage => ("weighted average", "moyenne pondérée"),
            Self::WorstScore => ("worst score", "note la plus basse"),
            Self::PowerMean => ("power mean", "moyenne de puissance"),
            Self::Other => return None,
        };
        Some(match language {
            Language::English => english,
            Language::French => french,
        })
    }
}

/// The nearest better grade, and the least change that would have given it.
///
/// If a cap held the grade back, `score` and `u` are `None`: only lifting the cap gives the better
/// grade.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Alternative {
    /// The better grade.
    pub grade: Grade,
    /// The fused score from which the grade is given at the actual uncertainty; `None` if no score
    /// of at most 1 is enough.
    pub score: Option<Score>,
    /// The standard uncertainty up to which the grade is given at the actual score; `None` if no
    /// uncertainty is small enough.
    pub u: Option<f64>,
}

/// Why a verdict has its grade: the rule, the decisive term, and what would have changed the grade.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reasons {
    /// The kind of rule that joined the scores.
    pub rule: RuleKind,
    /// The instrument whose score costs the verdict most: to first order, a perfect score there
    /// would gain most.
    pub weakest: Option<Instrument>,
    /// What would have given a better grade; `None` for the best grade and for a verdict without a
    /// score.
    pub next: Option<Alternative>,
}

/// A confidence that was calibrated on samples of known grade, with the version of the calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CalibratedConfidence {
    /// How often a verdict like this has the true grade as its point grade.
    pub confidence: Score,
    /// The version of the calibration, at least 1.
    pub version: u32,
}

/// The decision on one sample, with everything needed to defend it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Verdict {
    /// The fused score with its standard uncertainty; `None` if nothing could be measured.
    pub score: Option<Measured>,
    /// The grade that is printed on the label.
    pub grade: Grade,
    /// The grade of the score by simple acceptance, before guard and caps.
    pub point_grade: Option<Grade>,
    /// What held the grade back.
    pub cap: Cap,
    /// The score of the time-of-flight sensor.
    pub tof_score: Option<Measured>,
    /// The score of the spectral sensor.
    pub spectral_score: Option<Measured>,
    /// The least probability that the point grade is the true grade, before any calibration.
    ///
    /// 0 if a zone, a band or an instrument that the verdict rests on was not seen
    /// ([`Unseen::is_complete`]). The hidden part can be of any grade, so no higher number holds
    /// for every tray with this reading.
    pub confidence: Score,
    /// The confidence after calibration; `None` if the line was not calibrated.
    #[cfg_attr(feature = "serde", serde(default))]
    pub calibrated: Option<CalibratedConfidence>,
    /// The probability that the quality is at least that of the printed grade.
    pub conformity_probability: Score,
    /// The share of the evidence that was available: by weight, reliability, and each sensor's own
    /// coverage.
    pub coverage: Score,
    /// The shares that should have been seen and were not.
    pub unseen: Unseen,
    /// 0 when the instruments agree as well as their uncertainties promise, towards 1 with
    /// disagreement.
    pub conflict: Score,
    /// All defects, the gravest first.
    pub defects: Defects,
    /// The reasons for the verdict.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reasons: Reasons,
}

/// A language for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
}

impl Verdict {
    /// The standard uncertainty from which a score is not measurable: its 95 % interval is as wide
    /// as the scale from 0 to 1.
    pub const NOT_MEASURABLE_U: f64 = 0.25;

    /// The fail-safe verdict: nothing was measured, so the grade is REJECT.
    #[must_use]
    pub const fn unmeasured(defects: Defects) -> Self {
        Self {
            score: None,
            grade: Grade::Reject,
            point_grade: None,
            cap: Cap::Unmeasured,
            tof_score: None,
            spectral_score: None,
            confidence: Score::ZERO,
            calibrated: None,
            conformity_probability: Score::ONE,
            coverage: Score::ZERO,
            unseen: Unseen::EVERYTHING,
            conflict: Score::ZERO,
            defects,
            reasons: Reasons { rule: RuleKind::Other, weakest: None, next: None },
        }
    }

    /// The least probability that the tray deserves its grade, whatever the unseen parts hold; 0
    /// for a rejected tray.
    ///
    /// [`conformity_probability`](Self::conformity_probability) assumes that the unseen parts are
    /// like the seen parts. This number does not: an unseen part may hold a critical defect, and
    /// then the tray conforms to no grade.
    #[must_use]
    pub fn conformity_at_worst(&self) -> Score {
        if self.unseen.is_complete() && self.grade != Grade::Reject { self.conformity_probability } else { Score::ZERO }
    }

    /// The confidence to show: the calibrated one if there is one.
    #[must_use]
    pub fn stated_confidence(&self) -> Score {
        self.calibrated.map_or(self.confidence, |calibrated| calibrated.confidence)
    }
}

/// The results of two analyses and a fusion of one pair of readings.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Inspection {
    /// The assessment of the time-of-flight reading; `None` without one.
    pub tof: Option<Assessment<TofFindings>>,
    /// The assessment of the spectral reading; `None` without one.
    pub spectral: Option<Assessment<SpectralFindings>>,
    /// The decision.
    pub verdict: Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_name_in_both_languages() {
        let names = |language| {
            [
                RuleKind::HarmonicMean,
                RuleKind::WeightedAverage,
                RuleKind::WorstScore,
                RuleKind::PowerMean,
                RuleKind::Other,
            ]
            .map(|kind| kind.name(language))
        };
        assert_eq!(
            names(Language::English),
            [Some("harmonic mean"), Some("weighted average"), Some("worst score"), Some("power mean"), None]
        );
        assert_eq!(
            names(Language::French),
            [
                Some("moyenne harmonique"),
                Some("moyenne pondérée"),
                Some("note la plus basse"),
                Some("moyenne de puissance"),
                None
            ]
        );
    }

    #[test]
    fn the_calibrated_confidence_is_the_one_to_show() {
        let raw = || Verdict { confidence: Score::ONE, ..Verdict::unmeasured(Defects::new()) };
        let calibrated = Some(CalibratedConfidence { confidence: Score::nearest(0.7), version: 3 });
        assert_eq!(Verdict { calibrated, ..raw() }.stated_confidence(), Score::nearest(0.7));
        assert_eq!(raw().stated_confidence(), Score::ONE);
    }
}
