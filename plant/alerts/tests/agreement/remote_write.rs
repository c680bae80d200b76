//! The points of series as a request to Prometheus' remote-write receiver: the message
//! `prometheus.WriteRequest` of Protocol Buffers, in the block format of Snappy.
//!
//! ```text
//! WriteRequest { repeated TimeSeries timeseries = 1; }
//! TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
//! Label        { string name = 1; string value = 2; }
//! Sample       { double value = 1; int64 timestamp = 2; }
//! ```

use std::collections::BTreeMap;

use sqal_alerts::query::Labels;

use crate::recording::Point;

/// The body of a request that writes all points.
pub(crate) fn request(series: &BTreeMap<Labels, Vec<Point>>) -> Vec<u8> {
    let mut message = Vec::new();
    for (labels, points) in series {
        let mut one = Vec::new();
        for (label, value) in labels {
            let mut pair = Vec::new();
            field(&mut pair, 1, label.as_bytes());
            field(&mut pair, 2, value.as_bytes());
            field(&mut one, 1, &pair);
        }
        for point in points {
            // The tags of a field of 64 bits and of a varint.
            let mut sample = vec![(1 << 3) | 1];
            sample.extend(point.bits.to_le_bytes());
            sample.push(2 << 3);
            varint(&mut sample, u64::try_from(point.at).unwrap());
            field(&mut one, 2, &sample);
        }
        field(&mut message, 1, &one);
    }
    uncompressed(&message)
}

/// A field of bytes.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push((number << 3) | 2);
    varint(message, u64::try_from(bytes.len()).unwrap());
    message.extend(bytes);
}

/// A number in groups of seven bits, the lowest first.
fn varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    message.push(u8::try_from(number).unwrap());
}

/// A block of Snappy that is one literal, whose length less one stands in four bytes.
fn uncompressed(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() + 16);
    varint(&mut block, u64::try_from(bytes.len()).unwrap());
    block.push(63 << 2);
    block.extend(u32::try_from(bytes.len() - 1).unwrap().to_le_bytes());
    block.extend(bytes);
    block
}
