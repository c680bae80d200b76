//! Redis, through `fred`: a client that never hangs, and the limits that several processes share.

mod buckets;
mod client;

pub use buckets::{EvictsLimits, RedisBuckets};
pub use client::{Redis, RedisError};
