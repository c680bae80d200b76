//! [`PowerMeanRule`]: the rule for different attributes of one product.

use sqal_core::{
    Measured, Score,
    power_mean::{Exponent, MAX_TERMS, power_mean},
    verdict::RuleKind,
};

use crate::{Evidence, FusedScore, FusionError, FusionRule};

/// The standard deviation of a score without any knowledge: uniform on 0 to 1.
const SIGMA_PRIOR: f64 = 0.288_675_134_594_812_9;

/// The variance below which a sensor counts as exact. It keeps the conflict finite if both sensors
/// report no uncertainty.
const LEAST_VARIANCE: f64 = 1e-18;

/// The weighted power mean, with GUM propagation, and a Birge test against the usual disparity of
/// the attributes.
///
/// With weights w' = wρ/Σwρ over the sensors that gave a score:
///
/// ```text
/// F        = M_p(S; w')                          coverage = Σ wρ (present) / Σ w (all)
/// u0²      = c'Vc + ((1 − coverage)/√12)²        c = ∂F/∂S, V from u and the correlation
/// B²       = max(1, Σ (S − m)²/v / (n − 1))      v = u² + disparity², m = Σ(S/v)/Σ(1/v), S before defects
/// conflict = 1 − 1/B²                            u(F) = B u0
/// ```
///
/// A good shape with a bad colour is ordinary and no fault of a sensor. `disparity` states how far
/// the two attributes usually differ. Only scatter beyond it and beyond the sensors' own
/// uncertainties counts as conflict.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct PowerMeanRule {
    exponent: Exponent,
    correlation: f64,
    disparity: f64,
}

/// Why numbers are not valid settings of the rule.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// The correlation between the sensors' errors.
    #[error("correlation {0} is outside 0 to 1")]
    Correlation(f64),
    /// The usual disparity between the attributes.
    #[error("disparity {0} is not a number of at least 0")]
    Disparity(f64),
}

impl PowerMeanRule {
    /// A rule from its exponent, the correlation between the sensors' errors (0 to 1), and the
    /// usual disparity between the attributes. The disparity is a standard deviation per sensor, at
    /// least 0, estimated on reference trays.
    ///
    /// # Errors
    ///
    /// [`InvalidRule`] names the number that is out of range.
    pub fn new(exponent: Exponent, correlation: f64, disparity: f64) -> Result<Self, InvalidRule> {
        if !(0.0..=1.0).contains(&correlation) {
            Err(InvalidRule::Correlation(correlation))
        } else if !(disparity >= 0.0 && disparity.is_finite()) {
            Err(InvalidRule::Disparity(disparity))
        } else {
            Ok(Self { exponent, correlation, disparity })
        }
    }
}

impl Default for PowerMeanRule {
    /// The harmonic mean, uncorrelated errors, and a disparity of 0.10, which is a placeholder for
    /// the product's own value.
    fn default() -> Self {
        Self { exponent: Exponent::HARMONIC, correlation: 0.0, disparity: 0.10 }
    }
}

impl FusionRule for PowerMeanRule {
    type Input = Evidence;
    type Output = FusedScore;

    fn kind(&self) -> RuleKind {
        match self.exponent {
            Exponent::HARMONIC => RuleKind::HarmonicMean,
            Exponent::ARITHMETIC => RuleKind::WeightedAverage,
            Exponent::MINIMUM => RuleKind::WorstScore,
            _ => RuleKind::PowerMean,
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
    fn fuse(&self, evidence: &[Evidence]) -> Result<FusedScore, FusionError> {
        if evidence.len() > MAX_TERMS {
            return Err(FusionError::TooMuch { given: evidence.len(), most: MAX_TERMS });
        }
        let mut terms = [(Score::ZERO, 0.0); MAX_TERMS];
        for (term, one) in terms.iter_mut().zip(evidence) {
            let score = one.score().map_or(Score::ZERO, |score| Score::nearest(score.value()));
            *term = (score, one.effective_weight());
        }
        let mean = power_mean(&terms[..evidence.len()], self.exponent).ok_or(FusionError::NoEvidence)?;

        // c'Vc with one correlation r for every pair: (1 − r) Σ(cu)² + r (Σcu)².
        let (mut sum, mut squares) = (0.0, 0.0);
        for (one, sensitivity) in evidence.iter().zip(&mean.sensitivities) {
            let cu = sensitivity * one.score().map_or(0.0, Measured::u);
            sum += cu;
            squares += cu * cu;
        }
        let all: f64 = evidence.iter().map(Evidence::weight).sum();
        let there: f64 = evidence.iter().map(Evidence::effective_weight).sum();
        let coverage = there / all;
        let gap = (1.0 - coverage).max(0.0) * SIGMA_PRIOR;
        let u_unscaled = libm::sqrt((1.0 - self.correlation) * squares + self.correlation * sum * sum + gap * gap);

        let birge = self.birge(evidence);
        let score = Measured::new(mean.score.get(), birge * u_unscaled).map_err(|_| FusionError::OutOfRange)?;
        Ok(FusedScore {
            score,
            u_unscaled,
            birge,
            conflict: Score::nearest(1.0 - 1.0 / (birge * birge)),
            coverage: Score::nearest(coverage),
            sensitivities: mean.sensitivities,
        })
    }
}

impl PowerMeanRule {
    /// The Birge ratio of the counted scores, against their variances and the usual disparity; 1
    /// for a single score.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
    fn birge(&self, evidence: &[Evidence]) -> f64 {
        // Value and variance of each counted score.
        let (mut spoken, mut count) = ([(0.0, 0.0); MAX_TERMS], 0);
        for one in evidence {
            if let Some(claim) = one.claim().filter(|_| one.effective_weight() > 0.0) {
                let variance = claim.u() * claim.u() + self.disparity * self.disparity;
                spoken[count] = (claim.value(), variance.max(LEAST_VARIANCE));
                count += 1;
            }
        }
        let chi2 = match &spoken[..count] {
            [] | [_] => return 1.0,
            // For two scores, the sum is this quotient, without a mean.
            [(a, v), (b, w)] => (a - b) * (a - b) / (v + w),
            several => {
                let weights: f64 = several.iter().map(|(_, variance)| 1.0 / variance).sum();
                let mean = several.iter().map(|(value, variance)| value / variance).sum::<f64>() / weights;
                several.iter().map(|(value, variance)| (value - mean) * (value - mean) / variance).sum()
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "at most 7")]
        let freedom = (count - 1) as f64;
        libm::sqrt((chi2 / freedom).max(1.0))
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    exponent: Exponent,
    correlation: f64,
    disparity: f64,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for PowerMeanRule {
    type Error = InvalidRule;

    fn try_from(raw: Raw) -> Result<Self, InvalidRule> {
        Self::new(raw.exponent, raw.correlation, raw.disparity)
    }
}

#[cfg(feature = "serde")]
impl From<PowerMeanRule> for Raw {
    fn from(rule: PowerMeanRule) -> Self {
        let PowerMeanRule { exponent, correlation, disparity } = rule;
        Self { exponent, correlation, disparity }
    }
}
