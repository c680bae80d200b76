//! Calibration of a station: readings of an empty tray and of a white tile become values that one can store, inspect and put into a profile.
//!
//! | what is shown to the sensor | becomes | goes into |
//! |---|---|---|
//! | the empty tray, 30 frames or more | [`EmptyTray`] | [`TofProfile::reference`](crate::TofProfile) |
//! | a white tile and darkness | [`WhiteTile`] | [`SpectralProfile::white_reference`](crate::SpectralProfile) |
//! | a colour chart | [`ColorFit`](crate::ColorFit) | [`SpectralProfile::color`](crate::SpectralProfile) |
//! | good trays of the product | [`ProductReference`](crate::ProductReference) | [`SpectralProfile::reference`](crate::SpectralProfile) |
//!
//! A sensor that is still warming up drifts, and a reference taken then is wrong for the rest of the day: both refuse a series of readings
//! that has not settled ([`Drift`]).

mod drift;
mod empty_tray;
mod white_tile;

use sqal_core::{DeviceId, Timestamp};

pub use drift::Drift;
pub use empty_tray::{EmptyTray, NoEmptyTray};
pub use white_tile::{NoWhiteTile, WhiteTile};

/// A calibration with what it belongs to: one device, at one time.
///
/// ```
/// use sqal_core::{DeviceId, Timestamp};
/// use sqal_sensors::CalibrationRecord;
///
/// let record = CalibrationRecord {
///     device_id: DeviceId::new("ESP32_LAB_0001")?,
///     taken_at: Timestamp::from_micros(0)?,
///     temperature_c: Some(12.0),
///     calibration: 0.98,
/// };
/// assert_eq!(record.age_days(Timestamp::from_micros(86_400_000_000)?), 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct CalibrationRecord<T> {
    /// The device.
    pub device_id: DeviceId,
    /// When the last of its readings was taken.
    pub taken_at: Timestamp,
    /// The temperature of the air then in °C, if it was measured.
    pub temperature_c: Option<f32>,
    /// What was found.
    pub calibration: T,
}

impl<T> CalibrationRecord<T> {
    /// How old the record is, in days; negative for a time before it was taken.
    #[must_use]
    pub fn age_days(&self, now: Timestamp) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an age in days, to fifteen digits")]
        let micros = now.micros().saturating_sub(self.taken_at.micros()) as f64;
        micros / 86_400e6
    }
}
