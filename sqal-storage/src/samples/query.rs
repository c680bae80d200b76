//! [`SampleQuery`] and [`Cursor`]: pages by key, not by offset, so that new samples never shift a
//! page.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use sqal_core::{DeviceId, Sample, SampleId, Timestamp};

/// A query for samples, newest first. It begins with [`SampleQuery::newest`]; its fields are then
/// set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampleQuery {
    /// Only samples of this device.
    pub device_id: Option<DeviceId>,
    /// Only samples after this place, which are older.
    pub after: Option<Cursor>,
    /// The largest number of samples.
    pub limit: NonZeroU16,
}

impl SampleQuery {
    /// The newest samples of all devices.
    #[must_use]
    pub const fn newest(limit: NonZeroU16) -> Self {
        Self { device_id: None, after: None, limit }
    }
}

/// One page of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The samples, newest first.
    pub items: Vec<Sample>,
    /// Where the next page begins; `None` for the last page.
    pub next: Option<Cursor>,
}

impl Page {
    /// A page from one sample more than was requested; the additional sample shows that there is a
    /// next page.
    #[must_use]
    pub fn from_one_more(mut items: Vec<Sample>, limit: NonZeroU16) -> Self {
        let limit = usize::from(limit.get());
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(Cursor::of);
        Self { items, next }
    }
}

/// A place in the order of samples: after this sample.
///
/// Written as 48 hexadecimal digits; a client passes it back and need not understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    timestamp: Timestamp,
    id: SampleId,
}

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: expected the 48 hexadecimal digits of an earlier page's next")]
pub struct InvalidCursor;

impl Cursor {
    /// The place of a sample.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self { timestamp: sample.key.timestamp, id: sample.id() }
    }

    /// The place of a sample with this timestamp and id.
    #[must_use]
    pub const fn at(timestamp: Timestamp, id: SampleId) -> Self {
        Self { timestamp, id }
    }

    /// The time of the place.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The sample at the place.
    #[must_use]
    pub const fn id(&self) -> SampleId {
        self.id
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.timestamp.micros().to_be_bytes().iter().chain(self.id.as_bytes()) {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() != 48 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidCursor);
        }
        let digits = |from, to| u128::from_str_radix(&text[from..to], 16).map_err(|_| InvalidCursor);
        let micros = u64::try_from(digits(0, 16)?).map_err(|_| InvalidCursor)?.cast_signed();
        let timestamp = Timestamp::from_micros(micros).map_err(|_| InvalidCursor)?;
        Ok(Self { timestamp, id: SampleId::from_bytes(digits(16, 48)?.to_be_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back(micros in -62_000_000_000_000_000..253_000_000_000_000_000_i64, id: [u8; 16]) {
            let cursor = Cursor { timestamp: Timestamp::from_micros(micros).unwrap(), id: SampleId::from_bytes(id) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<Cursor>();
        }
    }
}
