//! Redis, through `fred`: a client with limited waits, and the limits and the cache that several
//! processes share.

mod buckets;
#[cfg(feature = "cache")]
mod cache;
mod client;

pub use buckets::{EvictionPolicyError, RedisBuckets};
#[cfg(feature = "cache")]
pub use cache::RedisCache;
pub use client::{Redis, RedisError};
