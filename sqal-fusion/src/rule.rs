//! [`FusionRule`]: how several pieces of evidence become one score.

use arrayvec::ArrayVec;
use sqal_core::{MAX_TERMS, Measured, RuleKind, Score};

/// Joins several pieces of evidence into one.
///
/// What is joined is part of the rule's type, because joining the wrong things is the classic mistake of fusion:
///
/// | question | evidence | rules |
/// |---|---|---|
/// | how good is it, by several *different attributes*? | [`crate::Evidence`]: a score, a weight, a reliability | [`crate::PowerMeanRule`] |
/// | how large is it, by several readings of *one measurand*? | [`crate::Replicate`]: a value with its uncertainty | [`crate::InverseVariance`] |
/// | which one is it, by several *witnesses*? | [`crate::Belief`]: masses on sets of hypotheses | [`crate::BeliefRule`] |
///
/// # Laws
///
/// For every rule, whatever the evidence (property tests in this crate hold each rule to them):
///
/// 1. a fused value lies between the smallest and the largest one;
/// 2. the order of the evidence changes nothing (to rounding);
/// 3. equal values fuse to that value, without conflict;
/// 4. scaling all weights by one positive factor changes nothing;
/// 5. evidence that is missing changes the coverage, never invents a value.
///
/// For beliefs, 1 and 3 hold for what is certain: a hypothesis that every witness excludes gets nothing.
pub trait FusionRule {
    /// What is joined.
    type Evidence;
    /// What it becomes.
    type Fused;

    /// Fuses the evidence.
    ///
    /// # Errors
    ///
    /// [`FusionError::NoEvidence`] if there is none that counts; the rest depends on the rule.
    fn fuse(&self, evidence: &[Self::Evidence]) -> Result<Self::Fused, FusionError>;

    /// What a verdict that explains itself calls this rule.
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
        /// How many there are.
        given: usize,
        /// How many the rule takes.
        most: usize,
    },
    /// The witnesses contradict each other in everything: whatever were concluded would be invented.
    #[error("the witnesses contradict each other in everything")]
    TotalConflict,
    /// The beliefs are about different numbers of hypotheses.
    #[error("the beliefs answer different questions")]
    DifferentQuestions,
    /// The numbers are so large, so small or so exact that the result is not a finite number.
    #[error("the numbers are too large, too small or too exact to be fused")]
    OutOfRange,
}

/// A fused score and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Fused {
    /// The score with its standard uncertainty, widened by the Birge ratio when the sensors disagree.
    pub score: Measured,
    /// The standard uncertainty before widening.
    pub u_unscaled: f64,
    /// How many times more the sensors scatter than they promise, at least 1.
    pub birge: f64,
    /// 1 − 1/birge²: 0 for agreement, towards 1 for disagreement.
    pub conflict: Score,
    /// The share of the total weight that was there and reliable.
    pub coverage: Score,
    /// ∂score/∂score of each sensor, in the order of the evidence; 0 for a missing one.
    pub sensitivities: ArrayVec<f64, MAX_TERMS>,
}
