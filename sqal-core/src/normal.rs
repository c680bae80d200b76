//! [`normal_cdf`] and [`normal_quantile`]: the distribution function of the standard normal and its inverse, which scores, guards and risks are made of.

/// Φ(x), the probability that a standard normal variable is at most `x`; from 0 to 1, and 0 or 1 far out.
///
/// Computed as erfc(−x/√2)/2, which keeps its relative precision in the lower tail (NIST DLMF 7.2, 7.17).
///
/// ```
/// use sqal_core::normal_cdf;
///
/// assert_eq!(normal_cdf(0.0), 0.5);
/// assert!((normal_cdf(-1.959_963_984_540_054) - 0.025).abs() < 1e-15);
/// ```
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
}

/// Φ⁻¹(p), the value below which a standard normal variable lies with probability `p`; −∞ for 0 or less, ∞ for 1 or more, NaN for NaN.
///
/// A rational start (Abramowitz and Stegun 26.2.23, good to 4.5e-4) and Halley's steps on [`normal_cdf`], to its own precision.
///
/// ```
/// use sqal_core::normal_quantile;
///
/// assert!(normal_quantile(0.5).abs() < 1e-15);
/// assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
/// ```
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() {
        return f64::NAN;
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    if p > 0.5 {
        // Exact: p lies in the upper half, where 1 − p has no rounding.
        return -normal_quantile(1.0 - p);
    }
    let t = libm::sqrt(-2.0 * libm::log(p));
    let numerator = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let mut x = numerator / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308))) - t;
    for _ in 0..3 {
        // (Φ(x) − p)/φ(x), with the density inverted so that nothing is divided by next to nothing.
        let error = (normal_cdf(x) - p) * libm::exp(0.5 * x * x) * 2.506_628_274_631_000_7;
        x -= error / (1.0 + 0.5 * x * error);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_quantile_is_the_inverse(exponent in -300.0..0.0_f64, upper in any::<bool>()) {
            let p = libm::pow(10.0, exponent).min(0.999);
            let p = if upper { 1.0 - p } else { p };
            let back = normal_cdf(normal_quantile(p));
            prop_assert!((back - p).abs() <= 1e-12 * p, "{p} {back}");
        }

        #[test]
        fn the_quantile_rises(a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
            prop_assert!(a > b || normal_quantile(a) <= normal_quantile(b));
        }
    }

    #[test]
    fn beyond_the_ends_is_infinite() {
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!((normal_quantile(-1.0), normal_quantile(2.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(normal_quantile(f64::NAN).is_nan() && normal_quantile(0.5).abs() < 1e-15);
    }
}
