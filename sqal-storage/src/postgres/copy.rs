//! Records in PostgreSQL's binary form of COPY, which carries large batches with half the work of
//! an INSERT for both sides.
//!
//! The format is that of the manual's page on COPY: a header, then for each row the number of
//! fields and each field as its length and its bytes, all big-endian; a length of -1 is NULL.

use super::encoding::EPOCH;
use crate::record::{Record, WIDTH, Written};

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The number of columns.
const FIELDS: i16 = 46;
const _: () = assert!(WIDTH == 46, "a row has as many fields as columns");
const END: [u8; 2] = (-1_i16).to_be_bytes();

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
        for value in record.written() {
            rows.value(value);
        }
    }
    if last {
        buffer.extend_from_slice(&END);
    }
}

struct Rows<'a>(&'a mut Vec<u8>);

impl Rows<'_> {
    fn value(&mut self, value: Written<'_>) {
        match value {
            Written::Id(id) => self.field(&id),
            Written::Time(micros) => self.field(&(micros - EPOCH).to_be_bytes()),
            Written::Number(number) => self.optional(number.map(f64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice)),
            Written::Real(number) => self.optional(number.map(f32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice)),
            Written::Whole(number) => self.field(&number.to_be_bytes()),
            Written::Text(text) => self.optional(text.map(str::as_bytes)),
            Written::Json(text) => {
                // The binary form of jsonb is a 1 and the text.
                self.length(text.len() + 1);
                self.0.push(1);
                self.0.extend_from_slice(text.as_bytes());
            }
            Written::Bytes(bytes) => self.field(bytes),
        }
    }

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
