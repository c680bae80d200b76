//! The documented metrics of stores, pools and caches (MET-06 to MET-14), through the `metrics`
//! facade.
//!
//! Durations are measured where they occur, by decorators that obey the laws of the decorated store
//! or cache. The state of a pool or a cache is read on demand: call [`report_pools`] and
//! [`report_caches`] before the metrics are rendered.

use std::fmt;
#[cfg(feature = "cache")]
use std::sync::Arc;
#[cfg(feature = "cache")]
use std::time::Duration;

use async_trait::async_trait;
use metrics::{Histogram, gauge, histogram};
use sqal_core::{Sample, SampleId};
use sqal_resilience::Clock;

#[cfg(feature = "cache")]
use crate::{
    Cache,
    cache::{CacheError, CacheKey, CacheKind, CacheScope, CacheStats, Got, Stamp},
};
use crate::{
    Inserted, SampleQuery, SampleStore, StorageError,
    pool_use::PoolUse,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};

/// A decorator that measures the duration of store calls, including failed calls (MET-14).
///
/// The metric is `db_query_duration_seconds` by `query_type` (`select`, `insert`).
///
/// The decorator stands next to the store, inside breakers: a call that a breaker refuses is not a
/// query.
pub struct MeteredStore<S, C> {
    store: S,
    clock: C,
    select: Histogram,
    insert: Histogram,
}

impl<S, C> MeteredStore<S, C> {
    /// Decorates a store; the process's recorder must be installed already.
    #[must_use]
    pub fn new(store: S, clock: C) -> Self {
        let histogram = |kind: &'static str| histogram!("db_query_duration_seconds", "query_type" => kind);
        Self { store, clock, select: histogram("select"), insert: histogram("insert") }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for MeteredStore<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredStore").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Runs a call and records its duration.
async fn timed<T>(clock: &impl Clock, histogram: &Histogram, call: impl Future<Output = T> + Send) -> T {
    let begun = clock.now();
    let result = call.await;
    histogram.record(clock.now().saturating_duration_since(begun).as_secs_f64());
    result
}

#[async_trait]
impl<S: SampleStore, C: Clock + 'static> SampleStore for MeteredStore<S, C> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        timed(&self.clock, &self.insert, self.store.insert(batch)).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        timed(&self.clock, &self.select, self.store.get(id)).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        timed(&self.clock, &self.select, self.store.query(query)).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        timed(&self.clock, &self.select, self.store.hourly(query)).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        timed(&self.clock, &self.select, self.store.by_device(query)).await
    }

    /// Not measured: no caller waits for a probe.
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}

/// Sets the gauges of connection pools.
///
/// `db_connection_pool_size` and `db_connection_pool_available` (MET-12, MET-13) are those of the
/// fullest pool, so that the documented alert (available == 0) sees an exhausted pool beside idle
/// ones. `db_connections_in_use` shows each pool by itself, by `pool`.
pub fn report_pools(pools: &[PoolUse]) {
    for pool in pools {
        gauge!("db_connections_in_use", "pool" => pool.name).set(f64::from(pool.in_use));
    }
    if let Some(fullest) = pools.iter().min_by_key(|pool| pool.available()) {
        gauge!("db_connection_pool_size").set(f64::from(fullest.most));
        gauge!("db_connection_pool_available").set(f64::from(fullest.available()));
    }
}

/// Sets the metrics of caches (MET-06, MET-07, MET-09 to MET-11, MET-33, MET-34).
///
/// `cache_hits_total`, `cache_misses_total` and `cache_bypass_total` are by `cache_type`, and a
/// cache that was not read yet has 0. `cache_size_bytes`, `cache_evictions_total`,
/// `cache_expirations_total` and `cache_hit_ratio` (0 to 1; NaN before the first read) are of all
/// caches together. `cache_hit_rate` is the documented name of `cache_hit_ratio` (C-07).
#[cfg(feature = "cache")]
#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating number")]
pub fn report_caches(caches: &[(CacheKind, CacheStats)]) {
    for (kind, stats) in caches {
        metrics::counter!("cache_hits_total", "cache_type" => kind.as_str()).absolute(stats.hits);
        metrics::counter!("cache_misses_total", "cache_type" => kind.as_str()).absolute(stats.misses);
        metrics::counter!("cache_bypass_total", "cache_type" => kind.as_str()).absolute(stats.bypasses);
    }
    let sum = |of: fn(&CacheStats) -> u64| caches.iter().map(|(_, stats)| of(stats)).sum::<u64>();
    let all = CacheStats { hits: sum(|stats| stats.hits), misses: sum(|stats| stats.misses), ..CacheStats::default() };
    let ratio = all.hit_rate().unwrap_or(f64::NAN);
    gauge!("cache_hit_rate").set(ratio);
    gauge!("cache_hit_ratio").set(ratio);
    gauge!("cache_size_bytes").set(sum(|stats| stats.bytes) as f64);
    metrics::counter!("cache_evictions_total").absolute(sum(|stats| stats.evictions));
    metrics::counter!("cache_expirations_total").absolute(sum(|stats| stats.expirations));
}

/// A decorator that measures the duration of cache calls, including calls without an answer
/// (MET-08).
///
/// The metric is `cache_latency_seconds` by `operation` (`get`, `set`, `clear`). Use it for a
/// shared cache: a cache in memory is faster than the measurement.
#[cfg(feature = "cache")]
pub struct MeteredCache<K, C> {
    cache: K,
    clock: C,
    get: Histogram,
    set: Histogram,
    clear: Histogram,
}

#[cfg(feature = "cache")]
impl<K, C> MeteredCache<K, C> {
    /// Decorates a cache; the process's recorder must be installed already.
    #[must_use]
    pub fn new(cache: K, clock: C) -> Self {
        let histogram = |operation: &'static str| histogram!("cache_latency_seconds", "operation" => operation);
        Self { cache, clock, get: histogram("get"), set: histogram("set"), clear: histogram("clear") }
    }
}

#[cfg(feature = "cache")]
impl<K: fmt::Debug, C> fmt::Debug for MeteredCache<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredCache").field("cache", &self.cache).finish_non_exhaustive()
    }
}

#[cfg(feature = "cache")]
#[async_trait]
impl<K: Cache, C: Clock + 'static> Cache for MeteredCache<K, C> {
    async fn get(&self, key: &CacheKey) -> Result<Got, CacheError> {
        timed(&self.clock, &self.get, self.cache.get(key)).await
    }

    async fn put(&self, key: &CacheKey, stamp: Stamp, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheError> {
        timed(&self.clock, &self.set, self.cache.put(key, stamp, value, keep)).await
    }

    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheError> {
        timed(&self.clock, &self.clear, self.cache.clear(scope)).await
    }

    async fn count(&self) -> Result<u64, CacheError> {
        self.cache.count().await
    }
}
