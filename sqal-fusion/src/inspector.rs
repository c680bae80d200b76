//! [`Inspector`]: turns the results of two analysers into one verdict, by a rule and a decision.

use core::cmp::Ordering;

use sqal_core::{
    Analyzer, Defect, DefectKind, Defects, Inspection, Measured, Score, SpectralFindings, Spectrum, TofFindings,
    TofFrame, Verdict,
    analyze::Assessment,
    defect::{Severity, ZoneSet, gravest_first},
    grade::GradeScale,
    unseen::Unseen,
    verdict::{CalibratedConfidence, Instrument, Reasons},
};

use crate::calibration::Calibration;
use crate::{DecisionRule, Evidence, FusedScore, FusionRule};

/// The conflict from which two sensors count as disagreeing: three standard deviations, 1 − 1/3².
const DISAGREEMENT: f64 = 8.0 / 9.0;

/// The weight of each sensor.
///
/// The readings of a sensor of weight 0 are analysed and shown, and decide nothing. It is never
/// reported as missing, its defects cap no grade, and its unseen parts do not count as unseen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct SensorWeights {
    tof: f64,
    spectral: f64,
}

/// Two numbers that are not valid sensor weights.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "sensor weights are {tof} (tof) and {spectral} (spectral): expected two numbers of at least 0 with a positive, finite sum"
)]
#[non_exhaustive]
pub struct InvalidSensorWeights {
    /// The weight of the time-of-flight sensor.
    pub tof: f64,
    /// The weight of the spectral sensor.
    pub spectral: f64,
}

impl SensorWeights {
    /// Two weights of at least 0, not both 0; only their ratio matters.
    ///
    /// # Errors
    ///
    /// [`InvalidSensorWeights`] if one is negative or not finite, if both are 0, or if their sum is
    /// infinite.
    pub fn new(tof: f64, spectral: f64) -> Result<Self, InvalidSensorWeights> {
        // The sum is checked too: an infinite sum leaves no ratio of the weights, and with a sum of
        // 0 no sensor counts.
        let sum = tof + spectral;
        if tof >= 0.0 && spectral >= 0.0 && sum.is_finite() && sum > 0.0 {
            Ok(Self { tof, spectral })
        } else {
            Err(InvalidSensorWeights { tof, spectral })
        }
    }
}

impl Default for SensorWeights {
    fn default() -> Self {
        Self { tof: 1.0, spectral: 1.0 }
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    tof: f64,
    spectral: f64,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for SensorWeights {
    type Error = InvalidSensorWeights;

    fn try_from(raw: Raw) -> Result<Self, InvalidSensorWeights> {
        Self::new(raw.tof, raw.spectral)
    }
}

#[cfg(feature = "serde")]
impl From<SensorWeights> for Raw {
    fn from(weights: SensorWeights) -> Self {
        Self { tof: weights.tof, spectral: weights.spectral }
    }
}

/// Judges one product from the readings of two sensors. It is pure, and gives the same bits on
/// every machine.
///
/// If a sensor is blind, the other one decides alone. The coverage falls to its share of the
/// weight, and a [`DefectKind::SensorMissing`] is added. The grade is at most what
/// [`DecisionRule::most_unseen`] allows: by default B without a colour, and REJECT as not measured
/// without a shape. If both sensors are blind, the score is `None`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspector<T, S, R> {
    /// The analysis of the time-of-flight frame.
    pub tof: T,
    /// The analysis of the spectrum.
    pub spectral: S,
    /// The rule by which the two scores are joined.
    pub rule: R,
    /// The rule by which the joined score is graded.
    pub decision: DecisionRule,
    /// The weight of each sensor.
    pub weights: SensorWeights,
    /// The calibration of the confidence; [`Calibration::NONE`] until samples of known grade are
    /// available. (A calibration of a sensor is part of its profile.)
    pub confidence_calibration: Calibration,
}

impl<T, S, R> Inspector<T, S, R>
where
    T: Analyzer<Reading = TofFrame, Findings = TofFindings>,
    S: Analyzer<Reading = Spectrum, Findings = SpectralFindings>,
    R: FusionRule<Input = Evidence, Output = FusedScore>,
{
    /// An inspector that uses one grade scale for the verdict and for the score of each sensor
    /// alone, whatever scale their profiles name.
    ///
    /// All other settings are the defaults: equal weights, the guard of [`DecisionRule::default`],
    /// no calibration of the confidence. The fields are public and can be changed afterwards.
    #[must_use]
    pub fn new(tof: T, spectral: S, rule: R, scale: GradeScale) -> Self {
        Self {
            tof: tof.graded_by(scale),
            spectral: spectral.graded_by(scale),
            rule,
            decision: DecisionRule { scale, ..DecisionRule::default() },
            weights: SensorWeights::default(),
            confidence_calibration: Calibration::NONE,
        }
    }

    /// Inspects one product; `None` stands for a missing reading.
    pub fn inspect(&self, frame: Option<&TofFrame>, spectrum: Option<&Spectrum>) -> Inspection {
        let tof = frame.and_then(|frame| self.tof.analyze(frame).ok());
        let spectral = spectrum.and_then(|spectrum| self.spectral.analyze(spectrum).ok());
        let verdict = self.judge(tof.as_ref(), spectral.as_ref());
        Inspection { tof, spectral, verdict }
    }

    /// The verdict on the results of two analyses, wherever they were made. `None` stands for an
    /// instrument without a result.
    pub fn judge(
        &self,
        tof: Option<&Assessment<TofFindings>>,
        spectral: Option<&Assessment<SpectralFindings>>,
    ) -> Verdict {
        self.weigh(Said::by(tof), Said::by(spectral))
    }

    fn weigh(&self, tof: Said<'_>, spectral: Said<'_>) -> Verdict {
        let sensors = [(tof, self.weights.tof), (spectral, self.weights.spectral)];
        let mut evidence = arrayvec::ArrayVec::<Evidence, 2>::new();
        let mut defects = Defects::new();
        // Each sensor's own coverage: a score from a quarter of its parts counts as a score, and
        // allows no grade above B.
        let (mut least, mut covered, mut silent) = (Score::ONE, 0.0, 0.0);
        // A sensor of weight 0 does not count.
        for (said, weight) in sensors.into_iter().filter(|(_, weight)| *weight > 0.0) {
            let spoken = said.score.and_then(|score| Evidence::new(score, weight, said.reliability).ok());
            let spoken = spoken.map(|one| said.undefected.map_or(one, |claim| one.before_defects(claim)));
            least = least.min(said.coverage);
            covered += spoken.map_or(0.0, |one| one.effective_weight() * said.coverage.get());
            evidence.extend(spoken.or_else(|| Evidence::missing(weight).ok()));
            if spoken.is_none_or(|one| one.effective_weight() <= 0.0) {
                silent += weight;
                add(&mut defects, DefectKind::SensorMissing, Severity::Major);
            }
            for defect in said.defects.into_iter().flatten() {
                push(&mut defects, *defect);
            }
        }
        let fused = self.rule.fuse(&evidence);
        if let Ok(fused) = &fused
            && fused.conflict.get() >= DISAGREEMENT
        {
            add(&mut defects, DefectKind::SensorDisagreement, Severity::Major);
        }
        gravest_first(&mut defects);
        let Ok(fused) = fused else { return Verdict::unmeasured(defects) };
        let weights = self.weights.tof + self.weights.spectral;
        let asked = |weight: f64, share: Score| if weight > 0.0 { share } else { Score::ZERO };
        let unseen = Unseen {
            area: asked(self.weights.tof, tof.unseen.area),
            window: asked(self.weights.tof, tof.unseen.window),
            channels: asked(self.weights.spectral, spectral.unseen.channels),
            sensors: Score::nearest(silent / weights),
            evidence: Score::nearest(1.0 - covered / weights),
        };
        let decided = self.decision.decide_with(&fused, &defects, least.min(fused.coverage));
        let decided = self.decision.held_to(decided, &unseen);
        // No distribution on 0 to 1 has a standard deviation above 0.5 (Popoviciu). A larger
        // first-order uncertainty says only that nothing is known, so the reported one is limited
        // to 0.5. The decision has used the unlimited one.
        let score = Measured::new(fused.score.value(), fused.score.u().min(0.5)).ok();
        let calibration = &self.confidence_calibration;
        let calibrated = calibration.is_calibrated().then(|| CalibratedConfidence {
            confidence: calibration.calibrate(decided.confidence_raw),
            version: calibration.version,
        });
        Verdict {
            score,
            grade: decided.grade,
            point_grade: Some(decided.point),
            cap: decided.cap,
            tof_score: tof.score,
            spectral_score: spectral.score,
            confidence: decided.confidence_raw,
            calibrated,
            conformity_probability: decided.conformity_probability,
            coverage: Score::nearest(covered / weights),
            unseen,
            conflict: fused.conflict,
            defects,
            reasons: Reasons { rule: self.rule.kind(), weakest: weakest(&fused, &evidence), next: decided.next },
        }
    }
}

/// The instrument whose score would raise the fused score most if it became 1, to first order: the
/// largest c(1 − S). `None` unless two instruments gave a score and their gains differ.
fn weakest(fused: &FusedScore, evidence: &[Evidence]) -> Option<Instrument> {
    let gain = |k: usize| {
        let sensitivity = fused.sensitivities.get(k).filter(|sensitivity| **sensitivity > 0.0)?;
        Some(sensitivity * (1.0 - evidence.get(k)?.score()?.value()))
    };
    let (tof, spectral) = (gain(0)?, gain(1)?);
    match tof.total_cmp(&spectral) {
        Ordering::Greater => Some(Instrument::Tof),
        Ordering::Less => Some(Instrument::Spectral),
        Ordering::Equal => None,
    }
}

/// The contribution of one sensor's assessment.
#[derive(Clone, Copy)]
struct Said<'a> {
    score: Option<Measured>,
    undefected: Option<Measured>,
    reliability: Score,
    coverage: Score,
    unseen: Unseen,
    defects: Option<&'a [Defect]>,
}

impl<'a> Said<'a> {
    fn by<F>(assessment: Option<&'a Assessment<F>>) -> Self {
        Self {
            score: assessment.and_then(|a| a.score),
            undefected: assessment.and_then(|a| a.undefected),
            coverage: assessment.map_or(Score::ZERO, |a| a.coverage),
            unseen: assessment.map_or(Unseen::EVERYTHING, |a| a.unseen),
            reliability: assessment.map_or(Score::ZERO, |a| a.reliability),
            defects: assessment.map(|a| a.defects.as_slice()),
        }
    }
}

fn add(defects: &mut Defects, kind: DefectKind, severity: Severity) {
    push(defects, Defect::new(kind, severity, ZoneSet::default(), Score::ONE));
}

/// Adds a defect. If the list is full, the least grave defect is replaced, so a critical defect is
/// never lost.
fn push(defects: &mut Defects, defect: Defect) {
    if let Err(full) = defects.try_push(defect)
        && let Some(least) = defects.iter_mut().min_by_key(|kept| kept.severity)
        && least.severity < full.element().severity
    {
        *least = full.element();
    }
}
