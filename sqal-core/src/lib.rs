//! The vocabulary of SQAL: the readings of two instruments, the quantities measured from them, and
//! the decision.
//!
//! This crate holds values and one pure contract ([`Analyzer`]); it measures nothing and stores
//! nothing. A value that exists is valid: checks live in the constructors, and serde goes through
//! them. *Unknown is `None`, never a default number, and nothing is ever NaN.*
//!
//! ```
//! use sqal_core::{Grade, GradeScale, Measured, Score};
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
//! - `std`: error types of dependencies implement `std::error::Error`, and [`Beside`] can hold a
//!   text.
//! - `serde`: every value can be written and read; reading checks what the constructor checks.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

#[cfg(test)]
extern crate alloc;

mod analyze;
mod beside;
mod defect;
mod findings;
mod flag;
mod grade;
mod grid;
mod measured;
mod name;
mod normal;
mod power_mean;
mod sample;
mod score;
mod spectrum;
mod timestamp;
mod tof;
mod unseen;
mod verdict;

pub use analyze::{AnalysisError, Analyzer, Assessment};
pub use beside::Beside;
pub use defect::{Defect, DefectExtent, DefectKind, Defects, Severity, ZoneSet, Zones, gravest_first};
pub use findings::{
    ArealParameters, ColorFindings, HeightBins, Lab, OutlierTest, PulseStatistics, ReflectanceStatistics,
    SpectralFindings, TofFindings,
};
pub use flag::{Flag, Flags};
pub use grade::{Grade, GradeScale, InvalidGrade, InvalidGradeScale};
pub use grid::Grid;
pub use measured::{InvalidMeasured, Measured};
pub use name::{DeviceId, InvalidName, Name};
pub use normal::{exponentials, normal_cdf, normal_cdfs, normal_quantile};
pub use power_mean::{Exponent, InvalidExponent, MAX_TERMS, PowerMean, power_mean};
pub use sample::{Meta, ProfileRef, Purpose, Reported, Sample, SampleId, SampleKey};
pub use score::{InvalidScore, Score};
pub use spectrum::{
    AdcStatus, Channel, Gain, IntegrationTime, InvalidGain, InvalidIntegrationTime, InvalidSpectrum, Spectrum,
};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use tof::{DistanceKind, InvalidFrame, Matrix, TargetStatus, TofFrame, TofReading};
pub use unseen::Unseen;
pub use verdict::{
    Alternative, CalibratedConfidence, Cap, Explanation, Inspection, Instrument, Language, Reasons, RuleKind, Verdict,
};
