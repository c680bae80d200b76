//! [`FusionRule`]: how several pieces of evidence become one score.

use arrayvec::ArrayVec;
use sqal_core::{MAX_TERMS, Measured, Score};

use crate::Evidence;

/// Joins evidence into one score.
///
/// # Laws
///
/// For every rule, whatever the evidence (property tests in this crate hold each rule to them):
///
/// 1. the fused score lies between the smallest and the largest score;
/// 2. the order of the evidence changes nothing;
/// 3. equal scores fuse to that score, without conflict;
/// 4. scaling all weights by one positive factor changes nothing;
/// 5. a missing sensor changes the coverage, never invents a score.
pub trait FusionRule {
    /// Fuses the evidence.
    ///
    /// # Errors
    ///
    /// [`FusionError::NoEvidence`] if no sensor gave a score that counts; [`FusionError::TooMuch`] for more than
    /// [`MAX_TERMS`] pieces of evidence.
    fn fuse(&self, evidence: &[Evidence]) -> Result<Fused, FusionError>;
}

/// Why evidence could not be fused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FusionError {
    /// No sensor gave a score that counts.
    #[error("no sensor gave a score that counts")]
    NoEvidence,
    /// More pieces of evidence than a mean takes.
    #[error("{0} pieces of evidence: at most {MAX_TERMS} can be fused")]
    TooMuch(usize),
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
