//! [`ConformalGrades`]: sets of grades that hold the true grade with a stated probability.
//!
//! The method is split conformal prediction.

use alloc::vec::Vec;

use sqal_core::{Grade, Score};

/// Turns the probabilities of the five grades into a set that holds the true grade in at least 1 −
/// α of all cases.
///
/// The score of a grade is 1 − its probability (Sadinle, Lei and Wasserman 2019). The guarantee
/// needs only that the calibration samples and the future ones come from one line. It holds on
/// average over grades, not for each of them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConformalGrades {
    threshold: Score,
    alpha: Score,
    samples: u32,
}

/// Why samples do not make a conformal set.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConformalError {
    /// Too few samples: every set would have to hold every grade.
    #[error("{given} calibration samples: an error rate of {alpha} needs at least {least}")]
    TooFew {
        /// The number of samples given.
        given: usize,
        /// The error rate requested.
        alpha: f64,
        /// The fewest samples that this error rate needs.
        least: usize,
    },
    /// The error rate is 0 or 1.
    #[error("error rate {0}: expected more than 0 and less than 1")]
    Alpha(f64),
}

/// A set of grades, in the order of [`Grade::ALL`].
pub type GradeSet = arrayvec::ArrayVec<Grade, 5>;

impl ConformalGrades {
    /// Fits the threshold to samples whose true grade is known: their probabilities in the order of
    /// [`Grade::ALL`], and the true grade.
    ///
    /// # Errors
    ///
    /// [`ConformalError`] if the error rate is not between 0 and 1, or there are fewer than ⌈1/α⌉ −
    /// 1 samples.
    pub fn fit(samples: &[([f64; 5], Grade)], alpha: Score) -> Result<Self, ConformalError> {
        let a = alpha.get();
        if a <= 0.0 || a >= 1.0 {
            return Err(ConformalError::Alpha(a));
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 labelled samples")]
        let wanted = libm::ceil((samples.len() as f64 + 1.0) * (1.0 - a));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most one more than there are samples"
        )]
        let rank = wanted as usize;
        if rank > samples.len() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
            let least = (libm::ceil(1.0 / a) as usize).saturating_sub(1);
            return Err(ConformalError::TooFew { given: samples.len(), alpha: a, least });
        }
        let mut scores: Vec<Score> = samples.iter().map(|(p, truth)| strangeness(p, *truth)).collect();
        scores.sort_unstable();
        let threshold = scores[rank - 1];
        Ok(Self { threshold, alpha, samples: u32::try_from(samples.len()).unwrap_or(u32::MAX) })
    }

    /// The largest allowed value of 1 − probability for a grade in the set.
    #[must_use]
    pub const fn threshold(&self) -> Score {
        self.threshold
    }

    /// The greatest share of sets that may miss the true grade.
    #[must_use]
    pub const fn alpha(&self) -> Score {
        self.alpha
    }

    /// The number of samples from which the threshold was fitted.
    #[must_use]
    pub const fn samples(&self) -> u32 {
        self.samples
    }

    /// The grades whose probability reaches the threshold. If the set is empty, the sample is
    /// unlike those of the calibration.
    #[must_use]
    pub fn grades(&self, probabilities: &[f64; 5]) -> GradeSet {
        Grade::ALL.into_iter().filter(|grade| strangeness(probabilities, *grade) <= self.threshold).collect()
    }

    /// The set of [`grades`](Self::grades) with its gaps filled, and never empty. Grades are
    /// ordered, and an operator cannot use "A+ or B, but not A".
    #[must_use]
    pub fn contiguous(&self, probabilities: &[f64; 5]) -> GradeSet {
        let grades = self.grades(probabilities);
        // If no grade reaches the threshold, the most probable grade is used.
        let most =
            || Grade::ALL.into_iter().min_by_key(|grade| strangeness(probabilities, *grade)).unwrap_or(Grade::Reject);
        let best = grades.first().copied().unwrap_or_else(most);
        let worst = grades.last().copied().unwrap_or(best);
        Grade::ALL.into_iter().filter(|grade| (worst..=best).contains(grade)).collect()
    }
}

/// 1 − the probability of a grade.
fn strangeness(probabilities: &[f64; 5], grade: Grade) -> Score {
    let at = Grade::ALL.iter().position(|one| *one == grade);
    // A probability that is NaN has the greatest strangeness.
    let probability = at.map_or(0.0, |at| probabilities[at]);
    if probability.is_nan() { Score::ONE } else { Score::nearest(1.0 - probability) }
}
