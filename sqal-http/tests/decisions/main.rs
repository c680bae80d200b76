//! What people decide: profiles that come into force, calibrations, jobs over history; and what comes twice is done once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
mod calibrations;
mod capabilities;
mod events;
mod host;
mod jobs;
mod keys;
mod line;
mod profiles;
