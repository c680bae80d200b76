//! The vocabulary of SQAL: the readings of two instruments, the quantities measured from them, and
//! the decision.
//!
//! This crate holds values and one pure contract ([`Analyzer`]); it measures nothing and stores
//! nothing. A value that exists is valid: checks live in the constructors, and serde goes through
//! them. *Unknown is `None`, never a default number, and nothing is ever NaN.*
//!
//! ```
//! use sqal_core::{Grade, grade::GradeScale, Measured, Score};
//!
//! let scale = GradeScale::default();
//! assert_eq!(scale.grade_of(Score::new(0.89)?), Grade::A);
//!
//! let height = Measured::new(18.7, 1.0)?; // 18.7 mm with a standard uncertainty of 1.0 mm
//! assert_eq!(height.value(), 18.7);
//! assert!(Measured::new(f64::NAN, 1.0).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `std`: error types of dependencies implement `std::error::Error`, and
//!   [`Beside`](beside::Beside) can hold a text.
//! - `serde`: every value can be written and read; reading checks what the constructor checks.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "std")]
extern crate std;

#[cfg(test)]
extern crate alloc;

pub mod analyze;
pub mod beside;
pub mod defect;
pub mod findings;
mod flag;
pub mod grade;
mod grid;
pub mod measured;
pub mod name;
pub mod normal;
pub mod power_mean;
pub mod sample;
pub mod score;
pub mod spectrum;
pub mod timestamp;
pub mod tof;
pub mod unseen;
pub mod verdict;

#[doc(inline)]
pub use analyze::{AnalysisError, Analyzer};
#[doc(inline)]
pub use defect::{Defect, DefectKind, Defects};
#[doc(inline)]
pub use findings::{SpectralFindings, TofFindings};
#[doc(inline)]
pub use flag::{Flag, Flags};
#[doc(inline)]
pub use grade::Grade;
#[doc(inline)]
pub use grid::Grid;
#[doc(inline)]
pub use measured::Measured;
#[doc(inline)]
pub use name::{DeviceId, Name};
#[doc(inline)]
pub use sample::{ProfileRef, Purpose, Sample, SampleId, SampleKey};
#[doc(inline)]
pub use score::Score;
#[doc(inline)]
pub use spectrum::{Channel, Gain, IntegrationTime, Spectrum};
#[doc(inline)]
pub use timestamp::Timestamp;
#[doc(inline)]
pub use tof::TofFrame;
#[doc(inline)]
pub use verdict::{Inspection, Verdict};
