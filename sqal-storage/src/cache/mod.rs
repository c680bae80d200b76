//! [`Cache`]: a store of values that may be dropped at any time, with its laws; it never holds the
//! only copy of a value.

mod key;
mod near;
mod read_through;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

#[cfg(all(test, feature = "redis"))]
pub(crate) use key::LONGEST;
pub use key::{CacheKey, CacheKind, CacheScope, CustomKind, InvalidCacheKind, InvalidScope};
pub use near::NearCache;
pub use read_through::{CacheStats, ReadThrough};

/// Keeps bytes for a limited time.
///
/// # Laws
///
/// Each is a test in `conformance` that every adapter runs.
///
/// 1. *What was put is got*, unchanged, until its time is over; `left` is the remaining time and
///    never grows.
/// 2. *Absent is not an error.*
/// 3. *The last one counts*: a second `put` replaces the first.
/// 4. *Keys are told apart*: by kind, device and name, whatever characters they have.
/// 5. *A cleared scope is empty*: no value that was put before `clear` returned is got from the
///    scope after it. Values outside the scope stay.
/// 6. *Its time comes*: a value is not got after its time.
/// 7. *What was seen before a clearing is not put after it*: a value is put with the [`Stamp`] of
///    the look that found nothing. If its scope was cleared since, the value is not got.
#[async_trait]
pub trait Cache: Debug + Send + Sync + 'static {
    /// Looks for the value under a key.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if the cache does not answer; the caller then reads from the source.
    async fn get(&self, key: &CacheKey) -> Result<Got, CacheError>;

    /// Keeps a value for the duration `keep`, unless its scope was cleared since the stamp was
    /// given.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if the cache does not answer; it may have kept the value nevertheless.
    async fn put(&self, key: &CacheKey, stamp: Stamp, value: Arc<[u8]>, keep: Duration) -> Result<(), CacheError>;

    /// Removes all values of a scope.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if the cache does not answer. Until the scope could be cleared, the cache
    /// then returns no value from it.
    async fn clear(&self, scope: &CacheScope) -> Result<(), CacheError>;

    /// The approximate number of values.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if the cache does not answer.
    async fn count(&self) -> Result<u64, CacheError>;
}

/// The result of a look into a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The value, if the cache has it.
    pub cached: Option<Cached>,
    /// The stamp for the `put` of a value that is fetched now.
    pub stamp: Stamp,
}

/// The number of clearings of everything, and of the key's device, at the time of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(pub(crate) [u64; 2]);

impl Stamp {
    /// The stamp of a look: the number of all values, and that of the scope of the key.
    #[must_use]
    pub const fn new(of_all: u64, of_scope: u64) -> Self {
        Self([of_all, of_scope])
    }

    /// The number of all values, and that of the scope of the key, at the look.
    #[must_use]
    pub const fn numbers(self) -> [u64; 2] {
        self.0
    }
}

/// A value that was found, with its remaining time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The bytes that were put.
    pub value: Arc<[u8]>,
    /// The remaining time of the value.
    pub left: Duration,
}

/// The cache does not answer.
///
/// The caller need not fail: every value can also be read from its source.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the cache does not answer: {0}")]
pub struct CacheError(pub(crate) String);

impl CacheError {
    /// An error with the reason why the cache does not answer.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
