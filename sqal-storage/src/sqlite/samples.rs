//! The samples of a [`SqliteStore`]: how they are stored, read and summed.

use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqlx::Transaction;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use tokio::time::{Instant, timeout_at};
use tracing::error;

use super::error::{corrupt, storage_error};
use super::reading::Reading;
use super::{SqliteStore, rows, statements};
use crate::long_reads::LongReads;
use crate::record::Batch;
use crate::sql::stored_row;
use crate::{
    Inserted, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};

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
    pub(super) async fn all(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, StorageError> {
        within(self.read_deadline(), async { query.fetch_all(&self.readers).await.map_err(storage_error) }).await
    }

    /// The deadline of a read that begins now.
    fn read_deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.deadline).unwrap_or(now + Duration::from_hours(24 * 365))
    }
}

/// Ends a read at its deadline.
async fn within<T>(end: Instant, read: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
    timeout_at(end, read).await.unwrap_or_else(|_| Err(StorageError::new("sqlite", StorageErrorKind::Busy)))
}

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
        let query =
            records.by_ref().take(count).fold(sqlx::query(statement), |query, record| rows::bind(query, &record));
        for row in query.fetch_all(&mut **transaction).await.map_err(storage_error)? {
            stored.push(stored_row::id(&row).map_err(corrupt)?);
        }
    }
    let known = batch.known(&stored);
    let there = if known.is_empty() {
        Vec::new()
    } else {
        let ids = rows::json_of(known.iter().map(|(id, _)| id));
        let found = sqlx::query(statements::KNOWN).bind(ids).fetch_all(&mut **transaction).await;
        found.map_err(storage_error)?.iter().map(stored_row::before).collect::<Result<Vec<_>, _>>().map_err(corrupt)?
    };
    let outcomes = batch.outcomes(stored, &there);
    for (device, Hourly { hour, tally }) in batch.hours(&outcomes) {
        let query = rows::bind_hour(sqlx::query(statements::ADD_TO_HOUR), hour, &device, &tally);
        query.execute(&mut **transaction).await.map_err(storage_error)?;
    }
    Ok(outcomes)
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
            row.map_err(storage_error)?.map(|row| stored_row::to_sample(&row).map_err(corrupt)).transpose()
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
        let readable = |row| stored_row::to_sample(row).map_err(|what| error!(what, "a stored sample is damaged")).ok();
        let items = rows.iter().take(limit).filter_map(readable).collect();
        let last = rows.get(limit - 1).filter(|_| rows.len() > limit);
        Ok(Page { items, next: last.map(stored_row::cursor).transpose().map_err(corrupt)? })
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.hours([statements::HOURS_OF_ALL, statements::HOURS_OF_DEVICE], query, stored_row::to_hourly).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.hours([statements::DEVICES, statements::DEVICE], query, stored_row::to_device_tally).await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        within(self.read_deadline(), self.probe()).await
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use crate::samples::{Hour, Tally};
    use crate::sqlite::SqliteConfig;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use sqal_core::{DeviceId, Name, Score, Timestamp};
    use sqlx::AssertSqlSafe;

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
}
