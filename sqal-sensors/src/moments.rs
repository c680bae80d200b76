//! [`Moments`]: mean and central moments of a few dozen numbers, without loss of digits.

/// Count, mean, and the sum of squared deviations of a set of numbers, in two passes.
///
/// The second pass corrects itself for the rounding of the mean (Chan, Golub & `LeVeque` 1983, the
/// "corrected two-pass algorithm").
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Moments {
    /// The number of numbers.
    pub n: f64,
    /// The mean of the numbers.
    pub mean: f64,
    /// Σ(x − mean)².
    pub squares: f64,
}

impl Moments {
    /// The moments of the numbers; `None` if there are none.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let mut n = 0.0;
        let mut sum = 0.0;
        for value in values.clone() {
            n += 1.0;
            sum += value;
        }
        if n == 0.0 {
            return None;
        }
        let mean = sum / n;
        let (mut squares, mut residual) = (0.0, 0.0);
        for value in values {
            let d = value - mean;
            squares += d * d;
            residual += d;
        }
        Some(Self { n, mean, squares: (squares - residual * residual / n).max(0.0) })
    }

    /// The population variance, squares / n.
    #[must_use]
    pub fn population_variance(&self) -> f64 {
        self.squares / self.n
    }

    /// The sample standard deviation (n − 1); 0 for a single number.
    #[must_use]
    pub fn sample_sd(&self) -> f64 {
        if self.n > 1.0 { libm::sqrt(self.squares / (self.n - 1.0)) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// NIST `StRD` `NumAcc2`: 1.2, then 1.1 and 1.3 five hundred times; certified mean 1.2, sample
    /// standard deviation 0.1.
    #[test]
    fn numacc2_is_exact_to_13_digits() {
        let data = std::iter::once(1.2).chain((0..1000).map(|k| if k % 2 == 0 { 1.1 } else { 1.3 }));
        let moments = Moments::of(data).unwrap();
        assert!((moments.mean - 1.2).abs() < 1e-13 && (moments.sample_sd() - 0.1).abs() < 1e-13);
    }

    /// NIST `StRD` `NumAcc4`: the pattern of `NumAcc2` on 10 000 000; certified standard deviation
    /// 0.1, at least 8 digits required.
    #[test]
    fn numacc4_keeps_at_least_8_digits() {
        let data =
            std::iter::once(10_000_000.2).chain((0..1000).map(|k| 10_000_000.0 + if k % 2 == 0 { 0.1 } else { 0.3 }));
        let moments = Moments::of(data).unwrap();
        assert!((moments.sample_sd() - 0.1).abs() < 1e-9, "{}", moments.sample_sd());
    }

    proptest! {
        #[test]
        fn an_offset_moves_the_mean_and_nothing_else(
            values in prop::collection::vec(-100.0..100.0_f64, 1..64), offset in -1e3..1e3_f64,
        ) {
            let plain = Moments::of(values.iter().copied()).unwrap();
            let moved = Moments::of(values.iter().map(|v| v + offset)).unwrap();
            prop_assert!((moved.mean - plain.mean - offset).abs() < 1e-9);
            prop_assert!((moved.squares - plain.squares).abs() < 1e-6 * (1.0 + plain.squares));
        }
    }
}
