//! [`Unseen`]: the shares of a verdict's basis that were not seen.

use crate::Score;

/// The shares of a tray, of the window, of the bands, of the instruments and of the evidence that
/// were not seen; all 0 for a complete reading.
///
/// An unseen part may hold anything. A verdict therefore states these shares, and a profile limits
/// them for each grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Unseen {
    /// The share of the zones on which shape and volume rest (the tray's, and the rim's where it is
    /// the reference) without a valid distance.
    ///
    /// 1 if the instrument was blind, or if heights were asked for and no reference surface was
    /// found.
    pub area: Score,
    /// The share of the sensor's 64 zones without a valid distance.
    pub window: Score,
    /// The share of the eight bands of the spectrum without a usable value; 1 if the instrument was
    /// blind.
    pub channels: Score,
    /// The share of the instruments' weight that belongs to instruments without a usable score.
    pub sensors: Score,
    /// The share of the evidence that was missing, by weight, reliability, and each instrument's
    /// own coverage.
    pub evidence: Score,
}

impl Unseen {
    /// Everything was seen.
    pub const NOTHING: Self = Self {
        area: Score::ZERO,
        window: Score::ZERO,
        channels: Score::ZERO,
        sensors: Score::ZERO,
        evidence: Score::ZERO,
    };

    /// Nothing was seen.
    pub const EVERYTHING: Self =
        Self { area: Score::ONE, window: Score::ONE, channels: Score::ONE, sensors: Score::ONE, evidence: Score::ONE };

    /// Whether every share is at most that of `most`.
    #[must_use]
    pub fn is_within(&self, most: &Self) -> bool {
        self.area <= most.area
            && self.window <= most.window
            && self.channels <= most.channels
            && self.sensors <= most.sensors
            && self.evidence <= most.evidence
    }

    /// Whether each zone, band and instrument that a verdict rests on was seen.
    ///
    /// `window` and `evidence` are not checked: zones beside the tray decide nothing, and doubtful
    /// zones were seen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        [self.area, self.channels, self.sensors].iter().all(|share| *share == Score::ZERO)
    }
}
