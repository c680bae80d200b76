//! The invariants of fusion over random evidence, and its fail-safe behaviour.
//!
//! The invariants are those of the measurement model, section 3.6.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::suboptimal_flops, reason = "numbers and formulas as they are printed")]

mod cases;
mod decisions;
mod inspection;
mod laws;
mod not_monotone;
mod readings;
mod reasons;
mod sensors;
