//! [`Days`]: consecutive days of a time zone, of which the last is today.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use sqal_core::Timestamp;
use sqal_work::Zone;

use crate::door::problem::Problem;

/// Consecutive days, each with its date and its first moment. A day has 23, 24 or 25 hours where
/// summer time begins or ends.
#[derive(Debug)]
pub(super) struct Days {
    dates: Vec<Date>,
    /// The beginning of each day, and the end of the last.
    bounds: Vec<Timestamp>,
}

impl Days {
    /// This many days until the end of the day in which `now` lies.
    pub(super) fn until(zone: &Zone, now: Timestamp, count: u16) -> Result<Self, Problem> {
        // The zone comes from this database, so it is there.
        let zone = TimeZoneDatabase::bundled().get(zone.name()).unwrap_or(TimeZone::UTC);
        days(&zone, now, count).ok_or_else(|| Problem::broken("the clock of the server shows no usual time"))
    }

    /// The beginning of each day, and the end of the last.
    pub(super) fn bounds(&self) -> &[Timestamp] {
        &self.bounds
    }

    /// All days as one span.
    pub(super) fn span(&self) -> Range<Timestamp> {
        match (self.bounds.first(), self.bounds.last()) {
            (Some(first), Some(last)) => *first..*last,
            _ => unreachable!("there is one day at least"),
        }
    }

    /// The dates as ISO 8601 writes them.
    pub(super) fn dates(&self) -> impl Iterator<Item = String> {
        self.dates.iter().map(ToString::to_string)
    }
}

/// `None` if a day lies outside of the years that can be written.
fn days(zone: &TimeZone, now: Timestamp, count: u16) -> Option<Days> {
    let today = jiff::Timestamp::from_microsecond(now.micros()).ok()?.to_zoned(zone.clone()).date();
    let begins = |date: Date| {
        let zoned = date.to_zoned(zone.clone()).ok()?;
        Timestamp::from_micros(zoned.timestamp().as_microsecond()).ok()
    };
    let mut date = today;
    for _ in 1..count {
        date = date.yesterday().ok()?;
    }
    let (mut dates, mut bounds) = (Vec::new(), vec![begins(date)?]);
    loop {
        dates.push(date);
        let next = date.tomorrow().ok()?;
        bounds.push(begins(next)?);
        if date == today {
            return Some(Days { dates, bounds });
        }
        date = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn until(zone: &str, now: &str, count: u16) -> Days {
        let now = sqal_protocol::time::parse(now).unwrap();
        Days::until(&zone.parse().unwrap(), now, count).unwrap()
    }

    fn lengths(days: &Days) -> Vec<i64> {
        days.bounds().windows(2).map(|pair| (pair[1].micros() - pair[0].micros()) / 3_600_000_000).collect()
    }

    #[test]
    fn a_day_is_an_hour_shorter_or_longer_when_summer_time_begins_or_ends() {
        let spring = until("Europe/Paris", "2026-03-30T10:00:00Z", 3);
        assert_eq!(spring.dates().collect::<Vec<_>>(), ["2026-03-28", "2026-03-29", "2026-03-30"]);
        assert_eq!(lengths(&spring), [24, 23, 24]);
        let autumn = until("Europe/Paris", "2026-10-25T22:59:59Z", 2);
        assert_eq!(autumn.dates().collect::<Vec<_>>(), ["2026-10-24", "2026-10-25"]);
        assert_eq!(lengths(&autumn), [24, 25]);
        assert_eq!(until("Europe/Paris", "2026-10-25T23:00:00Z", 1).dates().collect::<Vec<_>>(), ["2026-10-26"]);
    }

    proptest! {
        #[test]
        fn days_follow_each_other_and_the_last_is_today(
            micros in 0..4_102_444_800_000_000_i64,
            count in 1..=366_u16,
            zone in prop::sample::select(vec!["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe"]),
        ) {
            let now = Timestamp::from_micros(micros).unwrap();
            let days = Days::until(&zone.parse().unwrap(), now, count).unwrap();
            prop_assert_eq!(days.dates().count(), usize::from(count));
            prop_assert_eq!(days.bounds().len(), usize::from(count) + 1);
            prop_assert!(lengths(&days).iter().all(|hours| (22..=26).contains(hours)));
            let today = &days.bounds()[usize::from(count) - 1..];
            prop_assert!(today[0] <= now && now < today[1]);
        }
    }
}
