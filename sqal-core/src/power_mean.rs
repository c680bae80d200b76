//! [`power_mean`]: the weighted power mean of scores with its sensitivities, which is the value
//! function of SQAL.

use arrayvec::ArrayVec;

use crate::Score;

/// The largest number of terms of a mean.
pub const MAX_TERMS: usize = 8;

/// Sensitivities to a score below this floor are computed at the floor, where they are still
/// finite.
const FLOOR: f64 = 1e-6;

/// The exponent of a power mean, from −∞ (the worst score alone) over −1 (harmonic) to 1 (the
/// weighted average).
///
/// An exponent of at most 1 means that a good attribute never fully buys back a bad one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Exponent(f64);

/// The number is not a usable exponent: it is NaN or above 1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("exponent {0} is not usable: expected a number of at most 1")]
pub struct InvalidExponent(pub f64);

impl Exponent {
    /// The harmonic mean.
    pub const HARMONIC: Self = Self(-1.0);
    /// The weighted average, as the prototype did.
    pub const ARITHMETIC: Self = Self(1.0);
    /// The worst score alone.
    pub const MINIMUM: Self = Self(f64::NEG_INFINITY);

    /// An exponent from a number.
    ///
    /// # Errors
    ///
    /// [`InvalidExponent`] if the number is NaN or above 1.
    pub const fn new(p: f64) -> Result<Self, InvalidExponent> {
        if p <= 1.0 { Ok(Self(p)) } else { Err(InvalidExponent(p)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Default for Exponent {
    fn default() -> Self {
        Self::HARMONIC
    }
}

impl TryFrom<f64> for Exponent {
    type Error = InvalidExponent;

    fn try_from(p: f64) -> Result<Self, InvalidExponent> {
        Self::new(p)
    }
}

impl From<Exponent> for f64 {
    fn from(exponent: Exponent) -> Self {
        exponent.0
    }
}

/// A power mean and how it reacts to each of its scores.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PowerMean {
    /// The mean.
    pub score: Score,
    /// ∂mean/∂score for each term in the order given; at most 1/weight for the harmonic mean.
    pub sensitivities: ArrayVec<f64, MAX_TERMS>,
}

/// The weighted power mean M = (Σ w s^p)^(1/p) with the weights normalised to one, and ∂M/∂s = w
/// (s/M)^(p−1).
///
/// `None` if there are no terms or more than [`MAX_TERMS`], if a weight is negative or not finite,
/// or if the sum of the weights is 0 or not finite.
///
/// ```
/// use sqal_core::{power_mean::{Exponent, power_mean}, Score};
///
/// let [good, bad] = [Score::new(0.98)?, Score::new(0.45)?];
/// let harmonic = power_mean(&[(good, 1.0), (bad, 1.0)], Exponent::HARMONIC).unwrap();
/// assert!((harmonic.score.get() - 2.0 / (1.0 / 0.98 + 1.0 / 0.45)).abs() < 1e-15);
/// # Ok::<(), sqal_core::score::InvalidScore>(())
/// ```
#[must_use]
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
pub fn power_mean(terms: &[(Score, f64)], exponent: Exponent) -> Option<PowerMean> {
    let total: f64 = terms.iter().map(|(_, weight)| weight).sum();
    let usable = |weight: f64| weight.is_finite() && weight >= 0.0;
    if terms.len() > MAX_TERMS
        || !terms.iter().all(|(_, weight)| usable(*weight))
        || !(total > 0.0 && total.is_finite())
    {
        return None;
    }
    let present = terms.iter().map(|(score, weight)| (score.get(), weight / total)).filter(|(_, weight)| *weight > 0.0);
    let worst = present.clone().map(|(score, _)| score).fold(1.0, f64::min);
    let best = present.clone().map(|(score, _)| score).fold(0.0, f64::max);

    if exponent == Exponent::HARMONIC && worst >= FLOOR {
        return Some(harmonic_mean(terms, total, worst, best));
    }
    let mean = raw_mean(present.clone(), worst, best, exponent.get());
    let floored = if worst >= FLOOR {
        mean
    } else {
        let present = present.map(|(score, weight)| (score.max(FLOOR), weight));
        raw_mean(present, worst.max(FLOOR), best.max(FLOOR), exponent.get())
    };
    let slope = |(score, weight): &(Score, f64)| {
        let (score, weight) = (score.get().max(FLOOR), weight / total);
        if weight <= 0.0 {
            0.0
        } else if exponent.get() == f64::NEG_INFINITY {
            f64::from(u8::from(score <= floored))
        } else {
            weight * power(score / floored, exponent.get() - 1.0)
        }
    };
    // In exact arithmetic the mean lies between its scores; the clamp removes the last bit of
    // rounding.
    Some(PowerMean { score: Score::nearest(mean.clamp(worst, best)), sensitivities: terms.iter().map(slope).collect() })
}

/// The harmonic mean, the usual case, of scores of at least `FLOOR`, computed without a power.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
fn harmonic_mean(terms: &[(Score, f64)], total: f64, worst: f64, best: f64) -> PowerMean {
    // A term of weight 0 may have any score, also 0, and adds nothing.
    let part = |(score, weight): &(Score, f64)| if *weight > 0.0 { weight / (score.get() * total) } else { 0.0 };
    let mean = 1.0 / terms.iter().map(part).sum::<f64>();
    // w (M/s)² = (w/s) M · M/s.
    let slope = |term: &(Score, f64)| if term.1 > 0.0 { part(term) * mean * (mean / term.0.get()) } else { 0.0 };
    PowerMean { score: Score::nearest(mean.clamp(worst, best)), sensitivities: terms.iter().map(slope).collect() }
}

/// xᵖ. The arithmetic and the harmonic mean, the usual cases, need no logarithm.
#[expect(clippy::float_cmp, reason = "exactly these")]
#[inline]
fn power(x: f64, p: f64) -> f64 {
    if p == -1.0 {
        1.0 / x
    } else if p == -2.0 {
        1.0 / (x * x)
    } else if p == 1.0 {
        x
    } else if p == 0.0 {
        1.0
    } else {
        libm::pow(x, p)
    }
}

/// The mean of positive-weight terms.
fn raw_mean(terms: impl Iterator<Item = (f64, f64)>, worst: f64, best: f64, p: f64) -> f64 {
    if p == f64::NEG_INFINITY || best <= 0.0 || (worst <= 0.0 && p < 1e-9) {
        worst
    } else if p.abs() < 1e-9 {
        // The limit; closer to 0 the powers are all 1 and their root is noise.
        libm::exp(terms.map(|(score, weight)| weight * libm::log(score)).sum())
    } else {
        // The term that dominates is scaled to one, so that no power overflows.
        let scale = if p > 0.0 { best } else { worst };
        let sum: f64 = terms.map(|(score, weight)| weight * power(score / scale, p)).sum();
        scale * power(sum, 1.0 / p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn score() -> impl Strategy<Value = Score> {
        prop_oneof![Just(0.0), Just(5e-324), Just(1e-312), Just(1.0), 0.0..=1.0_f64].prop_map(Score::nearest)
    }

    fn exponent() -> impl Strategy<Value = Exponent> {
        prop_oneof![
            Just(Exponent::MINIMUM),
            Just(Exponent::HARMONIC),
            Just(Exponent(0.0)),
            Just(Exponent(1e-16)),
            Just(Exponent(-1e-16)),
            Just(Exponent::ARITHMETIC),
            (-60.0..=1.0).prop_map(Exponent)
        ]
    }

    proptest! {
        #[test]
        fn the_mean_lies_between_its_scores_and_falls_with_the_exponent(
            terms in prop::collection::vec((score(), 0.01..10.0_f64), 1..=8), p in exponent(), q in exponent(),
        ) {
            let mean = power_mean(&terms, p).unwrap();
            let lowest = terms.iter().map(|t| t.0).min().unwrap();
            let highest = terms.iter().map(|t| t.0).max().unwrap();
            prop_assert!(lowest <= mean.score && mean.score <= highest);
            prop_assert!(mean.sensitivities.iter().all(|c| c.is_finite() && *c >= 0.0));
            let other = power_mean(&terms, q).unwrap();
            if p.get() <= q.get() {
                prop_assert!(mean.score.get() <= other.score.get() + 1e-12);
            }
        }

        #[test]
        fn sensitivities_are_the_derivatives(
            terms in prop::collection::vec((0.05..0.95_f64, 0.1..2.0_f64), 1..=8), p in -8.0..=1.0_f64, k in 0..8_usize,
        ) {
            let k = k % terms.len();
            let at = |shift: f64| {
                let moved = terms.iter().enumerate().map(|(i, (s, w))| (Score::nearest(if i == k { s + shift } else { *s }), *w));
                power_mean(&moved.collect::<alloc::vec::Vec<_>>(), Exponent(p)).unwrap()
            };
            let numeric = (at(1e-6).score.get() - at(-1e-6).score.get()) / 2e-6;
            prop_assert!((numeric - at(0.0).sensitivities[k]).abs() < 1e-4 * (1.0 + numeric.abs()), "{numeric}");
        }
    }

    #[test]
    fn nothing_to_average_is_no_mean() {
        assert_eq!(power_mean(&[], Exponent::HARMONIC), None);
        assert_eq!(power_mean(&[(Score::ONE, 0.0)], Exponent::HARMONIC), None);
        assert_eq!(power_mean(&[(Score::ONE, f64::NAN)], Exponent::HARMONIC), None);
        assert!(Exponent::new(1.5).is_err() && Exponent::new(f64::NAN).is_err());
    }
}
