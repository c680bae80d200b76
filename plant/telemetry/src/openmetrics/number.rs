//! [`canonical`]: bounds of buckets and quantiles as every exposer writes them.

/// A number as the value of `le` or `quantile` (OpenMetrics 1.0, "Canonical Numbers"): the shortest
/// digits, as Go's `%g` writes them, with `.0` where there is neither a point nor an exponent.
pub(super) fn canonical(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    match exponent {
        Some(exponent) if !(-4..6).contains(&exponent) => {
            let mantissa = scientific.split('e').next().unwrap_or_default();
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => {
            let fixed = number.to_string();
            if fixed.contains('.') || number.is_nan() { fixed } else { fixed + ".0" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The numbers of the examples in the text of OpenMetrics 1.0.
    #[test]
    fn the_canonical_numbers_of_the_standard_are_written_as_there() {
        for written in [
            "0.0", "0.001", "0.002", "0.01", "0.1", "0.9", "0.95", "0.99", "0.999", "1.0", "1.7", "10.0", "1e-10",
            "1e-09", "1e-05", "0.0001", "100000.0", "1e+06", "1e+10", "1e+23", "1.1e+23", "+Inf", "-Inf", "NaN",
        ] {
            assert_eq!(canonical(written.parse().unwrap()), written);
        }
        // As Go's `%g` writes numbers that are not among the examples.
        for (number, written) in [(1800.0, "1800.0"), (1_234_567.0, "1.234567e+06"), (-0.000_03, "-3e-05")] {
            assert_eq!(canonical(number), written);
        }
    }

    proptest! {
        #[test]
        fn a_canonical_number_is_the_same_number(number: f64) {
            prop_assume!(!number.is_nan());
            let written = canonical(number);
            prop_assert_eq!(written.parse::<f64>().unwrap().to_bits(), number.to_bits());
            prop_assert!(written.contains(['.', 'e', 'I']), "{} is no integer", written);
        }
    }
}
