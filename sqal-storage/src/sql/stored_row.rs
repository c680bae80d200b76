//! The only way from a stored row back to the types of this crate, whichever engine has read the
//! row.

use sqal_core::{Name, Sample, SampleId, Score, Timestamp};
use tracing::error;

use crate::digest::digest;
use crate::evidence::{Columns, HourRow, Place, SampleRow, StoredSample};
use crate::record::{Before, Stored, of_version};
use crate::samples::{Cursor, DeviceTally, Hour, Hourly, Tally};

/// A row as an engine gives it. Each error names the column.
pub(crate) trait StoredRow {
    /// A time in microseconds since 1970.
    fn micros(&self, column: &str) -> Result<i64, String>;
    /// The bytes of an id, of any number.
    fn id(&self, column: &str) -> Result<Vec<u8>, String>;
    /// The hour of a row of the hours, counted from 1970.
    fn hour(&self) -> Result<i64, String>;
    fn whole(&self, column: &str) -> Result<Option<i64>, String>;
    fn number(&self, column: &str) -> Result<Option<f64>, String>;
    /// A number of 32 bits where the engine has such a column.
    fn real(&self, column: &str) -> Result<Option<f64>, String>;
    fn text(&self, column: &str) -> Result<Option<&str>, String>;
    fn bytes(&self, column: &str) -> Result<&[u8], String>;
}

fn there<T>(column: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("{column} is NULL"))
}

fn text<'r>(row: &'r impl StoredRow, column: &str) -> Result<&'r str, String> {
    there(column, row.text(column)?)
}

fn whole(row: &impl StoredRow, column: &str) -> Result<i64, String> {
    there(column, row.whole(column)?)
}

fn time(row: &impl StoredRow, column: &str) -> Result<Timestamp, String> {
    Timestamp::from_micros(row.micros(column)?).map_err(|error| format!("{column}: {error}"))
}

/// The id of a row.
pub(crate) fn id(row: &impl StoredRow) -> Result<SampleId, String> {
    let id = row.id("id")?;
    id.try_into().map(SampleId::from_bytes).map_err(|id: Vec<u8>| format!("id has {} bytes", id.len()))
}

/// The place of a row in the order of samples.
pub(crate) fn cursor(row: &impl StoredRow) -> Result<Cursor, String> {
    Ok(Cursor::at(time(row, "timestamp")?, id(row)?))
}

/// The sample of a row; the error says what about the row is damaged.
pub(crate) fn to_sample(row: &impl StoredRow) -> Result<Sample, String> {
    let stored = Stored {
        timestamp: row.micros("timestamp")?,
        device_id: text(row, "device_id")?,
        sample_id: text(row, "sample_id")?,
        received_at: row.micros("received_at")?,
        frame: row.bytes("frame")?,
        findings: row.bytes("findings")?,
    };
    stored.sample()
}

/// A sample that was stored before; a damaged one is logged.
pub(crate) fn before(row: &impl StoredRow) -> Result<Before, String> {
    let sample = to_sample(row).map_err(|what| error!(what, "a stored sample is damaged")).ok();
    Ok(Before { id: id(row)?, sample })
}

/// A sample with all other values of its row; an error if its place in the order cannot be read.
pub(crate) fn to_sample_row(row: &impl StoredRow) -> Result<SampleRow, String> {
    let place = Place { micros: row.micros("timestamp")?, id: row.id("id")? };
    let read = to_sample(row).and_then(|sample| {
        let digest = digest(&place.id, row.micros("received_at")?, row.bytes("frame")?, row.bytes("findings")?);
        Ok(StoredSample { sample, columns: columns(row)?, digest })
    });
    Ok(SampleRow { place, read })
}

fn columns(row: &impl StoredRow) -> Result<Columns, String> {
    let mut numbers = [None; 31];
    for (number, name) in numbers.iter_mut().zip(Columns::NUMBERS) {
        *number = match name {
            "profile_version" => row.whole(name)?.map(of_version),
            "temperature_c" | "humidity_percent" => row.real(name)?,
            _ if name.ends_with("_u") => row.real(name)?,
            _ => row.number(name)?,
        };
    }
    let mut texts = [const { None }; 7];
    for (stored, name) in texts.iter_mut().zip(Columns::TEXTS) {
        *stored = row.text(name)?.map(str::to_owned);
    }
    Ok(Columns { numbers, texts, defects: text(row, "defects")?.to_owned() })
}

/// A row of the hours, as it is stored.
pub(crate) fn to_hour_row(row: &impl StoredRow) -> Result<HourRow, String> {
    for name in ["score_min", "score_max"] {
        if row.number(name)?.is_some_and(|stored| !(0.0..=1.0).contains(&stored)) {
            return Err(format!("{name} is no score"));
        }
    }
    Ok(HourRow { hour: row.hour()?, tally: tally(row)? })
}

/// The hour of a row.
pub(crate) fn to_hourly(row: &impl StoredRow) -> Result<Hourly, String> {
    let tally = tally(row)?;
    Ok(Hourly { hour: Hour::of(tally.first), tally })
}

/// The device of a row, with its tally.
pub(crate) fn to_device_tally(row: &impl StoredRow) -> Result<DeviceTally, String> {
    let device_id = Name::stored(text(row, "device_id")?).map_err(|error| format!("device_id {error}"))?;
    Ok(DeviceTally { device_id, tally: tally(row)? })
}

fn tally(row: &impl StoredRow) -> Result<Tally, String> {
    let score = |name| -> Result<Option<Score>, String> { Ok(row.number(name)?.map(Score::nearest)) };
    Ok(Tally {
        samples: whole(row, "samples")?,
        grades: [whole(row, "reject")?, whole(row, "c")?, whole(row, "b")?, whole(row, "a")?, whole(row, "a_plus")?],
        scored: whole(row, "scored")?,
        score_sum: whole(row, "score_sum")?,
        score_squares: whole(row, "score_squares")?,
        score_range: score("score_min")?.zip(score("score_max")?),
        confidence_sum: whole(row, "confidence_sum")?,
        first: time(row, "first")?,
        last: time(row, "last")?,
    })
}
