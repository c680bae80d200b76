//! Real profiles of this process: what they see, that one is taken at a time, that the process
//! survives them, and the weekly run.
#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod busy;
mod seen;
mod survives;
mod turns;
mod weekly;

use sqal_core::Timestamp;
use tokio::sync::Mutex;

/// The sampler is one for the whole process, so the tests take turns.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// 2026-11-24T10:00:00Z.
fn tuesday() -> Timestamp {
    Timestamp::from_micros(1_795_514_400_000_000).unwrap()
}
