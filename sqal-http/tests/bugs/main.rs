//! Bugs over HTTP: the documented interface and its successor, who may do what, what is refused,
//! attachments, and faults that programs report as Sentry's clients do.
#![cfg(feature = "bugs")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
#[path = "../asked/mod.rs"]
mod asked;
mod attachments;
mod bad_input;
mod changes;
mod devices;
mod documented;
mod faults;
mod figures;
mod listed;
mod plant;
