//! [`SqliteStore`]: the embedded store, with one file, one writer, many readers, and an
//! acknowledgement that survives a power cut.

mod config;
mod custody;
mod error;
mod migrate;
mod moment;
mod opening;
mod place;
mod probe;
mod reading;
mod reserve;
mod rows;
mod samples;
mod spool;
mod sql_store;
mod statements;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{Connection as _, Transaction};
use tokio::time::Instant;

use crate::long_reads::LongReads;
use crate::{StorageError, pool_use::PoolUse};
pub use config::SqliteConfig;
use error::storage_error;
pub(crate) use place::Place;
pub(crate) use reserve::Reserve;
pub(crate) use spool::Arrivals;

/// A store in one SQLite file in WAL mode with `synchronous = FULL`: a commit is on the disk when
/// it returns.
///
/// SQLite has one writer at a time, so this store has one connection that writes; readers never
/// wait for it. Probes have a connection of their own. Every call of
/// [`SampleStore`](crate::SampleStore) and of [`Register`](crate::Register) that reads ends within
/// the [deadline](SqliteConfig::deadline), and reads over long spans of hours run one at a time.
/// The actions of operators (counting, checking, backing up) have no deadline.
#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Serves only [`ping`](crate::SampleStore::ping): a probe never waits behind a report.
    probes: SqlitePool,
    long_reads: LongReads,
    deadline: Duration,
    place: Arc<Place>,
    /// Whether a probe may write; `false` in a store that was opened as it is.
    takes_samples: bool,
    opened: Instant,
    /// The time of the last commit, in milliseconds since the store was opened; 0 before the first.
    committed: AtomicU64,
}

impl SqliteStore {
    /// The use of the pools of the writer and of the readers.
    #[must_use]
    pub fn pools(&self) -> [PoolUse; 2] {
        [("writers", &self.writer), ("readers", &self.readers)].map(|(name, pool)| {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            PoolUse { name, most: pool.options().get_max_connections(), in_use: pool.size().saturating_sub(idle) }
        })
    }

    /// Closes all connections; the log is written back into the file.
    pub async fn close(&self) {
        self.probes.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The version of the schema.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be read.
    pub async fn schema_version(&self) -> Result<i64, StorageError> {
        migrate::version(&self.readers).await
    }

    /// Migrates the schema to another version, also back; data that the older version does not know
    /// is dropped, samples are kept.
    ///
    /// For operations: while an older program runs on the file, this store must not be in use.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if there is no way to that version; nothing is then changed.
    pub async fn migrate_to(&self, version: i64) -> Result<(), StorageError> {
        migrate::to(&self.writer, version).await
    }

    /// Runs `work` in one transaction on the one connection that writes.
    async fn in_transaction<T>(
        &self,
        work: impl AsyncFnOnce(&mut Transaction<'_, Sqlite>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.place.is_ours()?;
        let mut connection = self.writer.acquire().await.map_err(storage_error)?;
        let result = async {
            // IMMEDIATE takes the write lock at once: a deferred transaction could fail half-way
            // with "busy" and no retry.
            let mut transaction = connection.begin_with(statements::BEGIN).await.map_err(storage_error)?;
            let done = work(&mut transaction).await?;
            transaction.commit().await.map_err(storage_error)?;
            // If the file was removed meanwhile, the commit is lost with the process and is not
            // acknowledged.
            self.place.keeps_commits()?;
            Ok(done)
        }
        .await;
        if result.is_ok() {
            self.has_committed();
        } else {
            // After a failed commit (a full disk) the connection stays in a transaction: only a new
            // connection is sound.
            let _ = connection.close().await;
        }
        result
    }

    /// Notes that a commit has just succeeded.
    fn has_committed(&self) {
        self.committed.store(self.millis().max(1), Ordering::Relaxed);
    }

    /// Milliseconds since the store was opened.
    fn millis(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The place of the file.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}
