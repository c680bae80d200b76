//! [`SqliteStore`]: the embedded store; one file, one writer, many readers, and an acknowledgement that survives a power cut.

mod custody;
mod error;
mod fields;
mod migrate;
mod moment;
mod register;
mod rows;
mod spool;
mod statements;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Connection, Transaction};
use tracing::error;

use crate::record::Batch;
use crate::{
    DeviceTally, Hourly, HourlyQuery, Inserted, Page, PoolUse, SampleQuery, SampleStore, StorageError, StorageErrorKind,
};
use error::{corrupt, storage_error};

/// How a SQLite store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteConfig {
    /// The database file; it is created if it is not there, its folder is not.
    pub path: PathBuf,
    /// How many connections read.
    pub readers: NonZeroU32,
    /// How long a call waits for a lock or a connection.
    pub busy_timeout: Duration,
}

impl SqliteConfig {
    /// A file with four readers and a wait of five seconds.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let readers = NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN);
        Self { path: path.into(), readers, busy_timeout: Duration::from_secs(5) }
    }
}

/// A store in one SQLite file in WAL mode with `synchronous = FULL`: a commit is on the disk when it returns.
///
/// SQLite has one writer at a time, so this store has one connection that writes; readers never wait for it.
#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, brings its schema up to date, and is ready.
    ///
    /// Safe when several processes open the same new file at once.
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
            // What is erased is not to be read in what is left of the page.
            .pragma("secure_delete", "ON")
            // A reader that takes long keeps the log from being written back, and it grows; what it grew beyond this is given back.
            .pragma("journal_size_limit", LOG_LIMIT.to_string())
            .busy_timeout(config.busy_timeout);
        let pool = |most: u32| {
            SqlitePoolOptions::new().max_connections(most).min_connections(1).acquire_timeout(config.busy_timeout)
        };
        let writer = first_connection(|| pool(1).connect_with(options.clone()), config.busy_timeout).await?;
        migrate::to(&writer, statements::SCHEMA.newest()).await?;
        // A file that vanishes later is an error, not an empty database.
        let options = options.create_if_missing(false);
        writer.set_connect_options(options.clone());
        let readers = pool(config.readers.get()).connect_with(options.read_only(true)).await.map_err(storage_error)?;
        Ok(Self { writer, readers })
    }

    /// Opens a file that is there, whatever version of ours it is, and changes nothing of it: for operators, who look and back up before
    /// anything is brought up to date.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be opened, or is none of ours: [`SchemaTooNew`](StorageErrorKind::SchemaTooNew), or
    /// [`SchemaTooOld`](StorageErrorKind::SchemaTooOld) with version 0 for an empty or foreign one.
    pub async fn open_as_it_is(config: &SqliteConfig) -> Result<Self, StorageError> {
        let options = SqliteConnectOptions::new()
            .filename(&config.path)
            .busy_timeout(config.busy_timeout)
            .pragma("secure_delete", "ON");
        let pool = |most: u32| SqlitePoolOptions::new().max_connections(most).acquire_timeout(config.busy_timeout);
        let readers =
            pool(config.readers.get()).connect_with(options.clone().read_only(true)).await.map_err(storage_error)?;
        let store = Self { writer: pool(1).connect_lazy_with(options.synchronous(SqliteSynchronous::Full)), readers };
        let (found, known) = (store.schema_version().await?, Self::NEWEST_SCHEMA);
        let oldest = statements::SCHEMA.oldest;
        let refused = |kind: StorageErrorKind| StorageError::new("sqlite", kind);
        if found > known {
            return Err(refused(StorageErrorKind::SchemaTooNew { found, known }));
        }
        if found < oldest {
            return Err(refused(StorageErrorKind::SchemaTooOld { found, oldest }));
        }
        store.ping().await?;
        Ok(store)
    }

    /// The version that [`open`](Self::open) brings a file to.
    pub const NEWEST_SCHEMA: i64 = statements::SCHEMA.newest();

    /// Makes sure that nobody has a file open, and that everything is in it and nothing in a log beside it.
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

    /// How full its pools are.
    #[must_use]
    pub fn pools(&self) -> [PoolUse; 2] {
        [("writers", &self.writer), ("readers", &self.readers)].map(|(name, pool)| {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            PoolUse { name, most: pool.options().get_max_connections(), in_use: pool.size().saturating_sub(idle) }
        })
    }

    /// Closes all connections; the log is written back into the file.
    pub async fn close(&self) {
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

    /// Takes the schema to another version, back too; what the older version does not know is given up, no sample is.
    ///
    /// For operations: while an older program runs on the file, this store must not.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if there is no way to that version; nothing is then changed.
    pub async fn migrate_to(&self, version: i64) -> Result<(), StorageError> {
        migrate::to(&self.writer, version).await
    }

    /// Does something in one transaction on the one connection that writes.
    async fn in_transaction<T>(
        &self,
        work: impl AsyncFnOnce(&mut Transaction<'_, Sqlite>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut connection = self.writer.acquire().await.map_err(storage_error)?;
        let result = async {
            // IMMEDIATE takes the write lock at once: a deferred transaction could fail half-way with "busy" and no retry.
            let mut transaction = connection.begin_with(statements::BEGIN).await.map_err(storage_error)?;
            let done = work(&mut transaction).await?;
            transaction.commit().await.map_err(storage_error)?;
            Ok(done)
        }
        .await;
        if result.is_err() {
            // After a failed commit (a full disk) the connection believes itself in a transaction for ever: a new one is sound.
            let _ = connection.close().await;
        }
        result
    }
}

impl SqliteStore {
    /// What each row of the hours of a span comes to.
    async fn hours<T>(
        &self,
        query: &HourlyQuery,
        to: impl Fn(&SqliteRow) -> Result<T, String>,
    ) -> Result<Vec<T>, StorageError> {
        let statement = match query.device_id() {
            Some(device) => sqlx::query(statements::HOURS_OF_DEVICE).bind(device.as_str().to_owned()),
            None => sqlx::query(statements::HOURS_OF_ALL),
        };
        let statement = statement.bind(query.from().number()).bind(query.until().number());
        let rows = statement.fetch_all(&self.readers).await.map_err(storage_error)?;
        rows.iter().map(to).collect::<Result<_, _>>().map_err(corrupt)
    }
}

/// The log is about a quarter of this while nobody reads for long: 16 MiB.
const LOG_LIMIT: u32 = 16 * 1024 * 1024;

/// Stores what is new of a batch and adds it to its hours.
async fn store(transaction: &mut Transaction<'_, Sqlite>, batch: &Batch<'_>) -> Result<Vec<Inserted>, StorageError> {
    let mut records = batch.records("sqlite")?.into_iter();
    let mut stored = Vec::with_capacity(records.len());
    while records.len() > 0 {
        let (statement, count) = if records.len() >= statements::MANY {
            (statements::INSERT_MANY, statements::MANY)
        } else {
            (statements::INSERT_ONE, 1)
        };
        let query = records.by_ref().take(count).fold(sqlx::query(statement), rows::bind);
        for row in query.fetch_all(&mut **transaction).await.map_err(storage_error)? {
            stored.push(rows::id(&row).map_err(corrupt)?);
        }
    }
    let outcomes = batch.outcomes(stored);
    for (device, Hourly { hour, tally }) in batch.hours(&outcomes) {
        let query = rows::bind_hour(sqlx::query(statements::ADD_TO_HOUR), hour, &device, &tally);
        query.execute(&mut **transaction).await.map_err(storage_error)?;
    }
    Ok(outcomes)
}

/// Opens the first connection, again while the file is locked: the switch to the write-ahead log asks for an exclusive lock and does not
/// wait for it, so that of several processes that start on one new file at once, some would fail.
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

#[async_trait]
impl SampleStore for SqliteStore {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::of(batch);
        self.in_transaction(async |transaction| store(transaction, &batch).await).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        let row = sqlx::query(statements::GET).bind(id.as_bytes().as_slice()).fetch_optional(&self.readers).await;
        row.map_err(storage_error)?.map(|row| rows::to_sample(&row).map_err(corrupt)).transpose()
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        // Without a cursor the page begins after the end of time.
        let (micros, id) =
            query.after.map_or((i64::MAX, [u8::MAX; 16]), |after| (after.timestamp().micros(), *after.id().as_bytes()));
        let statement = match &query.device_id {
            Some(device) => sqlx::query(statements::PAGE_OF_DEVICE).bind(device.as_str().to_owned()),
            None => sqlx::query(statements::PAGE),
        };
        let statement = statement.bind(micros).bind(id.to_vec()).bind(i64::from(query.limit.get()) + 1);
        let rows = statement.fetch_all(&self.readers).await.map_err(storage_error)?;
        let limit = usize::from(query.limit.get());
        // One damaged row must not hide the others: it is left out and said in the log; asked for by its id it is an error.
        let readable = |row| rows::to_sample(row).map_err(|what| error!(what, "a stored sample is damaged")).ok();
        let items = rows.iter().take(limit).filter_map(readable).collect();
        let last = rows.get(limit - 1).filter(|_| rows.len() > limit);
        Ok(Page { items, next: last.map(rows::cursor).transpose().map_err(corrupt)? })
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        Ok(Hourly::together(self.hours(query, rows::to_hourly).await?))
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        Ok(DeviceTally::together(self.hours(query, rows::to_device_tally).await?))
    }

    async fn ping(&self) -> Result<(), StorageError> {
        sqlx::query(statements::PING).execute(&self.readers).await.map_err(storage_error).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no kill of a process can show: a commit waits for the disk, so that it survives a power cut.
    #[tokio::test]
    async fn commits_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("samples.db"))).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer).await.unwrap();
        assert_eq!((synchronous, journal.as_str()), (2, "wal"), "2 is FULL");
    }
}
