//! [`Analyzer`]: the contract between a reading and what was found in it.

use crate::{Defects, Flags, Grade, GradeScale, Measured, Score, Unseen};

/// Turns one reading into findings with a score; pure, total and repeatable.
///
/// # Contract
///
/// - *Pure*: no clock, no randomness, no memory of earlier readings; the same reading gives the same bits.
/// - *No garbage-in branch*: a reading that exists is valid, so an error means "cannot be assessed", not "malformed".
/// - *Honest*: what cannot be measured is `None` with a flag that says why, never a default number.
pub trait Analyzer {
    /// What is analysed, for example [`TofFrame`](crate::TofFrame).
    type Reading;
    /// What is found, for example [`TofFindings`](crate::TofFindings).
    type Findings;

    /// Analyses one reading.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] if nothing at all can be said about the reading.
    fn analyze(&self, reading: &Self::Reading) -> Result<Assessment<Self::Findings>, AnalysisError>;

    /// This analyser with another scale for the grade of its own score, so that all parts of a verdict are graded by one.
    ///
    /// An analyser that has no scale of its own stays as it is.
    #[must_use]
    fn graded_by(self, _scale: GradeScale) -> Self
    where
        Self: Sized,
    {
        self
    }
}

/// What an analysis says of one reading.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Assessment<F> {
    /// The measured quantities.
    pub findings: F,
    /// The quality score from 0 to 1 with its standard uncertainty; `None` when no part of it could be measured.
    pub score: Option<Measured>,
    /// The score before its defects: what the agreement of sensors is judged on, so that a defect found by one is no disagreement.
    pub undefected: Option<Measured>,
    /// The grade of the score by simple acceptance, capped by the defects found and by the coverage.
    pub grade: Option<Grade>,
    /// How far the reading is to be trusted, as a factor on its weight in a fusion.
    pub reliability: Score,
    /// The share of the score's weight that could be measured.
    pub coverage: Score,
    /// What the instrument was to see and did not; shares that are another instrument's are 0.
    pub unseen: Unseen,
    /// What is wrong, the gravest first.
    pub defects: Defects,
    /// Under which conditions the result was obtained.
    pub flags: Flags,
}

/// Why a reading could not be assessed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// Not one zone or channel of the reading is usable.
    #[error("not one zone or channel of the reading is usable")]
    NothingUsable,
}
