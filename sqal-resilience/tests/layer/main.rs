//! The scenarios of the layers (TW-01 to TW-12), and those that need a service below.
//!
//! The latter are TO-01, BH-05, BH-08, RT-15, RT-19, RT-20, RT-24, RT-26, SD-06 and CB-10.
#![cfg(feature = "tower")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bulkheads;
mod flights;
mod one_limit_for_all;
mod readiness;
mod retries;
mod services;
mod shutdowns;
mod timeouts;
