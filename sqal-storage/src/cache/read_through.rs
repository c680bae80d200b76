//! [`ReadThrough`]: reads the cache, then the source, once for all callers at the same time; a
//! cache that does not answer never fails a read.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState as Seeded;
use moka::notification::RemovalCause;
use moka::sync::Cache as Moka;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqal_resilience::{
    Breaker, BreakerConfig, Clock, Outcome, SingleFlight,
    breaker::{Event, InvalidBreaker, Observer},
};
use tracing::debug;

use super::{Cache, CacheError, CacheKey, CacheKind, CacheScope, Got, Stamp};

/// A cache of values of one kind: near (in this process) and, if configured, far (shared by several
/// processes).
///
/// - A value is fresh for its kind's time, spread by ±10 % so that values that were fetched
///   together do not expire together.
/// - After that it is stale for half its time: the first caller fetches it anew, and every other
///   caller gets the stale value at once.
/// - If several callers miss a value at the same time, one of them fetches it.
/// - The far cache stands behind a circuit breaker: while it does not answer, no caller waits for
///   it, and reads go to the source.
pub struct ReadThrough<T, C> {
    kind: CacheKind,
    /// Bounded, and hashed with a random seed. The seed protects the hash, which is faster than the
    /// standard library's, against keys that an attacker chooses.
    near: Moka<CacheKey, Entry<T>, Seeded>,
    far: Option<(Arc<dyn Cache>, Breaker<C>)>,
    /// The number of clearings: a value that was fetched before a clearing must not be kept after
    /// it.
    cleared: AtomicU64,
    /// The number of clearings is part of the key: a caller after a clearing joins no flight from
    /// before it.
    flights: SingleFlight<(u64, CacheKey), Option<Arc<T>>>,
    refreshing: Refreshing,
    hasher: RandomState,
    clock: C,
    counts: Counts,
    /// Shared with the listener for values that leave the near cache.
    left: Arc<Left>,
}

#[derive(Debug)]
struct Entry<T> {
    value: Arc<T>,
    /// The serialised size of the value, in bytes.
    bytes: u64,
    fresh_until: Instant,
    stale_until: Instant,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

/// What is known of the far cache when a value is fetched.
enum Far {
    HasNothing(Stamp),
    Away,
    NotAsked,
}

/// Keys that one caller fetches anew while the others get the stale value.
type Refreshing = Mutex<HashSet<CacheKey>>;

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    bypasses: AtomicU64,
    stale: AtomicU64,
    expirations: AtomicU64,
}

#[derive(Debug, Default)]
struct Left {
    bytes: AtomicU64,
    evictions: AtomicU64,
}

/// The counts of a cache so far (CCH-05, CCH-11).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Reads that the cache answered.
    pub hits: u64,
    /// Reads that went to the source because no cache had the value.
    pub misses: u64,
    /// Reads that went to the source because the far cache did not answer or its breaker refused
    /// the call. Whether the far cache had the value is unknown, so these reads are not misses.
    pub bypasses: u64,
    /// The hits that got a stale value while another caller fetched a fresh one.
    pub stale: u64,
    /// Values in the near cache.
    pub total_keys: u64,
    /// The serialised size of these values in bytes; a fetched value is measured once, when it is
    /// kept.
    pub bytes: u64,
    /// Values that were removed for lack of room.
    pub evictions: u64,
    /// Reads that found a value that was no longer fresh.
    pub expirations: u64,
}

impl CacheStats {
    /// The sums of both counts, for two caches of one kind.
    #[must_use]
    pub const fn and(self, other: &Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            bypasses: self.bypasses + other.bypasses,
            stale: self.stale + other.stale,
            total_keys: self.total_keys + other.total_keys,
            bytes: self.bytes + other.bytes,
            evictions: self.evictions + other.evictions,
            expirations: self.expirations + other.expirations,
        }
    }

    /// The share of hits in all hits and misses, between 0 and 1; `None` before the first of them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub fn hit_rate(&self) -> Option<f64> {
        let reads = self.hits + self.misses;
        (reads > 0).then(|| self.hits as f64 / reads as f64)
    }
}

impl<T: Send + Sync + 'static, C: Clock + Clone> ReadThrough<T, C> {
    /// A near cache of at most `most_values` values.
    #[must_use]
    pub fn new(kind: CacheKind, most_values: u64, clock: C) -> Self {
        let left = Arc::new(Left::default());
        let seen = Arc::clone(&left);
        let leaves = move |_: Arc<CacheKey>, entry: Entry<T>, why: RemovalCause| {
            seen.bytes.fetch_sub(entry.bytes, Ordering::Relaxed);
            if why == RemovalCause::Size {
                seen.evictions.fetch_add(1, Ordering::Relaxed);
            }
        };
        Self {
            kind,
            near: Moka::builder()
                .max_capacity(most_values)
                .eviction_listener(leaves)
                .build_with_hasher(Seeded::default()),
            far: None,
            cleared: AtomicU64::new(0),
            flights: SingleFlight::new(),
            refreshing: Refreshing::default(),
            hasher: RandomState::new(),
            clock,
            counts: Counts::default(),
            left,
        }
    }

    /// Adds a far cache that several processes share.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] if the configuration of the breaker is not valid.
    pub fn with_far(self, far: Arc<dyn Cache>, breaker: BreakerConfig) -> Result<Self, InvalidBreaker> {
        self.with_far_observed(far, breaker, |_: &Event| {})
    }

    /// Adds a far cache as [`with_far`](Self::with_far) does, with an observer of its breaker, for
    /// example a gauge or a log.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] if the configuration of the breaker is not valid.
    pub fn with_far_observed(
        mut self,
        far: Arc<dyn Cache>,
        breaker: BreakerConfig,
        observer: impl Observer + 'static,
    ) -> Result<Self, InvalidBreaker> {
        self.far = Some((far, Breaker::new(breaker, self.clock.clone())?.observed_by(observer)));
        Ok(self)
    }

    /// The kind of the cached values.
    #[must_use]
    pub const fn kind(&self) -> CacheKind {
        self.kind
    }

    /// The counts of this cache so far.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.near.run_pending_tasks();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: count(&self.counts.hits),
            misses: count(&self.counts.misses),
            bypasses: count(&self.counts.bypasses),
            stale: count(&self.counts.stale),
            total_keys: self.near.entry_count(),
            bytes: count(&self.left.bytes),
            evictions: count(&self.left.evictions),
            expirations: count(&self.counts.expirations),
        }
    }

    /// Removes an outdated value from the near cache; for values that no other process caches.
    ///
    /// A value that is being fetched at the time of the call is not kept either.
    pub fn forget(&self, key: &CacheKey) {
        self.cleared.fetch_add(1, Ordering::AcqRel);
        self.near.invalidate(key);
    }

    /// The value in the near cache, if it is fresh; neither waits nor fetches.
    #[must_use]
    pub fn peek(&self, key: &CacheKey) -> Option<Arc<T>> {
        let now = self.clock.now();
        let value = self.near.get(key).filter(|entry| now < entry.fresh_until)?.value;
        self.hit(key);
        Some(value)
    }

    /// Counts and logs a read that a cache answered.
    fn hit(&self, key: &CacheKey) {
        self.counts.hits.fetch_add(1, Ordering::Relaxed);
        self.tell("HIT", key);
    }

    /// Logs how a read went: `Cache HIT: latest_sample:newest` (CCH-12), at level debug, because
    /// there are as many lines as reads (C-25).
    fn tell(&self, what: &'static str, key: &CacheKey) {
        let (kind, name) = (self.kind.as_str(), &key.name);
        if let Some(device) = &key.device {
            debug!("Cache {what}: {kind}:{device}:{name}");
        } else {
            debug!("Cache {what}: {kind}:{name}");
        }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static, C: Clock + Clone> ReadThrough<T, C> {
    /// The value under a key; `fetch` brings it from its source.
    ///
    /// # Errors
    ///
    /// The errors of `fetch`, never those of a cache. If a caller joined another caller's fetch and
    /// that fetch failed, the caller fetches the value itself.
    pub async fn get<E, F: Future<Output = Result<T, E>>>(
        &self,
        key: &CacheKey,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, E> {
        if let Some(value) = self.peek(key) {
            return Ok(value);
        }
        let now = self.clock.now();
        let kept = self.near.get(key);
        if kept.is_some() {
            self.counts.expirations.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(entry) = kept.filter(|entry| now < entry.stale_until) {
            return if let Some(_refresh) = Refresh::begin(&self.refreshing, key) {
                self.fetch(key, Far::NotAsked, fetch).await
            } else {
                self.hit(key);
                self.counts.stale.fetch_add(1, Ordering::Relaxed);
                Ok(entry.value)
            };
        }
        // The leader alone returns its error. Its flight ends without a value, and each of the
        // other callers fetches the value itself.
        let mut failed = None;
        let mut fetch = Some(fetch);
        let landed = self
            .flights
            .run((self.cleared.load(Ordering::Acquire), key.clone()), || async {
                let fetch = fetch.take()?;
                match self.far_or_fetch(key, fetch).await {
                    Ok(value) => Some(value),
                    Err(error) => {
                        failed = Some(error);
                        None
                    }
                }
            })
            .await;
        match (landed.value, failed, fetch) {
            (Some(value), _, _) => {
                if landed.shared {
                    self.hit(key);
                }
                Ok(value)
            }
            (None, Some(error), _) => Err(error),
            (None, None, Some(fetch)) => self.fetch(key, Far::NotAsked, fetch).await,
            (None, None, None) => unreachable!("a fetch ends with a value or an error"),
        }
    }

    async fn far_or_fetch<E, F: Future<Output = Result<T, E>>>(
        &self,
        key: &CacheKey,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, E> {
        let cleared = self.cleared.load(Ordering::Acquire);
        match self.far_value(key).await {
            Some((Some((value, left)), _)) => {
                self.hit(key);
                let value = Arc::new(value);
                self.keep_near(key, &value, left, cleared);
                Ok(value)
            }
            Some((None, stamp)) => self.fetch(key, Far::HasNothing(stamp), fetch).await,
            None => self.fetch(key, Far::Away, fetch).await,
        }
    }

    /// Fetches a value and keeps it.
    async fn fetch<E, F: Future<Output = Result<T, E>>>(
        &self,
        key: &CacheKey,
        far: Far,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, E> {
        let cleared = self.cleared.load(Ordering::Acquire);
        let stamp = match far {
            Far::HasNothing(stamp) => Some(stamp),
            Far::Away => None,
            Far::NotAsked => self.look_far(key).await.map(|got| got.stamp),
        };
        if self.far.is_some() && stamp.is_none() {
            self.counts.bypasses.fetch_add(1, Ordering::Relaxed);
            self.tell("BYPASS", key);
        } else {
            self.counts.misses.fetch_add(1, Ordering::Relaxed);
            self.tell("MISS", key);
        }
        let value = Arc::new(fetch().await?);
        let fresh = self.spread(key);
        self.keep_near(key, &value, fresh, cleared);
        if let Some(stamp) = stamp {
            self.keep_far(key, stamp, &value, fresh).await;
        }
        Ok(value)
    }

    /// Keeps a value that the caller already has, for example the latest sample after its commit.
    pub async fn keep(&self, key: &CacheKey, value: &Arc<T>) {
        let (fresh, cleared) = (self.spread(key), self.cleared.load(Ordering::Acquire));
        self.keep_near(key, value, fresh, cleared);
        if let Some(got) = self.look_far(key).await {
            self.keep_far(key, got.stamp, value, fresh).await;
        }
    }

    async fn keep_far(&self, key: &CacheKey, stamp: Stamp, value: &Arc<T>, fresh: Duration) {
        if let Some((far, breaker)) = &self.far
            && let Ok(bytes) = postcard::to_stdvec(&**value)
            && let Ok(permit) = breaker.acquire()
        {
            permit.report(outcome(&far.put(key, stamp, bytes.into(), fresh).await));
        }
    }

    /// Clears a scope in the near and the far cache.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if the far cache does not answer. Until the scope could be cleared, the far
    /// cache returns no value from it to this process.
    pub async fn clear(&self, scope: &CacheScope) -> Result<(), CacheError> {
        self.clear_near(scope);
        let Some((far, _)) = &self.far else { return Ok(()) };
        // Not through the breaker: an uncleared value must not be returned.
        let cleared = far.clear(scope).await;
        // A call that looked into the far cache before the clearing may have kept its value near.
        self.clear_near(scope);
        cleared
    }

    fn clear_near(&self, scope: &CacheScope) {
        self.cleared.fetch_add(1, Ordering::AcqRel);
        match scope {
            CacheScope::All => self.near.invalidate_all(),
            CacheScope::Device(device) => {
                let keys: Vec<_> =
                    self.near.iter().map(|(key, _)| key).filter(|key| key.device.as_ref() == Some(device)).collect();
                for key in keys {
                    self.near.invalidate(&*key);
                }
            }
        }
    }

    /// The answer of the far cache; `None` if it does not answer.
    async fn look_far(&self, key: &CacheKey) -> Option<Got> {
        let (far, breaker) = self.far.as_ref()?;
        let permit = breaker.acquire().ok()?;
        let got = far.get(key).await;
        permit.report(outcome(&got));
        got.ok()
    }

    async fn far_value(&self, key: &CacheKey) -> Option<(Option<(T, Duration)>, Stamp)> {
        let Got { cached, stamp } = self.look_far(key).await?;
        // A value that cannot be parsed, for example of another version, counts as absent.
        let value = cached.and_then(|cached| Some((postcard::from_bytes(&cached.value).ok()?, cached.left)));
        Some((value, stamp))
    }

    /// Keeps a value near, unless there was a clearing since `cleared` was read.
    fn keep_near(&self, key: &CacheKey, value: &Arc<T>, fresh: Duration, cleared: u64) {
        let still = || self.cleared.load(Ordering::Acquire) == cleared;
        if !still() {
            return;
        }
        let fresh_until = self.clock.now() + fresh;
        let bytes = postcard::serialize_with_flavor(&**value, postcard::ser_flavors::Size::default()).unwrap_or(0);
        let bytes = u64::try_from(bytes).unwrap_or(0);
        self.left.bytes.fetch_add(bytes, Ordering::Relaxed);
        let entry = Entry { value: Arc::clone(value), bytes, fresh_until, stale_until: fresh_until + fresh / 2 };
        self.near.insert(key.clone(), entry);
        if !still() {
            // A clearing happened while the value was being kept.
            self.near.invalidate(key);
        }
    }

    /// The kind's time ±10 %, by the key, the number of fetches and a seed of this process, so that
    /// processes differ.
    fn spread(&self, key: &CacheKey) -> Duration {
        let fetched = [&self.counts.misses, &self.counts.bypasses].map(|count| count.load(Ordering::Relaxed));
        let hash = self.hasher.hash_one((key, fetched));
        let permille = u32::try_from(hash % 201).unwrap_or(0) + 900;
        self.kind.time_to_live() * permille / 1000
    }
}

fn outcome<T>(result: &Result<T, CacheError>) -> Outcome {
    if result.is_ok() { Outcome::Success } else { Outcome::Failure }
}

/// A key that is being fetched anew, until this is dropped.
struct Refresh<'a> {
    keys: &'a Refreshing,
    key: CacheKey,
}

impl<'a> Refresh<'a> {
    fn begin(keys: &'a Refreshing, key: &CacheKey) -> Option<Self> {
        let new = keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        new.then(|| Self { keys, key: key.clone() })
    }
}

impl Drop for Refresh<'_> {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl<T, C: Debug> Debug for ReadThrough<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadThrough")
            .field("kind", &self.kind)
            .field("far", &self.far)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
