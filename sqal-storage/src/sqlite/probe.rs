//! Whether a sample could be stored now: what a probe of a [`SqliteStore`] looks at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::AssertSqlSafe;

use super::error::storage_error;
use super::{SqliteStore, rows, statements};
use crate::{StorageError, StorageErrorKind};

/// A probe writes only if there was no commit for this time.
const PROBE_EVERY_MILLIS: u64 = 4000;

impl SqliteStore {
    /// Checks whether a sample could be stored now: the file can be read, is the file at its path,
    /// has room, and takes a commit. The commit is tried only if the writer has been idle for some
    /// seconds.
    pub(super) async fn probe(&self) -> Result<(), StorageError> {
        if !self.takes_samples {
            return self.is_readable().await;
        }
        let place = Arc::clone(&self.place);
        // A file system that hangs must not block the runtime.
        let looked = tokio::task::spawn_blocking(move || place.is_ours().and_then(|()| place.has_room())).await;
        looked.unwrap_or_else(|_| Err(StorageError::new("sqlite", StorageErrorKind::Internal)))?;
        self.is_readable().await?;
        if self.is_writing() { Ok(()) } else { self.probe_write().await }
    }

    /// Checks that samples can be read.
    pub(super) async fn is_readable(&self) -> Result<(), StorageError> {
        sqlx::query(statements::PING).execute(&self.probes).await.map_err(storage_error).map(|_| ())
    }

    /// Whether a transaction was committed lately, or one is running, whose outcome will show.
    fn is_writing(&self) -> bool {
        let committed = self.committed.load(Ordering::Relaxed);
        let lately = committed > 0 && self.millis().saturating_sub(committed) < PROBE_EVERY_MILLIS;
        lately || (self.writer.size() > 0 && self.writer.num_idle() == 0)
    }

    /// Commits data that is stored already, the version of the schema: one page goes to the disk,
    /// as for a sample.
    async fn probe_write(&self) -> Result<(), StorageError> {
        self.in_transaction(async |transaction| {
            let row = sqlx::query(statements::VERSION).fetch_one(&mut **transaction).await.map_err(storage_error)?;
            // A pragma takes no bound value; this one is a number of this program.
            let mark = AssertSqlSafe(format!("PRAGMA user_version = {}", rows::version(&row)?));
            sqlx::raw_sql(mark).execute(&mut **transaction).await.map_err(storage_error)?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::SampleStore as _;
    use crate::sqlite::SqliteConfig;

    #[tokio::test]
    async fn a_probe_waits_for_no_reader() {
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig { readers: NonZeroU32::MIN, ..SqliteConfig::at(folder.path().join("samples.db")) };
        let store = SqliteStore::open(&config).await.unwrap();
        let _report = store.readers.acquire().await.unwrap();
        store.ping().await.unwrap();
    }

    #[tokio::test]
    async fn a_probe_commits_unless_something_was_committed_just_now() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("samples.db"))).await.unwrap();
        assert_eq!(store.committed.load(Ordering::Relaxed), 0, "nothing was committed since it was opened");
        store.ping().await.unwrap();
        let probed = store.committed.load(Ordering::Relaxed);
        assert!(probed > 0, "the probe has committed");
        store.ping().await.unwrap();
        assert_eq!(store.committed.load(Ordering::Relaxed), probed, "the last commit tells enough");
        assert_eq!(store.schema_version().await.unwrap(), SqliteStore::NEWEST_SCHEMA, "nothing was changed");
    }
}
