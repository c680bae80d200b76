//! Decisions of people: profiles that come into force, calibrations, and jobs over history.
//!
//! A request that comes twice is executed once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
#[path = "../asked/mod.rs"]
mod asked;
mod audited;
mod calibrations;
mod capabilities;
mod events;
mod host;
mod job_keys;
mod jobs;
mod keys;
mod line;
mod log_level;
mod profiles;
mod queries;
mod schedules;
