//! [`normal_cdf`]: the distribution function of the standard normal, which scores, guards and risks are made of.

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
