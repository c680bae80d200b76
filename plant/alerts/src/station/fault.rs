//! [`StationFault`]: a lasting change of a station, with its evidence and its beginning.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::cause::Cause;

/// What is watched of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// The light that returns from the zones beside the product, at equal distance; the natural
    /// logarithm.
    Signal,
    /// The scatter of the zones beside the product over what the sensor claims; the natural
    /// logarithm.
    Noise,
    /// The distance of the floor beside the product, in mm from where it was learned.
    Floor,
    /// The light in all bands of the spectral sensor, beside the learned; the natural logarithm.
    Light,
    /// How far the ratio of the bands lies from the learned one; the natural logarithm.
    BandRatio,
    /// The product's reflectance for the time-of-flight sensor; the natural logarithm.
    Reflectance,
    /// The product's mean height in mm.
    Height,
    /// The number of zones that are usually valid and are not.
    InvalidZones,
    /// The share of frames without a reading of the time-of-flight sensor.
    MissingTof,
    /// The share of frames without a reading of the spectral sensor.
    MissingSpectrum,
    /// The share of frames that show a wrong transfer.
    WrongTransfers,
    /// The share of trays on which the instruments contradict each other.
    Disagreements,
    /// The seconds from the device's time of a reading to its receipt.
    Age,
}

impl Quantity {
    /// The unit, as it is shown; empty for a number without one.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Floor | Self::Height => "mm",
            Self::Age => "s",
            Self::InvalidZones => "zones",
            _ => "",
        }
    }

    /// Whether the values are logarithms, which are shown as a change in percent.
    #[must_use]
    pub const fn is_logarithm(self) -> bool {
        matches!(self, Self::Signal | Self::Noise | Self::Light | Self::BandRatio | Self::Reflectance)
    }
}

/// A value that differs from what was learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was watched.
    pub quantity: Quantity,
    /// What is usual.
    pub usual: f64,
    /// What was seen when the fault was found.
    pub seen: f64,
}

/// A lasting change of a station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StationFault {
    /// The cause that explains it best.
    pub cause: Cause,
    /// When the change began: the time of the first tray that shows it.
    pub since: Timestamp,
    /// When the change was certain enough to be told.
    pub found: Timestamp,
    /// The number of trays from the first that shows it to the one with which it was told.
    pub delay: u32,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// When it was over; `None` while it lasts.
    pub ended: Option<Timestamp>,
}
