//! MET-06 to MET-14: the documented metrics have their names, labels and values.
#![cfg(all(feature = "cache", feature = "conformance", feature = "metrics"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sqal_core::{Sample, SampleId};
use sqal_resilience::{BreakerConfig, ManualClock, SystemClock};
use sqal_storage::conformance::sample;
use sqal_storage::{
    Cache, Inserted, MeteredStore, ReadThrough, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    cache::{CacheError, CacheKey, CacheKind, CacheScope, Got, NearCache, Stamp},
    metered::{MeteredCache, report_caches, report_pools},
    pool_use::PoolUse,
    samples::{DeviceTally, Hour, Hourly, HourlyQuery, Page},
};

/// Every series with its labels as text, and its value, or all values of a histogram.
fn series(recorder: &DebuggingRecorder) -> BTreeMap<String, Vec<f64>> {
    let all = recorder.snapshotter().snapshot().into_vec().into_iter();
    all.map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let values = match value {
            DebugValue::Counter(n) => vec![f64::from(u32::try_from(n).unwrap())],
            DebugValue::Gauge(value) => vec![value.0],
            DebugValue::Histogram(values) => values.iter().map(|value| value.0).collect(),
        };
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), values)
    })
    .collect()
}

fn expected(series: &[(&str, &[f64])]) -> BTreeMap<String, Vec<f64>> {
    series.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect()
}

/// A store in which every call takes a while.
#[derive(Debug)]
struct Slow(ManualClock);

impl Slow {
    fn away<T>(&self, millis: u64) -> Result<T, StorageError> {
        self.0.advance(Duration::from_millis(millis));
        Err(StorageError::new("slow", StorageErrorKind::Unavailable))
    }
}

#[async_trait]
impl SampleStore for Slow {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.0.advance(Duration::from_millis(125));
        Ok(vec![Inserted::Stored; batch.len()])
    }
    async fn get(&self, _: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.away(250)
    }
    async fn query(&self, _: &SampleQuery) -> Result<Page, StorageError> {
        self.away(500)
    }
    async fn hourly(&self, _: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.away(1000)
    }
    async fn by_device(&self, _: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.away(1500)
    }
    async fn ping(&self) -> Result<(), StorageError> {
        self.away(2000)
    }
}

#[tokio::test]
async fn met_14_queries_take_their_time_whether_they_succeed_or_not() {
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let clock = ManualClock::new();
    let store = MeteredStore::new(Slow(clock.clone()), clock);
    let sample = sample("a", 0, "x", 1.0);
    store.insert(std::slice::from_ref(&sample)).await.unwrap();
    assert!(store.get(&sample.id()).await.is_err());
    assert!(store.query(&SampleQuery::newest(std::num::NonZeroU16::MIN)).await.is_err());
    let hour = Hour::of(sample.key.timestamp);
    assert!(store.hourly(&HourlyQuery::new(hour, hour).unwrap()).await.is_err());
    assert!(store.ping().await.is_err());
    let wanted: [(&str, &[f64]); 2] = [
        ("db_query_duration_seconds{query_type=insert}", &[0.125]),
        ("db_query_duration_seconds{query_type=select}", &[0.25, 0.5, 1.0]),
    ];
    assert_eq!(series(&recorder), expected(&wanted));
}

#[test]
fn met_12_13_the_fullest_pool_is_the_one_that_is_shown() {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        report_pools(&[
            PoolUse { name: "writers", most: 2, in_use: 2 },
            PoolUse { name: "readers", most: 8, in_use: 3 },
        ]);
    });
    let wanted: [(&str, &[f64]); 4] = [
        ("db_connection_pool_available{}", &[0.0]),
        ("db_connection_pool_size{}", &[2.0]),
        ("db_connections_in_use{pool=readers}", &[3.0]),
        ("db_connections_in_use{pool=writers}", &[2.0]),
    ];
    assert_eq!(series(&recorder), expected(&wanted));
}

#[tokio::test]
async fn met_06_to_11_what_caches_have_done() {
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let clock = ManualClock::new();
    let latest: ReadThrough<String, _> = ReadThrough::new(CacheKind::LatestSample, 2, clock.clone());
    let stats: ReadThrough<String, _> = ReadThrough::new(CacheKind::DeviceStats, 100, clock.clone());
    let key = |name: &str| CacheKey::of_line(CacheKind::LatestSample, name);
    let get = async |cache: &ReadThrough<String, ManualClock>, name: &str| {
        cache.get(&key(name), || async { Ok::<_, Infallible>("x".repeat(9)) }).await.unwrap();
    };
    get(&latest, "a").await;
    get(&latest, "a").await;
    // Long after the time of the value.
    clock.advance(Duration::from_mins(5));
    get(&latest, "a").await;
    get(&stats, "a").await;
    // There is room for two values.
    get(&latest, "b").await;
    get(&latest, "c").await;
    report_caches(&[(latest.kind(), latest.stats()), (stats.kind(), stats.stats())]);
    let wanted: [(&str, &[f64]); 11] = [
        ("cache_hit_rate{}", &[1.0 / 6.0]),
        ("cache_hit_ratio{}", &[1.0 / 6.0]),
        ("cache_bypass_total{cache_type=latest_sample}", &[0.0]),
        ("cache_bypass_total{cache_type=device_stats}", &[0.0]),
        ("cache_hits_total{cache_type=latest_sample}", &[1.0]),
        ("cache_misses_total{cache_type=latest_sample}", &[4.0]),
        ("cache_hits_total{cache_type=device_stats}", &[0.0]),
        ("cache_misses_total{cache_type=device_stats}", &[1.0]),
        // Three values of nine characters and a length.
        ("cache_size_bytes{}", &[30.0]),
        ("cache_evictions_total{}", &[1.0]),
        ("cache_expirations_total{}", &[1.0]),
    ];
    assert_eq!(series(&recorder), expected(&wanted));

    // Cleared values take no room.
    latest.clear(&CacheScope::All).await.unwrap();
    assert_eq!((latest.stats().bytes, latest.stats().evictions), (0, 1));
    assert_eq!(stats.stats().bytes, 10);
}

/// A shared cache that never answers.
#[derive(Debug)]
struct Away;

#[async_trait]
impl Cache for Away {
    async fn get(&self, _: &CacheKey) -> Result<Got, CacheError> {
        Err(CacheError::new("away"))
    }
    async fn put(&self, _: &CacheKey, _: Stamp, _: Arc<[u8]>, _: Duration) -> Result<(), CacheError> {
        Err(CacheError::new("away"))
    }
    async fn clear(&self, _: &CacheScope) -> Result<(), CacheError> {
        Err(CacheError::new("away"))
    }
    async fn count(&self) -> Result<u64, CacheError> {
        Err(CacheError::new("away"))
    }
}

/// A read past a shared cache that is away is a bypass of its kind. Every other kind has 0 from the
/// beginning.
#[tokio::test]
async fn met_33_a_bypass_is_counted_by_its_kind() {
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let cache = |kind| ReadThrough::<String, _>::new(kind, 100, ManualClock::new());
    let stats = cache(CacheKind::DeviceStats).with_far(Arc::new(Away), BreakerConfig::default()).unwrap();
    let hours = cache(CacheKind::HourlyAggregates);
    for name in ["a", "b"] {
        let key = CacheKey::of_line(CacheKind::DeviceStats, name);
        stats.get(&key, || async { Ok::<_, Infallible>(name.to_owned()) }).await.unwrap();
    }
    report_caches(&[(stats.kind(), stats.stats()), (hours.kind(), hours.stats())]);
    let said = series(&recorder);
    for (name, value) in [
        ("cache_bypass_total{cache_type=device_stats}", 2.0),
        ("cache_bypass_total{cache_type=hourly_aggregates}", 0.0),
        ("cache_misses_total{cache_type=device_stats}", 0.0),
    ] {
        assert_eq!(said.get(name), Some(&vec![value]), "{name} of {said:?}");
    }
    assert!(said["cache_hit_ratio{}"][0].is_nan(), "neither a hit nor a miss");
}

/// A kind of an embedding service is counted under its own name, and is fresh for its own time.
#[tokio::test]
async fn a_custom_kind_is_counted_under_its_name() {
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let clock = ManualClock::new();
    let kind = CacheKind::custom("forecasts", Duration::from_hours(1)).unwrap();
    let cache: ReadThrough<String, _> = ReadThrough::new(kind, 2, clock.clone());
    let get = async || {
        let key = CacheKey::of_line(kind, "tomorrow");
        cache.get(&key, || async { Ok::<_, Infallible>("rain".to_owned()) }).await.unwrap();
    };
    get().await;
    // Fresh for an hour ±10 %.
    clock.advance(Duration::from_mins(53));
    get().await;
    // Neither fresh nor stale.
    clock.advance(Duration::from_hours(1));
    get().await;
    report_caches(&[(cache.kind(), cache.stats())]);
    let said = series(&recorder);
    let wanted: [(&str, &[f64]); 2] =
        [("cache_hits_total{cache_type=forecasts}", &[1.0]), ("cache_misses_total{cache_type=forecasts}", &[2.0])];
    for (name, values) in expected(&wanted) {
        assert_eq!(said.get(&name), Some(&values), "{name}");
    }
}

#[tokio::test]
async fn met_08_a_shared_cache_takes_its_time() {
    let recorder = DebuggingRecorder::new();
    let _local = metrics::set_default_local_recorder(&recorder);
    let cache = MeteredCache::new(NearCache::new(1000, SystemClock), SystemClock);
    let key = CacheKey::of_device(CacheKind::LatestSample, sqal_core::Name::new("a").unwrap(), "x");
    let got = cache.get(&key).await.unwrap();
    cache.put(&key, got.stamp, Arc::from([1, 2]), Duration::from_mins(1)).await.unwrap();
    cache.get(&key).await.unwrap();
    cache.clear(&CacheScope::All).await.unwrap();
    let counts: BTreeMap<_, _> = series(&recorder).into_iter().map(|(name, values)| (name, values.len())).collect();
    let of = |operation: &str| format!("cache_latency_seconds{{operation={operation}}}");
    assert_eq!(counts, BTreeMap::from([(of("get"), 2), (of("set"), 1), (of("clear"), 1)]));
}
