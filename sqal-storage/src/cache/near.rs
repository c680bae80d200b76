//! [`NearCache`]: a cache in this process's memory, through `moka`: bounded in bytes, each value
//! with a time to live of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::Expiry;
use moka::sync::Cache as Moka;
use sqal_core::DeviceId;
use sqal_resilience::Clock;

use super::{Cache, CacheError, CacheKey, CacheScope, Cached, Got, Stamp};

/// A cache in memory.
///
/// A cleared value is never found again. Its memory is freed when its time is over or when room is
/// needed.
#[derive(Debug)]
pub struct NearCache<C> {
    values: Moka<(Stamp, CacheKey), Kept>,
    clock: C,
    all: AtomicU64,
    /// The number of clearings of each device that was ever cleared.
    devices: RwLock<HashMap<DeviceId, u64>>,
}

#[derive(Clone, Debug)]
struct Kept {
    value: Arc<[u8]>,
    keep: Duration,
    until: Instant,
}

/// Each value expires after its own time.
struct OwnTime;

impl Expiry<(Stamp, CacheKey), Kept> for OwnTime {
    fn expire_after_create(&self, _: &(Stamp, CacheKey), kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.keep)
    }

    fn expire_after_update(
        &self,
        _: &(Stamp, CacheKey),
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.keep)
    }
}

impl<C: Clock> NearCache<C> {
    /// An empty cache of at most `most_bytes` bytes.
    #[must_use]
    pub fn new(most_bytes: u64, clock: C) -> Self {
        let weight = |(_, key): &(Stamp, CacheKey), kept: &Kept| {
            u32::try_from(kept.value.len() + key.name.len() + 200).unwrap_or(u32::MAX)
        };
        let values = Moka::builder().max_capacity(most_bytes).weigher(weight).expire_after(OwnTime).build();
        Self { values, clock, all: AtomicU64::new(0), devices: RwLock::default() }
    }

    fn stamp(&self, key: &CacheKey) -> Stamp {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        let device = key.device.as_ref().and_then(|device| devices.get(device)).copied().unwrap_or(0);
        Stamp([self.all.load(Ordering::Acquire), device])
    }
}

#[async_trait]
impl<C: Clock + 'static> Cache for NearCache<C> {
    async fn get(&self, key: &CacheKey) -> Result<Got, CacheError> {
        let (stamp, now) = (self.stamp(key), self.clock.now());
        let kept = self.values.get(&(stamp, key.clone())).filter(|kept| now < kept.until);
        Ok(Got { cached: kept.map(|kept| Cached { left: kept.until - now, value: kept.value }), stamp })
    }

    async fn put(&self, key: &CacheKey, stamp: Stamp, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheError> {
        let until = self.clock.now() + keep;
        // A value under an old stamp is never looked for.
        self.values.insert((stamp, key.clone()), Kept { value, keep, until });
        Ok(())
    }

    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheError> {
        match scope {
            CacheScope::All => {
                self.all.fetch_add(1, Ordering::AcqRel);
                self.values.invalidate_all();
            }
            CacheScope::Device(device) => {
                *self.devices.write().unwrap_or_else(PoisonError::into_inner).entry(*device).or_default() += 1;
            }
        }
        Ok(())
    }

    async fn count(&self) -> Result<u64, CacheError> {
        self.values.run_pending_tasks();
        Ok(self.values.entry_count())
    }
}
