//! How SQLite holds the values of a sample's row and of an hour's row.

use sqal_core::{DeviceId, SampleId};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};

use super::error::storage_error;
use crate::record::{Record, Written};
use crate::sql::stored_row::StoredRow;
use crate::{
    StorageError,
    samples::{Hour, Tally},
};

type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds a record.
pub(super) fn bind<'q>(query: Bound<'q>, record: &Record<'_>) -> Bound<'q> {
    record.written().into_iter().fold(query, |query, value| match value {
        Written::Id(id) => query.bind(id.to_vec()),
        Written::Time(micros) => query.bind(micros),
        Written::Number(number) => query.bind(number),
        Written::Real(number) => query.bind(number),
        Written::Whole(number) => query.bind(number),
        Written::Text(text) => query.bind(text.map(str::to_owned)),
        Written::Json(text) => query.bind(text.to_owned()),
        Written::Bytes(bytes) => query.bind(bytes.to_vec()),
    })
}

/// Binds the addition to an hour.
pub(super) fn bind_hour<'q>(query: Bound<'q>, hour: Hour, device: &DeviceId, tally: &Tally) -> Bound<'q> {
    let query = query.bind(hour.number()).bind(device.as_str().to_owned()).bind(tally.samples);
    let query = tally.grades.iter().fold(query, |query, count| query.bind(*count));
    query
        .bind(tally.scored)
        .bind(tally.score_sum)
        .bind(tally.score_squares)
        .bind(tally.score_range.map(|(low, _)| low.get()))
        .bind(tally.score_range.map(|(_, high)| high.get()))
        .bind(tally.confidence_sum)
        .bind(tally.first.micros())
        .bind(tally.last.micros())
}

/// A column of a row; the error names it.
fn column<'r, T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(row: &'r SqliteRow, name: &str) -> Result<T, String> {
    sqlx::Row::try_get(row, name).map_err(|error| format!("{name}: {error}"))
}

impl StoredRow for SqliteRow {
    fn micros(&self, name: &str) -> Result<i64, String> {
        column(self, name)
    }

    fn id(&self, name: &str) -> Result<Vec<u8>, String> {
        column(self, name)
    }

    fn hour(&self) -> Result<i64, String> {
        column(self, "hour")
    }

    fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        column(self, name)
    }

    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        column(self, name)
    }

    fn real(&self, name: &str) -> Result<Option<f64>, String> {
        column(self, name)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        column(self, name)
    }

    fn bytes(&self, name: &str) -> Result<&[u8], String> {
        column(self, name)
    }
}

/// Ids as one value to bind: a JSON array of hexadecimal texts.
pub(super) fn json_of<'i>(ids: impl Iterator<Item = &'i SampleId>) -> String {
    let texts: Vec<_> = ids.map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", texts.join(","))
}

/// The schema version of the file.
pub(super) fn version(row: &SqliteRow) -> Result<i64, StorageError> {
    sqlx::Row::try_get(row, 0).map_err(storage_error)
}
