//! The laws of workers: leases, attempts, ends and drains, by paused time over a memory store.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod drained;
mod ends;
mod kills;
mod leases;
mod logged;
mod traced;
