//! [`Traced`]: a quantity with the part of its uncertainty that comes from each band.
//!
//! Quantities from one reading are thus joined with their true correlation.

use sqal_core::{
    Measured, Score,
    power_mean::{Exponent, power_mean},
};

use crate::Desirability;
use crate::desirability::{SIGMA_PRIOR, measured};

/// A value with the part of its standard uncertainty from each of F1 to F8 (with its sign), and the
/// variance from other sources.
///
/// It follows the first-order rule of the GUM (JCGM 100:2008, 5.2) with the eight readings as
/// inputs: u² = Σ(∂f/∂Rₖ u(Rₖ))² + the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traced {
    pub(super) value: f64,
    pub(super) along: [f64; 8],
    pub(super) apart: f64,
}

impl Traced {
    /// A quantity of one band alone.
    pub(super) fn of_band(band: usize, quantity: Measured) -> Self {
        let along = core::array::from_fn(|k| if k == band { quantity.u() } else { 0.0 });
        Self { value: quantity.value(), along, apart: 0.0 }
    }

    /// a·self + b·other + constant.
    pub(super) fn plus(self, a: f64, other: Self, b: f64) -> Self {
        Self {
            value: a * self.value + b * other.value,
            along: core::array::from_fn(|k| a * self.along[k] + b * other.along[k]),
            apart: a * a * self.apart + b * b * other.apart,
        }
    }

    /// A function of this quantity alone, from its value and its slope there.
    pub(super) fn through(self, value: f64, slope: f64) -> Self {
        Self { value, along: self.along.map(|a| slope * a), apart: slope * slope * self.apart }
    }

    /// The standard uncertainty.
    pub(super) fn u(&self) -> f64 {
        libm::sqrt(self.along.iter().map(|a| a * a).sum::<f64>() + self.apart)
    }

    /// The quantity without the origin of its uncertainty; `None` if it is not finite.
    pub(super) fn measured(&self) -> Option<Measured> {
        measured(self.value, self.u())
    }

    /// The score against a specification, with the closed form's value and standard uncertainty,
    /// along the same bands.
    pub(super) fn meets(self, specification: &Desirability) -> Option<Self> {
        let found = specification.of_measured(self.measured()?);
        let (u, rising) = (self.u(), specification.rises_at(self.value));
        let slope = if u > 0.0 { found.u() / u } else { 0.0 };
        Some(self.through(found.value(), if rising { slope } else { -slope }))
    }
}

/// The harmonic mean of the known parts, and the share of the weight that is known; `None` if no
/// part of positive weight is known.
///
/// A part of weight 0 has no effect. An unknown part adds the spread of a uniform score times its
/// share of the weight.
pub(super) fn join<const N: usize>(parts: [(f64, Option<Traced>); N]) -> Option<(Traced, Score)> {
    let terms =
        parts.map(|(weight, part)| part.map_or((Score::ZERO, 0.0), |part| (Score::nearest(part.value), weight)));
    let mean = power_mean(&terms, Exponent::HARMONIC)?;
    let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
    let coverage = terms.iter().map(|(_, weight)| weight).sum::<f64>() / total;
    let gap = (1.0 - coverage).max(0.0) * SIGMA_PRIOR;
    let mut joined = Traced { value: mean.score.get(), along: [0.0; 8], apart: gap * gap };
    for ((_, part), c) in parts.iter().zip(&mean.sensitivities) {
        if let Some(part) = part {
            for (sum, a) in joined.along.iter_mut().zip(part.along) {
                *sum += c * a;
            }
            joined.apart += c * c * part.apart;
        }
    }
    Some((joined, Score::nearest(coverage)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(k: usize, value: f64, u: f64) -> Traced {
        Traced::of_band(k, Measured::new(value, u).unwrap())
    }

    #[test]
    fn what_comes_from_one_band_adds_and_from_two_adds_in_squares() {
        let a = band(2, 0.5, 0.03);
        assert!((a.plus(1.0, band(2, 0.1, 0.04), 1.0).u() - 0.07).abs() < 1e-15);
        assert!((a.plus(1.0, band(3, 0.1, 0.04), 1.0).u() - 0.05).abs() < 1e-15);
        // A reading minus itself is exactly 0.
        assert!(a.plus(1.0, a, -1.0).u() < 1e-15);
    }

    #[test]
    fn a_part_of_weight_0_counts_in_nothing() {
        let known = band(1, 0.5, 0.03);
        assert!(join([(0.0, Some(known)), (0.0, None)]).is_none());
        let (joined, coverage) = join([(0.0, Some(band(1, 0.1, 0.5))), (1.0, Some(known)), (0.0, None)]).unwrap();
        assert_eq!((joined.value.to_bits(), coverage), (known.value.to_bits(), Score::ONE));
        assert!((joined.u() - known.u()).abs() < 1e-15);
    }

    #[test]
    fn two_scores_of_one_reading_that_pull_apart_steady_their_mean() {
        let x = band(0, 0.0, 0.5);
        let up = x.meets(&Desirability::Larger { at: 0.0, width: 1.0 }).unwrap();
        let down = x.meets(&Desirability::Smaller { at: 0.0, width: 1.0 }).unwrap();
        let (opposed, _) = join([(1.0, Some(up)), (1.0, Some(down))]).unwrap();
        let (alike, _) = join([(1.0, Some(up)), (1.0, Some(up))]).unwrap();
        assert!(opposed.u() < 1e-12 && (alike.u() - up.u()).abs() < 1e-12);
    }
}
