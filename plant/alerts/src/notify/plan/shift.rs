//! [`Shift`]: the hours of a week in which some people work, on the wall of their zone.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use sqal_core::Timestamp;

/// The names of the days, from Monday on.
pub(super) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A shift. It belongs to the day on which it begins: a shift from 22:00 until 06:00 on Fridays
/// ends on Saturday. A shift whose two times are equal takes 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub(super) name: String,
    pub(super) zone: TimeZone,
    pub(super) days: Vec<Weekday>,
    pub(super) from: Time,
    pub(super) until: Time,
}

impl Shift {
    /// A shift without a day, in the place of one with a mistake.
    pub(super) const fn never() -> Self {
        Self {
            name: String::new(),
            zone: TimeZone::UTC,
            days: Vec::new(),
            from: Time::midnight(),
            until: Time::midnight(),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a time is in the shift.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_microsecond(time.micros()) else { return false };
        let wall = instant.to_zoned(self.zone.clone());
        let (day, time) = (wall.weekday(), wall.time());
        let (began_today, began_yesterday) = (self.days.contains(&day), self.days.contains(&day.previous()));
        if self.from < self.until {
            began_today && self.from <= time && time < self.until
        } else {
            (began_today && self.from <= time) || (began_yesterday && time < self.until)
        }
    }
}

/// A time of the day such as `06:30`. `24:00` is the beginning of the next day, `00:00`.
pub(super) fn time_of_day(text: &str) -> Option<Time> {
    if text == "24:00" {
        return Some(Time::midnight());
    }
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i8>().ok().filter(|_| is_two_digits)
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    fn shift(days: &[Weekday], from: &str, until: &str) -> Shift {
        let zone = TimeZoneDatabase::bundled().get("Europe/Paris").unwrap();
        let (from, until) = (time_of_day(from).unwrap(), time_of_day(until).unwrap());
        Shift { name: "shift".to_owned(), zone, days: days.to_vec(), from, until }
    }

    /// A time in Paris, in winter.
    fn at(text: &str) -> Timestamp {
        let zoned: jiff::Zoned = format!("{text}+01:00[Europe/Paris]").parse().unwrap();
        Timestamp::from_micros(zoned.timestamp().as_microsecond()).unwrap()
    }

    #[test]
    fn a_shift_begins_at_its_first_minute_and_ends_before_its_last() {
        let early = shift(&[Weekday::Monday], "06:00", "14:00");
        for (time, is_in) in [
            ("2026-01-05T05:59:59", false),
            ("2026-01-05T06:00:00", true),
            ("2026-01-05T13:59:59", true),
            ("2026-01-05T14:00:00", false),
            ("2026-01-06T06:00:00", false),
        ] {
            assert_eq!(early.contains(at(time)), is_in, "{time}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let friday = shift(&[Weekday::Friday], "22:00", "06:00");
        for (time, is_in) in [
            ("2026-01-09T05:00:00", false),
            ("2026-01-09T22:00:00", true),
            ("2026-01-10T05:59:59", true),
            ("2026-01-10T06:00:00", false),
            ("2026-01-10T22:00:00", false),
        ] {
            assert_eq!(friday.contains(at(time)), is_in, "{time}");
        }
    }

    #[test]
    fn a_shift_can_end_at_midnight_or_take_a_whole_day() {
        let late = shift(&[Weekday::Monday], "14:00", "24:00");
        assert!(late.contains(at("2026-01-05T23:59:59")) && !late.contains(at("2026-01-06T00:00:00")));
        let whole = shift(&[Weekday::Monday], "06:00", "06:00");
        assert!(whole.contains(at("2026-01-05T06:00:00")) && whole.contains(at("2026-01-06T05:59:59")));
        assert!(!whole.contains(at("2026-01-05T05:59:59")) && !whole.contains(at("2026-01-06T06:00:00")));
    }

    /// On 29 March 2026 the clocks of Paris go from 02:00 to 03:00; the night has seven hours.
    #[test]
    fn a_shift_follows_the_clock_on_the_wall_through_the_change_to_summer_time() {
        let night = shift(&[Weekday::Saturday], "22:00", "06:00");
        let minutes = (0..24 * 60)
            .map(|minute| Timestamp::from_micros(at("2026-03-28T20:00:00").micros() + minute * 60_000_000).unwrap());
        assert_eq!(minutes.filter(|time| night.contains(*time)).count(), 7 * 60);
    }

    #[test]
    fn a_time_of_the_day_has_two_digits_twice() {
        assert_eq!(time_of_day("06:30"), Time::new(6, 30, 0, 0).ok());
        for text in ["", "6:30", "06:3", "06:60", "25:00", "24:01", "06.30", "+6:30", "06:30:00", "-1:00", "06h30"] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
    }
}
