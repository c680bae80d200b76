//! The only mapping between SQLite's rows and the types of this crate.

use sqal_core::{DeviceId, Name, Sample, SampleId, Score, Timestamp};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use tracing::error;

use super::error::storage_error;
use crate::digest::digest;
use crate::evidence::{Columns, HourRow, Place, SampleRow, StoredSample};
use crate::record::{Before, Record, Stored, of_version};
use crate::{
    StorageError,
    samples::{Cursor, DeviceTally, Hour, Hourly, Tally},
};

type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds a record in the order of the statement.
pub(super) fn bind<'q>(query: Bound<'q>, record: Record<'_>) -> Bound<'q> {
    let query = query
        .bind(record.id.as_bytes().to_vec())
        .bind(record.key.timestamp.micros())
        .bind(record.key.device_id.as_str().to_owned())
        .bind(record.key.name.as_str().to_owned())
        .bind(record.received_at.micros())
        .bind(record.volume_mm3)
        .bind(record.avg_height_mm)
        .bind(record.height_variation_mm)
        .bind(record.surface_uniformity)
        .bind(record.tof_score)
        .bind(record.tof_grade)
        .bind(record.integration_time_ms)
        .bind(record.gain)
        .bind(record.color_score)
        .bind(record.freshness_index)
        .bind(record.fat_quality_index)
        .bind(record.oxidation_index)
        .bind(record.color_uniformity)
        .bind(record.spectral_score)
        .bind(record.spectral_grade)
        .bind(record.score)
        .bind(record.grade)
        .bind(record.confidence)
        .bind(record.defects)
        .bind(record.processing_ms)
        .bind(record.firmware_version.map(str::to_owned))
        .bind(record.temperature_c)
        .bind(record.humidity_percent)
        .bind(record.frame)
        .bind(record.findings);
    let query = record.uncertainties.into_iter().fold(query, Bound::bind);
    query
        .bind(i64::from(record.profile_version))
        .bind(record.profile.to_owned())
        .bind(record.flags)
        .bind(record.purpose)
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

fn time(row: &SqliteRow, name: &str) -> Result<Timestamp, String> {
    Timestamp::from_micros(column(row, name)?).map_err(|error| format!("{name}: {error}"))
}

/// The id of a row.
pub(super) fn id(row: &SqliteRow) -> Result<SampleId, String> {
    let id: &[u8] = column(row, "id")?;
    id.try_into().map(SampleId::from_bytes).map_err(|_| format!("id has {} bytes", id.len()))
}

/// The place of a row in the order of samples.
pub(super) fn cursor(row: &SqliteRow) -> Result<Cursor, String> {
    Ok(Cursor::at(time(row, "timestamp")?, id(row)?))
}

/// The sample of a row; the error says what about the row is damaged.
pub(super) fn to_sample(row: &SqliteRow) -> Result<Sample, String> {
    let stored = Stored {
        timestamp: column(row, "timestamp")?,
        device_id: column(row, "device_id")?,
        sample_id: column(row, "sample_id")?,
        received_at: column(row, "received_at")?,
        frame: column(row, "frame")?,
        findings: column(row, "findings")?,
    };
    stored.sample()
}

/// A sample that was stored before; a damaged one is logged.
pub(super) fn before(row: &SqliteRow) -> Result<Before, String> {
    let sample = to_sample(row).map_err(|what| error!(what, "a stored sample is damaged")).ok();
    Ok(Before { id: id(row)?, sample })
}

/// Ids as one value to bind: a JSON array of hexadecimal texts.
pub(super) fn json_of<'i>(ids: impl Iterator<Item = &'i SampleId>) -> String {
    let texts: Vec<_> = ids.map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", texts.join(","))
}

/// A sample with all other values of its row; an error if its place in the order cannot be read.
pub(super) fn to_sample_row(row: &SqliteRow) -> Result<SampleRow, String> {
    let place = Place { micros: column(row, "timestamp")?, id: column(row, "id")? };
    let read = to_sample(row).and_then(|sample| {
        let (frame, findings): (&[u8], &[u8]) = (column(row, "frame")?, column(row, "findings")?);
        let digest = digest(&place.id, column(row, "received_at")?, frame, findings);
        Ok(StoredSample { sample, columns: columns(row)?, digest })
    });
    Ok(SampleRow { place, read })
}

fn columns(row: &SqliteRow) -> Result<Columns, String> {
    let mut numbers = [None; 31];
    for (number, name) in numbers.iter_mut().zip(Columns::NUMBERS) {
        *number = match name {
            "profile_version" => column::<Option<i64>>(row, name)?.map(of_version),
            _ => column(row, name)?,
        };
    }
    let mut texts = [const { None }; 7];
    for (text, name) in texts.iter_mut().zip(Columns::TEXTS) {
        *text = column(row, name)?;
    }
    Ok(Columns { numbers, texts, defects: column(row, "defects")? })
}

/// A row of the hours, as it is stored.
pub(super) fn to_hour_row(row: &SqliteRow) -> Result<HourRow, String> {
    for name in ["score_min", "score_max"] {
        let stored: Option<f64> = column(row, name)?;
        if stored.is_some_and(|stored| !(0.0..=1.0).contains(&stored)) {
            return Err(format!("{name} is no score"));
        }
    }
    Ok(HourRow { hour: column(row, "hour")?, tally: tally(row)? })
}

/// The hour of a row.
pub(super) fn to_hourly(row: &SqliteRow) -> Result<Hourly, String> {
    let tally = tally(row)?;
    Ok(Hourly { hour: Hour::of(tally.first), tally })
}

/// The device of a row, with its tally.
pub(super) fn to_device_tally(row: &SqliteRow) -> Result<DeviceTally, String> {
    Ok(DeviceTally { device_id: name(row, "device_id")?, tally: tally(row)? })
}

fn tally(row: &SqliteRow) -> Result<Tally, String> {
    let score = |name| -> Result<Option<Score>, String> { Ok(column::<Option<f64>>(row, name)?.map(Score::nearest)) };
    Ok(Tally {
        samples: column(row, "samples")?,
        grades: [
            column(row, "reject")?,
            column(row, "c")?,
            column(row, "b")?,
            column(row, "a")?,
            column(row, "a_plus")?,
        ],
        scored: column(row, "scored")?,
        score_sum: column(row, "score_sum")?,
        score_squares: column(row, "score_squares")?,
        score_range: score("score_min")?.zip(score("score_max")?),
        confidence_sum: column(row, "confidence_sum")?,
        first: time(row, "first")?,
        last: time(row, "last")?,
    })
}

fn name<const N: usize>(row: &SqliteRow, column_name: &str) -> Result<Name<N>, String> {
    Name::stored(column(row, column_name)?).map_err(|error| format!("{column_name} {error}"))
}

/// The schema version of the file.
pub(super) fn version(row: &SqliteRow) -> Result<i64, StorageError> {
    sqlx::Row::try_get(row, 0).map_err(storage_error)
}
