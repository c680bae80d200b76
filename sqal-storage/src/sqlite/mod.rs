//! [`SqliteStore`]: the embedded store, with one file, one writer, many readers, and an
//! acknowledgement that survives a power cut.

mod custody;
mod error;
mod migrate;
mod moment;
mod place;
mod reading;
mod reserve;
mod rows;
mod spool;
mod sql_store;
mod statements;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection, Transaction};
use tokio::time::{Instant, timeout_at};
use tracing::error;

use crate::long_reads::LongReads;
use crate::record::Batch;
use crate::{
    Inserted, Page, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    pool_use::PoolUse,
    samples::{DeviceTally, Hourly, HourlyQuery},
};
use error::{corrupt, storage_error};
pub(crate) use place::Place;
use reading::Reading;
pub(crate) use reserve::Reserve;
pub(crate) use spool::Arrivals;

/// The configuration of a SQLite store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteConfig {
    /// The database file; it is created if it does not exist, its folder is not.
    pub path: PathBuf,
    /// The number of connections that read.
    pub readers: NonZeroU32,
    /// The longest wait of a call for a lock or a connection.
    pub busy_timeout: Duration,
    /// The longest duration of a read, waiting included; SQLite is stopped then.
    pub deadline: Duration,
    /// The number of pages (of 4 KiB) after which the log is written back into the file.
    pub log_pages: NonZeroU32,
}

impl SqliteConfig {
    /// A file with four readers, a wait of five seconds, and ten seconds for a read.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let readers = NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN);
        let log_pages = NonZeroU32::new(1000).unwrap_or(NonZeroU32::MIN);
        let (busy_timeout, deadline) = (Duration::from_secs(5), Duration::from_secs(10));
        Self { path: path.into(), readers, busy_timeout, deadline, log_pages }
    }

    /// The file of the spool of a [`SpooledStore`](crate::SpooledStore).
    ///
    /// Its log is written back after 400 KB, so that the room of its reserve is enough for that on
    /// a full disk. All other settings are those of [`at`](Self::at).
    #[must_use]
    pub fn spool_at(path: impl Into<PathBuf>) -> Self {
        Self { log_pages: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN), ..Self::at(path) }
    }
}

/// A store in one SQLite file in WAL mode with `synchronous = FULL`: a commit is on the disk when
/// it returns.
///
/// SQLite has one writer at a time, so this store has one connection that writes; readers never
/// wait for it. Probes have a connection of their own. Every call of [`SampleStore`] and of
/// [`Register`](crate::Register) that reads ends within the [deadline](SqliteConfig::deadline), and
/// reads over long spans of hours run one at a time. The actions of operators (counting, checking,
/// backing up) have no deadline.
#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Serves only [`ping`](SampleStore::ping): a probe never waits behind a report.
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
}

impl SqliteStore {
    /// Reads sums over the hours of a span, of all devices or of one; SQLite adds them up, and each
    /// row is a group.
    async fn hours<T>(
        &self,
        [of_all, of_one]: [&'static str; 2],
        query: &HourlyQuery,
        to: impl Fn(&SqliteRow) -> Result<T, String>,
    ) -> Result<Vec<T>, StorageError> {
        let end = self.read_deadline();
        let _place = self.long_reads.place(query, end).await?;
        within(end, async {
            let statement = match query.device_id() {
                Some(device) => sqlx::query(of_one).bind(device.as_str().to_owned()),
                None => sqlx::query(of_all),
            };
            let statement = statement.bind(query.from().number()).bind(query.until().number());
            let rows = if LongReads::is_long(query) {
                let mut reading = Reading::begin(&self.readers).await.map_err(storage_error)?;
                let rows = statement.fetch_all(reading.get()).await.map_err(storage_error);
                reading.finished().await.map_err(storage_error)?;
                rows?
            } else {
                self.all(statement).await?
            };
            rows.iter().map(to).collect::<Result<_, _>>().map_err(corrupt)
        })
        .await
    }

    /// All rows of a query, within the deadline.
    async fn all(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, StorageError> {
        within(self.read_deadline(), async { query.fetch_all(&self.readers).await.map_err(storage_error) }).await
    }

    /// The deadline of a read that begins now.
    fn read_deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.deadline).unwrap_or(now + Duration::from_hours(24 * 365))
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

    /// Checks that samples can be read.
    async fn is_readable(&self) -> Result<(), StorageError> {
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

/// A probe writes only if there was no commit for this time.
const PROBE_EVERY_MILLIS: u64 = 4000;

/// Ends a read at its deadline.
async fn within<T>(end: Instant, read: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
    timeout_at(end, read).await.unwrap_or_else(|_| Err(StorageError::new("sqlite", StorageErrorKind::Busy)))
}

/// The limit of the log: 16 MiB. Without long reads the log has about a quarter of it.
const LOG_LIMIT: u32 = 16 * 1024 * 1024;

/// Stores the new samples of a batch and adds them to their hours.
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
    let known = batch.known(&stored);
    let there = if known.is_empty() {
        Vec::new()
    } else {
        let ids = rows::json_of(known.iter().map(|(id, _)| id));
        let found = sqlx::query(statements::KNOWN).bind(ids).fetch_all(&mut **transaction).await;
        found.map_err(storage_error)?.iter().map(rows::before).collect::<Result<Vec<_>, _>>().map_err(corrupt)?
    };
    let outcomes = batch.outcomes(stored, &there);
    for (device, Hourly { hour, tally }) in batch.hours(&outcomes) {
        let query = rows::bind_hour(sqlx::query(statements::ADD_TO_HOUR), hour, &device, &tally);
        query.execute(&mut **transaction).await.map_err(storage_error)?;
    }
    Ok(outcomes)
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
        within(self.read_deadline(), async {
            let row = sqlx::query(statements::GET).bind(id.as_bytes().as_slice()).fetch_optional(&self.readers).await;
            row.map_err(storage_error)?.map(|row| rows::to_sample(&row).map_err(corrupt)).transpose()
        })
        .await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        // Without a cursor the page begins after the latest possible time.
        let (micros, id) =
            query.after.map_or((i64::MAX, [u8::MAX; 16]), |after| (after.timestamp().micros(), *after.id().as_bytes()));
        let statement = match &query.device_id {
            Some(device) => sqlx::query(statements::PAGE_OF_DEVICE).bind(device.as_str().to_owned()),
            None => sqlx::query(statements::PAGE),
        };
        let statement = statement.bind(micros).bind(id.to_vec()).bind(i64::from(query.limit.get()) + 1);
        let rows = self.all(statement).await?;
        let limit = usize::from(query.limit.get());
        // One damaged row must not hide the others: a page leaves it out and logs it. A read by its
        // id is an error.
        let readable = |row| rows::to_sample(row).map_err(|what| error!(what, "a stored sample is damaged")).ok();
        let items = rows.iter().take(limit).filter_map(readable).collect();
        let last = rows.get(limit - 1).filter(|_| rows.len() > limit);
        Ok(Page { items, next: last.map(rows::cursor).transpose().map_err(corrupt)? })
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.hours([statements::HOURS_OF_ALL, statements::HOURS_OF_DEVICE], query, rows::to_hourly).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.hours([statements::DEVICES, statements::DEVICE], query, rows::to_device_tally).await
    }

    /// Checks whether a sample could be stored now: the file can be read, is the file at its path,
    /// has room, and takes a commit. The commit is tried only if the writer has been idle for some
    /// seconds.
    async fn ping(&self) -> Result<(), StorageError> {
        within(self.read_deadline(), async {
            if !self.takes_samples {
                return self.is_readable().await;
            }
            let place = Arc::clone(&self.place);
            // A file system that hangs must not block the runtime.
            let looked = tokio::task::spawn_blocking(move || place.is_ours().and_then(|()| place.has_room())).await;
            looked.unwrap_or_else(|_| Err(StorageError::new("sqlite", StorageErrorKind::Internal)))?;
            self.is_readable().await?;
            if self.is_writing() { Ok(()) } else { self.probe_write().await }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::samples::{Hour, Tally};
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use sqal_core::{DeviceId, Name, Score, Timestamp};

    async fn open(folder: &Path) -> SqliteStore {
        SqliteStore::open(&SqliteConfig::at(folder.join("samples.db"))).await.unwrap()
    }

    /// A part of an hour of a device, with sums of any size that forty of them can have.
    fn part() -> impl Strategy<Value = (DeviceId, Hourly)> {
        let most = i64::MAX / 64;
        let counts = (prop::array::uniform5(0..most / 8), 0..most, 0..3_599_999_999_i64);
        let sums = (0..most, 0..most, 0..most, prop::option::of((0.0..=1.0_f64, 0.0..=1.0_f64)));
        (0..4_usize, 0..6_i64, counts, sums).prop_map(|(device, hour, (grades, scored, begins), sums)| {
            let (score_sum, score_squares, confidence_sum, range) = sums;
            let first = Timestamp::from_micros((500_000 + hour) * 3_600_000_000 + begins).unwrap();
            let range = range.map(|(one, other)| (Score::nearest(one.min(other)), Score::nearest(one.max(other))));
            let tally = Tally {
                samples: grades.iter().sum(),
                grades,
                scored,
                score_sum,
                score_squares,
                score_range: range,
                confidence_sum,
                first,
                last: first,
            };
            let device = Name::new(["ESP32_001", "ESP32_00", "é 100 % \"'\\", "Z"][device]).unwrap();
            (device, Hourly { hour: Hour::of(first), tally })
        })
    }

    async fn add(store: &SqliteStore, parts: &[(DeviceId, Hourly)]) {
        for (device, Hourly { hour, tally }) in parts {
            let query = rows::bind_hour(sqlx::query(statements::ADD_TO_HOUR), *hour, device, tally);
            query.execute(&store.writer).await.unwrap();
        }
    }

    /// All hours of the parts, as a short span and as a long span that is read alone.
    fn spans() -> [HourlyQuery; 2] {
        let at = |hour: i64| Hour::of(Timestamp::from_micros(hour * 3_600_000_000).unwrap());
        [(500_000, 500_006), (499_000, 501_000)].map(|(from, until)| HourlyQuery::new(at(from), at(until)).unwrap())
    }

    #[test]
    fn sums_in_sql_are_the_sums_of_the_parts_bit_by_bit() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let parts = prop::collection::vec(part(), 0..40);
        let check = |parts: Vec<(DeviceId, Hourly)>| {
            runtime.block_on(async {
                let folder = tempfile::tempdir().unwrap();
                let store = open(folder.path()).await;
                add(&store, &parts).await;
                for span in spans() {
                    let hours = Hourly::together(parts.iter().map(|(_, hour)| *hour));
                    assert_eq!(store.hourly(&span).await.unwrap(), hours);
                    let devices =
                        parts.iter().map(|(device, hour)| DeviceTally { device_id: *device, tally: hour.tally });
                    assert_eq!(store.by_device(&span).await.unwrap(), DeviceTally::together(devices));
                    for (device, _) in &parts {
                        let own = || parts.iter().filter(|(one, _)| one == device);
                        let span = span.of_device(*device);
                        let hours = Hourly::together(own().map(|(_, hour)| *hour));
                        assert_eq!(store.hourly(&span).await.unwrap(), hours);
                        let tally = own().map(|(device, hour)| DeviceTally { device_id: *device, tally: hour.tally });
                        assert_eq!(store.by_device(&span).await.unwrap(), DeviceTally::together(tally));
                    }
                }
            });
            Ok(())
        };
        TestRunner::new(Config::with_cases(24)).run(&parts, check).unwrap();
    }

    #[tokio::test]
    async fn a_sum_that_does_not_fit_is_an_error_and_no_other_number() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        let mut runner = TestRunner::deterministic();
        let (_, mut hour) = proptest::strategy::ValueTree::current(&part().new_tree(&mut runner).unwrap());
        hour.tally.score_sum = i64::MAX;
        add(&store, &[(Name::new("a").unwrap(), hour), (Name::new("b").unwrap(), hour)]).await;
        for span in spans() {
            assert!(store.hourly(&span).await.is_err());
            assert_eq!(store.by_device(&span).await.unwrap().len(), 2, "each fits by itself");
        }
    }

    /// The work of a summary is bounded by its span: no plan reads the whole table or sorts what it
    /// has read.
    #[tokio::test]
    async fn no_summary_scans_or_sorts_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        for statement in
            [statements::HOURS_OF_ALL, statements::HOURS_OF_DEVICE, statements::DEVICES, statements::DEVICE]
        {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            // Statements over all devices take the first two.
            let plan =
                sqlx::query(explain).bind(1_i64).bind(2_i64).bind(3_i64).fetch_all(&store.readers).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
            for step in &steps {
                assert!(!step.contains("SCAN sample_hour") && !step.contains("TEMP B-TREE"), "{steps:?}");
            }
        }
    }

    /// A read past its deadline is stopped inside SQLite, and its place among the readers is free
    /// again.
    #[tokio::test]
    async fn a_read_past_its_deadline_is_stopped_and_holds_no_reader() {
        const ENDLESS: &str = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig { readers: NonZeroU32::MIN, ..SqliteConfig::at(folder.path().join("samples.db")) };
        let store = SqliteStore::open(&config).await.unwrap();
        for _ in 0..3 {
            let read = within(Instant::now() + Duration::from_millis(50), async {
                let mut reading = Reading::begin(&store.readers).await.map_err(storage_error)?;
                let rows = sqlx::query(ENDLESS).fetch_all(reading.get()).await.map_err(storage_error)?;
                reading.finished().await.map_err(storage_error)?;
                Ok(rows.len())
            });
            assert_eq!(read.await.unwrap_err().kind, StorageErrorKind::Busy);
            assert_eq!(store.count().await.unwrap(), 0, "the only reader is to be had again");
        }
        // A finished read leaves nothing behind that could stop the next.
        let mut reading = Reading::begin(&store.readers).await.unwrap();
        sqlx::query(statements::COUNT).fetch_all(reading.get()).await.unwrap();
        reading.finished().await.unwrap();
        assert_eq!(store.count().await.unwrap(), 0);
    }

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
        let store = open(folder.path()).await;
        assert_eq!(store.committed.load(Ordering::Relaxed), 0, "nothing was committed since it was opened");
        store.ping().await.unwrap();
        let probed = store.committed.load(Ordering::Relaxed);
        assert!(probed > 0, "the probe has committed");
        store.ping().await.unwrap();
        assert_eq!(store.committed.load(Ordering::Relaxed), probed, "the last commit tells enough");
        assert_eq!(store.schema_version().await.unwrap(), SqliteStore::NEWEST_SCHEMA, "nothing was changed");
    }

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
