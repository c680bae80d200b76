//! [`Score`]: a number from 0 to 1 that is never NaN and therefore ordered.

use core::cmp::Ordering;

/// A dimensionless figure of merit, probability or share, from 0 to 1.
///
/// ```
/// use sqal_core::Score;
///
/// assert!(Score::new(0.9)? > Score::new(0.88)?);
/// assert!(Score::new(1.01).is_err());
/// # Ok::<(), sqal_core::score::InvalidScore>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Score(f64);

/// The number offered as a score lies outside 0 to 1, or is NaN.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a score: expected 0 to 1")]
pub struct InvalidScore(pub f64);

impl Score {
    /// The worst score.
    pub const ZERO: Self = Self(0.0);
    /// The best score.
    pub const ONE: Self = Self(1.0);

    /// A score from a number.
    ///
    /// # Errors
    ///
    /// [`InvalidScore`] if the number is NaN or outside 0 to 1.
    pub const fn new(value: f64) -> Result<Self, InvalidScore> {
        if value >= 0.0 && value <= 1.0 {
            // Adding 0.0 turns -0.0 into +0.0, so that equal scores have equal bits.
            Ok(Self(value + 0.0))
        } else {
            Err(InvalidScore(value))
        }
    }

    /// The nearest score to a computed number: rounding error just outside 0 to 1 is clamped, NaN
    /// becomes 0.
    ///
    /// For results of formulas whose range is 0 to 1 in exact arithmetic. Zero is the fail-safe
    /// end.
    #[must_use]
    #[inline]
    pub const fn nearest(value: f64) -> Self {
        if value >= 1.0 {
            Self::ONE
        } else if value > 0.0 {
            Self(value)
        } else {
            Self::ZERO
        }
    }

    /// The number, from 0 to 1.
    #[must_use]
    #[inline]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<f64> for Score {
    type Error = InvalidScore;

    fn try_from(value: f64) -> Result<Self, InvalidScore> {
        Self::new(value)
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        score.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_score_exists_exactly_between_zero_and_one(value in proptest::num::f64::ANY) {
            prop_assert_eq!(Score::new(value).is_ok(), (0.0..=1.0).contains(&value));
            let nearest = Score::nearest(value).get();
            prop_assert!((0.0..=1.0).contains(&nearest));
            if (0.0..=1.0).contains(&value) {
                prop_assert_eq!(nearest.to_bits(), (value + 0.0).to_bits());
            }
        }

        #[test]
        fn scores_are_ordered_as_their_numbers(a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
            prop_assert_eq!(Score::nearest(a).cmp(&Score::nearest(b)), a.total_cmp(&b));
        }
    }

    #[test]
    fn minus_zero_is_zero() {
        assert_eq!(Score::new(-0.0).map(|s| s.get().to_bits()), Ok(0));
    }
}
