//! How PostgreSQL holds the values of a sample's row and of an hour's row.

use sqal_core::{DeviceId, Timestamp};
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;

use super::encoding::{Id, Micros};
use crate::record::{Record, Written};
use crate::samples::{Hour, Hourly};
use crate::sql::stored_row::StoredRow;

type Bound<'q> = Query<'q, Postgres, PgArguments>;

/// Binds records as one array per column.
pub(super) fn bind<'q>(query: Bound<'q>, records: &[Record<'_>]) -> Bound<'q> {
    let rows: Vec<_> = records.iter().map(Record::written).collect();
    let Some(first) = rows.first() else { return query };
    first.iter().enumerate().fold(query, |query, (at, kind)| {
        macro_rules! every {
            ($kind:ident) => {
                every!($kind, |value| value)
            };
            ($kind:ident, $to:expr) => {
                rows.iter()
                    .filter_map(|row| if let Written::$kind(value) = row[at] { Some(value) } else { None })
                    .map($to)
                    .collect::<Vec<_>>()
            };
        }
        match kind {
            Written::Id(_) => query.bind(every!(Id, Id)),
            Written::Time(_) => query.bind(every!(Time, Micros)),
            Written::Number(_) => query.bind(every!(Number)),
            Written::Real(_) => query.bind(every!(Real)),
            Written::Whole(_) => query.bind(every!(Whole)),
            Written::Text(_) => query.bind(every!(Text)),
            Written::Json(_) => query.bind(every!(Json)),
            Written::Bytes(_) => query.bind(every!(Bytes)),
        }
    })
}

/// Binds the additions to hours as one array per column.
pub(super) fn bind_hours<'q>(query: Bound<'q>, hours: &[(DeviceId, Hourly)]) -> Bound<'q> {
    macro_rules! column {
        ($query:expr; $($tally:ident => $value:expr),+ $(,)?) => {
            $query$(.bind(hours.iter().map(|(_, Hourly { tally: $tally, .. })| $value).collect::<Vec<_>>()))+
        };
    }
    let query = query
        .bind(hours.iter().map(|(device, _)| device.as_str()).collect::<Vec<_>>())
        .bind(hours.iter().map(|(_, hourly)| Micros(hourly.hour.begins().micros())).collect::<Vec<_>>());
    column! { query;
        t => t.samples,
        t => t.grades[0],
        t => t.grades[1],
        t => t.grades[2],
        t => t.grades[3],
        t => t.grades[4],
        t => t.scored,
        t => t.score_sum,
        t => t.score_squares,
        t => t.score_range.map(|(low, _)| low.get()),
        t => t.score_range.map(|(_, high)| high.get()),
        t => t.confidence_sum,
        t => Micros(t.first.micros()),
        t => Micros(t.last.micros()),
    }
}

/// A column of a row; the error names it.
fn column<'r, T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>>(row: &'r PgRow, name: &str) -> Result<T, String> {
    sqlx::Row::try_get(row, name).map_err(|error| format!("{name}: {error}"))
}

impl StoredRow for PgRow {
    fn micros(&self, name: &str) -> Result<i64, String> {
        column(self, name).map(|Micros(micros)| micros)
    }

    fn id(&self, name: &str) -> Result<Vec<u8>, String> {
        column(self, name).map(|Id(id)| id.to_vec())
    }

    fn hour(&self) -> Result<i64, String> {
        let begins = Timestamp::from_micros(self.micros("hour")?).map_err(|error| format!("hour: {error}"))?;
        let hour = Hour::of(begins);
        if hour.begins() == begins {
            Ok(hour.number())
        } else {
            Err(format!("hour: {} microseconds are no hour", begins.micros()))
        }
    }

    fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        column(self, name)
    }

    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        column(self, name)
    }

    fn real(&self, name: &str) -> Result<Option<f64>, String> {
        Ok(column::<Option<f32>>(self, name)?.map(f64::from))
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        column(self, name)
    }

    fn bytes(&self, name: &str) -> Result<&[u8], String> {
        column(self, name)
    }
}
