//! [`PostgresStore`]: the store of a plant, with a partition per month, or a hypertable where
//! `TimescaleDB` is installed.

mod chunks;
mod config;
mod copy;
mod custody;
mod encoding;
mod error;
mod line;
mod migrate;
mod moment;
mod partitions;
mod rows;
mod sql_store;
mod statements;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqal_core::{Sample, SampleId, Timestamp};
use sqlx::postgres::{PgConnection, PgPoolOptions, PgRow, Postgres};
use sqlx::{AssertSqlSafe, Connection, Row, Transaction};
use tracing::{debug, error, info};

use crate::long_reads::LongReads;
use crate::record::{Batch, Before};
use crate::schema::Schema;
use crate::sql::stored_row;
use crate::{
    Inserted, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    pool_use::PoolUse,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};
use encoding::{Id, Micros};
use error::{corrupt, refused, storage_error};
use line::Line;
use partitions::Partitions;

pub use config::{InvalidPostgres, PostgresConfig};

/// The edition of `TimescaleDB` that a server offers, detected when the store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timescale {
    /// No `TimescaleDB`, or the samples were laid out in partitions before it was installed.
    Absent,
    /// The Apache edition: hypertables, no compression.
    Apache,
    /// The edition with compression.
    Community,
}

impl Timescale {
    /// A stable name for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Apache => "apache",
            Self::Community => "community",
        }
    }
}

/// A store in a PostgreSQL of version 14 or newer.
///
/// Writers and readers have a pool each, so that no storm of readers stops the line. Probes have a
/// connection of their own, and reads over long spans of hours run one at a time. Every call of
/// [`SampleStore`] and of [`Register`](crate::Register) ends within the
/// [deadline](PostgresConfig::deadline); the actions of operators (opening, migrating, purging)
/// have no deadline. A commit is on the disk when it returns, unless the server is configured
/// otherwise (`synchronous_commit`).
#[derive(Debug)]
pub struct PostgresStore {
    writers: Line,
    readers: Line,
    /// Serves only [`ping`](SampleStore::ping): a probe never waits behind a report.
    probes: Line,
    long_reads: LongReads,
    schema_name: String,
    deadline: Duration,
    timescale: Timescale,
    /// `None` on a hypertable, which makes its chunks itself.
    partitions: Option<Partitions>,
    /// The number of large batches that are still inserted instead of copied.
    doubt: AtomicU32,
}

impl PostgresStore {
    /// Connects and brings the schema up to date; the edition of `TimescaleDB` is detected and
    /// logged.
    ///
    /// Safe if several servers open one new database at once.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database does not answer, may not be changed, or was written by a
    /// newer program ([`SchemaTooNew`](StorageErrorKind::SchemaTooNew)) or a different one
    /// ([`SchemaMismatch`](StorageErrorKind::SchemaMismatch)).
    pub async fn open(config: &PostgresConfig) -> Result<Self, StorageError> {
        let mut store = Self::connect(config);
        within(config.deadline, store.make_schema()).await?;
        store.look().await?;
        migrate::to(&store.writers, &store.schema_name, store.schema(), None).await?;
        if let Some(days) = config.compress_after_days.filter(|_| store.timescale == Timescale::Community) {
            store.compress_after(days).await?;
        }
        let version = Self::NEWEST_SCHEMA;
        let timescale = store.timescale.as_str();
        info!(timescale, schema = store.schema_name, version, "PostgreSQL store is open");
        Ok(store)
    }

    /// Opens a database of this program at any version and changes nothing in it.
    ///
    /// For operators, who check and back up a database before its schema is brought up to date.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database does not answer or is not one of this program:
    /// [`SchemaTooNew`](StorageErrorKind::SchemaTooNew), or
    /// [`SchemaTooOld`](StorageErrorKind::SchemaTooOld) with version 0 for an empty or foreign
    /// database.
    pub async fn open_as_it_is(config: &PostgresConfig) -> Result<Self, StorageError> {
        let mut store = Self::connect(config);
        store.look().await?;
        let (found, known) = (store.schema_version().await?, Self::NEWEST_SCHEMA);
        let oldest = store.schema().oldest;
        if found > known {
            return Err(refused(StorageErrorKind::SchemaTooNew { found, known }));
        }
        if found < oldest {
            return Err(refused(StorageErrorKind::SchemaTooOld { found, oldest }));
        }
        Ok(store)
    }

    /// The version that [`open`](Self::open) brings a database to.
    pub const NEWEST_SCHEMA: i64 = statements::PARTITIONED.newest();

    fn connect(config: &PostgresConfig) -> Self {
        let millis = config.deadline.as_millis().to_string();
        let options = config.options.clone().options([
            ("search_path", config.schema.as_str()),
            ("statement_timeout", &millis),
            ("idle_in_transaction_session_timeout", &millis),
        ]);
        let pool = |most: u32| {
            let pool = PgPoolOptions::new().max_connections(most).acquire_timeout(config.acquire_timeout);
            Line::new(pool.connect_lazy_with(options.clone()), most)
        };
        Self {
            writers: pool(config.writers.get()),
            readers: pool(config.readers.get()),
            probes: pool(1),
            long_reads: LongReads::new("postgres"),
            schema_name: config.schema.clone(),
            deadline: config.deadline,
            timescale: Timescale::Absent,
            partitions: None,
            doubt: AtomicU32::new(0),
        }
    }

    /// Detects how the samples are laid out, or will be laid out.
    async fn look(&mut self) -> Result<(), StorageError> {
        self.timescale = within(self.deadline, self.detect()).await?;
        self.partitions = (self.timescale == Timescale::Absent).then(Partitions::default);
        Ok(())
    }

    /// The edition of `TimescaleDB` that the server offers.
    #[must_use]
    pub const fn timescale(&self) -> Timescale {
        self.timescale
    }

    /// The version of the schema.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database cannot be read.
    pub async fn schema_version(&self) -> Result<i64, StorageError> {
        within(self.deadline, async {
            let mut connection = self.readers.take().await?;
            let version = migrate::check(connection.get(), self.schema()).await;
            if version.is_ok() {
                connection.finished();
            }
            version
        })
        .await
    }

    /// Migrates the schema to another version, also back; data that the older version does not know
    /// is dropped, samples are kept.
    ///
    /// For operations: while an older program runs on the database, this store must not be in use.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if there is no way to that version; nothing is then changed.
    pub async fn migrate_to(&self, version: i64) -> Result<(), StorageError> {
        migrate::to(&self.writers, &self.schema_name, self.schema(), Some(version)).await
    }

    /// The use of the pools of writers and of readers.
    #[must_use]
    pub fn pools(&self) -> [PoolUse; 2] {
        [self.writers.pool_use("writers"), self.readers.pool_use("readers")]
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.probes.pool.close().await;
        self.readers.pool.close().await;
        self.writers.pool.close().await;
    }

    const fn schema(&self) -> &'static Schema {
        match self.timescale {
            Timescale::Absent => &statements::PARTITIONED,
            Timescale::Apache | Timescale::Community => &statements::HYPERTABLE,
        }
    }

    /// Lets the server compress samples that are older than `days` days.
    async fn compress_after(&self, days: NonZeroU32) -> Result<(), StorageError> {
        self.in_transaction(async |transaction| {
            let lock = sqlx::query(statements::LOCK).bind(&self.schema_name);
            lock.execute(&mut **transaction).await.map_err(storage_error)?;
            chunks::compress_after(transaction, days).await
        })
        .await
    }

    async fn make_schema(&self) -> Result<(), StorageError> {
        // The name was checked, so it needs no quotes.
        let schema = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {}", self.schema_name));
        let make = async |connection: &mut PgConnection| {
            let mut transaction = connection.begin().await?;
            sqlx::query(statements::LOCK).bind(&self.schema_name).execute(&mut *transaction).await?;
            sqlx::raw_sql(schema).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        self.writers.with(make).await
    }

    async fn detect(&self) -> Result<Timescale, StorageError> {
        let found = self.readers.with(async |connection| {
            let layout = sqlx::query(statements::LAYOUT).fetch_optional(&mut *connection).await?;
            Ok((layout, sqlx::query(statements::TIMESCALE).fetch_one(connection).await?))
        });
        let (layout, row) = found.await?;
        let layout: Option<String> = layout.map(|row| row.try_get(0)).transpose().map_err(storage_error)?;
        let version: Option<String> = row.try_get(0).map_err(storage_error)?;
        let licence: Option<String> = row.try_get(1).map_err(storage_error)?;
        Ok(match (layout.as_deref(), version, licence.as_deref()) {
            // Samples that were laid out in partitions stay so.
            (Some("p"), _, _) | (_, None, _) => Timescale::Absent,
            (_, Some(_), Some("timescale")) => Timescale::Community,
            (_, Some(_), _) => Timescale::Apache,
        })
    }

    /// Runs `work` for operators in one transaction without a deadline; on an error it is rolled
    /// back.
    async fn in_transaction<T>(
        &self,
        work: impl AsyncFnOnce(&mut Transaction<'_, Postgres>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut taken = self.writers.take().await?;
        let result = async {
            let mut transaction = taken.get().begin().await.map_err(storage_error)?;
            sqlx::raw_sql(statements::NO_TIMEOUT).execute(&mut *transaction).await.map_err(storage_error)?;
            let done = work(&mut transaction).await?;
            transaction.commit().await.map_err(storage_error)?;
            Ok(done)
        }
        .await;
        // After an error a new connection is the surest way to one without a transaction.
        if result.is_ok() {
            taken.finished();
        }
        result
    }

    /// Stores a batch by COPY or by INSERT.
    ///
    /// COPY is the fastest way and accepts no duplicates, so a large batch is copied on the
    /// assumption that all of it is new. If a sample is known, the batch is inserted instead, and
    /// so are the next large batches: a device that repeats itself seldom stops after one.
    async fn store(&self, batch: &Batch<'_>) -> Result<Vec<Inserted>, StorageError> {
        if let Some(partitions) = &self.partitions {
            partitions.ready(&self.writers, &self.schema_name, batch.timestamps()).await?;
        }
        let doubt = self.doubt.load(Ordering::Relaxed);
        if batch.len() >= WORTH_A_COPY {
            self.doubt.store(doubt.saturating_sub(1), Ordering::Relaxed);
            if doubt == 0 {
                match self.copy(batch).await {
                    Err(error) if has_code(&error, UNIQUE_VIOLATION) => {
                        self.doubt.store(BATCHES_IN_DOUBT, Ordering::Relaxed);
                    }
                    result => return result,
                }
            }
        }
        let records = batch.records("postgres")?;
        let insert = async |connection: &mut PgConnection| {
            rows::bind(sqlx::query(statements::INSERT), &records).fetch_all(connection).await
        };
        let stored: Result<Vec<_>, _> = self.writers.with(insert).await?.iter().map(stored_row::id).collect();
        let stored = stored.map_err(corrupt)?;
        let there = self.there_before(&batch.known(&stored)).await?;
        Ok(batch.outcomes(stored, &there))
    }

    /// The stored samples of known ids, to be compared with those of the batch; without known ids
    /// no query is sent.
    async fn there_before(&self, known: &[(SampleId, Timestamp)]) -> Result<Vec<Before>, StorageError> {
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = known.iter().map(|(id, _)| Id(*id.as_bytes())).collect();
        let times: Vec<_> = known.iter().map(|(_, time)| Micros(time.micros())).collect();
        let query = sqlx::query(statements::KNOWN).bind(ids).bind(times);
        let found = self.writers.with(async |connection| query.fetch_all(connection).await).await?;
        let there: Vec<_> = found.iter().map(stored_row::before).collect::<Result<_, _>>().map_err(corrupt)?;
        // A sample that was purged or erased since the insert is not durable any more: a retry of
        // the batch stores it.
        if there.len() < known.len() { Err(refused(StorageErrorKind::Busy)) } else { Ok(there) }
    }

    /// Reads hours of a span, of all devices or of one.
    async fn hours<T>(
        &self,
        [of_all, of_one]: [&'static str; 2],
        query: &HourlyQuery,
        to: impl Fn(&PgRow) -> Result<T, String>,
    ) -> Result<Vec<T>, StorageError> {
        let begun = tokio::time::Instant::now();
        let _place = self.long_reads.place(query, begun + self.deadline).await?;
        within(self.deadline.saturating_sub(begun.elapsed()), async {
            let (from, until) = (query.from().begins().micros(), query.until().begins().micros());
            let statement = if query.device_id().is_some() { of_one } else { of_all };
            let mut statement = sqlx::query(statement).bind(Micros(from)).bind(Micros(until));
            if let Some(device) = query.device_id() {
                statement = statement.bind(device.as_str());
            }
            let rows = self.readers.with(async |connection| statement.fetch_all(connection).await).await?;
            rows.iter().map(to).collect::<Result<_, _>>().map_err(corrupt)
        })
        .await
    }

    /// Copies a batch in parts: the server stores one part while the next is written.
    async fn copy(&self, batch: &Batch<'_>) -> Result<Vec<Inserted>, StorageError> {
        let mut connection = self.writers.take().await?;
        let outcomes = batch.outcomes(batch.ids(), &[]);
        {
            let mut transaction = connection.get().begin().await.map_err(storage_error)?;
            #[expect(clippy::disallowed_methods, reason = "the driver measures its queries too, but for this one")]
            let begun = Instant::now();
            let mut copy = transaction.copy_in_raw(statements::COPY).await.map_err(storage_error)?;
            let (mut refused, mut buffer) = (None, Vec::new());
            let sent = async {
                let mut parts = batch.parts(PART, "postgres").peekable();
                let mut first = true;
                while let Some(records) = parts.next() {
                    // This error is not the driver's: it ends the copy and is returned to the
                    // caller.
                    let records = records.map_err(|error| {
                        refused = Some(error);
                        sqlx::Error::RowNotFound
                    })?;
                    copy::part(&records, first, parts.peek().is_none(), &mut buffer);
                    copy.send(buffer.as_slice()).await?;
                    first = false;
                }
                Ok(())
            }
            .await;
            let copied = match sent {
                Ok(()) => copy.finish().await.map(|_| ()),
                Err(error) => copy.abort("not sent whole").await.and(Err(error)),
            };
            // The driver reports every query but this one.
            debug!(
                target: "sqlx::query",
                summary = "COPY sample …",
                db.statement = statements::COPY,
                rows_affected = batch.len(),
                elapsed_secs = begun.elapsed().as_secs_f64(),
            );
            let hours = batch.hours(&outcomes);
            let added = match copied {
                Ok(()) => rows::bind_hours(sqlx::query(statements::ADD_TO_HOURS), &hours)
                    .execute(&mut *transaction)
                    .await
                    .map(|_| ()),
                Err(error) => Err(error),
            };
            match added {
                Ok(()) => transaction.commit().await.map_err(storage_error)?,
                Err(error) => {
                    transaction.rollback().await.map_err(storage_error)?;
                    connection.finished();
                    return Err(refused.unwrap_or_else(|| storage_error(error)));
                }
            }
        }
        connection.finished();
        Ok(outcomes)
    }
}

/// The least size of a batch that is copied: below it the round trips of a copy cost more than the
/// copy saves.
const WORTH_A_COPY: usize = 100;

/// The number of rows that are written at a time.
const PART: usize = 100;

/// The number of large batches that are inserted, not copied, after one with a duplicate.
const BATCHES_IN_DOUBT: u32 = 16;

/// SQLSTATE of a row whose key exists already.
const UNIQUE_VIOLATION: &str = "23505";

/// SQLSTATE of a row that a check refuses, or for which there is no partition.
const CHECK_VIOLATION: &str = "23514";

fn has_code(error: &StorageError, code: &str) -> bool {
    let source = error.source.as_ref().and_then(|source| source.downcast_ref::<sqlx::Error>());
    source.and_then(sqlx::Error::as_database_error).is_some_and(|error| error.code().as_deref() == Some(code))
}

/// Ends a call at its deadline.
async fn within<T>(deadline: Duration, call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
    tokio::time::timeout(deadline, call).await.unwrap_or(Err(refused(StorageErrorKind::Unavailable)))
}

#[async_trait]
impl SampleStore for PostgresStore {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::of(batch);
        within(self.deadline, async {
            let stored = self.store(&batch).await;
            match (&stored, &self.partitions) {
                // A partition that was there may have been dropped meanwhile.
                (Err(error), Some(partitions)) if has_code(error, CHECK_VIOLATION) => {
                    partitions.forget();
                    self.store(&batch).await
                }
                _ => stored,
            }
        })
        .await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        within(self.deadline, async {
            let bytes = *id.as_bytes();
            let millis = bytes[..6].iter().fold(0_i64, |millis, byte| millis << 8 | i64::from(*byte));
            // Ids of times before 1970 hold the time 0.
            let from = if millis == 0 { i64::MIN } else { millis * 1000 };
            let query =
                sqlx::query(statements::GET).bind(Id(bytes)).bind(Micros(from)).bind(Micros((millis + 1) * 1000));
            let row = self.readers.with(async |connection| query.fetch_optional(connection).await).await?;
            row.map(|row| stored_row::to_sample(&row).map_err(corrupt)).transpose()
        })
        .await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        within(self.deadline, async {
            // Without a cursor the page begins after the latest possible time.
            let (micros, id) = query
                .after
                .map_or((i64::MAX, [u8::MAX; 16]), |after| (after.timestamp().micros(), *after.id().as_bytes()));
            let statement = if query.device_id.is_some() { statements::PAGE_OF_DEVICE } else { statements::PAGE };
            let mut statement =
                sqlx::query(statement).bind(Micros(micros)).bind(Id(id)).bind(i64::from(query.limit.get()) + 1);
            if let Some(device) = &query.device_id {
                statement = statement.bind(device.as_str());
            }
            let rows = self.readers.with(async |connection| statement.fetch_all(connection).await).await?;
            let limit = usize::from(query.limit.get());
            // One damaged row must not hide the others: a page leaves it out and logs it. A read by
            // its id is an error.
            let readable =
                |row| stored_row::to_sample(row).map_err(|what| error!(what, "a stored sample is damaged")).ok();
            let items = rows.iter().take(limit).filter_map(readable).collect();
            let last = rows.get(limit - 1).filter(|_| rows.len() > limit);
            Ok(Page { items, next: last.map(stored_row::cursor).transpose().map_err(corrupt)? })
        })
        .await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.hours([statements::HOURS_OF_ALL, statements::HOURS_OF_DEVICE], query, stored_row::to_hourly).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.hours([statements::DEVICES, statements::DEVICE], query, stored_row::to_device_tally).await
    }

    /// Checks without a write whether a sample could be stored now: the server answers, has the
    /// samples, and accepts writes.
    async fn ping(&self) -> Result<(), StorageError> {
        within(self.deadline, async {
            let asked = self
                .probes
                .with(async |connection| sqlx::query_scalar::<_, String>(statements::PING).fetch_one(connection).await);
            if asked.await? == "off" { Ok(()) } else { Err(refused(StorageErrorKind::Unavailable)) }
        })
        .await
    }
}
