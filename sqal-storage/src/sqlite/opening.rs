//! How a [`SqliteStore`] is opened: its connections, their settings, and the version of the file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::time::Instant;

use super::error::storage_error;
use super::place::Place;
use super::{SqliteConfig, SqliteStore, migrate, statements};
use crate::long_reads::LongReads;
use crate::{StorageError, StorageErrorKind};

/// The limit of the log: 16 MiB. Without long reads the log has about a quarter of it.
const LOG_LIMIT: u32 = 16 * 1024 * 1024;

impl SqliteStore {
    /// Opens the file and brings its schema up to date.
    ///
    /// Safe if several processes open one new file at once.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be opened or written, or was written by a newer program
    /// ([`SchemaTooNew`](crate::StorageErrorKind::SchemaTooNew)).
    pub async fn open(config: &SqliteConfig) -> Result<Self, StorageError> {
        let options = SqliteConnectOptions::new()
            .filename(&config.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Erased data must not be readable in the rest of a page.
            .pragma("secure_delete", "ON")
            // A long read keeps the log from being written back, and the log grows; what exceeds
            // this limit is given back.
            .pragma("journal_size_limit", LOG_LIMIT.to_string())
            .pragma("wal_autocheckpoint", config.log_pages.to_string())
            .busy_timeout(config.busy_timeout);
        let pool = |most: u32| {
            SqlitePoolOptions::new().max_connections(most).min_connections(1).acquire_timeout(config.busy_timeout)
        };
        let writer = first_connection(|| pool(1).connect_with(options.clone()), config.busy_timeout).await?;
        migrate::to(&writer, statements::SCHEMA.newest()).await?;
        // A file that vanishes later is an error, not an empty database.
        let options = options.create_if_missing(false);
        writer.set_connect_options(options.clone());
        let options = options.read_only(true);
        let readers = pool(config.readers.get()).connect_with(options.clone()).await.map_err(storage_error)?;
        let probes = pool(1).connect_with(options).await.map_err(storage_error)?;
        Ok(Self::of(config, writer, readers, probes, true))
    }

    /// Opens an existing file of this program at any version and changes nothing in it.
    ///
    /// For operators, who check and back up a file before its schema is brought up to date.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be opened or is not one of this program:
    /// [`SchemaTooNew`](StorageErrorKind::SchemaTooNew), or
    /// [`SchemaTooOld`](StorageErrorKind::SchemaTooOld) with version 0 for an empty or foreign
    /// file.
    pub async fn open_as_it_is(config: &SqliteConfig) -> Result<Self, StorageError> {
        let options = SqliteConnectOptions::new()
            .filename(&config.path)
            .busy_timeout(config.busy_timeout)
            .pragma("secure_delete", "ON");
        let pool = |most: u32| SqlitePoolOptions::new().max_connections(most).acquire_timeout(config.busy_timeout);
        let readers =
            pool(config.readers.get()).connect_with(options.clone().read_only(true)).await.map_err(storage_error)?;
        let probes = pool(1).connect_lazy_with(options.clone().read_only(true));
        let writer = pool(1).connect_lazy_with(options.synchronous(SqliteSynchronous::Full));
        let store = Self::of(config, writer, readers, probes, false);
        let (found, known) = (store.schema_version().await?, Self::NEWEST_SCHEMA);
        let oldest = statements::SCHEMA.oldest;
        let refused = |kind: StorageErrorKind| StorageError::new("sqlite", kind);
        if found > known {
            return Err(refused(StorageErrorKind::SchemaTooNew { found, known }));
        }
        if found < oldest {
            return Err(refused(StorageErrorKind::SchemaTooOld { found, oldest }));
        }
        store.is_readable().await?;
        Ok(store)
    }

    /// The store of these connections.
    fn of(
        config: &SqliteConfig,
        writer: SqlitePool,
        readers: SqlitePool,
        probes: SqlitePool,
        takes_samples: bool,
    ) -> Self {
        Self {
            writer,
            readers,
            probes,
            long_reads: LongReads::new("sqlite"),
            deadline: config.deadline,
            place: Arc::new(Place::of(&config.path, takes_samples)),
            takes_samples,
            opened: Instant::now(),
            committed: AtomicU64::new(0),
        }
    }

    /// The version that [`open`](Self::open) brings a file to.
    pub const NEWEST_SCHEMA: i64 = statements::SCHEMA.newest();

    /// Makes sure that no process has a file open, and that all data is in the file and none in a
    /// log beside it.
    ///
    /// # Errors
    ///
    /// [`Busy`](StorageErrorKind::Busy) if another process has it open.
    pub async fn retire(path: &Path) -> Result<(), StorageError> {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(1));
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.map_err(storage_error)?;
        let mode = sqlx::query_scalar::<_, String>(statements::WITHOUT_LOG).fetch_one(&mut connection).await;
        let mode = mode.map_err(storage_error);
        let closed = connection.close().await.map_err(storage_error);
        if mode? == "delete" { closed } else { Err(StorageError::new("sqlite", StorageErrorKind::Busy)) }
    }
}

/// Opens the first connection, again while the file is locked. The switch to the write-ahead log
/// asks for an exclusive lock and does not wait for it. Without a retry, some of several processes
/// that start on one new file at once would fail.
async fn first_connection<F>(open: impl Fn() -> F, patience: Duration) -> Result<SqlitePool, StorageError>
where
    F: Future<Output = Result<SqlitePool, sqlx::Error>>,
{
    const PAUSE: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        match open().await.map_err(storage_error) {
            Err(error) if error.kind == StorageErrorKind::Busy && waited < patience => {
                tokio::time::sleep(PAUSE).await;
                waited += PAUSE;
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kill of a process cannot show this: a commit waits for the disk, so that it survives a
    /// power cut.
    #[tokio::test]
    async fn commits_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("samples.db"))).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer).await.unwrap();
        assert_eq!((synchronous, journal.as_str()), (2, "wal"), "2 is FULL");
    }
}
