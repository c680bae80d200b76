//! Joins repeated readings of *one* quantity into one value.
//!
//! The methods are inverse variance, Birge, random effects and covariance intersection.

use sqal_core::Measured;

use crate::{Covariance, FusionError, FusionRule};

/// One of several readings of one measurand: one height by two sensors, one tile in five shots.
///
/// It is a type of its own, so that two *different* attributes cannot be averaged this way: a good
/// colour does not make a shape any more certain. Different attributes are [`crate::Evidence`], and
/// their rule is [`crate::PowerMeanRule`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replicate(Measured);

/// A reading whose uncertainty gives no valid weight, such as one of 0, beside which no other
/// reading would count.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "standard uncertainty {0} cannot weigh a reading: its square and its inverse square must be finite and positive"
)]
pub struct InvalidReplicate(pub f64);

impl Replicate {
    /// A reading with its standard uncertainty.
    ///
    /// # Errors
    ///
    /// [`InvalidReplicate`] if the uncertainty is 0, or so small or large that its weight 1/u² is
    /// not a positive number.
    pub fn new(reading: Measured) -> Result<Self, InvalidReplicate> {
        let variance = reading.u() * reading.u();
        let usable = |number: f64| number > 0.0 && number.is_finite();
        if usable(variance) && usable(1.0 / variance) { Ok(Self(reading)) } else { Err(InvalidReplicate(reading.u())) }
    }

    /// The reading.
    #[must_use]
    pub const fn reading(self) -> Measured {
        self.0
    }
}

/// The weighted mean of replicates, with a choice for replicates that scatter more than their
/// uncertainties allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum InverseVariance {
    /// Excess scatter is ignored: u² = 1/Σw. Valid only if the uncertainties are complete.
    Internal,
    /// The uncertainty is widened by the Birge ratio √(χ²/(n − 1)) if that is above 1 (Birge 1932;
    /// the scale factor of CODATA and PDG).
    #[default]
    Birge,
    /// A variance between the readings is added to the variance of each, estimated by moments (Der
    /// Simonian and Laird 1986).
    DerSimonianLaird,
    /// A variance between the readings is added to the variance of each, from the equation Σ(x −
    /// m)²/(u² + τ²) = n − 1 (Paule and Mandel 1982).
    PauleMandel,
}

/// The value joined from several replicates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CombinedValue {
    /// The value with its standard uncertainty.
    pub value: Measured,
    /// Σ(x − m)²/u² about the inverse-variance mean.
    pub chi2: f64,
    /// √(χ²/(n − 1)): the scatter of the readings over the scatter that their uncertainties
    /// predict; 1 for a single reading.
    pub birge: f64,
    /// The variance between the readings, τ²; 0 unless a random-effects method was chosen.
    pub between: f64,
}

/// The weighted mean with weights 1/(u² + τ²): mean, Σw, and Σw(x − m)².
fn weighted(replicates: &[Replicate], between: f64) -> (f64, f64, f64) {
    let weight = |one: &Replicate| 1.0 / (one.0.u() * one.0.u() + between);
    let sum: f64 = replicates.iter().map(weight).sum();
    // Computed about the first reading, so that a large common part does not cost digits.
    let origin = replicates.first().map_or(0.0, |one| one.0.value());
    let mean = origin + replicates.iter().map(|one| weight(one) * (one.0.value() - origin)).sum::<f64>() / sum;
    let square = |one: &Replicate| weight(one) * (one.0.value() - mean) * (one.0.value() - mean);
    (mean, sum, replicates.iter().map(square).sum())
}

/// τ² of Der Simonian and Laird.
fn moments(replicates: &[Replicate], chi2: f64, freedom: f64) -> f64 {
    // Σw − Σw²/Σw, written as a sum of products. A difference would lose all digits if one reading
    // outweighs the others.
    let (mut sum, mut products) = (0.0, 0.0);
    for one in replicates {
        let weight = 1.0 / (one.0.u() * one.0.u());
        products += weight * sum;
        sum += weight;
    }
    // For a single reading the scale is 0.
    let scale = 2.0 * products / sum;
    if scale > 0.0 { ((chi2 - freedom) / scale).max(0.0) } else { 0.0 }
}

/// τ² of Paule and Mandel: the root of a falling, convex function, so Newton's steps approach it
/// from the left.
fn paule_mandel(replicates: &[Replicate], freedom: f64) -> f64 {
    let mut between = 0.0;
    // Convergence is quadratic. The bound is for readings so far apart that a step overflows.
    for _ in 0..200 {
        let (mean, _, chi2) = weighted(replicates, between);
        let excess = chi2 - freedom;
        let slope: f64 = replicates
            .iter()
            .map(|one| (one.0.value() - mean) / (one.0.u() * one.0.u() + between))
            .map(|pull| pull * pull)
            .sum();
        let step = excess / slope;
        // If the excess is not above 0, there is no scatter beyond the uncertainties, or the root
        // is reached. If it is NaN, there is no scatter at all.
        if !(excess > 1e-13 * freedom && step > 0.0) {
            break;
        }
        between += step;
    }
    between
}

impl FusionRule for InverseVariance {
    type Input = Replicate;
    type Output = CombinedValue;

    fn fuse(&self, replicates: &[Replicate]) -> Result<CombinedValue, FusionError> {
        if replicates.is_empty() {
            return Err(FusionError::NoEvidence);
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 replicates")]
        let freedom = (replicates.len() - 1) as f64;
        let (mean, sum, chi2) = weighted(replicates, 0.0);
        if !(sum.is_finite() && chi2.is_finite()) {
            return Err(FusionError::OutOfRange);
        }
        let birge = if freedom > 0.0 { libm::sqrt(chi2 / freedom) } else { 1.0 };
        let between = match self {
            Self::Internal | Self::Birge => 0.0,
            Self::DerSimonianLaird => moments(replicates, chi2, freedom),
            Self::PauleMandel => paule_mandel(replicates, freedom),
        };
        let (mean, sum) = if between > 0.0 {
            let (mean, sum, _) = weighted(replicates, between);
            (mean, sum)
        } else {
            (mean, sum)
        };
        let widening = if *self == Self::Birge { birge.max(1.0) } else { 1.0 };
        let value = Measured::new(mean, widening * libm::sqrt(1.0 / sum)).map_err(|_| FusionError::OutOfRange)?;
        Ok(CombinedValue { value, chi2, birge, between })
    }
}

/// `N` quantities estimated together: the state of one object as one source reports it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate<const N: usize> {
    /// The best estimates.
    pub value: [f64; N],
    /// The covariance of the estimates.
    pub covariance: Covariance<N>,
}

/// Joins two estimates of the same quantities whose correlation is unknown (Julier and Uhlmann
/// 1997).
///
/// P⁻¹ = ωA⁻¹ + (1 − ω)B⁻¹ with the ω in 0 to 1 that gives the least trace of P. The result never
/// understates the uncertainty, whatever the correlation is. For a single quantity it is the less
/// uncertain of the two estimates.
///
/// # Errors
///
/// [`FusionError::OutOfRange`] if a covariance is singular, because an exactly known quantity needs
/// no fusion.
pub fn covariance_intersection<const N: usize>(
    a: &Estimate<N>,
    b: &Estimate<N>,
) -> Result<(Estimate<N>, f64), FusionError> {
    let refused = || FusionError::OutOfRange;
    let information_a = a.covariance.inverse().ok_or_else(refused)?;
    let information_b = b.covariance.inverse().ok_or_else(refused)?;
    let joined = |omega: f64| -> Option<Covariance<N>> {
        let information = core::array::from_fn(|row| {
            core::array::from_fn(|k| omega * information_a[row][k] + (1.0 - omega) * information_b[row][k])
        });
        Covariance::new(Covariance::new(information).ok()?.inverse()?).ok()
    };
    // d tr(P)/dω = −tr(P (A⁻¹ − B⁻¹) P), and tr(P) is convex, so the root is bisected on the sign
    // of the slope.
    let slope = |p: &Covariance<N>| -> f64 {
        let difference = |row: usize, column: usize| information_a[row][column] - information_b[row][column];
        let square = |i: usize, j: usize| -> f64 { (0..N).map(|k| p.matrix()[i][k] * p.matrix()[k][j]).sum() };
        -(0..N).flat_map(|i| (0..N).map(move |j| (i, j))).map(|(i, j)| difference(i, j) * square(j, i)).sum::<f64>()
    };
    let rises_at = |omega: f64| joined(omega).map(|p| slope(&p) > 0.0).ok_or_else(refused);
    let omega = if rises_at(0.0)? {
        0.0
    } else if !rises_at(1.0)? {
        1.0
    } else {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            *(if rises_at(middle)? { &mut high } else { &mut low }) = middle;
        }
        0.5 * (low + high)
    };
    let covariance = joined(omega).ok_or_else(refused)?;
    let weighed: [f64; N] = core::array::from_fn(|row| {
        (0..N)
            .map(|k| omega * information_a[row][k] * a.value[k] + (1.0 - omega) * information_b[row][k] * b.value[k])
            .sum()
    });
    let value = core::array::from_fn(|row| (0..N).map(|k| covariance.matrix()[row][k] * weighed[k]).sum());
    Ok((Estimate { value, covariance }, omega))
}
