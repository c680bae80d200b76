//! [`RedisCache`]: a cache that several processes share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fred::prelude::{Expiration, KeysInterface, ServerInterface};
use sqal_core::DeviceId;
use tracing::{Instrument, trace_span};

use super::Redis;
use crate::{
    Cache,
    cache::{CacheError, CacheKey, CacheScope, Cached, Got, Stamp},
};

/// The version of the form of values: a program of another version does not find the values of this
/// one.
const VERSION: u32 = 1;

/// The time for which a counter is kept: 60 days, twice the longest time of a kind of an embedding
/// service. A counter must outlive every value that depends on it: after the counter has expired,
/// a value from before the clearing would be valid again.
const COUNTER_MILLIS: i64 = 60 * 24 * 60 * 60 * 1000;

/// A cache in a Redis. Every key expires.
///
/// Cleared values are left to expire. Each value carries the number that its scope had when the
/// look that led to the value found none, and a clearing gives the scope another number, however
/// many values are in it. A write that Redis executes late, after its sender has given up,
/// therefore has no effect. The numbers are drawn at random, so a number that was evicted or lost
/// in a fail-over is not given twice. A Redis that evicts keys of any kind (`allkeys-*`) may still
/// forget that a scope was cleared, and return its values until their time is over.
#[derive(Debug)]
pub struct RedisCache {
    redis: Redis,
    prefix: String,
    /// Scopes that could not be cleared, with the number of tries: until they are cleared, no value
    /// is returned from them.
    uncleared: Mutex<HashMap<CacheScope, u64>>,
    any_uncleared: AtomicBool,
}

impl RedisCache {
    /// The default prefix. Processes share values, and clear them, only under one prefix.
    pub const USUAL_PREFIX: &str = "sqal";

    /// A cache whose keys begin with this prefix.
    #[must_use]
    pub fn new(redis: &Redis, prefix: impl Into<String>) -> Self {
        Self {
            redis: redis.clone(),
            prefix: prefix.into(),
            uncleared: Mutex::default(),
            any_uncleared: AtomicBool::new(false),
        }
    }

    fn uncleared(&self) -> std::sync::MutexGuard<'_, HashMap<CacheScope, u64>> {
        self.uncleared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, key: &CacheKey) -> String {
        let CacheKey { kind, device, name } = key;
        let device = device.as_ref().map_or("", DeviceId::as_str);
        // The lengths keep apart the parts that could run together.
        format!("{}:{VERSION}:{}:{}:{device}:{name}", self.prefix, kind.as_str(), device.len())
    }

    fn counter(&self, scope: &CacheScope) -> String {
        format!("{}:cleared:{scope}", self.prefix)
    }

    /// The counters of the clearings of everything and of the key's device.
    fn counters(&self, key: &CacheKey) -> [String; 2] {
        let device = key.device.map_or(CacheScope::All, CacheScope::Device);
        [self.counter(&CacheScope::All), self.counter(&device)]
    }

    /// Clears the scopes that could not be cleared before.
    async fn catch_up(&self) -> Result<(), CacheError> {
        if !self.any_uncleared.load(Ordering::Acquire) {
            return Ok(());
        }
        let scopes: Vec<_> = self.uncleared().iter().map(|(scope, tries)| (*scope, *tries)).collect();
        for (scope, tries) in scopes {
            self.clear_now(&scope, tries).await?;
        }
        Ok(())
    }

    async fn clear_now(&self, scope: &CacheScope, tries: u64) -> Result<(), CacheError> {
        let number = sqal_resilience::fresh_seed().cast_signed();
        let expires = Some(Expiration::PX(COUNTER_MILLIS));
        let _: () = self.redis.client.set(self.counter(scope), number, expires, None, false).await.map_err(away)?;
        let mut uncleared = self.uncleared();
        // If another caller tried to clear the scope meanwhile, this answer does not count for that
        // try.
        if uncleared.get(scope) == Some(&tries) {
            uncleared.remove(scope);
        }
        self.any_uncleared.store(!uncleared.is_empty(), Ordering::Release);
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn away(error: fred::error::Error) -> CacheError {
    CacheError(error.to_string())
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &CacheKey) -> Result<Got, CacheError> {
        self.catch_up().await?;
        let [all, device] = self.counters(key);
        let text = self.text(key);
        // One round trip; in a cluster each command finds its own server. The counters are read
        // first: a value with a newer counter is then not returned.
        let pipeline = self.redis.client.pipeline();
        let _: () = pipeline.get(all).await.map_err(away)?;
        let _: () = pipeline.get(device).await.map_err(away)?;
        let _: () = pipeline.get(text.as_str()).await.map_err(away)?;
        let _: () = pipeline.pttl(text.as_str()).await.map_err(away)?;
        // A cache that does not answer is no error of the request, so the span has no status.
        let span = trace_span!("GET", otel.kind = "client", db.system.name = "redis", db.operation.name = "GET");
        let (all, device, value, left): (Option<i64>, Option<i64>, Option<Vec<u8>>, i64) =
            pipeline.all().instrument(span).await.map_err(away)?;
        let stamp = Stamp([all, device].map(|number| number.unwrap_or(0).cast_unsigned()));
        let found =
            value.as_deref().and_then(<[u8]>::split_first_chunk::<16>).filter(|(put, _)| **put == written(stamp));
        let left = u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis);
        let cached = found.zip(left).map(|((_, value), left)| Cached { value: value.into(), left });
        Ok(Got { cached, stamp })
    }

    async fn put(&self, key: &CacheKey, stamp: Stamp, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheError> {
        let stamped = [written(stamp).as_slice(), &value].concat();
        let millis = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX).max(1);
        let expires = Some(Expiration::PX(millis));
        let span = trace_span!("SET", otel.kind = "client", db.system.name = "redis", db.operation.name = "SET");
        let set = self.redis.client.set::<(), _, _>(self.text(key), stamped.as_slice(), expires, None, false);
        set.instrument(span).await.map_err(away)
    }

    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheError> {
        // Marked first, so that the scope stays marked if the caller gives up waiting.
        let tries = {
            let mut uncleared = self.uncleared();
            let tries = uncleared.entry(*scope).or_default();
            *tries += 1;
            *tries
        };
        self.any_uncleared.store(true, Ordering::Release);
        self.clear_now(scope, tries).await
    }

    /// The number of all keys of the database, also of other programs.
    async fn count(&self) -> Result<u64, CacheError> {
        self.redis.client.dbsize().await.map_err(away)
    }
}

/// A stamp at the head of a value.
fn written(Stamp([all, device]): Stamp) -> [u8; 16] {
    let mut written = [0; 16];
    written[..8].copy_from_slice(&all.to_le_bytes());
    written[8..].copy_from_slice(&device.to_le_bytes());
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::LONGEST;

    /// A value is fresh for its time and a tenth, and stale for half of that.
    #[test]
    fn a_counter_outlives_every_value_that_depends_on_it() {
        let longest = LONGEST.mul_f64(1.1 * 1.5);
        assert!(u128::try_from(COUNTER_MILLIS).unwrap() > longest.as_millis(), "{longest:?}");
    }
}
