//! Owen's T function, and the probability that two correlated normal variables lie below limits.
//!
//! Each desirability of a measured value needs several of these values, so the exponentials of all
//! nodes are computed side by side.

use sqal_core::normal::{exponentials, normal_cdf};

/// The order of the Gauss-Legendre rule.
const N: usize = 12;

/// The nodes of the rule on −1 to 1.
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

/// The weights of the rule.
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

/// Owen's T(h, a) for 0 ≤ a ≤ 1: (1/2π) ∫₀ᵃ exp(−h²(1 + x²)/2)/(1 + x²) dx (Owen 1956), by 12-node
/// Gauss-Legendre.
///
/// The integrand is analytic and the interval at most 1, so the rule is exact to the last digits
/// wherever T is not negligible.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
pub(crate) fn owens_t(h: f64, a: f64) -> f64 {
    // T(h, a) < Φ(−|h|)/2, so beyond this limit T is below 1e-17.
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
    let power = exponentials(power);
    let sum: f64 = (0..N).map(|k| WEIGHTS[k] * power[k] / square[k]).sum();
    half * sum / core::f64::consts::TAU
}

/// P(X < h, Y < k) for standard normals of correlation ρ, 0 ≤ ρ < 1 (Owen 1956, eq. 3.1). Each
/// limit is given with its own Φ.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
pub(crate) fn bivariate_normal_cdf((h, p): (f64, f64), (k, q): (f64, f64), rho: f64) -> f64 {
    // The formula divides by each limit, so a limit of 0 is replaced by a number far below any
    // rounding.
    let off_zero = |x: f64| if x == 0.0 { 1e-150 } else { x };
    let (h, k) = (off_zero(h), off_zero(k));
    let root = libm::sqrt(1.0 - rho * rho);
    let crossing = if h * k < 0.0 { 0.5 } else { 0.0 };
    let (along, across) = ((k - rho * h) / (h * root), (h - rho * k) / (k * root));
    f64::midpoint(p, q) - signed_owens_t(h, p, along) - signed_owens_t(k, q, across) - crossing
}

/// Owen's T for any a, given p = Φ(h): odd in a, and for a > 1 by T(h, a) = ½Φ(h) + ½Φ(ah) −
/// Φ(h)Φ(ah) − T(ah, 1/a) with h ≥ 0 (Owen 1956, eq. 2.3).
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
    fn the_closed_forms_come_out() {
        for k in 0..=100 {
            let a = f64::from(k) / 100.0;
            assert!((owens_t(0.0, a) - libm::atan(a) / core::f64::consts::TAU).abs() < 1e-16, "{a}");
            let h = f64::from(k) / 12.0;
            let p = normal_cdf(h);
            assert!((owens_t(h, 1.0) - p * normal_cdf(-h) / 2.0).abs() < 1e-15, "{h}");
        }
    }

    /// The rule agrees with its sum over two halves of the interval, which is as precise as a rule
    /// of twice the order.
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
