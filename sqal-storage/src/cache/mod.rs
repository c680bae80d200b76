//! [`Cache`]: values that may be forgotten at any time, with laws; what it holds is never the only copy.

mod key;
mod near;
mod read_through;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use key::{CacheKey, CacheKind, CacheScope, CustomKind, InvalidCacheKind, NotAScope};
pub use near::NearCache;
pub use read_through::{CacheStats, ReadThrough};

/// Keeps bytes for a while.
///
/// # Laws
///
/// Each is a test in `conformance` that every adapter runs.
///
/// 1. *What was put is got*, unchanged, until its time is over; `left` says how much of it remains and never grows.
/// 2. *Absent is not an error.*
/// 3. *The last one counts*: a second `put` replaces the first.
/// 4. *Keys are told apart*: by kind, device and name, whatever characters they have.
/// 5. *A cleared scope is empty*: nothing that was put before `clear` returned is got from the scope after it. What is outside stays.
/// 6. *Its time comes*: a value is not got after its time.
/// 7. *What was seen before a clearing is not put after it*: a value is put with the [`Stamp`] of the look that found nothing, and if
///    its scope was cleared since, it is not got.
#[async_trait]
pub trait Cache: Debug + Send + Sync + 'static {
    /// Looks for the value under a key.
    ///
    /// # Errors
    ///
    /// [`CacheAway`] if the cache does not answer; whoever asks goes to the source.
    async fn get(&self, key: &CacheKey) -> Result<Got, CacheAway>;

    /// Keeps a value for so long, unless its scope was cleared since the stamp was given.
    ///
    /// # Errors
    ///
    /// [`CacheAway`] if the cache does not answer; the value may be there all the same.
    async fn put(&self, key: &CacheKey, stamp: Stamp, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheAway>;

    /// Forgets everything in a scope.
    ///
    /// # Errors
    ///
    /// [`CacheAway`] if the cache does not answer. The cache then gives nothing from the scope until it could be cleared.
    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheAway>;

    /// About how many values there are.
    ///
    /// # Errors
    ///
    /// [`CacheAway`] if the cache does not answer.
    async fn count(&self) -> Result<u64, CacheAway>;
}

/// What a look into a cache gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The value, if it is there.
    pub cached: Option<Cached>,
    /// What a value that is fetched now is put with.
    pub stamp: Stamp,
}

/// How often everything, and the key's device, had been cleared when somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(pub(crate) [u64; 2]);

/// A value that was found, and how long it is still good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The bytes that were put.
    pub value: Arc<[u8]>,
    /// The rest of its time.
    pub left: Duration,
}

/// A cache that does not answer. It is no reason to fail: everything is also at its source.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the cache does not answer: {0}")]
pub struct CacheAway(pub(crate) String);
