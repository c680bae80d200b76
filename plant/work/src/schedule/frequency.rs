//! [`Frequency`]: how often a schedule is due, which decides its jitter and its expiry (JOB-01,
//! JOB-02).

use std::fmt;
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How often a schedule is due.
///
/// The bounds leave room for summer time: days of 23 hours are daily, and a February of 28 days is
/// a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frequency {
    /// At intervals below 5 minutes. The jitter is at most 15 to 30 seconds, an eighth of the
    /// interval.
    Frequent,
    /// At intervals from 5 minutes to below a day. The jitter is at most 30 to 300 seconds, a tenth
    /// of the interval.
    Intraday,
    /// Daily. The jitter is at most 300 seconds.
    Daily,
    /// Weekly. The jitter is at most 1800 seconds.
    Weekly,
    /// Monthly or more rarely. The jitter is at most 3600 seconds.
    Monthly,
}

impl Frequency {
    /// The frequency of a schedule with this shortest interval; `None` stands for a schedule that
    /// is due once.
    #[must_use]
    pub fn of(interval: Option<Duration>) -> Self {
        match interval {
            Some(interval) if interval < Duration::from_mins(5) => Self::Frequent,
            Some(interval) if interval < Duration::from_hours(20) => Self::Intraday,
            Some(interval) if interval < Duration::from_hours(6 * 24) => Self::Daily,
            Some(interval) if interval < Duration::from_hours(27 * 24) => Self::Weekly,
            _ => Self::Monthly,
        }
    }

    /// The word of the frequency.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frequent => "frequent",
            Self::Intraday => "intraday",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The longest jitter at this shortest interval. It is shorter than the interval, so due times
    /// keep their order.
    #[must_use]
    pub fn longest_jitter(self, interval: Duration) -> Duration {
        match self {
            Self::Frequent => (interval / 8).clamp(seconds(15), seconds(30)),
            Self::Intraday => (interval / 10).clamp(seconds(30), seconds(300)),
            Self::Daily => seconds(300),
            Self::Weekly => seconds(1_800),
            Self::Monthly => seconds(3_600),
        }
    }

    /// How long a run may wait to be begun, at this shortest interval: twice the interval, at most
    /// 6 hours; 6 hours if it is daily, and a quarter of the interval if it is rarer.
    #[must_use]
    pub fn expiry(self, interval: Duration) -> Duration {
        match self {
            Self::Frequent | Self::Intraday => interval.saturating_mul(2).min(Duration::from_hours(6)),
            Self::Daily => Duration::from_hours(6),
            Self::Weekly => Duration::from_hours(42),
            Self::Monthly => Duration::from_hours(7 * 24),
        }
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Frequency::{Daily, Frequent, Intraday, Monthly, Weekly};

    #[test]
    fn job_01_job_02_jitter_and_expiry_are_those_of_the_documents() {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        for (interval, frequency, jitter, expiry) in [
            (MINUTE, Frequent, 15, 2 * MINUTE),
            (2 * MINUTE, Frequent, 15, 240),
            (3 * MINUTE, Frequent, 22, 6 * MINUTE),
            (4 * MINUTE, Frequent, 30, 8 * MINUTE),
            (5 * MINUTE, Intraday, 30, 10 * MINUTE),
            (HOUR, Intraday, 300, 2 * HOUR),
            (12 * HOUR, Intraday, 300, 6 * HOUR),
            (23 * HOUR, Daily, 300, 6 * HOUR),
            (DAY, Daily, 300, 6 * HOUR),
            (7 * DAY - HOUR, Weekly, 1_800, 42 * HOUR),
            (28 * DAY - HOUR, Monthly, 3_600, 7 * DAY),
            (366 * DAY, Monthly, 3_600, 7 * DAY),
        ] {
            let interval = seconds(interval);
            assert_eq!(Frequency::of(Some(interval)), frequency, "{interval:?}");
            assert_eq!(frequency.longest_jitter(interval).as_secs(), jitter, "{interval:?}");
            assert_eq!(frequency.expiry(interval), seconds(expiry), "{interval:?}");
            assert!(frequency.longest_jitter(interval) < interval);
        }
        assert_eq!(Frequency::of(None), Monthly);
    }
}
