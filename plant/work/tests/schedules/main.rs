//! The laws of schedules: their due times, the decisions about them, and 400 days of two servers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod control;
mod cron;
mod forgotten;
mod orphaned;
mod plans;
mod reads;
mod server;
mod simulated;
mod store;
