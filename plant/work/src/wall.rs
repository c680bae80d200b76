//! Wall time: the clock of a process, times that are earlier or later by a duration, and moments by
//! both clocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqal_core::Timestamp;

/// The wall clock of a process: a function that returns the present time.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The first and the last time that a [`Timestamp`] can hold.
const FIRST: Timestamp = bound(-62_167_219_200_000_000);
const LAST: Timestamp = bound(253_402_300_799_999_999);

const fn bound(micros: i64) -> Timestamp {
    match Timestamp::from_micros(micros) {
        Ok(time) => time,
        Err(_) => panic!("a bound of the timestamps"),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The time that is later by a duration; at most the last time that there is.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(time.micros().saturating_add(micros(by))).unwrap_or(LAST)
}

/// The time that is earlier by a duration; at least the first time that there is.
pub(crate) fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(time.micros().saturating_sub(micros(by))).unwrap_or(FIRST)
}

/// The duration from a time to a later one; 0 if it is not later.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(to.micros().saturating_sub(from.micros())).unwrap_or(0))
}

/// A point in time by both clocks of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Instant,
}

impl Moment {
    /// The duration from here to a later moment, by the clock that has gone further. The monotonic
    /// clock of a machine stands still while the machine is suspended; the wall clock is set
    /// forward after that.
    pub(crate) fn until(self, later: Self) -> Duration {
        between(self.wall, later.wall).max(later.monotonic.saturating_duration_since(self.monotonic))
    }
}

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| format!("{} microseconds since 1970", time.micros()), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use sqal_resilience::{Clock, ManualClock};

    use super::*;

    #[test]
    fn sums_end_at_the_first_and_the_last_time() {
        let time = Timestamp::from_micros(1_000).unwrap();
        assert_eq!(later(time, Duration::from_micros(5)).micros(), 1_005);
        assert_eq!(earlier(time, Duration::from_micros(5)).micros(), 995);
        assert_eq!((later(time, Duration::MAX), earlier(time, Duration::MAX)), (LAST, FIRST));
        assert_eq!((between(FIRST, time) > Duration::ZERO, between(time, FIRST)), (true, Duration::ZERO));
    }

    #[test]
    fn the_clock_that_has_gone_further_says_how_long_it_is_between_two_moments() {
        let (clock, at) = (ManualClock::new(), |micros| Timestamp::from_micros(micros).unwrap());
        let begin = Moment { wall: at(0), monotonic: clock.now() };
        clock.advance(Duration::from_micros(7));
        for (wall, passed) in [(-9, 7), (0, 7), (7, 7), (8, 8), (900, 900)] {
            let moment = Moment { wall: at(wall), monotonic: clock.now() };
            assert_eq!(begin.until(moment), Duration::from_micros(passed), "{wall}");
        }
    }

    #[test]
    fn a_time_is_written_in_utc() {
        assert_eq!(rfc3339(Timestamp::from_micros(1_774_746_000_000_000).unwrap()), "2026-03-29T01:00:00Z");
        assert!(rfc3339(LAST).contains("253402300799999999"));
    }
}
