//! Watching the process and not the item: control charts and their rules, capability, drift of references, lot acceptance.
//!
//! Every state here takes one value at a time, can be stored and read back, and those that summarise can be merged: a line that was
//! restarted, or measured at two stations, goes on where it was.

pub mod acceptance;
pub mod capability;
pub mod chart;
pub mod drift;
pub mod military_standard;
mod moments;
pub mod run_rules;
pub mod variables_standard;

pub use moments::Moments;
