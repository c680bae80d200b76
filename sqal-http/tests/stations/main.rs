//! Stations over a real WebSocket: good frames are acknowledged after their commit.
//!
//! Bad frames are answered, and the line goes on.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod bad_frames;
mod ends;
mod floods;
mod frames;
mod line;
mod talk;
