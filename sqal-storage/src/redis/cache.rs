//! [`RedisCache`]: a cache that several processes share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fred::prelude::{Client, Expiration, KeysInterface, ServerInterface};
use sqal_core::DeviceId;

use super::Redis;
use crate::{Cache, CacheAway, CacheKey, CacheScope, Cached};

/// The version of what is in the values: another version of this program finds nothing of this one's.
const VERSION: u32 = 1;

/// A cache in a Redis. Every key expires.
///
/// What is cleared is left to expire: a counter in each value says how often its scope had been cleared when it was put, so clearing a
/// scope is one `INCR` however much is in it, and a write that Redis does late, after its sender had given up, is dead when it comes.
#[derive(Debug)]
pub struct RedisCache {
    client: Client,
    prefix: String,
    /// Scopes that could not be cleared: nothing is given from them until they are.
    uncleared: Mutex<HashSet<CacheScope>>,
    any_uncleared: AtomicBool,
}

impl RedisCache {
    /// A cache whose keys begin with this prefix.
    #[must_use]
    pub fn new(redis: &Redis, prefix: impl Into<String>) -> Self {
        Self {
            client: redis.0.clone(),
            prefix: prefix.into(),
            uncleared: Mutex::default(),
            any_uncleared: AtomicBool::new(false),
        }
    }

    fn uncleared(&self) -> std::sync::MutexGuard<'_, HashSet<CacheScope>> {
        self.uncleared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, key: &CacheKey) -> String {
        let CacheKey { kind, device, name } = key;
        let device = device.as_ref().map_or("", DeviceId::as_str);
        // The lengths keep apart what could run together.
        format!("{}:{VERSION}:{}:{}:{device}:{name}", self.prefix, kind.as_str(), device.len())
    }

    fn counter(&self, scope: &CacheScope) -> String {
        format!("{}:cleared:{scope}", self.prefix)
    }

    /// How often everything, and the key's device, were cleared.
    fn counters(&self, key: &CacheKey) -> [String; 2] {
        let device = key.device.map_or(CacheScope::All, CacheScope::Device);
        [self.counter(&CacheScope::All), self.counter(&device)]
    }

    async fn generation(&self, key: &CacheKey) -> Result<[u64; 2], CacheAway> {
        let [all, device] = self.counters(key);
        let pipeline = self.client.pipeline();
        let _: () = pipeline.get(all).await.map_err(away)?;
        let _: () = pipeline.get(device).await.map_err(away)?;
        let counts: Vec<Option<u64>> = pipeline.all().await.map_err(away)?;
        Ok([0, 1].map(|k| counts.get(k).copied().flatten().unwrap_or(0)))
    }

    /// Clears what could not be cleared before.
    async fn catch_up(&self) -> Result<(), CacheAway> {
        if !self.any_uncleared.load(Ordering::Acquire) {
            return Ok(());
        }
        let scopes: Vec<_> = self.uncleared().iter().copied().collect();
        for scope in scopes {
            self.clear_now(&scope).await?;
        }
        Ok(())
    }

    async fn clear_now(&self, scope: &CacheScope) -> Result<(), CacheAway> {
        let _: u64 = self.client.incr(self.counter(scope)).await.map_err(away)?;
        let mut uncleared = self.uncleared();
        uncleared.remove(scope);
        self.any_uncleared.store(!uncleared.is_empty(), Ordering::Release);
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn away(error: fred::error::Error) -> CacheAway {
    CacheAway(error.to_string())
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &CacheKey) -> Result<Option<Cached>, CacheAway> {
        self.catch_up().await?;
        let [all, device] = self.counters(key);
        let text = self.text(key);
        // One round trip; in a cluster each command finds its own server.
        let pipeline = self.client.pipeline();
        let _: () = pipeline.get(text.as_str()).await.map_err(away)?;
        let _: () = pipeline.pttl(text.as_str()).await.map_err(away)?;
        let _: () = pipeline.get(all).await.map_err(away)?;
        let _: () = pipeline.get(device).await.map_err(away)?;
        let (value, left, all, device): (Option<Vec<u8>>, i64, Option<u64>, Option<u64>) =
            pipeline.all().await.map_err(away)?;
        let generation = [all.unwrap_or(0), device.unwrap_or(0)];
        let found = value.as_deref().and_then(<[u8]>::split_first_chunk::<16>);
        let (Some((put, value)), Ok(left)) = (found, u64::try_from(left)) else { return Ok(None) };
        if *put != stamp(generation) || left == 0 {
            return Ok(None);
        }
        Ok(Some(Cached { value: value.into(), left: Duration::from_millis(left) }))
    }

    async fn put(&self, key: &CacheKey, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheAway> {
        self.catch_up().await?;
        let stamped = [stamp(self.generation(key).await?).as_slice(), &value].concat();
        let millis = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX).max(1);
        let expires = Some(Expiration::PX(millis));
        self.client.set::<(), _, _>(self.text(key), stamped.as_slice(), expires, None, false).await.map_err(away)
    }

    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheAway> {
        // First, so that a caller who gives up waiting leaves it marked.
        self.uncleared().insert(*scope);
        self.any_uncleared.store(true, Ordering::Release);
        self.clear_now(scope).await
    }

    /// All keys of the database, whoever's.
    async fn count(&self) -> Result<u64, CacheAway> {
        self.client.dbsize().await.map_err(away)
    }
}

fn stamp([all, device]: [u64; 2]) -> [u8; 16] {
    let mut stamp = [0; 16];
    stamp[..8].copy_from_slice(&all.to_le_bytes());
    stamp[8..].copy_from_slice(&device.to_le_bytes());
    stamp
}
