//! [`Record::written`]: the values of a sample's row, in the order in which every statement of
//! every engine writes them.

use super::Record;

/// The columns of `sample` in the order of [`Record::written`].
macro_rules! written_columns {
    () => {
        "id, timestamp, received_at, volume_mm3, avg_height_mm, height_variation_mm, surface_uniformity, tof_score, integration_time_ms,
    gain, color_score, freshness_index, fat_quality_index, oxidation_index, color_uniformity, spectral_score, score, confidence,
    processing_ms, temperature_c, humidity_percent, device_id, sample_id, tof_grade, spectral_grade, grade, firmware_version, frame,
    findings, defects, volume_mm3_u, avg_height_mm_u, height_variation_mm_u, surface_uniformity_u, tof_score_u,
    color_score_u, freshness_index_u, fat_quality_index_u, oxidation_index_u, color_uniformity_u, spectral_score_u, score_u,
    profile_version, profile, flags, purpose"
    };
}
pub(crate) use written_columns;

/// The number of columns of `sample`.
pub(crate) const WIDTH: usize = 46;

/// A value of a row, by the kind of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Written<'r> {
    /// The 16 bytes of an id.
    Id([u8; 16]),
    /// Microseconds since 1970.
    Time(i64),
    /// A number of 64 bits.
    Number(Option<f64>),
    /// A number of 32 bits where the engine has such a column.
    Real(Option<f32>),
    /// A whole number.
    Whole(i64),
    Text(Option<&'r str>),
    /// A JSON text.
    Json(&'r str),
    Bytes(&'r [u8]),
}

impl Record<'_> {
    /// The values of the row in the order of [`written_columns`].
    pub(crate) fn written(&self) -> [Written<'_>; WIDTH] {
        use Written::{Bytes, Id, Json, Number, Real, Text, Time, Whole};
        let u = self.uncertainties;
        [
            Id(*self.id.as_bytes()),
            Time(self.key.timestamp.micros()),
            Time(self.received_at.micros()),
            Number(self.volume_mm3),
            Number(self.avg_height_mm),
            Number(self.height_variation_mm),
            Number(self.surface_uniformity),
            Number(self.tof_score),
            Number(self.integration_time_ms),
            Number(self.gain),
            Number(self.color_score),
            Number(self.freshness_index),
            Number(self.fat_quality_index),
            Number(self.oxidation_index),
            Number(self.color_uniformity),
            Number(self.spectral_score),
            Number(self.score),
            Number(Some(self.confidence)),
            Number(Some(self.processing_ms)),
            Real(self.temperature_c),
            Real(self.humidity_percent),
            Text(Some(self.key.device_id.as_str())),
            Text(Some(self.key.name.as_str())),
            Text(self.tof_grade),
            Text(self.spectral_grade),
            Text(Some(self.grade)),
            Text(self.firmware_version),
            Bytes(&self.frame),
            Bytes(&self.findings),
            Json(&self.defects),
            Real(u[0]),
            Real(u[1]),
            Real(u[2]),
            Real(u[3]),
            Real(u[4]),
            Real(u[5]),
            Real(u[6]),
            Real(u[7]),
            Real(u[8]),
            Real(u[9]),
            Real(u[10]),
            Real(u[11]),
            Whole(i64::from(self.profile_version)),
            Text(Some(self.profile)),
            Text(self.flags.as_deref()),
            Text(self.purpose),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_value_for_each_column() {
        assert_eq!(written_columns!().split(',').count(), WIDTH);
    }
}
