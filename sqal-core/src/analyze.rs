//! [`Analyzer`]: the contract between a reading and what was found in it.

use crate::{Defects, Flags, Grade, Measured, Score, grade::GradeScale, unseen::Unseen};

/// Turns one reading into findings with a score; pure, total and repeatable.
///
/// # Contract
/// - *Pure*: no clock, no randomness, no memory of earlier readings; the same reading gives the
///   same bits.
/// - *No garbage-in branch*: a reading that exists is valid, so an error means "cannot be
///   assessed", not "malformed".
/// - *Honest*: a quantity that cannot be measured is `None` with a flag that says why, never a
///   default number.
pub trait Analyzer {
    /// The reading to analyse, for example [`TofFrame`](crate::TofFrame).
    type Reading;
    /// The findings of an analysis, for example [`TofFindings`](crate::TofFindings).
    type Findings;

    /// Analyses one reading.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] if the reading cannot be assessed at all.
    fn analyze(&self, reading: &Self::Reading) -> Result<Assessment<Self::Findings>, AnalysisError>;

    /// Returns this analyser with another scale for the grade of its own score.
    ///
    /// All parts of a verdict are then graded by one scale.
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

/// The result of the analysis of one reading.
///
/// An analyser begins with [`Assessment::new`] and sets what it found.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Assessment<F> {
    /// The measured quantities.
    pub findings: F,
    /// The quality score from 0 to 1 with its standard uncertainty; `None` when no part of it could
    /// be measured.
    pub score: Option<Measured>,
    /// The score before its defects are taken off.
    ///
    /// The agreement of the sensors is judged on this score, so a defect that one sensor finds is
    /// not a disagreement.
    pub undefected: Option<Measured>,
    /// The grade of the score by simple acceptance, capped by the defects found and by the
    /// coverage.
    pub grade: Option<Grade>,
    /// How far the reading is to be trusted, as a factor on its weight in a fusion.
    pub reliability: Score,
    /// The share of the score's weight that could be measured.
    pub coverage: Score,
    /// The shares that the instrument should have seen and did not; the shares of other instruments
    /// are 0.
    pub unseen: Unseen,
    /// The defects found, the gravest first.
    pub defects: Defects,
    /// The conditions under which the result was obtained.
    pub flags: Flags,
}

impl<F> Assessment<F> {
    /// The assessment of a reading of which nothing was rated: no score, no reliability, no
    /// coverage and no defects. Everything counts as unseen until the analyser says what it saw.
    ///
    /// ```
    /// use sqal_core::analyze::Assessment;
    /// use sqal_core::{Score, TofFindings};
    ///
    /// let mut assessment = Assessment::new(TofFindings::UNMEASURED);
    /// assessment.reliability = Score::ONE;
    /// assert_eq!((assessment.score, assessment.coverage), (None, Score::ZERO));
    /// ```
    #[must_use]
    pub fn new(findings: F) -> Self {
        Self {
            findings,
            score: None,
            undefected: None,
            grade: None,
            reliability: Score::ZERO,
            coverage: Score::ZERO,
            unseen: Unseen::EVERYTHING,
            defects: Defects::new(),
            flags: Flags::default(),
        }
    }
}

/// Why a reading could not be assessed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// Not one zone or channel of the reading is usable.
    #[error("not one zone or channel of the reading is usable")]
    NothingUsable,
}
