//! [`Calibration`]: makes a confidence mean what it says, from samples whose true grade is known.

#[cfg(feature = "alloc")]
pub mod conformal;
mod isotonic;
mod platt;
#[cfg(feature = "alloc")]
pub mod reliability;

use sqal_core::{Measured, Score};

#[cfg(feature = "alloc")]
pub use isotonic::{Block, Point, pool_adjacent_violators, venn_abers};
pub use isotonic::{Isotonic, Knot, MAX_KNOTS, NotIsotonic};
pub use platt::{NotPlatt, Platt};

/// The fewest labels from which a calibration is fitted at all; with fewer, confidence stays raw and says so.
pub const FEWEST_LABELS: usize = 50;

/// The fewest labels for an isotonic fit; with fewer, the two parameters of Platt's are all that the labels can carry.
pub const FEWEST_FOR_ISOTONIC: usize = 200;

/// One sample whose truth is known: how confident the verdict was, and whether its point grade was the true one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Label {
    /// The confidence before calibration.
    pub confidence: Score,
    /// Whether the grade was right.
    pub correct: bool,
}

/// How a raw confidence becomes a calibrated one; each of them never makes a surer verdict less sure than a less sure one.
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

/// A calibrator with what is needed to trust it, or not: a value one can store and inspect.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Stored"))]
pub struct Calibration {
    /// Which calibration this is; it travels with every verdict. 0 is none.
    pub version: u32,
    /// From how many labelled samples it was fitted.
    pub labels: u32,
    /// The curve.
    pub calibrator: Calibrator,
}

/// What is read back before it is checked.
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
    type Error = NotCalibrated;

    fn try_from(stored: Stored) -> Result<Self, NotCalibrated> {
        let Stored { version, labels, calibrator } = stored;
        let read = Self { version, labels, calibrator };
        if read.is_calibrated() && version == 0 { Err(NotCalibrated::Version) } else { Ok(read) }
    }
}

/// Why labels do not make a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotCalibrated {
    /// Too few labels: whatever was fitted would be noise.
    #[error("{given} labelled samples: at least {FEWEST_LABELS} are needed, and confidence stays uncalibrated")]
    TooFewLabels {
        /// How many there are.
        given: usize,
    },
    /// All labels say the same, so that nothing can be learnt about the other outcome.
    #[error("all {given} labels say the same: right and wrong grades are both needed")]
    OneOutcome {
        /// How many there are.
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

    /// The calibrated confidence with its standard uncertainty: the fewer labels there were, the wider. `None` if not calibrated.
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
    /// Fits the curve that the number of labels can carry: isotonic from 200, Platt's from 50, none below.
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
    /// # Ok::<(), sqal_fusion::calibration::NotCalibrated>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotCalibrated`] if the labels are too few or all alike, or the version is 0.
    pub fn fit(labels: &[Label], version: u32) -> Result<Self, NotCalibrated> {
        let given = labels.len();
        let right = labels.iter().filter(|label| label.correct).count();
        if version == 0 {
            return Err(NotCalibrated::Version);
        }
        if given < FEWEST_LABELS {
            return Err(NotCalibrated::TooFewLabels { given });
        }
        if right == 0 || right == given {
            return Err(NotCalibrated::OneOutcome { given });
        }
        let calibrator = if given < FEWEST_FOR_ISOTONIC {
            Calibrator::Platt(Platt::fit(labels))
        } else {
            Calibrator::Isotonic(Isotonic::fit(labels))
        };
        Ok(Self { version, labels: u32::try_from(given).unwrap_or(u32::MAX), calibrator })
    }
}
