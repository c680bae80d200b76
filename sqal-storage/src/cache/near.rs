//! [`NearCache`]: a cache in this process's memory, through `moka`: bounded in bytes, each value with a time of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::Expiry;
use moka::sync::Cache as Moka;
use sqal_core::DeviceId;
use sqal_resilience::Clock;

use super::{Cache, CacheAway, CacheKey, CacheScope, Cached};

/// A cache in memory. What is cleared is not looked for any more at once, and its memory is given back when its time is over or
/// room is needed.
#[derive(Debug)]
pub struct NearCache<C> {
    values: Moka<(Generation, CacheKey), Kept>,
    clock: C,
    all: AtomicU64,
    /// How often a device was cleared; only of those that were.
    devices: RwLock<HashMap<DeviceId, u64>>,
}

/// How often everything, and the key's device, were cleared when a value was put.
type Generation = (u64, u64);

#[derive(Clone, Debug)]
struct Kept {
    value: Arc<[u8]>,
    keep: Duration,
    until: Instant,
}

/// Each value goes when its own time is over.
struct OwnTime;

impl Expiry<(Generation, CacheKey), Kept> for OwnTime {
    fn expire_after_create(&self, _: &(Generation, CacheKey), kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.keep)
    }

    fn expire_after_update(
        &self,
        _: &(Generation, CacheKey),
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.keep)
    }
}

impl<C: Clock> NearCache<C> {
    /// An empty cache of at most so many bytes.
    #[must_use]
    pub fn new(most_bytes: u64, clock: C) -> Self {
        let weight = |(_, key): &(Generation, CacheKey), kept: &Kept| {
            u32::try_from(kept.value.len() + key.name.len() + 200).unwrap_or(u32::MAX)
        };
        let values = Moka::builder().max_capacity(most_bytes).weigher(weight).expire_after(OwnTime).build();
        Self { values, clock, all: AtomicU64::new(0), devices: RwLock::default() }
    }

    fn place(&self, key: &CacheKey) -> (Generation, CacheKey) {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        let device = key.device.as_ref().and_then(|device| devices.get(device)).copied().unwrap_or(0);
        ((self.all.load(Ordering::Acquire), device), key.clone())
    }
}

#[async_trait]
impl<C: Clock + 'static> Cache for NearCache<C> {
    async fn get(&self, key: &CacheKey) -> Result<Option<Cached>, CacheAway> {
        let now = self.clock.now();
        let kept = self.values.get(&self.place(key)).filter(|kept| now < kept.until);
        Ok(kept.map(|kept| Cached { left: kept.until - now, value: kept.value }))
    }

    async fn put(&self, key: &CacheKey, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheAway> {
        let until = self.clock.now() + keep;
        self.values.insert(self.place(key), Kept { value, keep, until });
        Ok(())
    }

    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheAway> {
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

    async fn count(&self) -> Result<u64, CacheAway> {
        self.values.run_pending_tasks();
        Ok(self.values.entry_count())
    }
}
