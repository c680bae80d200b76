//! Records in PostgreSQL's binary form of COPY, which carries large batches with half the work of
//! an INSERT for both sides.
//!
//! The format is that of the manual's page on COPY: a header, then for each row the number of
//! fields and each field as its length and its bytes, all big-endian; a length of -1 is NULL.

use super::encoding::EPOCH;
use crate::record::Record;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: [u8; 2] = (-1_i16).to_be_bytes();
const FIELDS: i16 = 46;

/// Writes a part of the rows into `buffer`, in the order of the columns of
/// [`COPY`](super::statements::COPY).
///
/// The buffer is used again for the next part: fresh memory costs as much as what is written into
/// it.
///
/// Beginning and end travel with the first and the last rows. By themselves they are short
/// messages, and the second of two short messages waits until the first is acknowledged: 40 ms (RFC
/// 896, RFC 1122 4.2.3.2). The driver does not switch that off.
pub(super) fn part(records: &[Record<'_>], first: bool, last: bool, buffer: &mut Vec<u8>) {
    buffer.clear();
    if first {
        buffer.extend_from_slice(HEADER);
    }
    let mut rows = Rows(buffer);
    for record in records {
        rows.0.extend_from_slice(&FIELDS.to_be_bytes());
        rows.field(record.id.as_bytes());
        rows.field(&(record.key.timestamp.micros() - EPOCH).to_be_bytes());
        rows.field(&(record.received_at.micros() - EPOCH).to_be_bytes());
        for number in [
            record.volume_mm3,
            record.avg_height_mm,
            record.height_variation_mm,
            record.surface_uniformity,
            record.tof_score,
            record.integration_time_ms,
            record.gain,
            record.color_score,
            record.freshness_index,
            record.fat_quality_index,
            record.oxidation_index,
            record.color_uniformity,
            record.spectral_score,
            record.score,
            Some(record.confidence),
            Some(record.processing_ms),
        ] {
            rows.optional(number.map(f64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        }
        for number in [record.temperature_c, record.humidity_percent] {
            rows.optional(number.map(f32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice));
        }
        rows.field(record.key.device_id.as_str().as_bytes());
        rows.field(record.key.name.as_str().as_bytes());
        for text in [record.tof_grade, record.spectral_grade, Some(record.grade), record.firmware_version] {
            rows.optional(text.map(str::as_bytes));
        }
        rows.field(&record.frame);
        rows.field(&record.findings);
        // The binary form of jsonb is a 1 and the text.
        rows.length(record.defects.len() + 1);
        rows.0.push(1);
        rows.0.extend_from_slice(record.defects.as_bytes());
        for u in record.uncertainties {
            rows.optional(u.map(f32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice));
        }
        rows.field(&i64::from(record.profile_version).to_be_bytes());
        rows.field(record.profile.as_bytes());
        rows.optional(record.flags.as_deref().map(str::as_bytes));
        rows.optional(record.purpose.map(str::as_bytes));
    }
    if last {
        buffer.extend_from_slice(&END);
    }
}

struct Rows<'a>(&'a mut Vec<u8>);

impl Rows<'_> {
    /// # Panics
    ///
    /// Never: a frame, a name and a list of defects are short.
    fn length(&mut self, length: usize) {
        let length = i32::try_from(length).expect("no field has two gigabytes");
        self.0.extend_from_slice(&length.to_be_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.field(bytes),
            None => self.0.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
}
