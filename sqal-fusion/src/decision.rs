//! [`DecisionRule`]: from a fused score to a grade, by guarded acceptance (JCGM 106:2012, 8.3).

use sqal_core::{
    Defect, Grade, Measured, Score,
    grade::GradeScale,
    normal::{normal_cdfs, normal_quantile},
    unseen::Unseen,
    verdict::{Alternative, Cap},
};

use crate::{FusedScore, MostUnseen};

/// The certainty that each grade requires: the least probability that the quality reaches it.
///
/// The defaults require most at both ends, where a mistake costs most: 0.80 for A+, and 0.95 for C
/// (below which a tray is rejected). For A and B they are 0.50, which is no guard.
///
/// A tray that is sold as B is also sold as *at least C*. Therefore the guard is nested by default:
/// a grade is given only if this grade and every worse grade that is sold are certain enough.
/// Without nesting ([`Guard::each_alone`], the rule as the measurement model states it), a score of
/// 0.71 ± 0.15 would be a B, although it is not certain enough that the tray is not a REJECT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Raw", into = "Raw"))]
pub struct Guard {
    /// The probabilities, from A+ to C.
    least: [Score; 4],
    /// The distance above the threshold that each of them requires, in standard uncertainties.
    width: [f64; 4],
    nested: bool,
}

impl Default for Guard {
    fn default() -> Self {
        let [a_plus, a, c] = [0.80, 0.50, 0.95].map(Score::nearest);
        Self::new(a_plus, a, a, c)
    }
}

impl Guard {
    /// A nested guard with the least probabilities for A+, A, B and C.
    #[must_use]
    pub fn new(a_plus: Score, a: Score, b: Score, c: Score) -> Self {
        let least = [a_plus, a, b, c];
        Self { least, width: least.map(|least| normal_quantile(least.get())), nested: true }
    }

    /// A guard with the probabilities of `self` without nesting: each grade requires its own
    /// probability only.
    #[must_use]
    pub const fn each_alone(self) -> Self {
        Self { nested: false, ..self }
    }

    /// The indices of [`Grade::ALL`] whose probabilities a grade must satisfy.
    fn asked_for(&self, place: usize) -> core::ops::Range<usize> {
        place..if self.nested { 4 } else { place + 1 }
    }

    /// The least probability for a grade; 0 for REJECT, which every score reaches.
    #[must_use]
    pub const fn of(&self, grade: Grade) -> Score {
        match grade {
            Grade::APlus => self.least[0],
            Grade::A => self.least[1],
            Grade::B => self.least[2],
            Grade::C => self.least[3],
            Grade::Reject => Score::ZERO,
        }
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    a_plus: Score,
    a: Score,
    b: Score,
    c: Score,
    #[serde(default = "nested")]
    nested: bool,
}

#[cfg(feature = "serde")]
const fn nested() -> bool {
    true
}

#[cfg(feature = "serde")]
impl From<Raw> for Guard {
    fn from(raw: Raw) -> Self {
        Self { nested: raw.nested, ..Self::new(raw.a_plus, raw.a, raw.b, raw.c) }
    }
}

#[cfg(feature = "serde")]
impl From<Guard> for Raw {
    fn from(guard: Guard) -> Self {
        let [a_plus, a, b, c] = guard.least;
        Self { a_plus, a, b, c, nested: guard.nested }
    }
}

/// The rule that turns a score into a grade.
///
/// ```text
/// point = the grade of F by simple acceptance
/// final = the best g with Φ((F − T_g)/u_F) ≥ γ_g, never better than point, then the caps
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DecisionRule {
    /// The threshold of each grade.
    pub scale: GradeScale,
    /// The certainty that each grade requires.
    pub guard: Guard,
    /// The best grade of a tray whose measured share is below [`Cap::LEAST_COVERAGE`]: B by
    /// default, REJECT to hold it back.
    ///
    /// The unmeasured part can have any quality. In a plant where a tray with a blind sensor must
    /// never be sold, set this to REJECT.
    pub incomplete: Grade,
    /// The largest unseen share for each grade that is sold. If the unseen share exceeds all of
    /// them, the tray is REJECT, not measured.
    pub most_unseen: MostUnseen,
}

impl Default for DecisionRule {
    fn default() -> Self {
        Self {
            scale: GradeScale::default(),
            guard: Guard::default(),
            incomplete: Grade::B,
            most_unseen: MostUnseen::default(),
        }
    }
}

/// A decided grade and its probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct GradeDecision {
    /// The grade by simple acceptance.
    pub point: Grade,
    /// The grade after guard and caps.
    pub grade: Grade,
    /// The reason why the grade was held back.
    pub cap: Cap,
    /// The probability of each grade, in the order of [`Grade::ALL`]; they sum to 1.
    pub probabilities: [f64; 5],
    /// The probability that the quality reaches the final grade; 1 for REJECT.
    pub conformity_probability: Score,
    /// The probability of the point grade, from the uncertainty before widening.
    pub point_probability: Score,
    /// `point_probability` × (1 − conflict) × coverage: confidence before calibration.
    pub confidence_raw: Score,
    /// What the next better grade would have required; `None` for the best grade.
    pub next: Option<Alternative>,
}

impl DecisionRule {
    /// Decides without regard to defects. For a decision with them, see
    /// [`DecisionRule::decide_with`].
    #[must_use]
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
    pub fn decide(&self, fused: &FusedScore) -> GradeDecision {
        self.decide_given(fused, normal_cdfs(self.margins(fused.score)))
    }

    /// The distance of the score above each threshold, in standard uncertainties; infinite if the
    /// uncertainty is 0.
    #[inline]
    pub(crate) fn margins(&self, score: Measured) -> [f64; 4] {
        margins(score.value(), score.u(), self.scale.thresholds())
    }

    /// Decides from the probabilities of reaching each sold grade or a better one.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "half of a verdict's time is in here")]
    pub(crate) fn decide_given(&self, fused: &FusedScore, reached: [f64; 4]) -> GradeDecision {
        let (score, u) = (fused.score.value(), fused.score.u());
        let from = self.scale.thresholds();
        let probabilities = exactly(reached);

        // Indices in the order of `Grade::ALL`; 4 is REJECT.
        let point = from.iter().position(|threshold| score >= *threshold).unwrap_or(4);
        let certain = |k: usize| u <= 0.0 || score - from[k] >= self.guard.width[k] * u;
        let decided = (point..4).find(|k| self.guard.asked_for(*k).all(certain)).unwrap_or(4);

        // The probability of the point grade's interval, from the uncertainty before widening,
        // which the sensors report.
        let point_probability = if fused.u_unscaled < u {
            let reached = normal_cdfs(margins(score, fused.u_unscaled, from));
            reached.get(point).map_or(1.0, |reached| *reached)
                - point.checked_sub(1).map_or(0.0, |better| reached[better])
        } else {
            probabilities[point]
        };
        let agreement = 1.0 - fused.conflict.get();
        GradeDecision {
            point: Grade::ALL[point],
            grade: Grade::ALL[decided],
            cap: if decided > point { Cap::Guard } else { Cap::None },
            probabilities,
            conformity_probability: Score::nearest(reached.get(decided).map_or(1.0, |reached| *reached)),
            point_probability: Score::nearest(point_probability),
            confidence_raw: Score::nearest(point_probability * agreement * fused.coverage.get()),
            next: self.nearest_better(decided, &from, score, u),
        }
    }

    /// The probability of each grade for a score with its uncertainty, in the order of
    /// [`Grade::ALL`]; they sum to 1.
    #[must_use]
    pub fn probabilities(&self, score: Measured) -> [f64; 5] {
        exactly(normal_cdfs(self.margins(score)))
    }

    /// Decides, then caps the grade by the defects and by `coverage`, the share of the evidence
    /// that was present; see [`Cap::on`].
    #[must_use]
    #[inline]
    pub fn decide_with(&self, fused: &FusedScore, defects: &[Defect], coverage: Score) -> GradeDecision {
        let decided = self.decide(fused);
        let gravest = defects.iter().map(|defect| defect.severity).max();
        let cap = Cap::on(gravest, coverage);
        let cap = cap.map(|(best, cap)| (if cap == Cap::Coverage { best.min(self.incomplete) } else { best }, cap));
        match cap {
            Some((best, cap)) if best < decided.grade => {
                let conformity_probability = reaching(best, &decided);
                let next = Some(Alternative { grade: decided.grade, score: None, u: None });
                GradeDecision { grade: best, cap, conformity_probability, next, ..decided }
            }
            _ => decided,
        }
    }

    /// Caps a grade to the best one that `unseen` allows. If `unseen` allows no grade, the result
    /// is REJECT, as not measured.
    ///
    /// The confidence is 0 if anything is unseen: see
    /// [`Verdict::confidence`](sqal_core::Verdict::confidence).
    #[must_use]
    #[inline]
    pub fn held_to(&self, decided: GradeDecision, unseen: &Unseen) -> GradeDecision {
        let confidence_raw = if unseen.is_complete() { decided.confidence_raw } else { Score::ZERO };
        let decided = GradeDecision { confidence_raw, ..decided };
        let next = Some(Alternative { grade: decided.grade, score: None, u: None });
        match self.most_unseen.best(unseen) {
            // Not measured: the score of the seen part is no reason to reject the tray, and none to
            // sell it.
            None => GradeDecision {
                grade: Grade::Reject,
                cap: Cap::Unmeasured,
                conformity_probability: Score::ONE,
                next,
                ..decided
            },
            Some(best) if best < decided.grade => GradeDecision {
                grade: best,
                cap: Cap::Coverage,
                conformity_probability: reaching(best, &decided),
                next,
                ..decided
            },
            Some(_) => decided,
        }
    }

    /// The better grade that requires the lowest score at this uncertainty, and what it requires.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
    fn nearest_better(&self, decided: usize, from: &[f64; 4], score: f64, u: f64) -> Option<Alternative> {
        let mut nearest: Option<(usize, f64)> = None;
        // Begins with the next better grade: if two require an equal score, the worse of them is
        // nearer.
        for place in (0..decided).rev() {
            // Never below the grade's own threshold, because the guard can only raise the
            // requirement.
            let mut needed = from[place];
            for k in self.guard.asked_for(place) {
                needed = needed.max(from[k] + self.guard.width[k] * u);
            }
            if nearest.is_none_or(|(_, least)| needed < least) {
                nearest = Some((place, needed));
            }
            if self.guard.nested {
                // A better grade requires all that a worse one does.
                break;
            }
        }
        let (place, needed) = nearest?;
        // The present score must reach the grade. Then each guard requires an uncertainty of at
        // most margin/width.
        let mut most = f64::INFINITY;
        for k in self.guard.asked_for(place) {
            if self.guard.width[k] > 0.0 {
                most = most.min((score - from[k]) / self.guard.width[k]);
            }
        }
        let reachable = score >= from[place] && most > 0.0 && most < u;
        Some(Alternative { grade: ACCEPTED[place], score: Score::new(needed).ok(), u: reachable.then_some(most) })
    }
}

/// The probability of a grade or a better one. Each probability is of exactly one grade, so they
/// are summed.
fn reaching(grade: Grade, decided: &GradeDecision) -> Score {
    let reached = Grade::ALL.iter().zip(decided.probabilities).filter(|(one, _)| **one >= grade);
    Score::nearest(reached.map(|(_, probability)| probability).sum())
}

/// The grades that are sold, from best to worst.
const ACCEPTED: [Grade; 4] = [Grade::APlus, Grade::A, Grade::B, Grade::C];

/// The probability of being exactly each grade, from those of reaching it. Every score reaches
/// REJECT.
#[inline]
fn exactly([a_plus, a, b, c]: [f64; 4]) -> [f64; 5] {
    [a_plus, a - a_plus, b - a, c - b, 1.0 - c].map(|probability| probability.max(0.0))
}

/// The distance of a score above each threshold, in standard uncertainties.
///
/// Its Φ is P(quality ≥ threshold) for a quality of N(score, u). If u is 0, the distance is
/// infinite and the probability is 0 or 1.
#[inline]
fn margins(score: f64, u: f64, thresholds: [f64; 4]) -> [f64; 4] {
    let mut margins = thresholds;
    for margin in &mut margins {
        *margin = score - *margin;
    }
    if u > 0.0 {
        margins.map(|margin| margin / u)
    } else {
        margins.map(|margin| if margin >= 0.0 { f64::INFINITY } else { f64::NEG_INFINITY })
    }
}
