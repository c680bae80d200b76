//! [`Decision`]: from a fused score to a grade, by guarded acceptance (JCGM 106:2012, 8.3).

use sqal_core::{Alternative, Cap, Defect, Grade, GradeScale, Measured, Score, normal_cdf, normal_quantile};

use crate::Fused;

/// How certain a grade must be: the least probability that the quality reaches it.
///
/// The defaults ask for much at both ends, where a mistake costs most: 0.80 for A+, 0.95 for C (below which a tray is rejected), and
/// 0.50, that is no guard, for A and B.
///
/// A tray that is sold as B is sold as *at least C* too. By default the guard is therefore nested: a grade is given only if it and
/// every worse grade that is sold is certain enough. Without nesting ([`Guard::each_alone`], the rule as the measurement model words it) a score
/// of 0.71 ± 0.15 would be a B although nobody is certain enough that it is not a REJECT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Raw", into = "Raw"))]
pub struct Guard {
    /// The probabilities, from A+ to C.
    least: [Score; 4],
    /// How many standard uncertainties the score must lie above the threshold for each of them.
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
    /// The least probabilities for A+, A, B and C, nested.
    #[must_use]
    pub fn new(a_plus: Score, a: Score, b: Score, c: Score) -> Self {
        let least = [a_plus, a, b, c];
        Self { least, width: least.map(|least| normal_quantile(least.get())), nested: true }
    }

    /// The same probabilities, each asked of its own grade only.
    #[must_use]
    pub const fn each_alone(self) -> Self {
        Self { nested: false, ..self }
    }

    /// The places of [`Grade::ALL`] whose probabilities a grade must satisfy.
    fn asked_for(&self, place: usize) -> core::ops::Range<usize> {
        place..if self.nested { 4 } else { place + 1 }
    }

    /// The least probability for a grade; 0 for REJECT, which anybody reaches.
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

/// The rule from a score to a grade.
///
/// ```text
/// point = the grade of F by simple acceptance
/// final = the best g with Φ((F − T_g)/u_F) ≥ γ_g, never better than point, then the caps
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Where each grade begins.
    pub scale: GradeScale,
    /// How certain each grade must be.
    pub guard: Guard,
    /// The best grade of a tray of which too little was measured ([`Cap::LEAST_COVERAGE`]): B by default, REJECT to hold it back.
    ///
    /// What was not measured can be anything. Where a blind sensor must never sell a tray, this is the setting.
    pub incomplete: Grade,
}

impl Default for Decision {
    fn default() -> Self {
        Self { scale: GradeScale::default(), guard: Guard::default(), incomplete: Grade::B }
    }
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
    /// What a better grade would have taken; `None` for the best.
    pub next: Option<Alternative>,
}

impl Decision {
    /// Decides without regard to defects; see [`Decision::decide_with`].
    #[must_use]
    pub fn decide(&self, fused: &Fused) -> Decided {
        let (score, u) = (fused.score.value(), fused.score.u());
        let from = ACCEPTED.map(|grade| self.scale.from(grade).get());
        let (reached, probabilities) = self.reached(fused.score);

        // Places in the order of `Grade::ALL`; 4 is REJECT.
        let point = from.iter().position(|threshold| score >= *threshold).unwrap_or(4);
        let certain = |k: usize| u <= 0.0 || score - from[k] >= self.guard.width[k] * u;
        let decided = (point..4).find(|k| self.guard.asked_for(*k).all(certain)).unwrap_or(4);

        // The probability of the point grade's interval, from the uncertainty that the sensors state themselves.
        let point_probability = if fused.u_unscaled < u {
            let reach = |k: usize| probability_of_reaching(score, fused.u_unscaled, from[k]);
            (if point < 4 { reach(point) } else { 1.0 }) - point.checked_sub(1).map_or(0.0, reach)
        } else {
            probabilities[point]
        };
        let agreement = 1.0 - fused.conflict.get();
        Decided {
            point: Grade::ALL[point],
            grade: Grade::ALL[decided],
            cap: if decided > point { Cap::Guard } else { Cap::None },
            probabilities,
            conformity_probability: Score::nearest(reached.get(decided).map_or(1.0, |reached| *reached)),
            point_probability: Score::nearest(point_probability),
            confidence_raw: Score::nearest(point_probability * agreement * fused.coverage.get()),
            next: self.nearest_better(decided, score, u),
        }
    }

    /// The probability of each grade for a score with its uncertainty, in the order of [`Grade::ALL`]; they sum to 1.
    #[must_use]
    pub fn probabilities(&self, score: Measured) -> [f64; 5] {
        self.reached(score).1
    }

    /// The probability of reaching each grade that is sold or a better one, and of being exactly each grade.
    fn reached(&self, score: Measured) -> ([f64; 4], [f64; 5]) {
        let reach = |grade| probability_of_reaching(score.value(), score.u(), self.scale.from(grade).get());
        let reached = ACCEPTED.map(reach);
        let mut probabilities = [0.0; 5];
        let mut above = 0.0;
        // Anybody reaches REJECT.
        for (slot, reached) in probabilities.iter_mut().zip(reached.into_iter().chain([1.0])) {
            *slot = (reached - above).max(0.0);
            above = reached;
        }
        (reached, probabilities)
    }

    /// Decides, then caps by the defects and by `coverage`, the share of the evidence that was there; see [`Cap::on`].
    #[must_use]
    pub fn decide_with(&self, fused: &Fused, defects: &[Defect], coverage: Score) -> Decided {
        let decided = self.decide(fused);
        let gravest = defects.iter().map(|defect| defect.severity).max();
        let cap = Cap::on(gravest, coverage);
        let cap = cap.map(|(best, cap)| (if cap == Cap::Coverage { best.min(self.incomplete) } else { best }, cap));
        match cap {
            Some((best, cap)) if best < decided.grade => {
                // The probabilities are of exactly one grade; of that one or better they sum.
                let reached = Grade::ALL.iter().zip(decided.probabilities).filter(|(grade, _)| **grade >= best);
                let conformity_probability = Score::nearest(reached.map(|(_, probability)| probability).sum());
                let next = Some(Alternative { grade: decided.grade, score: None, u: None });
                Decided { grade: best, cap, conformity_probability, next, ..decided }
            }
            _ => decided,
        }
    }

    /// The better grade that takes the lowest score at this uncertainty, and what it takes.
    fn nearest_better(&self, decided: usize, score: f64, u: f64) -> Option<Alternative> {
        // From the next better grade on: of two that take the same score, the worse is nearer.
        let needed = |place: usize| {
            let from = |k: usize| self.scale.from(ACCEPTED[k]).get();
            // Never below the grade's own threshold: the guard only ever asks for more.
            let guarded = self.guard.asked_for(place).map(|k| from(k) + self.guard.width[k] * u);
            (place, guarded.fold(from(place), f64::max))
        };
        let (place, needed) = (0..decided).rev().map(needed).min_by(|a, b| a.1.total_cmp(&b.1))?;
        // The score as it is must reach the grade; then each guard asks for an uncertainty of at most margin/width.
        let margin = |k: usize| score - self.scale.from(ACCEPTED[k]).get();
        let widest = self.guard.asked_for(place).filter(|k| self.guard.width[*k] > 0.0);
        let most = widest.map(|k| margin(k) / self.guard.width[k]).fold(f64::INFINITY, f64::min);
        let reachable = margin(place) >= 0.0 && most > 0.0 && most < u;
        Some(Alternative { grade: ACCEPTED[place], score: Score::new(needed).ok(), u: reachable.then_some(most) })
    }
}

/// The grades that are sold, from best to worst.
const ACCEPTED: [Grade; 4] = [Grade::APlus, Grade::A, Grade::B, Grade::C];

/// P(quality ≥ threshold) for a quality of N(score, u); without uncertainty it is certain one way or the other.
fn probability_of_reaching(score: f64, u: f64, threshold: f64) -> f64 {
    if u > 0.0 { normal_cdf((score - threshold) / u) } else { f64::from(u8::from(score >= threshold)) }
}
