//! The laws of caches are tested too: caches with one bug each, and the law that must catch it.
#![cfg(all(feature = "cache", feature = "conformance"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::Name;
use sqal_resilience::SystemClock;
use sqal_storage::conformance::cache as laws;
use sqal_storage::{
    Cache,
    cache::{CacheError, CacheKey, CacheKind, CacheScope, Cached, Got, NearCache, Stamp},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    LosesTheLastByte,
    ItsTimeGrows,
    AbsentIsEmpty,
    TheFirstPutCounts,
    IgnoresTheKind,
    ClearsByPrefix,
    ClearsNothing,
    ClearsEverything,
    KeepsForEver,
    StampsAtThePut,
}

/// A cache in memory with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    cache: NearCache<SystemClock>,
}

impl Mutant {
    fn key(&self, key: &CacheKey) -> CacheKey {
        if self.bug != Bug::IgnoresTheKind {
            return key.clone();
        }
        // The text holds everything that tells keys apart but the kind.
        let text = format!("{key:?}");
        CacheKey::of_line(CacheKind::LatestSample, text.split_once(", ").unwrap().1)
    }
}

#[async_trait]
impl Cache for Mutant {
    async fn get(&self, key: &CacheKey) -> Result<Got, CacheError> {
        let Got { cached: got, stamp } = self.cache.get(&self.key(key)).await?;
        let cached = match self.bug {
            Bug::LosesTheLastByte => {
                got.map(|c| Cached { value: c.value[..c.value.len().saturating_sub(1)].into(), ..c })
            }
            Bug::ItsTimeGrows => got.map(|c| Cached { left: Duration::from_mins(20).saturating_sub(c.left), ..c }),
            Bug::AbsentIsEmpty => got.or_else(|| Some(Cached { value: [].into(), left: Duration::from_secs(1) })),
            _ => got,
        };
        Ok(Got { cached, stamp })
    }

    async fn put(&self, key: &CacheKey, stamp: Stamp, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheError> {
        let key = self.key(key);
        let now = self.cache.get(&key).await?;
        let stamp = if self.bug == Bug::StampsAtThePut { now.stamp } else { stamp };
        if self.bug == Bug::TheFirstPutCounts && now.cached.is_some() {
            return Ok(());
        }
        let keep = if self.bug == Bug::KeepsForEver { Duration::from_hours(1) } else { keep };
        self.cache.put(&key, stamp, value, keep).await
    }

    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheError> {
        match (self.bug, scope) {
            (Bug::ClearsNothing, _) => Ok(()),
            (Bug::ClearsEverything, _) => self.cache.clear(&CacheScope::All).await,
            (Bug::ClearsByPrefix, CacheScope::Device(device)) => {
                let longer = Name::new(&format!("{device}b")).unwrap();
                self.cache.clear(&CacheScope::Device(longer)).await?;
                self.cache.clear(scope).await
            }
            _ => self.cache.clear(scope).await,
        }
    }

    async fn count(&self) -> Result<u64, CacheError> {
        self.cache.count().await
    }
}

/// The number of laws that a cache with this bug breaks.
async fn broken_laws(bug: Bug) -> usize {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = 0;
            $(
                let mutant = Mutant { bug, cache: NearCache::new(1_000_000, SystemClock) };
                let run = tokio::spawn(async move { laws::$law(&mutant).await });
                broken += usize::from(run.await.is_err());
            )*
            broken
        }};
    }
    broken! {
        what_was_put_is_got absent_is_not_an_error the_last_put_counts keys_are_told_apart a_cleared_scope_is_empty its_time_comes
        what_was_seen_before_a_clearing_is_not_put_after_it
    }
}

#[tokio::test]
async fn every_bug_breaks_a_law_and_no_bug_breaks_none() {
    assert_eq!(broken_laws(Bug::None).await, 0);
    for bug in [
        Bug::LosesTheLastByte,
        Bug::ItsTimeGrows,
        Bug::AbsentIsEmpty,
        Bug::TheFirstPutCounts,
        Bug::IgnoresTheKind,
        Bug::ClearsByPrefix,
        Bug::ClearsNothing,
        Bug::ClearsEverything,
        Bug::KeepsForEver,
        Bug::StampsAtThePut,
    ] {
        assert!(broken_laws(bug).await > 0, "{bug:?} is caught by no law");
    }
}
