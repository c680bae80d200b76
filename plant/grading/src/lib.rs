//! The rules of a product in one profile, and a verdict from it without a server.
//!
//! This crate alone gives a verdict: it exports [`sqal_core`], [`sqal_sensors`] and
//! [`sqal_fusion`]. A [`ProfileFile`] is the documented file of profiles. A [`Profile`] holds the
//! settings of both sensors, how their scores are joined, and how certain each grade must be;
//! [`Profile::inspector`] judges by it. [`Profiles`] are checked, hashed and ready to judge by
//! name.
//!
//! [`ProfilesInForce`] are those that judge now, and a [`Trial`] shows what another profile would
//! have said.
//!
//! ```
//! use sqal_grading::sqal_core::tof::{DistanceKind, TargetStatus, TofReading};
//! use sqal_grading::sqal_core::{Grade, Grid, Name, TofFrame, verdict::Language};
//! use sqal_grading::{Profile, ProfileFile};
//!
//! // The text of a profile file. A plant writes it in YAML and reads it by `from_yaml`.
//! let text = serde_json::json!({ "profiles": { "terrine": Profile::example() } }).to_string();
//! let (file, name) = (ProfileFile::from_json(&text)?, "terrine".parse::<Name<64>>()?);
//! let inspector = file.profiles[&name].inspector()?;
//!
//! // A tray with its floor 150 mm below the sensor, filled 20 mm high. No spectrum was read.
//! let frame = TofFrame::new(TofReading {
//!     distance_mm: Grid::from_fn(|_| 130.0),
//!     reflectance_percent: Some(Grid::from_fn(|_| 45.0)),
//!     amplitude_kcps: Some(Grid::from_fn(|_| 900.0)),
//!     sigma_mm: Some(Grid::from_fn(|_| 1.0)),
//!     status: Some(Grid::from_fn(|_| TargetStatus::VALID)),
//!     distance_kind: DistanceKind::Perpendicular,
//! })?;
//! let verdict = inspector.inspect(Some(&frame), None).verdict;
//! let said = verdict.explain(Language::English).to_string();
//! assert!(said.starts_with(verdict.grade.as_str()), "{said}");
//! assert!(verdict.score.is_some() && verdict.grade <= Grade::B, "without its colour a tray is B at best: {said}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `yaml`: `ProfileFile::from_yaml`.
//! - `register`: `Decisions`, which keeps the profiles in force equal on all servers of a register
//!   of `sqal-storage`.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "register")]
mod agreement;
#[cfg(feature = "register")]
pub mod decisions;
pub mod french;
#[cfg(feature = "register")]
mod given_profiles;
pub mod in_force;
mod profile;
mod profile_file;
#[cfg(feature = "register")]
mod seen_decisions;
pub mod trial;

// The types of these crates are in the signatures. Through these exports, an embedding service
// needs one dependency, of one version.
pub use sqal_core;
pub use sqal_fusion;
pub use sqal_sensors;

#[cfg(feature = "register")]
#[doc(inline)]
pub use decisions::Decisions;
#[doc(inline)]
pub use in_force::ProfilesInForce;
pub use profile::{InvalidProfiles, Profile, ProfileInspector, Profiles};
pub use profile_file::{InvalidProfileFile, ProfileFile};
#[doc(inline)]
pub use trial::Trial;
