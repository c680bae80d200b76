//! [`Evidence`]: the contribution of one sensor to a fusion.

use sqal_core::{Measured, Score};

/// The score of one sensor, its weight, and its present reliability.
///
/// A sensor without a score is evidence too ([`Evidence::missing`]), because it lowers the
/// coverage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    score: Option<Measured>,
    before_defects: Option<Measured>,
    weight: f64,
    reliability: Score,
}

/// Why a score cannot be evidence.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvidence {
    /// The score lies outside 0 to 1.
    #[error("score {0} is outside 0 to 1")]
    Score(f64),
    /// The weight is not a positive number. (In [`SensorWeights`](crate::SensorWeights), one of the
    /// two may be 0.)
    #[error("weight {0}: expected a positive number, or 0 for one of two sensors")]
    Weight(f64),
}

impl Evidence {
    /// A sensor's score (0 to 1) with its weight among the sensors and its reliability.
    ///
    /// # Errors
    ///
    /// [`InvalidEvidence`] if the score is outside 0 to 1 or the weight is not finite and positive.
    pub fn new(score: Measured, weight: f64, reliability: Score) -> Result<Self, InvalidEvidence> {
        if !(0.0..=1.0).contains(&score.value()) {
            return Err(InvalidEvidence::Score(score.value()));
        }
        Self::missing(weight).map(|missing| Self {
            score: Some(score),
            before_defects: Some(score),
            reliability,
            ..missing
        })
    }

    /// The evidence with the score that the sensor would have given without its defects.
    ///
    /// Agreement is judged on that score. A defect that only one sensor found lowers the fused
    /// score, but it is no disagreement. Otherwise a defect on the better sensor would bring the
    /// two scores together, narrow the uncertainty, and could *raise* the grade.
    #[must_use]
    pub const fn before_defects(mut self, score: Measured) -> Self {
        self.before_defects = Some(score);
        self
    }

    /// The score on which agreement is judged.
    pub(crate) const fn claim(&self) -> Option<Measured> {
        self.before_defects
    }

    /// The evidence of a sensor that was expected to give a score and gave none.
    ///
    /// # Errors
    ///
    /// [`InvalidEvidence::Weight`] if the weight is not finite and positive.
    pub fn missing(weight: f64) -> Result<Self, InvalidEvidence> {
        if weight.is_finite() && weight > 0.0 {
            Ok(Self { score: None, before_defects: None, weight, reliability: Score::ZERO })
        } else {
            Err(InvalidEvidence::Weight(weight))
        }
    }

    /// The score, if the sensor gave one.
    #[must_use]
    #[inline]
    pub const fn score(&self) -> Option<Measured> {
        self.score
    }

    /// The weight, positive.
    #[must_use]
    #[inline]
    pub const fn weight(&self) -> f64 {
        self.weight
    }

    /// The weight times the reliability; 0 if the sensor gave no score.
    #[must_use]
    #[inline]
    pub fn effective_weight(&self) -> f64 {
        if self.score.is_some() { self.weight * self.reliability.get() } else { 0.0 }
    }
}
