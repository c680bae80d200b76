//! Process monitoring: control charts and run rules, capability, reference drift, lot acceptance.
//!
//! Every state here takes one value at a time, and can be stored and read back. The states that
//! summarise can be merged, so a line that was restarted, or measured at two stations, continues
//! its record.

pub mod acceptance;
pub mod capability;
pub mod chart;
pub mod drift;
pub mod military_standard;
mod moments;
pub mod run_rules;
pub mod variables_standard;

pub use moments::Moments;
