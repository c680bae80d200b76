//! [`Grade`] and [`GradeScale`]: the five grades, and the score at which each of them begins.

use core::fmt;
use core::str::FromStr;

use crate::{Score, score::InvalidScore};

/// The grade of a tray, from worst to best; `Grade::A > Grade::B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Grade {
    /// Not fit for sale, or not measurable: the fail-safe end.
    #[cfg_attr(feature = "serde", serde(rename = "REJECT"))]
    Reject = 0,
    /// Acceptable.
    C = 1,
    /// Good.
    B = 2,
    /// Very good.
    A = 3,
    /// The best.
    #[cfg_attr(feature = "serde", serde(rename = "A+"))]
    APlus = 4,
}

/// The text is not one of the five grades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a grade: expected A+, A, B, C or REJECT")]
pub struct InvalidGrade;

impl Grade {
    /// All grades from best to worst.
    pub const ALL: [Self; 5] = [Self::APlus, Self::A, Self::B, Self::C, Self::Reject];

    /// The label used on the wire and on labels: `A+`, `A`, `B`, `C`, `REJECT`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::APlus => "A+",
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::Reject => "REJECT",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Grade {
    type Err = InvalidGrade;

    fn from_str(text: &str) -> Result<Self, InvalidGrade> {
        Self::ALL.into_iter().find(|grade| grade.as_str() == text).ok_or(InvalidGrade)
    }
}

/// The score at which each accepted grade begins; strictly increasing, so every score has exactly
/// one grade.
///
/// The default 0.95 / 0.85 / 0.70 / 0.50 is a placeholder that a product's profile replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct GradeScale {
    from: [Score; 4],
}

/// Why four thresholds are not a valid scale.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidGradeScale {
    /// A threshold is not a score.
    #[error("threshold of {grade}: {source}")]
    Threshold {
        /// The grade whose threshold it is.
        grade: Grade,
        /// The number.
        source: InvalidScore,
    },
    /// Two thresholds are in the wrong order or equal.
    #[error("threshold of {better} must be above that of {worse}")]
    Order {
        /// The grade that must begin higher.
        better: Grade,
        /// The grade that must begin lower.
        worse: Grade,
    },
}

impl GradeScale {
    /// A scale from the scores at which `A+`, `A`, `B` and `C` begin.
    ///
    /// # Errors
    ///
    /// [`InvalidGradeScale`] if a number is not a score, or if the four are not strictly
    /// decreasing.
    pub fn new(a_plus: f64, a: f64, b: f64, c: f64) -> Result<Self, InvalidGradeScale> {
        let mut from = [Score::ZERO; 4];
        for (slot, (number, grade)) in from.iter_mut().zip([a_plus, a, b, c].into_iter().zip(Grade::ALL)) {
            *slot = Score::new(number).map_err(|source| InvalidGradeScale::Threshold { grade, source })?;
        }
        for k in 0..3 {
            if from[k] <= from[k + 1] {
                return Err(InvalidGradeScale::Order { better: Grade::ALL[k], worse: Grade::ALL[k + 1] });
            }
        }
        Ok(Self { from })
    }

    /// The score at which a grade begins; `REJECT` begins at 0.
    #[must_use]
    pub const fn from(&self, grade: Grade) -> Score {
        match grade {
            Grade::APlus => self.from[0],
            Grade::A => self.from[1],
            Grade::B => self.from[2],
            Grade::C => self.from[3],
            Grade::Reject => Score::ZERO,
        }
    }

    /// The scores at which A+, A, B and C begin, as numbers.
    #[must_use]
    #[inline]
    pub const fn thresholds(&self) -> [f64; 4] {
        let [a_plus, a, b, c] = self.from;
        [a_plus.get(), a.get(), b.get(), c.get()]
    }

    /// The grade of a score by simple acceptance: the uncertainty is not considered.
    #[must_use]
    pub fn grade_of(&self, score: Score) -> Grade {
        Grade::ALL.into_iter().find(|grade| score >= self.from(*grade)).unwrap_or(Grade::Reject)
    }
}

impl Default for GradeScale {
    fn default() -> Self {
        Self { from: [Score::nearest(0.95), Score::nearest(0.85), Score::nearest(0.70), Score::nearest(0.50)] }
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    a_plus: f64,
    a: f64,
    b: f64,
    c: f64,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for GradeScale {
    type Error = InvalidGradeScale;

    fn try_from(raw: Raw) -> Result<Self, InvalidGradeScale> {
        Self::new(raw.a_plus, raw.a, raw.b, raw.c)
    }
}

#[cfg(feature = "serde")]
impl From<GradeScale> for Raw {
    fn from(scale: GradeScale) -> Self {
        let [a_plus, a, b, c] = scale.from.map(Score::get);
        Self { a_plus, a, b, c }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_grade_is_read_back_from_its_label() {
        for grade in Grade::ALL {
            assert_eq!(grade.as_str().parse(), Ok(grade));
        }
        assert_eq!("a+".parse::<Grade>(), Err(InvalidGrade));
    }

    #[test]
    fn thresholds_out_of_order_are_refused_with_both_grades_named() {
        let refused = GradeScale::new(0.95, 0.70, 0.70, 0.5);
        assert_eq!(refused, Err(InvalidGradeScale::Order { better: Grade::A, worse: Grade::B }));
        assert!(matches!(
            GradeScale::new(0.95, 0.85, f64::NAN, 0.5),
            Err(InvalidGradeScale::Threshold { grade: Grade::B, .. })
        ));
    }

    proptest! {
        #[test]
        fn a_better_score_never_has_a_worse_grade(a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
            let scale = GradeScale::default();
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(scale.grade_of(Score::nearest(low)) <= scale.grade_of(Score::nearest(high)));
        }
    }
}
