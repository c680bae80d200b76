//! Converts the results of the `vl53-8x8` crate to a frame.

use sqal_core::{
    Grid, TofFrame,
    tof::{DistanceKind, InvalidFrame, TargetStatus, TofReading},
};
use vl53_8x8::{NB_TARGET_PER_ZONE, ResultsData};

/// The units of the driver's numbers. They are fixed when the driver is compiled, and cannot be
/// recognised from the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverUnits {
    /// The default: whole mm, kcps and percent, without the fraction, as ST's driver gives them.
    Whole,
    /// The device's own fixed point, with the driver's feature `raw-format`: no digits are lost.
    Raw,
}

/// Converts a driver's results to a frame. If a zone has several targets, the first is taken, which
/// is the strongest unless the driver is configured otherwise.
///
/// A noise in whole mm lost its fraction, so half a millimetre is added. The driver's outputs for
/// distance, signal, sigma, reflectance and status must be compiled in (none of its features
/// `disable-…`), which they are by default.
///
/// # Errors
///
/// [`InvalidFrame`] names a number that is outside the range of the sensor, which means that the
/// units are not those stated.
pub fn frame_from_vl53_8x8(results: &ResultsData, units: DriverUnits) -> Result<TofFrame, InvalidFrame> {
    let first = |zone: usize| zone * NB_TARGET_PER_ZONE;
    let (quarter, half, noise, signal) = match units {
        DriverUnits::Whole => (1.0, 1.0, (1.0, 0.5), 1.0),
        DriverUnits::Raw => (0.25, 0.5, (1.0 / 128.0, 0.0), 1.0 / 2048.0),
    };
    #[expect(clippy::cast_precision_loss, reason = "a signal of 24 significant bits is far below its own noise")]
    let kcps = |zone: usize| results.signal_per_spad[first(zone)] as f32 * signal;
    TofFrame::new(TofReading {
        distance_mm: Grid::from_fn(|zone| f32::from(results.distance_mm[first(zone)]) * quarter),
        reflectance_percent: Some(Grid::from_fn(|zone| f32::from(results.reflectance[first(zone)]) * half)),
        amplitude_kcps: Some(Grid::from_fn(kcps)),
        sigma_mm: Some(Grid::from_fn(|zone| f32::from(results.range_sigma_mm[first(zone)]) * noise.0 + noise.1)),
        status: Some(Grid::from_fn(|zone| TargetStatus(results.target_status[first(zone)]))),
        distance_kind: DistanceKind::Perpendicular,
    })
}
