//! Storage of samples: a port with laws, adapters that prove them, and a writer that acknowledges
//! after the commit.
//!
//! [`SampleStore`] is the port. [`MemoryStore`] is always available, [`SqliteStore`] with the
//! feature `sqlite`. The laws stand in prose on the trait and as code in `conformance`; every
//! adapter and decorator runs all of them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::num::NonZeroU16;
//! use sqal_storage::{MemoryStore, SampleQuery, SampleStore};
//!
//! let store = MemoryStore::new();
//! let page = store.query(&SampleQuery::newest(NonZeroU16::MIN)).await?;
//! assert!(page.items.is_empty() && page.next.is_none());
//! # Ok(()) }
//! ```
//!
//! Each kind of promise is a port. The values of the newer ports stand in their modules:
//! [`records`], small documents that change; [`queue`], work that is done at least once; [`blobs`],
//! bytes under their hash; [`relay`], messages between servers.
//!
//! # Features
//!
//! - `sqlite`: the embedded store, through sqlx.
//! - `postgres`: the store of a plant, through sqlx; it uses `TimescaleDB` where that is installed.
//! - `cache`: caches, in memory through moka, and with `redis` shared by several processes.
//! - `redis`: limits that several processes share, through fred.
//! - `folder`: blobs as files of one folder.
//! - `keyring`: confidential fields, sealed with keys that can be rotated in operation.
//! - `sign`: heads of a SQL store, signed (Ed25519) and kept in a file outside of it.
//! - `metrics`: the documented metrics of stores, pools and caches.
//! - `objects`: blobs as objects of a bucket of S3, through `object_store`.
//! - `profile`: the number of queries that a piece of work sends, and the repeated ones.
//! - `conformance`: the laws as public functions and a macro, for stores outside this crate.

mod audit;
pub mod blobs;
#[cfg(feature = "cache")]
mod cache;
#[cfg(feature = "keyring")]
mod confidential;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod connection_url;
mod custody;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod digest;
mod error;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod evidence;
mod fields;
#[cfg(feature = "folder")]
mod folder;
mod frame;
mod guarded;
#[cfg(all(feature = "sign", any(feature = "postgres", feature = "sqlite")))]
mod heads;
#[cfg(feature = "sqlite")]
mod in_both;
#[cfg(feature = "keyring")]
mod keyring;
mod labels;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod long_reads;
mod memory;
#[cfg(feature = "metrics")]
mod metered;
#[cfg(feature = "objects")]
mod objects;
mod pool_use;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "profile")]
mod queries;
mod query;
pub mod queue;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod record;
pub mod records;
#[cfg(feature = "redis")]
mod redis;
mod register;
pub mod relay;
mod retrying;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod schema;
#[cfg(feature = "sqlite")]
mod spool_error;
#[cfg(feature = "sqlite")]
mod spooled;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod tally;
mod writer;

#[cfg(feature = "conformance")]
pub mod conformance;

// The types of `sqal-core` are in the signatures: this export saves an embedding service its own
// dependency on the same version.
pub use sqal_core;

pub use audit::{Action, AuditEntry, ChainError, Head};
pub use blobs::Blobs;
#[cfg(feature = "cache")]
pub use cache::{
    Cache, CacheError, CacheKey, CacheKind, CacheScope, CacheStats, Cached, CustomKind, Got, InvalidCacheKind,
    InvalidScope, NearCache, ReadThrough, Stamp,
};
#[cfg(feature = "keyring")]
pub use confidential::{Confidential, FieldError, Resealed};
#[cfg(any(feature = "postgres", feature = "redis"))]
pub use connection_url::InvalidConnectionUrl;
pub use custody::{ActionOf, Custody, Gone, Purge, Retention};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use digest::Contents;
pub use error::{StorageError, StorageErrorKind};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use evidence::{Bucket, DeviceEvidence, Evidence, Expected, Finding, Findings, Snapshot, Stated};
pub use fields::{ErasureOf, FieldKey, FieldName, KeyId, Sealed, SealedFields, Subject};
#[cfg(feature = "folder")]
pub use folder::FolderBlobs;
pub use frame::{FrameError, decode_frame, encode_frame};
pub use guarded::GuardedStore;
#[cfg(all(feature = "sign", any(feature = "postgres", feature = "sqlite")))]
pub use heads::{
    Checkpoint, HeadError, HeadFile, HeadFileError, HeadSigner, Heads, InvalidHead, InvalidPublicKey, PublicKey,
};
#[cfg(feature = "keyring")]
pub use keyring::{InvalidKey, InvalidKeyRing, Key, KeyRing, Nonce, Plain, RandomnessError, UnsealError};
pub use labels::{InvalidLabelName, InvalidLabels, LabelName, LabelValue, Labels};
pub use memory::{MemoryBlobs, MemoryRelay, MemoryRelayLimits, MemoryStore};
#[cfg(all(feature = "cache", feature = "metrics"))]
pub use metered::{MeteredCache, report_caches};
#[cfg(feature = "metrics")]
pub use metered::{MeteredStore, report_pools};
#[cfg(feature = "objects")]
pub use objects::{InvalidS3, ObjectBlobs, S3Config};
pub use pool_use::PoolUse;
#[cfg(feature = "postgres")]
pub use postgres::{InvalidPostgres, PostgresConfig, PostgresStore, Timescale};
#[cfg(feature = "profile")]
pub use queries::{QueryLayer, QueryLimits, QueryReport, QueryScope};
pub use query::{Cursor, InvalidCursor, Page, SampleQuery};
pub use queue::Queue;
pub use records::Records;
#[cfg(all(feature = "cache", feature = "redis"))]
pub use redis::RedisCache;
#[cfg(feature = "redis")]
pub use redis::{EvictionPolicyError, Redis, RedisBuckets, RedisError};
pub use register::{Alteration, AlteredEntryError, Entry, EntryKind, EntryName, Register};
pub use relay::Relay;
pub use retrying::{RetryingStore, retry_read};
#[cfg(feature = "sqlite")]
pub use spool_error::SpoolError;
#[cfg(feature = "sqlite")]
pub use spooled::SpooledStore;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use sql::{TABLES, VIEWS};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteConfig, SqliteStore};
pub use store::{Inserted, SampleStore};
pub use tally::{DeviceTally, Hour, Hourly, HourlyQuery, InvalidSpan, Tally};
pub use writer::{BatchWriter, Receipt, WriteError, WriterConfig, WriterHandle};
