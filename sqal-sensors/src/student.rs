//! Student's t distribution, for residuals whose scale is estimated from few others.

/// P(|T| > t) for ν degrees of freedom: the regularised incomplete beta function `I_x(ν/2, 1/2)` at
/// x = ν/(ν + t²) (NIST DLMF 8.17, 26.1).
///
/// With no degrees of freedom the result is 1, so that no residual is remarkable.
#[must_use]
pub(crate) fn two_sided(t: f64, degrees: f64) -> f64 {
    if degrees <= 0.0 {
        return 1.0;
    }
    incomplete_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5)
}

/// `I_x(a, b)` by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method on the side
/// where it converges.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x);
    let front = libm::exp(log_front);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function.
#[expect(clippy::many_single_char_names, reason = "the symbols of DLMF 8.17.22 and of Lentz's method")]
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    // Fifty steps suffice: no argument here needs more than a quarter of them.
    for m in 1..50 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            value *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The closed forms agree: one degree of freedom is Cauchy's distribution, two give t/√(2 +
    /// t²), and many are normal.
    #[test]
    fn the_closed_forms_come_out() {
        for k in 0..80 {
            let t = f64::from(k) / 10.0;
            let cauchy = 1.0 - 2.0 * t.atan() / core::f64::consts::PI;
            assert!((two_sided(t, 1.0) - cauchy).abs() < 1e-13, "{t}");
            assert!((two_sided(t, 2.0) - (1.0 - t / (2.0 + t * t).sqrt())).abs() < 1e-13, "{t}");
            let normal = 2.0 * sqal_core::normal::normal_cdf(-t);
            assert!((two_sided(t, 1e7) - normal).abs() < 1e-6, "{t}");
        }
        assert!((two_sided(0.0, 0.0) - 1.0).abs() < 1e-15);
    }

    /// The critical values that the measurement model prints: 60 degrees, 64 zones, family error
    /// 0.01 and 0.05.
    #[test]
    fn the_critical_values_of_the_model_come_out() {
        for (t, family) in [(4.036, 0.01), (3.540, 0.05)] {
            let familywise = 64.0 * two_sided(t, 60.0);
            assert!((familywise - family).abs() < 0.02 * family, "{t}: {familywise}");
        }
    }
}
