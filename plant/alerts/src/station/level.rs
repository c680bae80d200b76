//! [`Level`]: the usual value of a quantity and its spread, learned while all is well.

use serde::{Deserialize, Serialize};

/// The median absolute deviation of a normal distribution, as a share of its standard deviation.
const MAD: f64 = 0.674_489_750_196_082;

/// The distance from the centre, in median absolute deviations that are scaled to the standard
/// deviation, up to which a value counts for the spread.
const COUNTED: f64 = 2.5;

/// The standard deviation of a standard normal distribution that is cut off at ±[`COUNTED`]:
/// √(1 − 2cφ(c)/(2Φ(c) − 1)).
const CUT_OFF: f64 = 0.954_6;

/// The usual value of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// The median.
    pub center: f64,
    /// The spread: the standard deviation of the values that lie within 2.5 median absolute
    /// deviations, scaled to that of a normal distribution, and at least the smallest change that
    /// matters. It is steadier than the median absolute deviation, and as deaf to odd values.
    pub spread: f64,
}

impl Level {
    /// The level of these values; `None` without a finite one. `least` is the smallest change that
    /// matters: a smaller spread would make an alarm of it.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>, least: f64) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let center = median(&mut values)?;
        let mut away: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
        let rough = median(&mut away)? / MAD;
        let squares: Vec<f64> = away.iter().filter(|one| **one <= COUNTED * rough).map(|one| one * one).collect();
        #[expect(clippy::cast_precision_loss, reason = "about two hundred")]
        let spread = (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt() / CUT_OFF;
        Some(Self { center, spread: spread.max(least) })
    }

    /// The distance of a value from the centre, in spreads.
    #[must_use]
    pub fn z(&self, value: f64) -> f64 {
        (value - self.center) / self.spread
    }
}

/// The median; `None` of nothing. The values are reordered.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let (_, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = below_max(&values[..middle])?;
    Some(f64::midpoint(lower, upper))
}

fn below_max(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tenth_of_outliers_moves_the_level_by_less_than_a_spread() {
        let clean: Vec<f64> = (0..100).map(|k| f64::from(k * 37 % 100) / 50.0 - 1.0).collect();
        let level = Level::of(clean.iter().copied(), 0.01).unwrap();
        let soiled = clean.iter().copied().take(90).chain([1e6; 10]);
        let with = Level::of(soiled, 0.01).unwrap();
        assert!((with.center - level.center).abs() < level.spread && with.spread < 2.0 * level.spread, "{with:?}");
    }

    proptest! {
        #[test]
        fn half_of_the_values_lie_on_each_side_of_the_median(mut values in prop::collection::vec(-1e9..1e9f64, 1..60)) {
            let all = values.clone();
            let middle = median(&mut values).unwrap();
            let below = all.iter().filter(|value| **value < middle).count();
            let above = all.iter().filter(|value| **value > middle).count();
            prop_assert!(below * 2 <= all.len() && above * 2 <= all.len());
        }
    }
}
