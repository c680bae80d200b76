//! [`normal_cdf`] and [`normal_quantile`]: the distribution function of the standard normal and its
//! inverse, which scores, guards and risks use.

/// Φ(x), the probability that a standard normal variable is at most `x`; from 0 to 1, 0 below
/// −37.6, and NaN for NaN.
///
/// The lower tail keeps its relative precision (1e-13 at the far end, a few units in the last place
/// near the middle).
///
/// ```
/// use sqal_core::normal::normal_cdf;
///
/// assert_eq!(normal_cdf(0.0), 0.5);
/// assert!((normal_cdf(-1.959_963_984_540_054) - 0.025).abs() < 1e-15);
/// ```
#[must_use]
#[inline]
pub fn normal_cdf(x: f64) -> f64 {
    normal_cdfs([x])[0]
}

/// Φ of several numbers at once, with the same bits as [`normal_cdf`] gives for each of them.
///
/// The code has no branch, so a processor computes the numbers side by side.
///
/// Φ(−t) = exp(−t²/2) P(t)/Q(t) for t ≥ 0, where P/Q is interpolated to Φ(−t) exp(t²/2) at the
/// Chebyshev points of (t − 4)/(t + 4), with 80 digits. All coefficients are positive, so no digits
/// cancel, and the remainder is 9e-17.
#[must_use]
#[inline(always)]
#[expect(clippy::too_many_lines, reason = "one formula, with its constants in place")]
pub fn normal_cdfs<const N: usize>(x: [f64; N]) -> [f64; N] {
    const P: [f64; 10] = [
        0.5,
        0.775_857_720_903_000_2,
        0.595_444_671_969_380_3,
        0.290_313_293_143_354_1,
        0.098_130_895_965_834_5,
        0.023_751_350_888_201_746,
        0.004_115_983_017_212_425,
        0.000_494_150_670_642_881_6,
        3.757_916_535_870_989e-5,
        1.399_304_811_864_356_5e-6,
    ];
    const Q: [f64; 11] = [
        1.0,
        2.349_600_002_608_859,
        2.565_598_910_082_970_4,
        1.718_839_864_814_702,
        0.784_801_316_254_237_1,
        0.256_106_513_066_271_5,
        0.060_767_445_051_094_21,
        0.010_411_436_397_331_716,
        0.001_242_159_580_141_133_5,
        9.419_699_842_335_464e-5,
        3.507_537_006_255_025_6e-6,
    ];
    // One operation at a time over all places: a compiler then sees that they go side by side.
    let (mut t, mut power) = ([0.0; N], [0.0; N]);
    for k in 0..N {
        t[k] = x[k].abs();
    }
    for t in &mut t {
        // A larger number is clamped to `FARTHEST`, where Φ has reached its limit; a NaN stays NaN.
        *t = if *t > FARTHEST { FARTHEST } else { *t };
    }
    for k in 0..N {
        power[k] = -0.5 * t[k] * t[k];
    }
    let power = exponentials(power);
    // Four terms at a time (Estrin's scheme): the chain of operations that wait for each other is a
    // third of Horner's.
    let (mut square, mut fourth, mut phi) = ([0.0; N], [0.0; N], [0.0; N]);
    for k in 0..N {
        square[k] = t[k] * t[k];
    }
    for k in 0..N {
        fourth[k] = square[k] * square[k];
    }
    let four = |c: &[f64], from: usize, k: usize| {
        c[from] + c[from + 1] * t[k] + (c[from + 2] + c[from + 3] * t[k]) * square[k]
    };
    let (mut p, mut q) = ([0.0; N], [0.0; N]);
    for k in 0..N {
        p[k] = four(&P, 0, k) + fourth[k] * (four(&P, 4, k) + fourth[k] * (P[8] + P[9] * t[k]));
    }
    for k in 0..N {
        q[k] = four(&Q, 0, k) + fourth[k] * (four(&Q, 4, k) + fourth[k] * (Q[8] + Q[9] * t[k] + Q[10] * square[k]));
    }
    for k in 0..N {
        phi[k] = power[k] * p[k] / q[k];
    }
    for k in 0..N {
        let tail = if x[k].abs() > FARTHEST { 0.0 } else { phi[k] };
        phi[k] = if x[k] > 0.0 { 1.0 - tail } else { tail };
    }
    phi
}

/// For a larger t, Φ(−t) is not a normal floating-point number and is taken as 0.
const FARTHEST: f64 = 37.6;

/// The exponentials of several numbers of at most 0, exact to the last two bits.
///
/// A number below −708 gives the exponential of −708, about 3e-308.
///
/// eˣ = 2ᵏ·eʳ with |r| ≤ ln 2/2 and Taylor's series to the twelfth term, whose remainder is
/// 1.7e-16. The code has no branch, so a processor computes the numbers side by side.
///
/// ```
/// use sqal_core::normal::exponentials;
///
/// let [one, tenth] = exponentials([0.0, -core::f64::consts::LN_10]);
/// assert!(one == 1.0 && (tenth - 0.1).abs() < 1e-16);
/// ```
#[must_use]
#[inline(always)]
pub fn exponentials<const N: usize>(x: [f64; N]) -> [f64; N] {
    /// Adding and subtracting this number rounds to a whole number, which then stands in the lowest
    /// bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, the first with zeros enough that its product with k is exact (as in
    /// `FreeBSD`'s libm).
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    let (mut shifted, mut r, mut square, mut fourth) = ([0.0; N], [0.0; N], [0.0; N], [0.0; N]);
    for k in 0..N {
        r[k] = if x[k] > -708.0 { x[k] } else { -708.0 };
    }
    for k in 0..N {
        shifted[k] = r[k] * core::f64::consts::LOG2_E + ROUND;
    }
    for k in 0..N {
        let whole = shifted[k] - ROUND;
        r[k] = r[k] - whole * LN_2[0] - whole * LN_2[1];
    }
    for k in 0..N {
        square[k] = r[k] * r[k];
    }
    for k in 0..N {
        fourth[k] = square[k] * square[k];
    }
    // Four terms at a time (Estrin's scheme), the two largest last.
    let four = |from: usize, k: usize| {
        INVERSES[from] + INVERSES[from + 1] * r[k] + (INVERSES[from + 2] + INVERSES[from + 3] * r[k]) * square[k]
    };
    let mut power = [0.0; N];
    for k in 0..N {
        let last = INVERSES[8] + INVERSES[9] * r[k] + INVERSES[10] * square[k];
        power[k] = 1.0 + (r[k] + square[k] * (four(0, k) + fourth[k] * (four(4, k) + fourth[k] * last)));
    }
    for k in 0..N {
        power[k] *= f64::from_bits(shifted[k].to_bits().wrapping_add(1023) << 52);
    }
    power
}

/// 1/2!, 1/3!, … 1/12!
const INVERSES: [f64; 11] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
];

/// Φ⁻¹(p), the value below which a standard normal variable lies with probability `p`; −∞ for 0 or
/// less, ∞ for 1 or more, NaN for NaN.
///
/// Computed from a rational start (Abramowitz and Stegun 26.2.23, good to 4.5e-4) by Halley's steps
/// on [`normal_cdf`], to the precision of that function.
///
/// ```
/// use sqal_core::normal::normal_quantile;
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
        // (Φ(x) − p)/φ(x), with the density inverted to avoid a division by a number near 0.
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
    fn the_distribution_function_is_that_of_the_library() {
        for k in -3800..=3800_i32 {
            let x = f64::from(k) / 100.0;
            let (ours, library) = (normal_cdf(x), 0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2));
            // The library's own argument, x/√2 rounded, costs it x² units in the last place.
            let tolerance = 6e-16 * (1.0 + x * x) * library;
            assert!((ours - library).abs() <= tolerance || (x < -37.5 && ours <= 1e-300), "{x}: {ours} {library}");
        }
        assert!(normal_cdf(f64::NAN).is_nan());
        assert_eq!((normal_cdf(f64::NEG_INFINITY), normal_cdf(f64::INFINITY)), (0.0, 1.0));
        assert_eq!((normal_cdf(-1e300), normal_cdf(-37.7), normal_cdf(40.0)), (0.0, 0.0, 1.0));
    }

    /// Mills' ratio by its continued fraction with 20 000 terms, from the published definition and
    /// not from the coefficients.
    #[test]
    fn the_tail_keeps_its_relative_precision() {
        for k in 10..=370_i32 {
            let t = f64::from(k) / 10.0;
            let fraction = (1..20_000_i32).rev().fold(t, |rest, k| t + f64::from(k) / rest);
            let exact = libm::exp(-0.5 * t * t) / (fraction * libm::sqrt(core::f64::consts::TAU));
            assert!((normal_cdf(-t) / exact - 1.0).abs() < 4e-16 * (2.0 + t * t), "{t}");
        }
    }

    #[test]
    fn several_at_once_are_the_same_bits() {
        let x = [-40.0, -37.6, -3.3, -0.0, 0.0, 1e-300, 0.7, 9.0];
        let together = normal_cdfs(x);
        for (x, together) in x.into_iter().zip(together) {
            assert_eq!(normal_cdf(x).to_bits(), together.to_bits());
        }
    }

    #[test]
    fn the_exponentials_are_those_of_the_library() {
        for k in 0..=7080_i32 {
            let x = -f64::from(k) / 10.0;
            let (ours, library) = (exponentials([x; 3])[2], libm::exp(x));
            assert!((ours - library).abs() <= 5e-16 * library, "{x}: {ours} {library}");
        }
        assert!(exponentials([f64::NEG_INFINITY])[0] < 1e-300);
    }

    #[test]
    fn beyond_the_ends_is_infinite() {
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!((normal_quantile(-1.0), normal_quantile(2.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(normal_quantile(f64::NAN).is_nan() && normal_quantile(0.5).abs() < 1e-15);
    }
}
