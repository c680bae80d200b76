//! [`FusionRule`]: how several pieces of evidence become one score.

use arrayvec::ArrayVec;
use sqal_core::{Measured, Score, power_mean::MAX_TERMS, verdict::RuleKind};

/// Joins several pieces of evidence into one.
///
/// The type of the evidence is part of the rule's type, because joining unlike evidence is the most
/// common mistake of fusion:
///
/// | question | evidence | rules |
/// |---|---|---|
/// | how good is it, by several *different attributes*? | [`crate::Evidence`]: a score, a weight, a reliability | [`crate::PowerMeanRule`] |
/// | how large is it, by several readings of *one measurand*? | [`crate::Replicate`]: a value with its uncertainty | [`crate::InverseVariance`] |
/// | which one is it, by several *witnesses*? | [`crate::Belief`]: masses on sets of hypotheses | [`crate::BeliefRule`] |
///
/// # Laws
///
/// Every rule keeps these laws for all evidence; property tests in this crate check each rule:
///
/// 1. a fused value lies between the smallest and the largest one;
/// 2. the order of the evidence changes nothing (to rounding);
/// 3. equal values fuse to that value, without conflict;
/// 4. scaling all weights by one positive factor changes nothing;
/// 5. missing evidence lowers the coverage, and never adds a value.
///
/// For beliefs, laws 1 and 3 hold for certainties: a hypothesis that every witness excludes has no
/// mass.
pub trait FusionRule {
    /// The type of the pieces of evidence that are joined.
    type Input;
    /// The type of the result.
    type Output;

    /// Fuses the evidence.
    ///
    /// # Errors
    ///
    /// [`FusionError::NoEvidence`] if no piece of evidence counts. The other errors depend on the
    /// rule.
    fn fuse(&self, evidence: &[Self::Input]) -> Result<Self::Output, FusionError>;

    /// The kind of this rule, as an explained verdict names it.
    fn kind(&self) -> RuleKind {
        RuleKind::Other
    }
}

/// Why evidence could not be fused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FusionError {
    /// No sensor gave a score that counts.
    #[error("no sensor gave a score that counts")]
    NoEvidence,
    /// More pieces of evidence than the rule takes.
    #[error("{given} pieces of evidence: at most {most} can be fused")]
    TooMuch {
        /// The number of pieces given.
        given: usize,
        /// The most pieces that the rule takes.
        most: usize,
    },
    /// The witnesses contradict each other in every combination, so no conclusion follows.
    #[error("the witnesses contradict each other in everything")]
    TotalConflict,
    /// The beliefs have different numbers of hypotheses.
    #[error("the beliefs answer different questions")]
    DifferentQuestions,
    /// The numbers are so large, small or exact that the result is not a finite number.
    #[error("the numbers are too large, too small or too exact to be fused")]
    OutOfRange,
}

/// A fused score and the figures behind it.
///
/// A rule of another crate begins with [`FusedScore::new`] and sets the figures that it knows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FusedScore {
    /// The score with its standard uncertainty, widened by the Birge ratio when the sensors
    /// disagree.
    pub score: Measured,
    /// The standard uncertainty of the score before widening.
    pub u_unscaled: f64,
    /// The scatter of the sensors over the scatter that their uncertainties predict, at least 1.
    pub birge: f64,
    /// 1 − 1/birge²: 0 for agreement, towards 1 for disagreement.
    pub conflict: Score,
    /// The share of the total weight that was present and reliable.
    pub coverage: Score,
    /// The derivative of the fused score with respect to each sensor's score, in the order of the
    /// evidence; 0 for a missing one.
    pub sensitivities: ArrayVec<f64, MAX_TERMS>,
}

impl FusedScore {
    /// A score from sensors that agree and that were all present and reliable, with unknown
    /// sensitivities.
    ///
    /// ```
    /// use sqal_core::{Measured, Score};
    /// use sqal_fusion::{DecisionRule, FusedScore};
    ///
    /// let mut fused = FusedScore::new(Measured::new(0.89, 0.02)?);
    /// fused.coverage = Score::new(0.5)?; // one of two sensors was blind
    /// assert_eq!(DecisionRule::default().decide(&fused).grade.as_str(), "A");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn new(score: Measured) -> Self {
        Self {
            score,
            u_unscaled: score.u(),
            birge: 1.0,
            conflict: Score::ZERO,
            coverage: Score::ONE,
            sensitivities: ArrayVec::new_const(),
        }
    }
}
