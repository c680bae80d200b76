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
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod audit;
pub mod blobs;
pub mod bugs;
#[cfg(feature = "cache")]
pub mod cache;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub mod connection_url;
pub mod custody;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod digest;
mod error;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod evidence;
#[cfg(feature = "folder")]
pub mod folder;
#[cfg(all(feature = "sign", any(feature = "postgres", feature = "sqlite")))]
pub mod heads;
#[cfg(feature = "sqlite")]
mod in_both;
pub mod labels;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod long_reads;
pub mod memory;
#[cfg(feature = "metrics")]
pub mod metered;
#[cfg(feature = "objects")]
pub mod objects;
pub mod pool_use;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "profile")]
pub mod queries;
pub mod queue;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod record;
pub mod records;
#[cfg(feature = "redis")]
pub mod redis;
pub mod register;
pub mod relay;
pub mod samples;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod schema;
pub mod sealed;
#[cfg(feature = "sqlite")]
pub mod spooled;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "conformance")]
pub mod conformance;

// The types of `sqal-core` are in the signatures: this export saves an embedding service its own
// dependency on the same version.
pub use sqal_core;

#[doc(inline)]
pub use blobs::Blobs;
#[doc(inline)]
pub use bugs::Bugs;
#[cfg(feature = "cache")]
#[doc(inline)]
pub use cache::{Cache, ReadThrough};
#[doc(inline)]
pub use custody::Custody;
#[doc(inline)]
pub use error::{StorageError, StorageErrorKind};
#[doc(inline)]
pub use memory::MemoryStore;
#[cfg(feature = "metrics")]
#[doc(inline)]
pub use metered::MeteredStore;
#[cfg(feature = "postgres")]
#[doc(inline)]
pub use postgres::PostgresStore;
#[doc(inline)]
pub use queue::Queue;
#[doc(inline)]
pub use records::Records;
#[cfg(feature = "redis")]
#[doc(inline)]
pub use redis::Redis;
#[cfg(all(feature = "cache", feature = "redis"))]
#[doc(inline)]
pub use redis::RedisCache;
#[doc(inline)]
pub use register::Register;
#[doc(inline)]
pub use relay::Relay;
#[doc(inline)]
pub use samples::{
    BatchWriter, GuardedStore, Inserted, RetryingStore, SampleQuery, SampleStore, WriteError, WriterConfig,
    WriterHandle,
};
#[doc(inline)]
pub use sealed::SealedFields;
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use spooled::SpooledStore;
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use sqlite::SqliteStore;
