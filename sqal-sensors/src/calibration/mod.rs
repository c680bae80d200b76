//! Calibration of a station: turns readings of references into values for its profile.
//!
//! | what is shown to the sensor | becomes | goes into |
//! |---|---|---|
//! | the empty tray, 30 frames or more | [`EmptyTray`] | [`TofProfile::reference`](crate::TofProfile) |
//! | a white tile and darkness | [`WhiteTile`] | [`SpectralProfile::white_reference`](crate::SpectralProfile) |
//! | a colour chart | [`ColorFit`](crate::spectral::ColorFit) | [`SpectralProfile::color`](crate::SpectralProfile) |
//! | good trays of the product | [`ProductReference`](crate::ProductReference) | [`SpectralProfile::reference`](crate::SpectralProfile) |
//!
//! The results can be stored and inspected. A sensor that is still warming up drifts, and a
//! reference taken then is wrong for the rest of the day. Therefore [`EmptyTray`] and [`WhiteTile`]
//! refuse a series of readings that has not settled ([`Drift`]).

mod drift;
mod empty_tray;
mod white_tile;

use sqal_core::{DeviceId, Timestamp};

pub use drift::Drift;
pub use empty_tray::{EmptyTray, EmptyTrayError};
pub use white_tile::{WhiteTile, WhiteTileError};

/// A calibration with its device and its time.
///
/// ```
/// use sqal_core::{DeviceId, Timestamp};
/// use sqal_sensors::CalibrationRecord;
///
/// let device = DeviceId::new("ESP32_LAB_0001")?;
/// let mut record = CalibrationRecord::new(device, Timestamp::from_micros(0)?, 0.98);
/// record.temperature_c = Some(12.0);
/// assert_eq!(record.age_days(Timestamp::from_micros(86_400_000_000)?), 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct CalibrationRecord<T> {
    /// The device.
    pub device_id: DeviceId,
    /// The time of the last of its readings.
    pub taken_at: Timestamp,
    /// The air temperature at that time in °C, if it was measured.
    pub temperature_c: Option<f32>,
    /// The result of the calibration.
    pub calibration: T,
}

impl<T> CalibrationRecord<T> {
    /// A calibration of a device at a time, at an unknown temperature.
    #[must_use]
    pub const fn new(device_id: DeviceId, taken_at: Timestamp, calibration: T) -> Self {
        Self { device_id, taken_at, temperature_c: None, calibration }
    }

    /// The age of the record in days; negative if `now` is before the calibration.
    #[must_use]
    pub fn age_days(&self, now: Timestamp) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an age in days, to fifteen digits")]
        let micros = now.micros().saturating_sub(self.taken_at.micros()) as f64;
        micros / 86_400e6
    }
}
