//! The only mapping between PostgreSQL's rows and the types of this crate.

use sqal_core::{DeviceId, Name, Sample, SampleId, Score, Timestamp};
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;
use tracing::error;

use super::encoding::{Id, Micros};
use crate::digest::digest;
use crate::evidence::{Columns, HourRow, Place, SampleRow, StoredSample};
use crate::record::{Before, Record, Stored, of_version};
use crate::samples::{Cursor, DeviceTally, Hour, Hourly, Tally};

type Bound<'q> = Query<'q, Postgres, PgArguments>;

/// Binds records as one array per column, in the order of the statement.
pub(super) fn bind<'q>(query: Bound<'q>, records: &[Record<'_>]) -> Bound<'q> {
    macro_rules! column {
        ($query:expr; $($record:ident => $value:expr),+ $(,)?) => {
            $query$(.bind(records.iter().map(|$record| $value).collect::<Vec<_>>()))+
        };
    }
    column! { query;
        r => Id(*r.id.as_bytes()),
        r => Micros(r.key.timestamp.micros()),
        r => Micros(r.received_at.micros()),
        r => r.volume_mm3,
        r => r.avg_height_mm,
        r => r.height_variation_mm,
        r => r.surface_uniformity,
        r => r.tof_score,
        r => r.integration_time_ms,
        r => r.gain,
        r => r.color_score,
        r => r.freshness_index,
        r => r.fat_quality_index,
        r => r.oxidation_index,
        r => r.color_uniformity,
        r => r.spectral_score,
        r => r.score,
        r => r.confidence,
        r => r.processing_ms,
        r => r.temperature_c,
        r => r.humidity_percent,
        r => r.key.device_id.as_str(),
        r => r.key.name.as_str(),
        r => r.tof_grade,
        r => r.spectral_grade,
        r => r.grade,
        r => r.firmware_version,
        r => r.frame.as_slice(),
        r => r.findings.as_slice(),
        r => r.defects.as_str(),
        r => r.uncertainties[0],
        r => r.uncertainties[1],
        r => r.uncertainties[2],
        r => r.uncertainties[3],
        r => r.uncertainties[4],
        r => r.uncertainties[5],
        r => r.uncertainties[6],
        r => r.uncertainties[7],
        r => r.uncertainties[8],
        r => r.uncertainties[9],
        r => r.uncertainties[10],
        r => r.uncertainties[11],
        r => i64::from(r.profile_version),
        r => r.profile,
        r => r.flags.as_deref(),
        r => r.purpose,
    }
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

fn time(row: &PgRow, name: &str) -> Result<Timestamp, String> {
    let Micros(micros) = column(row, name)?;
    Timestamp::from_micros(micros).map_err(|error| format!("{name}: {error}"))
}

/// The id of a row.
pub(super) fn id(row: &PgRow) -> Result<SampleId, String> {
    column(row, "id").map(|Id(bytes)| SampleId::from_bytes(bytes))
}

/// The place of a row in the order of samples.
pub(super) fn cursor(row: &PgRow) -> Result<Cursor, String> {
    Ok(Cursor::at(time(row, "timestamp")?, id(row)?))
}

/// The sample of a row; the error says what about the row is damaged.
pub(super) fn to_sample(row: &PgRow) -> Result<Sample, String> {
    let micros = |name| column(row, name).map(|Micros(micros)| micros);
    let stored = Stored {
        timestamp: micros("timestamp")?,
        device_id: column(row, "device_id")?,
        sample_id: column(row, "sample_id")?,
        received_at: micros("received_at")?,
        frame: column(row, "frame")?,
        findings: column(row, "findings")?,
    };
    stored.sample()
}

/// A sample that was stored before; a damaged one is logged.
pub(super) fn before(row: &PgRow) -> Result<Before, String> {
    let sample = to_sample(row).map_err(|what| error!(what, "a stored sample is damaged")).ok();
    Ok(Before { id: id(row)?, sample })
}

/// A sample with all other values of its row; an error if its place in the order cannot be read.
pub(super) fn to_sample_row(row: &PgRow) -> Result<SampleRow, String> {
    let (Micros(micros), Id(id)) = (column(row, "timestamp")?, column(row, "id")?);
    let place = Place { micros, id: id.to_vec() };
    let read = to_sample(row).and_then(|sample| {
        let (frame, findings): (&[u8], &[u8]) = (column(row, "frame")?, column(row, "findings")?);
        let Micros(received_at) = column(row, "received_at")?;
        let digest = digest(&place.id, received_at, frame, findings);
        Ok(StoredSample { sample, columns: columns(row)?, digest })
    });
    Ok(SampleRow { place, read })
}

fn columns(row: &PgRow) -> Result<Columns, String> {
    let mut numbers = [None; 31];
    for (number, name) in numbers.iter_mut().zip(Columns::NUMBERS) {
        *number = match name {
            "profile_version" => column::<Option<i64>>(row, name)?.map(of_version),
            "temperature_c" | "humidity_percent" => column::<Option<f32>>(row, name)?.map(f64::from),
            _ if name.ends_with("_u") => column::<Option<f32>>(row, name)?.map(f64::from),
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
pub(super) fn to_hour_row(row: &PgRow) -> Result<HourRow, String> {
    for name in ["score_min", "score_max"] {
        let stored: Option<f64> = column(row, name)?;
        if stored.is_some_and(|stored| !(0.0..=1.0).contains(&stored)) {
            return Err(format!("{name} is no score"));
        }
    }
    let begins = time(row, "hour")?;
    let hour = Hour::of(begins);
    if hour.begins() == begins {
        Ok(HourRow { hour: hour.number(), tally: tally(row)? })
    } else {
        Err(format!("hour: {} microseconds are no hour", begins.micros()))
    }
}

/// The hour of a row.
pub(super) fn to_hourly(row: &PgRow) -> Result<Hourly, String> {
    let tally = tally(row)?;
    Ok(Hourly { hour: Hour::of(tally.first), tally })
}

/// The device of a row, with its tally.
pub(super) fn to_device_tally(row: &PgRow) -> Result<DeviceTally, String> {
    Ok(DeviceTally { device_id: name(row, "device_id")?, tally: tally(row)? })
}

fn tally(row: &PgRow) -> Result<Tally, String> {
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

fn name<const N: usize>(row: &PgRow, column_name: &str) -> Result<Name<N>, String> {
    Name::stored(column(row, column_name)?).map_err(|error| format!("{column_name} {error}"))
}
