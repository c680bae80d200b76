//! Converts readings of published driver crates to the readings of this family.
//!
//! Each conversion is behind a feature with the name of the driver crate.

#[cfg(feature = "as7341")]
mod as7341;
#[cfg(feature = "vl53-8x8")]
mod vl53_8x8;

#[cfg(feature = "as7341")]
pub use as7341::{DriverSpectrumError, spectrum_from_as7341};
#[cfg(feature = "vl53-8x8")]
pub use vl53_8x8::{DriverUnits, frame_from_vl53_8x8};
