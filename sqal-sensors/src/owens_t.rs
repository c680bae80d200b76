//! Owen's T function, and with it the probability that two correlated normal variables both lie below their limits.
//!
//! Every desirability of a measured value needs several of these, so the exponentials of all nodes are computed side by side.

use sqal_core::normal_cdf;

/// The order of the Gauss-Legendre rule.
const N: usize = 12;

/// Its nodes on −1 to 1.
const NODES: [f64; N] = [
    -0.981_560_634_246_719_2,
    -0.904_117_256_370_474_8,
    -0.769_902_674_194_304_7,
    -0.587_317_954_286_617_5,
    -0.367_831_498_998_180_2,
    -0.125_233_408_511_468_9,
    0.125_233_408_511_468_9,
    0.367_831_498_998_180_2,
    0.587_317_954_286_617_5,
    0.769_902_674_194_304_7,
    0.904_117_256_370_474_8,
    0.981_560_634_246_719_2,
];

/// Its weights.
const WEIGHTS: [f64; N] = [
    0.047_175_336_386_511_41,
    0.106_939_325_995_319_07,
    0.160_078_328_543_346_42,
    0.203_167_426_723_065_73,
    0.233_492_536_538_354_6,
    0.249_147_045_813_402_7,
    0.249_147_045_813_402_7,
    0.233_492_536_538_354_6,
    0.203_167_426_723_065_73,
    0.160_078_328_543_346_42,
    0.106_939_325_995_319_07,
    0.047_175_336_386_511_41,
];

/// Owen's T(h, a) for 0 ≤ a ≤ 1: (1/2π) ∫₀ᵃ exp(−h²(1 + x²)/2)/(1 + x²) dx (Owen 1956), by 12-node Gauss-Legendre.
///
/// The integrand is analytic and the interval at most 1, so the rule is exact to the last digits wherever T matters.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
pub(crate) fn owens_t(h: f64, a: f64) -> f64 {
    // T(h, a) < Φ(−|h|)/2: beyond this there is less than 1e-17 of it.
    if h.abs() > 8.5 {
        return 0.0;
    }
    let half = a / 2.0;
    let (mut square, mut power) = ([0.0; N], [0.0; N]);
    for (k, node) in NODES.iter().enumerate() {
        let x = half + half * node;
        square[k] = 1.0 + x * x;
        power[k] = -0.5 * h * h * square[k];
    }
    let power = exp_of_negative(power);
    let sum: f64 = (0..N).map(|k| WEIGHTS[k] * power[k] / square[k]).sum();
    half * sum / core::f64::consts::TAU
}

/// The exponentials of N numbers of at most 0, to the last two bits: 2ᵏ·eʳ with |r| ≤ ln 2/2 and Taylor's series to the twelfth term,
/// whose remainder is 1.7e-16. Below −700 it is e⁻⁷⁰⁰, which is nothing here.
///
/// Without a branch, so that a processor computes several at once.
#[inline(always)]
fn exp_of_negative(x: [f64; N]) -> [f64; N] {
    /// Adding and taking it away again rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, the first with zeros enough that its product with k is exact (as in `FreeBSD`'s libm).
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    let mut power = [0.0; N];
    for (power, x) in power.iter_mut().zip(x) {
        let x = x.max(-700.0);
        let shifted = x * core::f64::consts::LOG2_E + ROUND;
        let k = shifted - ROUND;
        let r = x - k * LN_2[0] - k * LN_2[1];
        let mut series = 1.0;
        // Horner's scheme: 1 + r/1 (1 + r/2 (1 + r/3 (…))).
        for inverse in INVERSES {
            series = 1.0 + r * inverse * series;
        }
        *power = series * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    }
    power
}

/// 1/12, 1/11, … 1/1.
const INVERSES: [f64; 12] = [
    1.0 / 12.0,
    1.0 / 11.0,
    1.0 / 10.0,
    1.0 / 9.0,
    1.0 / 8.0,
    1.0 / 7.0,
    1.0 / 6.0,
    1.0 / 5.0,
    1.0 / 4.0,
    1.0 / 3.0,
    1.0 / 2.0,
    1.0,
];

/// P(X < h, Y < k) for standard normals of correlation ρ, 0 ≤ ρ < 1 (Owen 1956, eq. 3.1); each limit comes with its own Φ.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
pub(crate) fn bivariate_normal_cdf((h, p): (f64, f64), (k, q): (f64, f64), rho: f64) -> f64 {
    // At 0 the formula divides by it; a step far below every rounding stands in for the limit.
    let off_zero = |x: f64| if x == 0.0 { 1e-150 } else { x };
    let (h, k) = (off_zero(h), off_zero(k));
    let root = libm::sqrt(1.0 - rho * rho);
    let crossing = if h * k < 0.0 { 0.5 } else { 0.0 };
    let (along, across) = ((k - rho * h) / (h * root), (h - rho * k) / (k * root));
    f64::midpoint(p, q) - signed_owens_t(h, p, along) - signed_owens_t(k, q, across) - crossing
}

/// Owen's T for any a, given p = Φ(h): odd in a, and for a > 1 by T(h, a) = ½Φ(h) + ½Φ(ah) − Φ(h)Φ(ah) − T(ah, 1/a) with h ≥ 0 (Owen 1956,
/// eq. 2.3).
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
fn signed_owens_t(h: f64, p: f64, a: f64) -> f64 {
    let (p, h, positive) = (if h < 0.0 { 1.0 - p } else { p }, h.abs(), a.abs());
    let t = if positive <= 1.0 {
        owens_t(h, positive)
    } else {
        let scaled = positive * h;
        let q = normal_cdf(scaled);
        f64::midpoint(p, q) - p * q - owens_t(scaled, 1.0 / positive)
    };
    if a < 0.0 { -t } else { t }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponentials_are_those_of_the_library() {
        for k in 0..70_000 {
            let x = -f64::from(k) / 100.0;
            let (ours, library) = (exp_of_negative([x; N])[0], libm::exp(x));
            assert!((ours - library).abs() <= 4.5e-16 * library, "{x}: {ours:e} {library:e}");
        }
        assert!(exp_of_negative([f64::NEG_INFINITY; N])[3] < 1e-300);
    }

    /// Owen 1956: T(0, a) = atan(a)/2π, T(h, 1) = Φ(h)(1 − Φ(h))/2.
    #[test]
    fn the_closed_forms_come_out() {
        for k in 0..=100 {
            let a = f64::from(k) / 100.0;
            assert!((owens_t(0.0, a) - libm::atan(a) / core::f64::consts::TAU).abs() < 1e-16, "{a}");
            let h = f64::from(k) / 12.0;
            let p = normal_cdf(h);
            assert!((owens_t(h, 1.0) - p * normal_cdf(-h) / 2.0).abs() < 1e-15, "{h}");
        }
    }

    /// The rule against itself in two halves, which has the precision of one twice as long.
    #[test]
    fn twelve_nodes_are_enough() {
        for i in 0..60 {
            for k in 1..=10 {
                let (h, a) = (f64::from(i) / 6.0, f64::from(k) / 10.0);
                let f = |x: f64| libm::exp(-0.5 * h * h * (1.0 + x * x)) / (1.0 + x * x);
                let fine: f64 = (0..64)
                    .map(|part| {
                        let (from, wide) = (a * f64::from(part) / 64.0, a / 64.0);
                        (0..N)
                            .map(|n| WEIGHTS[n] * f(from + wide * f64::midpoint(NODES[n], 1.0)) * wide / 2.0)
                            .sum::<f64>()
                    })
                    .sum::<f64>()
                    / core::f64::consts::TAU;
                assert!((owens_t(h, a) - fine).abs() < 1e-15, "{h} {a}: {:e}", owens_t(h, a) - fine);
            }
        }
    }
}
