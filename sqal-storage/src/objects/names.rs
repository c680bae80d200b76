//! [`Names`]: the names that a store gives its objects, and what a name says of a blob.

use std::sync::atomic::{AtomicU64, Ordering};

use object_store::ObjectMeta;
use object_store::path::Path;
use sqal_core::Timestamp;

use crate::blobs::{BlobId, BlobInfo};

/// The folder of the objects whose hash is not known yet.
const PARTIAL: &str = "partial";

/// The microseconds from the beginning of the year 0, the earliest [`Timestamp`], to 1970.
const YEAR_0: i64 = 62_167_219_200_000_000;

/// The number of digits of the latest [`Timestamp`], in microseconds since the year 0.
const TIME_DIGITS: usize = 18;

/// The names of the objects under one path.
#[derive(Debug)]
pub(super) struct Names {
    /// The path above all objects of the store; empty for the whole bucket.
    root: Path,
    /// Random bits, so that the names of two stores differ.
    epoch: u128,
    /// The number of names that were given.
    given: AtomicU64,
}

impl Names {
    /// The names under a path, with these random bits.
    pub(super) const fn under(root: Path, epoch: u128) -> Self {
        Self { root, epoch, given: AtomicU64::new(0) }
    }

    /// The path above all objects.
    pub(super) const fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the objects with a content.
    pub(super) fn folder_of(&self, id: &BlobId) -> Path {
        Path::from(format!("{}/{:02x}/{id}", self.root, id.as_bytes()[0]))
    }

    /// A new name for a content.
    pub(super) fn new_name(&self, id: &BlobId, put_at: Timestamp) -> Path {
        Path::from(format!("{}/{}-{}", self.folder_of(id), digits(put_at), self.unique()))
    }

    /// A new name for a content whose hash is not known yet.
    pub(super) fn new_partial(&self) -> Path {
        Path::from(format!("{}/{PARTIAL}/{}", self.root, self.unique()))
    }

    /// A name after all objects with a content, and before all objects with the next hash.
    pub(super) fn end_of(&self, id: &BlobId) -> Path {
        // `0` follows `/`.
        Path::from(format!("{}0", self.folder_of(id)))
    }

    /// What the name and the size of an object say of a blob; `None` if it is another object.
    pub(super) fn info_of(&self, object: &ObjectMeta) -> Option<BlobInfo> {
        let mut parts = object.location.prefix_match(&self.root)?;
        let (shard, name, put) = (parts.next()?, parts.next()?, parts.next()?);
        let (shard, name, put): (&str, &str, &str) = (shard.as_ref(), name.as_ref(), put.as_ref());
        if parts.next().is_some() || name.get(..2) != Some(shard) {
            return None;
        }
        // The parser accepts capitals too, which this store does not write.
        let id = name.parse::<BlobId>().ok().filter(|id| id.to_string() == name)?;
        let (time, _) = put.split_once('-')?;
        Some(BlobInfo::new(id, object.size, time_of(time)?))
    }

    /// A part of a name that no other name of any process has.
    fn unique(&self) -> String {
        format!("{:032x}-{}", self.epoch, self.given.fetch_add(1, Ordering::Relaxed))
    }
}

/// The time of a put as it stands in a name, so that the order of names is the order of times.
fn digits(put_at: Timestamp) -> String {
    format!("{:0TIME_DIGITS$}", put_at.micros() + YEAR_0)
}

/// The time of a put, from its digits in a name.
fn time_of(digits: &str) -> Option<Timestamp> {
    if digits.len() != TIME_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Timestamp::from_micros(digits.parse::<i64>().ok()? - YEAR_0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_digits_is_the_order_of_times() {
        let micros = [-62_167_219_200_000_000, -1, 0, 1, 1_794_000_000_000_000, 253_402_300_799_999_999];
        let times = micros.map(|micros| Timestamp::from_micros(micros).unwrap());
        assert!(times.map(digits).is_sorted());
        for time in times {
            assert_eq!(digits(time).len(), 18);
            assert_eq!(time_of(&digits(time)), Some(time));
        }
        for other in ["", "1", "+63961219200000003", "-63961219200000003", "0063961219200000003", "999999999999999999"]
        {
            assert_eq!(time_of(other), None, "{other}");
        }
    }
}
