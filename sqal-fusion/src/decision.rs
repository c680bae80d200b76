//! [`Decision`]: from a fused score to a grade, by guarded acceptance (JCGM 106:2012, 8.3).

use sqal_core::{Cap, Defect, Grade, GradeScale, Score, normal_cdf};

use crate::Fused;

/// How certain a grade must be: the least probability that the quality reaches it.
///
/// The defaults ask for much at both ends, where a mistake costs most: 0.80 for A+, 0.95 for C (below which a tray is rejected), and
/// 0.50, that is no guard, for A and B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Guard {
    /// For A+.
    pub a_plus: Score,
    /// For A.
    pub a: Score,
    /// For B.
    pub b: Score,
    /// For C.
    pub c: Score,
}

impl Default for Guard {
    fn default() -> Self {
        Self { a_plus: Score::nearest(0.80), a: Score::nearest(0.50), b: Score::nearest(0.50), c: Score::nearest(0.95) }
    }
}

impl Guard {
    const fn of(&self, grade: Grade) -> Score {
        match grade {
            Grade::APlus => self.a_plus,
            Grade::A => self.a,
            Grade::B => self.b,
            Grade::C => self.c,
            Grade::Reject => Score::ZERO,
        }
    }
}

/// The rule from a score to a grade.
///
/// ```text
/// point = the grade of F by simple acceptance
/// final = the best g with Φ((F − T_g)/u_F) ≥ γ_g, never better than point, then the caps
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Where each grade begins.
    pub scale: GradeScale,
    /// How certain each grade must be.
    pub guard: Guard,
}

/// A decided grade and its probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decided {
    /// The grade by simple acceptance.
    pub point: Grade,
    /// The grade after guard and caps.
    pub grade: Grade,
    /// What held the grade back.
    pub cap: Cap,
    /// The probability of each grade, in the order of [`Grade::ALL`]; they sum to 1.
    pub probabilities: [f64; 5],
    /// The probability that the quality reaches the final grade; 1 for REJECT.
    pub conformity_probability: Score,
    /// The probability of the point grade, from the uncertainty before widening.
    pub point_probability: Score,
    /// `point_probability` × (1 − conflict) × coverage: confidence before calibration.
    pub confidence_raw: Score,
}

impl Decision {
    /// Decides without regard to defects; see [`Decision::decide_with`].
    #[must_use]
    pub fn decide(&self, fused: &Fused) -> Decided {
        let (score, u) = (fused.score.value(), fused.score.u());
        let reach = |grade: Grade, u: f64| match grade {
            Grade::Reject => 1.0,
            _ => probability_of_reaching(score, u, self.scale.from(grade).get()),
        };
        let mut probabilities = [0.0; 5];
        let mut above = 0.0;
        for (slot, grade) in probabilities.iter_mut().zip(Grade::ALL) {
            let reached = reach(grade, u);
            *slot = (reached - above).max(0.0);
            above = reached;
        }

        let point = self.scale.grade_of(Score::nearest(score));
        let certain = |grade: &Grade| *grade <= point && reach(*grade, u) >= self.guard.of(*grade).get();
        let grade = Grade::ALL.into_iter().find(certain).unwrap_or(Grade::Reject);

        // The probability of the point grade's interval, from the uncertainty that the sensors state themselves.
        let better = Grade::ALL.into_iter().rev().find(|grade| *grade > point);
        let point_probability =
            reach(point, fused.u_unscaled) - better.map_or(0.0, |grade| reach(grade, fused.u_unscaled));
        let agreement = 1.0 - fused.conflict.get();
        Decided {
            point,
            grade,
            cap: if grade < point { Cap::Guard } else { Cap::None },
            probabilities,
            conformity_probability: Score::nearest(reach(grade, u)),
            point_probability: Score::nearest(point_probability),
            confidence_raw: Score::nearest(point_probability * agreement * fused.coverage.get()),
        }
    }

    /// Decides, then caps by the defects and by `coverage`, the share of the evidence that was there; see [`Cap::on`].
    #[must_use]
    pub fn decide_with(&self, fused: &Fused, defects: &[Defect], coverage: Score) -> Decided {
        let decided = self.decide(fused);
        let gravest = defects.iter().map(|defect| defect.severity).max();
        match Cap::on(gravest, coverage) {
            Some((best, cap)) if best < decided.grade => {
                let reached = match best {
                    Grade::Reject => 1.0,
                    _ => probability_of_reaching(fused.score.value(), fused.score.u(), self.scale.from(best).get()),
                };
                Decided { grade: best, cap, conformity_probability: Score::nearest(reached), ..decided }
            }
            _ => decided,
        }
    }
}

/// P(quality ≥ threshold) for a quality of N(score, u); without uncertainty it is certain one way or the other.
fn probability_of_reaching(score: f64, u: f64, threshold: f64) -> f64 {
    if u > 0.0 { normal_cdf((score - threshold) / u) } else { f64::from(u8::from(score >= threshold)) }
}
