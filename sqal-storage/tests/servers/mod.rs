//! Servers for one test each, to be frozen, killed and restarted; removed with the test.
#![allow(dead_code, unused_imports, reason = "each test binary uses some of them")]

#[cfg(feature = "postgres")]
mod behind;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "objects")]
mod s3;

#[cfg(feature = "postgres")]
pub(crate) use behind::behind;
#[cfg(feature = "postgres")]
pub(crate) use postgres::{Postgres, fresh_schema, fresh_store, variable};
#[cfg(feature = "redis")]
pub(crate) use redis::RedisServer;
#[cfg(feature = "objects")]
pub(crate) use s3::S3Server;
