//! [`Timestamp`]: a point in wall time, given as data and never read from a clock.

/// A point in time: microseconds since 1970-01-01T00:00:00Z, from year 0 to year 9999.
///
/// Wall time is data: it arrives with a reading or as an argument, and this crate reads no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "i64", into = "i64"))]
pub struct Timestamp(i64);

/// A number of microseconds outside the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} microseconds since 1970 is outside the years 0 to 9999")]
pub struct InvalidTimestamp(pub i64);

impl Timestamp {
    /// A time from microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    ///
    /// [`InvalidTimestamp`] outside the years 0 to 9999, which RFC 3339 cannot write.
    pub const fn from_micros(micros: i64) -> Result<Self, InvalidTimestamp> {
        if micros >= -62_167_219_200_000_000 && micros <= 253_402_300_799_999_999 {
            Ok(Self(micros))
        } else {
            Err(InvalidTimestamp(micros))
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(micros: i64) -> Result<Self, InvalidTimestamp> {
        Self::from_micros(micros)
    }
}

impl From<Timestamp> for i64 {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}
