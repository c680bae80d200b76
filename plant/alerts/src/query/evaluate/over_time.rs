//! One number for all points of a range: `max_over_time` and its kin.

use crate::query::Over;
use crate::query::series::Sample;

/// One number for all samples; `None` if there are none.
pub(super) fn joined(how: Over, samples: &[Sample]) -> Option<f64> {
    let first = samples.first()?.value;
    let values = samples.iter().map(|sample| sample.value);
    Some(match how {
        Over::Max => values.fold(first, |most, value| if value > most || most.is_nan() { value } else { most }),
        Over::Min => values.fold(first, |least, value| if value < least || least.is_nan() { value } else { least }),
        Over::Avg => mean(values),
        Over::Sum => {
            let sum = values.fold(KahanSum::default(), KahanSum::plus);
            sum.total()
        }
        Over::Count => values.fold(0.0, |count, _| count + 1.0),
    })
}

/// The mean value. It is divided before it is added, so that large values do not overflow.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut mean, mut count) = (KahanSum::default(), 0.0);
    for value in values {
        count += 1.0;
        if !is_settled(mean.sum, value) {
            mean = mean.plus(value / count - mean.sum / count);
        }
    }
    mean.total()
}

/// Whether a mean is infinite and stays so: another value is finite, or the infinity of the same
/// sign. Taking the mean from it would give NaN.
pub(super) fn is_settled(mean: f64, value: f64) -> bool {
    let is_same_infinity = value.is_infinite() && (mean > 0.0) == (value > 0.0);
    mean.is_infinite() && (is_same_infinity || value.is_finite())
}

/// A sum with its rounding error: Kahan's algorithm, improved by Neumaier.
#[derive(Clone, Copy, Debug, Default)]
struct KahanSum {
    sum: f64,
    error: f64,
}

impl KahanSum {
    fn plus(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        Self { sum, error: self.error + lost }
    }

    fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(how: Over, values: &[f64]) -> Option<f64> {
        let samples: Vec<_> = (0..).zip(values).map(|(millis, &value)| Sample { millis, value }).collect();
        joined(how, &samples)
    }

    #[test]
    fn nothing_has_no_number() {
        assert_eq!(over(Over::Count, &[]), None);
    }

    #[test]
    fn each_way_gives_its_number() {
        let values = [2.0, f64::NAN, 5.0, -1.0];
        assert_eq!(over(Over::Max, &values), Some(5.0));
        assert_eq!(over(Over::Min, &values), Some(-1.0));
        assert_eq!(over(Over::Max, &[f64::NAN, 1.0]), Some(1.0));
        assert_eq!(over(Over::Count, &values), Some(4.0));
        assert!(over(Over::Sum, &values).unwrap().is_nan());
        assert_eq!(over(Over::Avg, &[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(over(Over::Sum, &[1e100, 1.0, -1e100]), Some(1.0), "the rounding error is kept");
    }

    #[test]
    fn an_infinite_mean_stays_infinite() {
        let infinity = f64::INFINITY;
        assert_eq!(over(Over::Avg, &[1.0, infinity, 2.0, infinity]), Some(infinity));
        assert!(over(Over::Avg, &[infinity, -infinity]).unwrap().is_nan());
        assert_eq!(over(Over::Avg, &[f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(over(Over::Sum, &[infinity, 1.0]), Some(infinity));
    }
}
