//! [`Desirability`]: the score of a measured value against a soft specification.
//!
//! A limit in a specification is soft: a plant does not reject 19.9 mm and accept 20.1 mm. A
//! desirability is the probability that the value meets a limit that is itself normally distributed
//! with the width `b`. Under a normal measurement uncertainty its expectation has a closed form,
//! and for `b` → 0 it becomes the conformity probability of JCGM 106:2012.

use sqal_core::{
    Measured, Score,
    normal::normal_cdf,
    power_mean::{Exponent, power_mean},
};

use crate::owens_t::{bivariate_normal_cdf, owens_t};

/// A soft specification on one quantity; limits and widths in the unit of the quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "snake_case"))]
pub enum Desirability {
    /// A larger value is better: Φ((x − at)/width).
    Larger {
        /// The value at which the desirability is one half.
        at: f64,
        /// The softness of the limit.
        width: f64,
    },
    /// A smaller value is better: Φ((at − x)/width).
    Smaller {
        /// The value at which the desirability is one half.
        at: f64,
        /// The softness of the limit.
        width: f64,
    },
    /// The middle is best: (Φ((x − lo)/width) − Φ((x − hi)/width)) / (2Φ((hi − lo)/(2 width)) − 1).
    Target {
        /// The lower limit.
        lo: f64,
        /// The upper limit.
        hi: f64,
        /// The softness of both limits.
        width: f64,
    },
}

/// Why numbers are not a valid desirability.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDesirability {
    /// A width that is not positive.
    #[error("width {0} is not a positive number")]
    Width(f64),
    /// A limit that is not finite, limits in the wrong order, or a target narrower than a tenth of
    /// its width.
    #[error("limits {lo} and {hi} are not two increasing numbers, at least a tenth of the width apart")]
    Limits {
        /// The lower limit.
        lo: f64,
        /// The upper limit.
        hi: f64,
    },
}

impl Desirability {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// [`InvalidDesirability`] names the number that is wrong.
    pub fn check(&self) -> Result<(), InvalidDesirability> {
        let (lo, hi, width) = match *self {
            Self::Larger { at, width } | Self::Smaller { at, width } => (at, at + 1.0, width),
            Self::Target { lo, hi, width } => (lo, hi, width),
        };
        if !(width > 0.0 && width.is_finite()) {
            Err(InvalidDesirability::Width(width))
        } else if matches!(self, Self::Target { .. }) && hi - lo < 0.1 * width {
            // If the limits are much closer than their width, the curve has no middle.
            Err(InvalidDesirability::Limits { lo, hi })
        } else if !(lo.is_finite() && hi.is_finite() && lo < hi) {
            Err(InvalidDesirability::Limits { lo, hi })
        } else {
            Ok(())
        }
    }

    /// The desirability of an exact value.
    #[must_use]
    pub fn of(&self, x: f64) -> Score {
        Score::nearest(match *self {
            Self::Larger { at, width } => normal_cdf((x - at) / width),
            Self::Smaller { at, width } => normal_cdf((at - x) / width),
            Self::Target { lo, hi, width } => {
                (normal_cdf((x - lo) / width) - normal_cdf((x - hi) / width)) / Self::peak(lo, hi, width)
            }
        })
    }

    /// The desirability of a measured value, with the standard uncertainty that follows from that
    /// of the value.
    ///
    /// For x ~ N(μ, u²): E = Φ(h) with h = (μ − at)/√(width² + u²), and E(d²) = Φ(h) − 2T(h, √((1 −
    /// ρ)/(1 + ρ))) with ρ = u²/(width² + u²) and Owen's T. A target is the difference of two such
    /// functions. The expectation of their product is a bivariate normal probability.
    #[must_use]
    #[expect(clippy::many_single_char_names, reason = "the symbols of Owen's paper")]
    pub fn of_measured(&self, x: Measured) -> Measured {
        let (mu, u) = (x.value(), x.u());
        let (mean, sd) = match *self {
            Self::Larger { at, width } => one_sided((mu - at) / libm::hypot(width, u), width, u),
            Self::Smaller { at, width } => one_sided((at - mu) / libm::hypot(width, u), width, u),
            Self::Target { lo, hi, width } => {
                let spread = libm::hypot(width, u);
                let peak = Self::peak(lo, hi, width);
                let (h, k) = ((mu - lo) / spread, (mu - hi) / spread);
                let (p, q) = (normal_cdf(h), normal_cdf(k));
                let rho = u * u / (spread * spread);
                let a = libm::sqrt((1.0 - rho) / (1.0 + rho));
                let mean = (p - q) / peak;
                let both = bivariate_normal_cdf((h, p), (k, q), rho);
                let square = (p - 2.0 * owens_t(h, a) + q - 2.0 * owens_t(k, a) - 2.0 * both) / (peak * peak);
                (mean, libm::sqrt((square - mean * mean).max(0.0)))
            }
        };
        let mean = mean.clamp(0.0, 1.0);
        // A variable on 0 to 1 has a standard deviation of at most √(mean (1 − mean)); the limit
        // removes rounding errors.
        scored(mean, sd.min(libm::sqrt(mean * (1.0 - mean))))
    }

    /// Whether the desirability rises with the value, at this value.
    pub(crate) fn rises_at(&self, x: f64) -> bool {
        match *self {
            Self::Larger { .. } => true,
            Self::Smaller { .. } => false,
            Self::Target { lo, hi, .. } => x < f64::midpoint(lo, hi),
        }
    }

    /// The height of the unscaled two-sided curve in its middle, by which the curve is divided.
    fn peak(lo: f64, hi: f64, width: f64) -> f64 {
        2.0 * normal_cdf((hi - lo) / (2.0 * width)) - 1.0
    }
}

/// A measurement; `None` if its value or its uncertainty is not finite, which means that nothing
/// was measured.
pub(crate) fn measured(value: f64, u: f64) -> Option<Measured> {
    Measured::new(value, u).ok()
}

/// A score from 0 to 1 with its standard uncertainty, both finite by construction.
fn scored(mean: f64, sd: f64) -> Measured {
    Measured::new(mean, sd).unwrap_or_else(|_| unreachable!("a desirability and its scatter are within 0 to 1"))
}

fn one_sided(h: f64, width: f64, u: f64) -> (f64, f64) {
    let mean = normal_cdf(h);
    let rho = u * u / (width * width + u * u);
    let square = mean - 2.0 * owens_t(h, libm::sqrt((1.0 - rho) / (1.0 + rho)));
    (mean, libm::sqrt((square - mean * mean).max(0.0)))
}

/// One part of a quality score: its weight, and its desirability if it could be measured.
pub(crate) type Part = (f64, Option<Measured>);

/// The standard deviation of a score without any knowledge: uniform on 0 to 1.
pub(crate) const SIGMA_PRIOR: f64 = 0.288_675_134_594_812_9;

/// The harmonic mean of the known parts, its uncertainty, and the share of the weight that is
/// known.
///
/// The parts in `correlated` share one error (one height map, one white tile), so their
/// contributions are added. Those of the other parts are added in squares. An unknown part adds the
/// prior's spread times its share of the weight. A part of weight 0 has no effect. The result is
/// `None` if no part of positive weight is known.
pub(crate) fn join<const N: usize>(parts: [Part; N], correlated: core::ops::Range<usize>) -> Option<(Measured, Score)> {
    let mut terms = [(Score::ZERO, 0.0); N];
    for (term, (weight, part)) in terms.iter_mut().zip(&parts) {
        if let Some(part) = part {
            *term = (Score::nearest(part.value()), *weight);
        }
    }
    let mean = power_mean(&terms, Exponent::HARMONIC)?;
    let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
    let known: f64 = terms.iter().map(|(_, weight)| weight).sum();
    let coverage = known / total;
    let (mut squares, mut common) = (0.0, 0.0);
    for (k, ((_, part), c)) in parts.iter().zip(&mean.sensitivities).enumerate() {
        let cu = c * part.map_or(0.0, Measured::u);
        if correlated.contains(&k) {
            common += cu;
        } else {
            squares += cu * cu;
        }
    }
    let gap = (1.0 - coverage).max(0.0) * SIGMA_PRIOR;
    let u = libm::sqrt(squares + common * common + gap * gap);
    Some((measured(mean.score.get(), u)?, Score::nearest(coverage)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn desirability() -> impl Strategy<Value = Desirability> {
        (-50.0..50.0_f64, 0.01..20.0_f64, 0.1..50.0_f64, 0..3_u8).prop_map(|(at, width, spans, kind)| match kind {
            0 => Desirability::Larger { at, width },
            1 => Desirability::Smaller { at, width },
            _ => Desirability::Target { lo: at, hi: at + spans * width, width },
        })
    }

    proptest! {
        #[test]
        fn a_desirability_is_a_score_with_a_possible_uncertainty(d in desirability(), x in -1e3..1e3_f64, u in 0.0..100.0_f64) {
            prop_assert!(d.check().is_ok());
            let out = d.of_measured(Measured::new(x, u).unwrap());
            prop_assert!((0.0..=1.0).contains(&out.value()));
            prop_assert!(out.u() <= (out.value() * (1.0 - out.value())).sqrt() + 1e-15, "{out:?}");
        }

        #[test]
        fn without_uncertainty_the_expectation_is_the_value(d in desirability(), x in -100.0..100.0_f64) {
            let out = d.of_measured(Measured::new(x, 0.0).unwrap());
            prop_assert!((out.value() - d.of(x).get()).abs() < 1e-14);
            prop_assert!(out.u() < 1e-6, "{}", out.u());
        }

        #[test]
        fn larger_rises_and_smaller_falls(at in -5.0..5.0_f64, width in 0.1..5.0_f64, x in -9.0..9.0_f64, step in 0.0..5.0_f64) {
            let (larger, smaller) = (Desirability::Larger { at, width }, Desirability::Smaller { at, width });
            prop_assert!(larger.of(x + step) >= larger.of(x));
            prop_assert!(smaller.of(x + step) <= smaller.of(x));
            prop_assert!((larger.of(x).get() + smaller.of(x).get() - 1.0).abs() < 1e-15);
        }
    }

    /// The closed form agrees with the integral of its definition, by 4000 trapezoids over ten
    /// standard uncertainties.
    #[test]
    fn the_variance_of_a_target_is_the_integral() {
        for (lo, hi, width) in [(15.0, 25.0, 1.0), (0.0, 1.0, 1.0), (-3.0, 40.0, 0.2)] {
            let d = Desirability::Target { lo, hi, width };
            for mu in [lo - 4.0, lo, 0.3 * lo + 0.7 * hi, hi, hi + 2.0, 0.0] {
                for u in [0.05, 0.5, 1.0, 4.4, 9.0] {
                    let (mut mean, mut square, mut all) = (0.0, 0.0, 0.0);
                    for k in -2000..=2000 {
                        let z = f64::from(k) / 200.0;
                        let (weight, at) = ((-0.5 * z * z).exp(), d.of(mu + u * z).get());
                        all += weight;
                        mean += weight * at;
                        square += weight * at * at;
                    }
                    let (mean, square) = (mean / all, square / all);
                    let ours = d.of_measured(Measured::new(mu, u).unwrap());
                    assert!((ours.value() - mean).abs() < 1e-6, "{d:?} {mu} {u}: {ours:?} {mean}");
                    let sd = (square - mean * mean).max(0.0).sqrt();
                    assert!((ours.u() - sd).abs() < 1e-4, "{d:?} {mu} {u}: {ours:?} {sd}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_part_of_weight_0_counts_in_nothing(
            parts in prop::collection::vec((0.1..5.0_f64, prop::option::of((0.0..=1.0_f64, 0.0..0.3_f64))), 3),
            left_out in prop::option::of((0.0..=1.0_f64, 0.0..0.3_f64)),
            place in 0..4_usize,
        ) {
            let part = |(value, u): (f64, f64)| Measured::new(value, u).unwrap();
            let mut three: [Part; 3] = [(0.0, None); 3];
            for (one, (weight, given)) in three.iter_mut().zip(&parts) {
                *one = (*weight, given.map(part));
            }
            let mut four: [Part; 4] = [(0.0, left_out.map(part)); 4];
            for (k, one) in three.iter().enumerate() {
                four[if k < place { k } else { k + 1 }] = *one;
            }
            prop_assert_eq!(join(three, 0..0), join(four, 0..0));
        }
    }

    #[test]
    fn parts_of_weight_0_alone_are_no_score() {
        let known = Some(Measured::new(0.5, 0.1).unwrap());
        assert_eq!(join([(0.0, known), (0.0, None)], 0..0), None);
        let (score, coverage) = join([(0.0, None), (2.0, known)], 0..2).unwrap();
        assert_eq!((score.value().to_bits(), coverage), (0.5_f64.to_bits(), Score::ONE));
    }

    #[test]
    fn impossible_specifications_are_refused() {
        assert_eq!(Desirability::Larger { at: 1.0, width: 0.0 }.check(), Err(InvalidDesirability::Width(0.0)));
        let reversed = Desirability::Target { lo: 2.0, hi: 1.0, width: 1.0 };
        assert_eq!(reversed.check(), Err(InvalidDesirability::Limits { lo: 2.0, hi: 1.0 }));
    }

    /// The vectors of the measurement model, section 3.5: expectation and standard deviation to
    /// 1e-12.
    #[test]
    fn all_180_desirability_vectors_agree() {
        let all: serde_json::Value = serde_json::from_str(fixtures::SPEC_VECTORS).unwrap();
        let cases = all["desirability_larger"].as_array().unwrap();
        assert_eq!(cases.len(), 180);
        for case in cases {
            let number = |name: &str| case[name].as_f64().unwrap();
            let d = Desirability::Larger { at: number("a"), width: number("b") };
            let out = d.of_measured(Measured::new(number("mu"), number("u")).unwrap());
            assert!((out.value() - number("E")).abs() < 1e-12, "{case}: {out:?}");
            // The variance is a small difference of large numbers, so its definition is exact to
            // 1e-12 in the square only.
            assert!((out.u() * out.u() - number("sd") * number("sd")).abs() < 1e-12, "{case}: {out:?}");
        }
    }
}
