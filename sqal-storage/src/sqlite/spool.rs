//! The calls of a [`Spool`](crate::SpooledStore) to the SQLite store beyond the port: reading the
//! oldest arrivals, and removing samples.

use std::collections::{BTreeSet, HashMap};

use sqal_core::Sample;
use sqal_resilience::log::Causes;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tracing::{error, warn};

use super::error::{corrupt, storage_error};
use super::{SqliteStore, rows, statements};
use crate::record::{Before, known_as};
use crate::sql::stored_row;
use crate::{Inserted, StorageError, StorageErrorKind, samples::Hour};

/// Samples in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) samples: Vec<Sample>,
    /// The place of each sample.
    pub(crate) places: Vec<i64>,
    /// The last place that was read; `None` if no sample is left after the requested place.
    pub(crate) last: Option<i64>,
    /// Places whose samples cannot be read.
    pub(crate) damaged: Vec<i64>,
}

impl Arrivals {
    /// Adds the samples of rows; a row that cannot be read back is damaged.
    fn add(&mut self, found: &[SqliteRow]) -> Result<(), StorageError> {
        for row in found {
            let place: i64 = row.try_get("rowid").map_err(storage_error)?;
            match stored_row::to_sample(row) {
                Ok(sample) => {
                    self.samples.push(sample);
                    self.places.push(place);
                }
                Err(what) => {
                    error!(what, place, "a spooled sample is damaged");
                    self.damaged.push(place);
                }
            }
            self.last = Some(place);
        }
        Ok(())
    }
}

/// The number of empty pages (1 MiB) from which their room is given back.
const WORTH_SHRINKING: i64 = 256;

/// Whether a read failed because of the file's content. SQLite takes a damaged length for one that
/// is too long.
const fn is_damage(error: &StorageError) -> bool {
    matches!(error.kind, StorageErrorKind::Corrupt(_) | StorageErrorKind::Refused)
}

impl SqliteStore {
    /// The number of samples.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be read.
    pub async fn count(&self) -> Result<u64, StorageError> {
        let row = sqlx::query(statements::COUNT).fetch_one(&self.readers).await.map_err(storage_error)?;
        row.try_get::<i64, _>(0).map(i64::unsigned_abs).map_err(storage_error)
    }

    /// The samples that came first after a place, in the order in which they came. Skipped places
    /// are not read. Samples on damaged pages are left out, and the samples around them are not.
    pub(crate) async fn first_come(
        &self,
        after: i64,
        limit: u16,
        passed_by: &BTreeSet<i64>,
    ) -> Result<Arrivals, StorageError> {
        let mut from = after;
        for before in passed_by.range(after.saturating_add(1)..).copied().chain([i64::MAX]) {
            // Between two skipped places.
            if before - from > 1 {
                let arrivals = match self.arrivals_between(from, before, limit).await {
                    Ok(found) => {
                        let mut arrivals = Arrivals::default();
                        arrivals.add(&found)?;
                        arrivals
                    }
                    Err(error) if is_damage(&error) => {
                        error!(error = %Causes::of(&error), "the spool is damaged: its samples are read one by one");
                        self.around_damage(from, before, limit).await?
                    }
                    Err(error) => return Err(error),
                };
                if arrivals.last.is_some() {
                    return Ok(arrivals);
                }
            }
            from = before;
        }
        Ok(Arrivals::default())
    }

    /// The rows after one place and before another.
    async fn arrivals_between(&self, after: i64, before: i64, limit: u16) -> Result<Vec<SqliteRow>, StorageError> {
        self.all(sqlx::query(statements::FIRST_COME).bind(after).bind(before).bind(limit)).await
    }

    /// The samples between two places, where a page is damaged: each part that cannot be read whole
    /// is halved, down to the single sample.
    async fn around_damage(&self, after: i64, before: i64, limit: u16) -> Result<Arrivals, StorageError> {
        let newest = match self.newest_place(statements::NEWEST_PLACE).await {
            Err(error) if is_damage(&error) => self.newest_place(statements::NEWEST_PLACE_OF_TABLE).await?,
            newest => newest?,
        };
        let end = newest.unwrap_or(after).min(before.saturating_sub(1));
        let (mut arrivals, mut from) = (Arrivals::default(), after);
        while from < end && arrivals.samples.is_empty() && arrivals.damaged.len() < usize::from(limit) {
            let until = end.min(from.saturating_add(i64::from(limit)));
            let mut parts = vec![(from, until)];
            while let Some((from, until)) = parts.pop() {
                // A single sample is looked up: a range would step on to the page after it.
                let found = if until - from == 1 {
                    self.all(sqlx::query(statements::ARRIVAL).bind(until)).await
                } else {
                    self.arrivals_between(from, until.saturating_add(1), limit).await
                };
                match found {
                    Ok(found) => arrivals.add(&found)?,
                    Err(error) if is_damage(&error) && until - from > 1 => {
                        let middle = from + (until - from) / 2;
                        parts.extend([(middle, until), (from, middle)]);
                    }
                    Err(error) if is_damage(&error) => arrivals.damaged.push(until),
                    Err(error) => return Err(error),
                }
            }
            arrivals.last = Some(until);
            from = until;
        }
        Ok(arrivals)
    }

    /// The last place; `None` without samples.
    async fn newest_place(&self, statement: &'static str) -> Result<Option<i64>, StorageError> {
        let row = sqlx::query(statement).fetch_one(&self.readers).await.map_err(storage_error)?;
        row.try_get(0).map_err(storage_error)
    }

    /// Removes samples, also from their hours; returns the number of removed samples.
    pub(crate) async fn take_out(&self, samples: &[Sample]) -> Result<u64, StorageError> {
        let hours: BTreeSet<_> = samples.iter().map(|s| (s.key.device_id, Hour::of(s.key.timestamp))).collect();
        self.in_transaction(async |transaction| {
            let mut gone = 0;
            for id in samples.iter().map(Sample::id) {
                let query = sqlx::query(statements::TAKE_OUT).bind(id.as_bytes().to_vec());
                gone += query.execute(&mut **transaction).await.map_err(storage_error)?.rows_affected();
            }
            for (device, hour) in &hours {
                for statement in [statements::FORGET_HOUR, statements::COUNT_HOUR] {
                    let query = sqlx::query(statement).bind(device.as_str().to_owned()).bind(hour.number());
                    query.execute(&mut **transaction).await.map_err(storage_error)?;
                }
            }
            Ok(gone)
        })
        .await
    }

    /// Writes the log back into the file and gives its room back; what cannot be written back stays
    /// in the log.
    pub(crate) async fn write_back(&self) {
        if let Err(error) = sqlx::raw_sql(statements::TRUNCATE_LOG).execute(&self.writer).await {
            warn!(error = %Causes::of(&error), "the write-ahead log of the spool could not be written back");
        }
    }

    /// Gives the room of an empty file back to its file system, from [`WORTH_SHRINKING`] pages on.
    pub(crate) async fn shrink(&self) -> Result<(), StorageError> {
        let free: i64 =
            sqlx::query_scalar(statements::FREE_PAGES).fetch_one(&self.readers).await.map_err(storage_error)?;
        if free < WORTH_SHRINKING {
            return Ok(());
        }
        sqlx::raw_sql(statements::SHRINK).execute(&self.writer).await.map_err(storage_error)?;
        self.write_back().await;
        Ok(())
    }

    /// The outcome of each of these samples if it were inserted: a duplicate or a conflict if its
    /// id is stored, otherwise `None`.
    pub(crate) async fn known(&self, samples: &[Sample]) -> Result<Vec<Option<Inserted>>, StorageError> {
        let ids: Vec<_> = samples.iter().map(Sample::id).collect();
        let query = sqlx::query(statements::KNOWN).bind(rows::json_of(ids.iter()));
        let mut there = HashMap::new();
        for row in query.fetch_all(&self.readers).await.map_err(storage_error)? {
            let Before { id, sample } = stored_row::before(&row).map_err(corrupt)?;
            there.insert(id, sample);
        }
        let offered = ids.iter().zip(samples);
        Ok(offered.map(|(id, sample)| there.get(id).map(|stored| known_as(stored.as_ref(), sample))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SampleStore as _,
        samples::{Hour, Hourly, HourlyQuery},
        sqlite::SqliteConfig,
    };
    use fixtures::strategy;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use sqal_core::{Name, Purpose, Timestamp};

    /// 2026-11-06.
    const START: i64 = 1_794_000_000_000_000;

    /// An hour that is counted anew in SQL has the figures that the samples that are left have.
    #[tokio::test]
    async fn hours_are_those_of_the_samples_that_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("spool.db"))).await.unwrap();
        let mut runner = TestRunner::deterministic();
        let mut samples = prop::collection::vec(strategy::sample(), 60).new_tree(&mut runner).unwrap().current();
        for (k, sample) in (0_i64..).zip(&mut samples) {
            sample.key.timestamp = Timestamp::from_micros(START + k * 200_000_000).unwrap();
            sample.key.device_id = Name::new("a").unwrap();
        }
        assert!(samples.iter().any(|sample| sample.purpose == Purpose::Calibration));
        store.insert(&samples).await.unwrap();
        let hour = |micros| Hour::of(Timestamp::from_micros(micros).unwrap());
        let all = HourlyQuery::new(hour(START), hour(START + 10 * 3_600_000_000)).unwrap();
        assert_eq!(store.hourly(&all).await.unwrap(), Hourly::of(&samples));
        // Every third sample goes: each hour is counted anew, with calibrations among those that
        // stay.
        let (goes, stays): (Vec<_>, Vec<_>) = (0..).zip(samples).partition(|(k, _)| k % 3 == 0);
        let [goes, stays] = [goes, stays].map(|part| part.into_iter().map(|(_, sample)| sample).collect::<Vec<_>>());
        assert_eq!(store.take_out(&goes).await.unwrap(), 20);
        assert_eq!(store.hourly(&all).await.unwrap(), Hourly::of(&stays));
    }
}
