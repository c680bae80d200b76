//! The laws of held traces: which are kept, what they show, and what they never do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adoption;
mod contexts;
mod fields;
mod forced;
mod harness;
mod limits;
mod queries;
mod remote;
mod sampling;
mod shape;
mod threads;
