//! What a [`Spool`](crate::SpooledStore) asks of the embedded store beyond the port: the oldest arrivals, and taking samples out.

use std::collections::{BTreeSet, HashMap};

use sqal_core::Sample;
use sqlx::Row;
use tracing::error;

use super::error::{corrupt, storage_error};
use super::{SqliteStore, rows, statements};
use crate::record::{Before, known_as};
use crate::{Hour, Inserted, StorageError};

impl SqliteStore {
    /// How many samples there are.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be read.
    pub async fn count(&self) -> Result<u64, StorageError> {
        let row = sqlx::query(statements::COUNT).fetch_one(&self.readers).await.map_err(storage_error)?;
        row.try_get::<i64, _>(0).map(i64::unsigned_abs).map_err(storage_error)
    }

    /// The samples that came first after a place, in the order in which they came, and the place of the last; a damaged one is left out
    /// and said in the log.
    pub(crate) async fn first_come(&self, after: i64, limit: u16) -> Result<(Vec<Sample>, Option<i64>), StorageError> {
        let query = sqlx::query(statements::FIRST_COME).bind(after).bind(limit);
        let rows = query.fetch_all(&self.readers).await.map_err(storage_error)?;
        let readable = |row| rows::to_sample(row).map_err(|what| error!(what, "a spooled sample is damaged")).ok();
        let last = rows.last().map(|row| row.try_get("rowid")).transpose().map_err(storage_error)?;
        Ok((rows.iter().filter_map(readable).collect(), last))
    }

    /// Takes samples out, and out of their hours; says how many were there.
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

    /// What each of these samples would be if it were inserted: a duplicate or a conflict if its id is there, otherwise `None`.
    pub(crate) async fn known(&self, samples: &[Sample]) -> Result<Vec<Option<Inserted>>, StorageError> {
        let ids: Vec<_> = samples.iter().map(Sample::id).collect();
        let query = sqlx::query(statements::KNOWN).bind(rows::json_of(ids.iter()));
        let mut there = HashMap::new();
        for row in query.fetch_all(&self.readers).await.map_err(storage_error)? {
            let Before { id, sample } = rows::before(&row).map_err(corrupt)?;
            there.insert(id, sample);
        }
        let offered = ids.iter().zip(samples);
        Ok(offered.map(|(id, sample)| there.get(id).map(|stored| known_as(stored.as_ref(), sample))).collect())
    }
}
