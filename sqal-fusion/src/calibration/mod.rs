//! [`Calibration`]: maps raw confidence to the frequency of being right, fitted to known samples.

#[cfg(feature = "alloc")]
pub mod conformal;
mod isotonic;
mod platt;
#[cfg(feature = "alloc")]
pub mod reliability;

use sqal_core::{Measured, Score};

#[cfg(feature = "alloc")]
pub use isotonic::{Block, Point, pool_adjacent_violators, venn_abers};
pub use isotonic::{InvalidIsotonic, Isotonic, Knot, MAX_KNOTS};
pub use platt::{InvalidPlatt, Platt};

/// The fewest labels from which a calibration is fitted. With fewer, confidence stays raw and is
/// reported as not calibrated.
pub const FEWEST_LABELS: usize = 50;

/// The fewest labels for an isotonic fit. With fewer, the curve of Platt is fitted, which has two
/// parameters only.
pub const FEWEST_FOR_ISOTONIC: usize = 200;

/// One sample whose true grade is known: the confidence of its verdict, and whether its point grade
/// was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Label {
    /// The confidence before calibration.
    pub confidence: Score,
    /// Whether the grade was right.
    pub correct: bool,
}

/// The curve from raw to calibrated confidence. Every variant keeps the order: a higher raw
/// confidence never becomes a lower calibrated one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[expect(
    clippy::large_enum_variant,
    reason = "one per line, held in place so that a station without an allocator has it too"
)]
pub enum Calibrator {
    /// Not calibrated: the raw confidence as it is.
    Identity,
    /// A logistic curve on the logit of the raw confidence.
    Platt(Platt),
    /// A rising curve through the observed frequencies.
    Isotonic(Isotonic),
}

/// A calibrator with the version and the number of labels from which a reader can judge it. It can
/// be stored and inspected.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Stored"))]
#[non_exhaustive]
pub struct Calibration {
    /// The version of this calibration, which is part of every verdict. 0 means "not calibrated".
    pub version: u32,
    /// The number of labelled samples from which it was fitted.
    pub labels: u32,
    /// The curve.
    pub calibrator: Calibrator,
}

/// A calibration as it is deserialized, before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    labels: u32,
    calibrator: Calibrator,
}

#[cfg(feature = "serde")]
impl TryFrom<Stored> for Calibration {
    type Error = CalibrationError;

    fn try_from(stored: Stored) -> Result<Self, CalibrationError> {
        let Stored { version, labels, calibrator } = stored;
        let read = Self { version, labels, calibrator };
        if read.is_calibrated() && version == 0 { Err(CalibrationError::Version) } else { Ok(read) }
    }
}

/// Why labels do not make a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// Fewer labels than [`FEWEST_LABELS`]: the fit would be noise.
    #[error("{given} labelled samples: at least {FEWEST_LABELS} are needed, and confidence stays uncalibrated")]
    TooFewLabels {
        /// The number of labels given.
        given: usize,
    },
    /// All labels are right, or all are wrong, so the other outcome cannot be learnt.
    #[error("all {given} labels say the same: right and wrong grades are both needed")]
    OneOutcome {
        /// The number of labels given.
        given: usize,
    },
    /// Version 0 means "not calibrated".
    #[error("version 0 is kept for what is not calibrated: versions begin at 1")]
    Version,
}

impl Default for Calibration {
    fn default() -> Self {
        Self::NONE
    }
}

impl Calibration {
    /// No calibration.
    pub const NONE: Self = Self { version: 0, labels: 0, calibrator: Calibrator::Identity };

    /// Whether confidence is calibrated.
    #[must_use]
    pub const fn is_calibrated(&self) -> bool {
        !matches!(self.calibrator, Calibrator::Identity)
    }

    /// The calibrated confidence.
    #[must_use]
    pub fn calibrate(&self, raw: Score) -> Score {
        match &self.calibrator {
            Calibrator::Identity => raw,
            Calibrator::Platt(platt) => platt.at(raw),
            Calibrator::Isotonic(isotonic) => isotonic.at(raw),
        }
    }

    /// The calibrated confidence with its standard uncertainty, which is larger for fewer labels.
    /// `None` if not calibrated.
    #[must_use]
    pub fn measured(&self, raw: Score) -> Option<Measured> {
        let u = match &self.calibrator {
            Calibrator::Identity => return None,
            Calibrator::Platt(platt) => platt.u_at(raw),
            Calibrator::Isotonic(isotonic) => isotonic.u_at(raw),
        };
        Measured::new(self.calibrate(raw).get(), u).ok()
    }
}

#[cfg(feature = "alloc")]
impl Calibration {
    /// Fits the curve that the number of labels allows: isotonic from 200 labels, Platt's from 50,
    /// an error below 50.
    ///
    /// ```
    /// use sqal_core::Score;
    /// use sqal_fusion::calibration::{Calibration, Label};
    ///
    /// // Verdicts that claim 90 % and are right two times of three.
    /// let labels: Vec<_> =
    ///     (0..300).map(|k| Label { confidence: Score::nearest(0.9), correct: k % 3 != 0 }).collect();
    /// let calibration = Calibration::fit(&labels, 1)?;
    /// assert!((calibration.calibrate(Score::nearest(0.9)).get() - 2.0 / 3.0).abs() < 1e-12);
    /// assert!(Calibration::fit(&labels[..49], 1).is_err());
    /// # Ok::<(), sqal_fusion::calibration::CalibrationError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CalibrationError`] if there are too few labels, if all are right or all wrong, or if the
    /// version is 0.
    pub fn fit(labels: &[Label], version: u32) -> Result<Self, CalibrationError> {
        let given = labels.len();
        let right = labels.iter().filter(|label| label.correct).count();
        if version == 0 {
            return Err(CalibrationError::Version);
        }
        if given < FEWEST_LABELS {
            return Err(CalibrationError::TooFewLabels { given });
        }
        if right == 0 || right == given {
            return Err(CalibrationError::OneOutcome { given });
        }
        let calibrator = if given < FEWEST_FOR_ISOTONIC {
            Calibrator::Platt(Platt::fit(labels))
        } else {
            Calibrator::Isotonic(Isotonic::fit(labels))
        };
        Ok(Self { version, labels: u32::try_from(given).unwrap_or(u32::MAX), calibrator })
    }
}
