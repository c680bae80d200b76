//! The only mapping between a sample and a row of `sensor_samples`.

use sqal_core::{Inspection, Measured, Meta, Name, ProfileRef, Reported, Sample, SampleId, SampleKey, Timestamp};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};

use super::error::storage_error;
use crate::{Cursor, StorageError, StorageErrorKind, decode_frame, encode_frame};

/// What stands in the column `analysis`: everything that has no column of its own.
#[derive(serde::Serialize, serde::Deserialize)]
struct Analysis {
    inspection: Inspection,
    reported: Option<Reported>,
    meta: Meta,
    profile: ProfileRef,
    processing_micros: u32,
}

/// A row as it is written.
pub(super) struct Row<'a> {
    sample: &'a Sample,
    analysis: String,
    defects: String,
}

impl<'a> Row<'a> {
    /// The row of a sample.
    pub(super) fn from_sample(sample: &'a Sample) -> Result<Self, StorageError> {
        let analysis = Analysis {
            inspection: sample.inspection.clone(),
            reported: sample.reported,
            meta: sample.meta,
            profile: sample.profile,
            processing_micros: sample.processing_micros,
        };
        let refused = |error: serde_json::Error| StorageError {
            kind: StorageErrorKind::Refused,
            backend: "sqlite",
            retry_after: None,
            source: Some(error.into()),
        };
        Ok(Self {
            sample,
            analysis: serde_json::to_string(&analysis).map_err(refused)?,
            defects: serde_json::to_string(&sample.inspection.verdict.defects).map_err(refused)?,
        })
    }

    /// Binds the values in the order of the statement.
    pub(super) fn bind(self, query: Query<'_, Sqlite, SqliteArguments>) -> Query<'_, Sqlite, SqliteArguments> {
        let sample = self.sample;
        let value = |measured: Option<Measured>| measured.map(Measured::value);
        let tof = sample.inspection.tof.as_ref();
        let spectral = sample.inspection.spectral.as_ref();
        let verdict = &sample.inspection.verdict;
        query
            .bind(sample.id().as_bytes().to_vec())
            .bind(sample.key.timestamp.micros())
            .bind(sample.key.device_id.as_str().to_owned())
            .bind(sample.key.sample_id.as_str().to_owned())
            .bind(tof.and_then(|t| value(t.findings.volume_mm3)))
            .bind(tof.and_then(|t| value(t.findings.avg_height_mm)))
            .bind(tof.and_then(|t| value(t.findings.surface_uniformity)))
            .bind(tof.and_then(|t| value(t.score)))
            .bind(tof.and_then(|t| t.grade).map(sqal_core::Grade::as_str))
            .bind(sample.spectrum.map(|s| s.integration_time().millis()))
            .bind(sample.spectrum.map(|s| s.gain().multiplier()))
            .bind(spectral.and_then(|s| value(s.findings.freshness_index)))
            .bind(spectral.and_then(|s| value(s.score)))
            .bind(spectral.and_then(|s| s.grade).map(sqal_core::Grade::as_str))
            .bind(value(verdict.score))
            .bind(verdict.grade.as_str())
            .bind(verdict.stated_confidence().get())
            .bind(self.defects)
            .bind(f64::from(sample.processing_micros) / 1000.0)
            .bind(sample.received_at.micros())
            .bind(encode_frame(sample.tof.as_ref(), sample.spectrum.as_ref()))
            .bind(self.analysis)
    }
}

/// A column of a row; the error names it.
fn column<'r, T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(row: &'r SqliteRow, name: &str) -> Result<T, String> {
    sqlx::Row::try_get(row, name).map_err(|error| format!("{name}: {error}"))
}

fn time(row: &SqliteRow, name: &str) -> Result<Timestamp, String> {
    Timestamp::from_micros(column(row, name)?).map_err(|error| format!("{name}: {error}"))
}

/// The place of a row in the order of samples.
pub(super) fn cursor(row: &SqliteRow) -> Result<Cursor, String> {
    let id: &[u8] = column(row, "id")?;
    let id = id.try_into().map_err(|_| format!("id has {} bytes", id.len()))?;
    Ok(Cursor::at(time(row, "timestamp")?, SampleId::from_bytes(id)))
}

/// The sample of a row; the error says what about the row is damaged.
pub(super) fn to_sample(row: &SqliteRow) -> Result<Sample, String> {
    let name = |name| Name::new(column(row, name)?).map_err(|error| format!("{name} {error}"));
    let (tof, spectrum) = decode_frame(column(row, "frame")?).map_err(|error| error.to_string())?;
    let analysis: Analysis =
        serde_json::from_str(column(row, "analysis")?).map_err(|error| format!("analysis: {error}"))?;
    Ok(Sample {
        key: SampleKey {
            device_id: name("device_id")?,
            timestamp: time(row, "timestamp")?,
            sample_id: name("sample_id")?,
        },
        received_at: time(row, "created_at")?,
        tof,
        spectrum,
        inspection: analysis.inspection,
        reported: analysis.reported,
        meta: analysis.meta,
        profile: analysis.profile,
        processing_micros: analysis.processing_micros,
    })
}

/// The schema version of the file.
pub(super) fn version(row: &SqliteRow) -> Result<i64, StorageError> {
    sqlx::Row::try_get(row, 0).map_err(storage_error)
}
