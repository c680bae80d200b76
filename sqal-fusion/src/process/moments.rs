//! [`Moments`]: count, mean and spread of a stream of numbers, which can be merged.

/// Count, mean and sum of squares about the mean, one number at a time (Welford 1962) or two
/// streams joined (Chan, Golub and Le Veque 1979).
///
/// ```
/// use sqal_fusion::process::Moments;
///
/// let (mut left, mut right) = (Moments::default(), Moments::default());
/// assert!(left.push(1.0) && left.push(2.0) && right.push(3.0) && right.push(6.0));
/// let all = left.merged(&right);
/// assert_eq!((all.count(), all.mean()), (4, Some(3.0)));
/// assert!((all.variance().unwrap() - 14.0 / 3.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes the next number. If it is not finite, it is left out and the result is `false`.
    pub fn push(&mut self, x: f64) -> bool {
        if !x.is_finite() {
            return false;
        }
        self.count += 1;
        let before = x - self.mean;
        self.mean += before / self.n();
        self.squares += before * (x - self.mean);
        true
    }

    /// Joins both streams.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let count = self.count + other.count;
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { *other } else { *self };
        }
        let between = other.mean - self.mean;
        let share = other.n() / (self.n() + other.n());
        Self {
            count,
            mean: self.mean + between * share,
            squares: self.squares + other.squares + between * between * self.n() * share,
        }
    }

    /// The number of numbers taken.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The mean; `None` before the first number.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The sample variance (divisor n − 1); `None` for fewer than two numbers.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.n() - 1.0))
    }

    /// The sample standard deviation; `None` for fewer than two numbers.
    #[must_use]
    pub fn sd(&self) -> Option<f64> {
        self.variance().map(libm::sqrt)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
    const fn n(&self) -> f64 {
        self.count as f64
    }
}
