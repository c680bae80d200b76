//! Sums and differences of wall times that stay within the years 0 to 9999.

use std::time::Duration;

use sqal_core::Timestamp;

/// The last microsecond that a [`Timestamp`] can hold.
pub(crate) const LAST_MICROS: i64 = 253_402_300_799_999_999;

/// The last time that a [`Timestamp`] can hold.
const LAST: Timestamp = match Timestamp::from_micros(LAST_MICROS) {
    Ok(time) => time,
    Err(_) => panic!("the bound of the timestamps"),
};

/// The time that is later by a duration; at most the last time that there is.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.micros().saturating_add(by)).unwrap_or(LAST)
}

/// The duration from a time to a later one; 0 if it is not later.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(to.micros().saturating_sub(from.micros())).unwrap_or(0))
}

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| format!("{} microseconds since 1970", time.micros()), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_end_at_the_last_time_and_differences_at_zero() {
        let time = Timestamp::from_micros(1_000).unwrap();
        assert_eq!(later(time, Duration::from_micros(5)).micros(), 1_005);
        assert_eq!(later(time, Duration::MAX), LAST);
        assert_eq!((between(time, LAST) > Duration::ZERO, between(LAST, time)), (true, Duration::ZERO));
    }
}
