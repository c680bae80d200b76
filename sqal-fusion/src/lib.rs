//! Fuses the scores of sensors into a grade, with its uncertainty and its reasons.
//!
//! Shape and colour are *different attributes* of one product, not two readings of one quantity.
//! They are joined by a weighted power mean ([`PowerMeanRule`]), never by inverse variance. The
//! decision is guarded acceptance ([`DecisionRule`], JCGM 106:2012): it gives the best grade that
//! is certain enough. [`Inspector`] combines two analysers, a rule and a decision.
//!
//! ```
//! use sqal_fusion::sqal_core::{Grade, Measured, Score}; // a dependency on `sqal-core` of one's own is the same
//! use sqal_fusion::{DecisionRule, Evidence, FusionRule, PowerMeanRule};
//!
//! let shape = Evidence::new(Measured::new(0.88, 0.03)?, 1.0, Score::ONE)?;
//! let colour = Evidence::new(Measured::new(0.90, 0.03)?, 1.0, Score::ONE)?;
//! let fused = PowerMeanRule::default().fuse(&[shape, colour])?;
//! assert!((fused.score.value() - 0.8899).abs() < 1e-4 && (fused.score.u() - 0.021).abs() < 1e-3);
//! assert_eq!(DecisionRule::default().decide(&fused).grade, Grade::A);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `alloc`: calibrations, reliability diagrams and conformal sets can be *fitted*. Applying them
//!   never allocates.
//! - `batch`: [`decide_all`], which grades thousands of trays at once.
//! - `std`: `alloc`, and the error types of dependencies implement `std::error::Error`.
//! - `serde`: configurations can be serialized and deserialized. Deserializing makes the checks of
//!   the constructor.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "batch")]
mod batch;
mod belief;
pub mod calibration;
pub mod conformity;
mod covariance;
mod decision;
mod evidence;
mod inspector;
mod most_unseen;
mod power_mean;
pub mod process;
pub mod propagate;
mod redundant;
mod rule;

// The types of `sqal-core` are part of the signatures. Through this re-export, an embedding service
// needs no dependency of its own on the matching version.
pub use sqal_core;

#[cfg(feature = "batch")]
pub use batch::decide_all;
pub use belief::{Belief, BeliefRule, CombinedBelief, InvalidBelief, MAX_HYPOTHESES, MAX_SOURCES};
pub use covariance::{Covariance, InvalidCovariance};
pub use decision::{DecisionRule, GradeDecision, Guard};
pub use evidence::{Evidence, InvalidEvidence};
pub use inspector::{Inspector, InvalidSensorWeights, SensorWeights};
pub use most_unseen::{InvalidMostUnseen, MostUnseen};
pub use power_mean::{InvalidRule, PowerMeanRule};
pub use redundant::{CombinedValue, Estimate, InvalidReplicate, InverseVariance, Replicate, covariance_intersection};
pub use rule::{FusedScore, FusionError, FusionRule};
