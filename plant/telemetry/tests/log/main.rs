//! The lines of a log, their trace, and the control of their filter.
#![cfg(feature = "log")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod control;
mod lines;
mod traced;
mod written;
