//! Analyses the time-of-flight frames and the spectra of SQAL's two instruments.
//!
//! The 8x8 frame and the AS7341 spectrum become measured quantities with uncertainty, findings and
//! a score. All analysis is pure: no clock, no randomness, no allocation. A reading gives the same
//! bits on every machine. The settings of a plant are in a profile ([`TofProfile`],
//! [`SpectralProfile`]). Every output is defined, with its formula and source, in
//! `docs/measurement.md`.
//!
//! ```
//! use sqal_core::{Analyzer, tof::{DistanceKind, TofReading}, Grid, TofFrame};
//! use sqal_sensors::{TofAnalyzer, TofProfile};
//!
//! // A tray with its floor 150 mm below the sensor, filled 20 mm high.
//! let frame = TofFrame::new(TofReading {
//!     distance_mm: Grid::from_fn(|_| 130.0),
//!     reflectance_percent: Some(Grid::from_fn(|_| 45.0)),
//!     amplitude_kcps: Some(Grid::from_fn(|_| 900.0)),
//!     sigma_mm: Some(Grid::from_fn(|_| 1.0)),
//!     status: Some(Grid::from_fn(|_| sqal_core::tof::TargetStatus::VALID)),
//!     distance_kind: DistanceKind::Perpendicular,
//! })?;
//! let assessment = TofAnalyzer::new(TofProfile::example())?.analyze(&frame)?;
//! let height = assessment.findings.avg_height_mm.unwrap();
//! assert!((height.value() - 20.0).abs() < 1e-9 && height.u() > 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `as7341`, `vl53-8x8`: convert readings of the driver crates of these names to spectra and
//!   frames.
//! - `batch`: analyses thousands of frames from `ndarray` arrays at once, with the vector
//!   instructions and all the cores of the machine.
//! - `std`: the error types of dependencies implement `std::error::Error`.
//! - `serde`: profiles can be serialized and deserialized. Unknown keys are refused.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "batch")]
pub mod batch;
pub mod calibration;
pub mod desirability;
#[cfg(any(feature = "as7341", feature = "vl53-8x8"))]
pub mod drivers;
mod invalid_profile;
pub mod least_squares;
pub mod moments;
mod order;
mod owens_t;
pub mod profile;
pub mod robust;
pub mod spectral;
mod student;
pub mod tof;

// The types of `sqal-core` are part of the signatures. Through this re-export, an embedding service
// needs no dependency of its own on the matching version.
pub use sqal_core;

#[doc(inline)]
pub use calibration::{CalibrationRecord, EmptyTray, WhiteTile};
#[doc(inline)]
pub use desirability::Desirability;
#[doc(inline)]
pub use invalid_profile::InvalidProfile;
#[doc(inline)]
pub use profile::{
    ColorTarget, HeightReference, Mount, NoiseModel, Rotation, SpectralProfile, SpectralWeights, TofProfile,
    TofWeights, Tray, WhiteReference,
};
#[doc(inline)]
pub use spectral::{ColorCalibration, ProductReference, SpectralAnalyzer};
#[doc(inline)]
pub use tof::TofAnalyzer;
