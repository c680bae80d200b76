//! From the `vl53-8x8` crate's results to a frame.

use sqal_core::{DistanceKind, Grid, InvalidFrame, TargetStatus, TofFrame, TofReading};
use vl53_8x8::{NB_TARGET_PER_ZONE, ResultsData};

/// In which units the driver hands out its numbers: that is decided when it is compiled, and cannot be seen in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverUnits {
    /// The default: whole mm, kcps and percent, cut off behind the point as ST's driver does.
    Whole,
    /// The device's own fixed point, with the driver's feature `raw-format`: nothing is lost.
    Raw,
}

/// The frame of a driver's results; of several targets in a zone the first, which is the strongest unless the driver was told otherwise.
///
/// A noise in whole mm was cut off, so half a millimetre is given back. The driver's outputs for distance, signal, sigma, reflectance
/// and status must be compiled in (none of its features `disable-…`), which they are by default.
///
/// # Errors
///
/// [`InvalidFrame`] names a number that the sensor cannot have produced: the units are not those stated.
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
