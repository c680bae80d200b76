//! Alerts and silences over HTTP: which callers read them, what people do about them, and what is
//! refused.
#![cfg(feature = "alerts")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
#[path = "../asked/mod.rs"]
mod asked;
mod deeds;
mod listed;
mod plant;
mod silences;
