//! [`Evidence`]: what one sensor brings to a fusion.

use sqal_core::{Measured, Score};

/// One sensor's score, how much it counts, and how far it is to be trusted now.
///
/// A sensor that gave nothing is evidence too ([`Evidence::missing`]): it is what lowers the coverage.
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
pub enum NotEvidence {
    /// The score lies outside 0 to 1.
    #[error("score {0} is outside 0 to 1")]
    Score(f64),
    /// The weight is not a positive number; of two sensors one may have 0.
    #[error("weight {0}: expected a positive number, or 0 for one of two sensors")]
    Weight(f64),
}

impl Evidence {
    /// A sensor's score (0 to 1) with its weight among the sensors and its reliability.
    ///
    /// # Errors
    ///
    /// [`NotEvidence`] if the score is outside 0 to 1 or the weight is not finite and positive.
    pub fn new(score: Measured, weight: f64, reliability: Score) -> Result<Self, NotEvidence> {
        if !(0.0..=1.0).contains(&score.value()) {
            return Err(NotEvidence::Score(score.value()));
        }
        Self::missing(weight).map(|missing| Self {
            score: Some(score),
            before_defects: Some(score),
            reliability,
            ..missing
        })
    }

    /// The same evidence with the score that the sensor would have given without its defects.
    ///
    /// Agreement is judged on that score: a defect that one sensor found lowers the fused score, and is no disagreement. Otherwise a
    /// defect on the better sensor would bring the two together, narrow the uncertainty, and could *raise* the grade.
    #[must_use]
    pub const fn before_defects(mut self, score: Measured) -> Self {
        self.before_defects = Some(score);
        self
    }

    /// What agreement is judged on.
    pub(crate) const fn claim(&self) -> Option<Measured> {
        self.before_defects
    }

    /// A sensor that should have spoken and did not.
    ///
    /// # Errors
    ///
    /// [`NotEvidence::Weight`] if the weight is not finite and positive.
    pub fn missing(weight: f64) -> Result<Self, NotEvidence> {
        if weight.is_finite() && weight > 0.0 {
            Ok(Self { score: None, before_defects: None, weight, reliability: Score::ZERO })
        } else {
            Err(NotEvidence::Weight(weight))
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

    /// The weight times the reliability: what the sensor counts now, 0 if it is missing.
    #[must_use]
    #[inline]
    pub fn effective_weight(&self) -> f64 {
        if self.score.is_some() { self.weight * self.reliability.get() } else { 0.0 }
    }
}
