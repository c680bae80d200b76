//! The due times of cron expressions, compared with a clock on the wall that is read minute by
//! minute and with a calendar that is read day by day, and the expressions that are refused.

use std::collections::BTreeSet;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, ToSpan, civil};
use proptest::prelude::*;
use sqal_core::Timestamp;
use sqal_work::schedule::{Cron, InvalidCron};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Zones with a summer time of an hour and of half an hour, with a day that was left out, with
/// offsets of half hours, and without any change.
const ZONES: [&str; 7] = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Kolkata",
    "UTC",
];

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// A time in UTC.
fn utc(text: &str) -> Timestamp {
    time(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn cron(expression: &str, zone: &str) -> Cron {
    Cron::new(expression, zone.parse().unwrap()).unwrap()
}

/// The due times after a time and until another one, in UTC.
fn due(cron: &Cron, after: Timestamp, until: Timestamp) -> Vec<String> {
    let due = std::iter::successors(cron.next_after(after), |time| cron.next_after(*time));
    let shown = |time: Timestamp| jiff::Timestamp::from_microsecond(time.micros()).unwrap().to_string();
    due.take_while(|time| *time <= until).map(shown).collect()
}

/// Which times on the wall match an expression of minutes and hours.
#[derive(Clone, Debug)]
struct Fields {
    minutes: BTreeSet<i8>,
    /// `None` stands for every hour.
    hours: Option<BTreeSet<i8>>,
}

impl Fields {
    fn expression(&self) -> String {
        let list = |set: &BTreeSet<i8>| set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        format!("{} {} * * *", list(&self.minutes), self.hours.as_ref().map_or("*".to_owned(), list))
    }

    fn match_wall(&self, wall: civil::DateTime) -> bool {
        let in_hour = self.hours.as_ref().is_none_or(|hours| hours.contains(&wall.hour()));
        in_hour && self.minutes.contains(&wall.minute())
    }
}

/// The due times after a time and until another one, by reading the wall once a minute.
fn read_from_the_wall(fields: &Fields, zone: &TimeZone, after: jiff::Timestamp, until: jiff::Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    // What was on the wall before decides what comes for the first time.
    let mut now = after.checked_sub(SignedDuration::from_hours(30)).unwrap();
    let mut latest = zone.to_datetime(now).checked_sub(MINUTE).unwrap();
    while now <= until {
        let wall = zone.to_datetime(now);
        let is_due = if fields.hours.is_none() {
            fields.match_wall(wall)
        } else {
            // A jump over several minutes brings all of them at once; a jump back brings none.
            let after = std::iter::successors(latest.checked_add(MINUTE).ok(), |wall| wall.checked_add(MINUTE).ok());
            after.take_while(|passed| *passed <= wall).any(|passed| fields.match_wall(passed))
        };
        latest = latest.max(wall);
        if is_due && now > after {
            found.push(now.to_string());
        }
        now = now.checked_add(MINUTE).unwrap();
    }
    found
}

/// An item of the fields that choose dates.
#[derive(Clone, Copy, Debug)]
enum Item {
    Day(i8),
    LastDay,
    /// The weekday nearest to a day, in its month.
    NearestTo(i8),
    Weekday(i8),
    LastWeekday(i8),
    NthWeekday(i8, i8),
}

fn weekday(number: i8) -> civil::Weekday {
    civil::Weekday::from_sunday_zero_offset(number % 7).unwrap()
}

impl Item {
    fn text(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::LastDay => "L".to_owned(),
            Self::NearestTo(day) => format!("{day}W"),
            Self::Weekday(of_week) => of_week.to_string(),
            Self::LastWeekday(of_week) => format!("{of_week}L"),
            Self::NthWeekday(of_week, nth) => format!("{of_week}#{nth}"),
        }
    }

    fn matches(self, date: civil::Date) -> bool {
        let is_working = |day: i8| {
            let of_week = civil::date(date.year(), date.month(), day).weekday();
            !matches!(of_week, civil::Weekday::Saturday | civil::Weekday::Sunday)
        };
        match self {
            Self::Day(day) => date.day() == day,
            Self::LastDay => date == date.last_of_month(),
            Self::NearestTo(day) => {
                let mut working = (1..=date.days_in_month()).filter(|day| is_working(*day)).collect::<Vec<_>>();
                working.sort_by_key(|other| (other - day).abs());
                day <= date.days_in_month() && working[0] == date.day()
            }
            Self::Weekday(of_week) => date.weekday() == weekday(of_week),
            Self::LastWeekday(of_week) => {
                date.nth_weekday_of_month(-1, weekday(of_week)).is_ok_and(|last| last == date)
            }
            Self::NthWeekday(of_week, nth) => {
                date.nth_weekday_of_month(nth, weekday(of_week)).is_ok_and(|found| found == date)
            }
        }
    }
}

/// Which dates match an expression; a field without items stands for `*`.
#[derive(Clone, Debug)]
struct Dates {
    days: Vec<Item>,
    months: BTreeSet<i8>,
    weekdays: Vec<Item>,
}

impl Dates {
    fn expression(&self) -> String {
        let list = |items: Vec<String>| if items.is_empty() { "*".to_owned() } else { items.join(",") };
        let [days, weekdays] =
            [&self.days, &self.weekdays].map(|items| list(items.iter().map(|item| item.text()).collect()));
        format!("0 0 {days} {} {weekdays}", list(self.months.iter().map(ToString::to_string).collect()))
    }

    fn match_date(&self, date: civil::Date) -> bool {
        let [day, weekday] = [&self.days, &self.weekdays].map(|items| items.iter().any(|item| item.matches(date)));
        let of_dates = match (self.days.is_empty(), self.weekdays.is_empty()) {
            (true, true) => true,
            (true, false) => weekday,
            (false, true) => day,
            // Two lists are joined, as in Vixie cron.
            (false, false) => day || weekday,
        };
        of_dates && (self.months.is_empty() || self.months.contains(&date.month()))
    }
}

fn dates() -> impl Strategy<Value = Dates> {
    let day = prop_oneof![
        2 => (1..32_i8).prop_map(Item::Day),
        2 => Just(Item::LastDay),
        2 => (1..32_i8).prop_map(Item::NearestTo),
    ];
    let of_week = prop_oneof![
        2 => (0..8_i8).prop_map(Item::Weekday),
        2 => (0..8_i8).prop_map(Item::LastWeekday),
        2 => (0..8_i8, 1..6_i8).prop_map(|(of_week, nth)| Item::NthWeekday(of_week, nth)),
    ];
    let months = prop_oneof![
        1 => Just(BTreeSet::new()),
        1 => Just(BTreeSet::from([12])),
        2 => prop::collection::btree_set(1..13_i8, 1..4),
    ];
    (prop::collection::vec(day, 0..3), months, prop::collection::vec(of_week, 0..3))
        .prop_map(|(days, months, weekdays)| Dates { days, months, weekdays })
}

fn fields() -> impl Strategy<Value = Fields> {
    let minutes = prop::collection::btree_set(0..60_i8, 1..4);
    // Most changes are between midnight and four.
    let hours =
        prop::option::weighted(0.7, prop::collection::btree_set(prop_oneof![3 => 0..4_i8, 1 => 0..24_i8], 1..4));
    (minutes, hours).prop_map(|(minutes, hours)| Fields { minutes, hours })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn due_times_are_those_of_the_wall_across_every_change(
        fields in fields(),
        zone in prop::sample::select(ZONES.to_vec()),
        // From 2011, whose end had a day that Apia left out, to 2030.
        second in 1_306_800_000..1_900_000_000_i64,
        before in 0..40_i64,
    ) {
        let rules = TimeZoneDatabase::bundled().get(zone).unwrap();
        let at = jiff::Timestamp::from_second(second - second % 60).unwrap();
        let change = rules.following(at).next().map_or(at, |change| change.timestamp());
        let after = change.checked_sub(SignedDuration::from_hours(before)).unwrap();
        let until = after.checked_add(SignedDuration::from_hours(50)).unwrap();
        let expected = read_from_the_wall(&fields, &rules, after, until);
        let [after, until] = [after, until].map(|time| self::time(time.as_microsecond()));
        prop_assert_eq!(due(&cron(&fields.expression(), zone), after, until), expected, "{} {}", fields.expression(), zone);
    }

    #[test]
    fn due_dates_are_those_of_the_calendar(dates in dates(), year in 1970..2100_i16) {
        let begin = civil::date(year, 1, 1);
        let expected: Vec<String> = begin
            .series(1.day())
            .take_while(|date| date.year() < year + 3)
            .filter(|date| dates.match_date(*date))
            .map(|date| format!("{date}T00:00:00Z"))
            .collect();
        let found = match Cron::new(&dates.expression(), sqal_work::Zone::utc()) {
            Ok(cron) => {
                let after = time(utc(&format!("{begin}T00:00:00Z")).micros() - 1);
                due(&cron, after, utc(&format!("{}-12-31T23:59:59Z", year + 2)))
            }
            Err(refused) => {
                prop_assert_eq!(refused, InvalidCron::Never);
                Vec::new()
            }
        };
        prop_assert_eq!(found, expected, "{}", dates.expression());
    }

    #[test]
    fn the_next_due_time_is_later_and_nothing_is_due_between(
        expression in prop::sample::select(vec![
            "*/7 * * * *", "0 3 * * *", "30 2 * * 1-5", "15 4 1 * *", "0 0 29 2 *", "0 12 L * *", "0 9 * * 1#1", "5 5 15W * *",
            "0 0 L 12 *", "0 0 1,L 6,12 5L",
        ]),
        zone in prop::sample::select(ZONES.to_vec()),
        second in 0..4_000_000_000_i64,
        share in 0.0..1.0_f64,
    ) {
        let (cron, after) = (cron(expression, zone), time(second * 1_000_000));
        let next = cron.next_after(after).unwrap();
        prop_assert!(next > after);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any time between will do")]
        let between = time(after.micros() + ((next.micros() - after.micros()) as f64 * share) as i64);
        let expected = if between < next { Some(next) } else { cron.next_after(next) };
        prop_assert_eq!(cron.next_after(between), expected);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}", fields in "[0-9*/,LW#-]{1,6}( [0-9*/,LW#-]{1,6}){4}") {
        for text in [text, fields] {
            if let Ok(cron) = Cron::new(&text, sqal_work::Zone::utc()) {
                prop_assert!(cron.next_after(time(0)).is_some(), "{}", text);
            }
        }
    }
}

#[test]
fn the_hour_that_is_left_out_in_paris_is_made_up_for_at_its_end() {
    let (from, until) = (utc("2026-03-28T12:00:00Z"), utc("2026-03-30T02:00:00Z"));
    let nightly = ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
    assert_eq!(due(&cron("30 2 * * *", "Europe/Paris"), from, until), nightly);
    // Six times of the gap are one.
    assert_eq!(due(&cron("*/10 2 * * *", "Europe/Paris"), from, utc("2026-03-29T12:00:00Z")), nightly[..1]);
    // The gap and the hour after it have one time in common.
    let both = ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"];
    assert_eq!(due(&cron("0,30 2,3 * * *", "Europe/Paris"), from, utc("2026-03-29T12:00:00Z")), both);
}

#[test]
fn the_hour_that_comes_twice_in_paris_counts_once_for_dates_and_twice_for_hours() {
    let (from, until) = (utc("2026-10-24T23:00:00Z"), utc("2026-10-25T02:30:00Z"));
    assert_eq!(due(&cron("30 2 * * *", "Europe/Paris"), from, until), ["2026-10-25T00:30:00Z"]);
    let hourly = ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"];
    assert_eq!(due(&cron("30 * * * *", "Europe/Paris"), from, until), hourly);
}

#[test]
fn the_last_day_and_the_last_friday_of_december_are_due() {
    let (from, until) = (utc("2026-11-29T00:00:00Z"), utc("2027-12-31T23:59:59Z"));
    let last_days = ["2026-12-31T00:00:00Z", "2027-12-31T00:00:00Z"];
    for expression in ["0 0 L 12 *", "0 0 L DEC *"] {
        assert_eq!(due(&cron(expression, "UTC"), from, until), last_days, "{expression}");
    }
    // 25 December 2026 is the earliest last Friday that there is.
    for expression in ["0 0 * 12 5L", "0 0 * 12 FriL"] {
        let fridays = ["2026-12-25T00:00:00Z", "2027-12-31T00:00:00Z"];
        assert_eq!(due(&cron(expression, "UTC"), from, until), fridays, "{expression}");
    }
    let monthly = due(&cron("0 0 L * *", "UTC"), from, utc("2027-02-28T12:00:00Z"));
    let expected = ["2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-02-28T00:00:00Z"];
    assert_eq!(monthly, expected);
    assert_eq!(Cron::new("0 0 */20 12 5L", sqal_work::Zone::utc()), Err(InvalidCron::Never));
}

#[test]
fn a_rare_date_is_waited_for() {
    let leap = cron("0 0 29 2 *", "UTC");
    assert_eq!(leap.next_after(utc("2096-03-01T00:00:00Z")), Some(utc("2104-02-29T00:00:00Z")));
    // A 29 February that is a Sunday: 2032, then 2060, 2088, and 40 years later 2128.
    let sunday = cron("0 0 29 2 */7", "UTC");
    assert_eq!(sunday.next_after(utc("2088-03-01T00:00:00Z")), Some(utc("2128-02-29T00:00:00Z")));
}

#[test]
fn an_expression_that_cannot_be_is_refused_and_says_where_and_why() {
    let refused = |text: &str| Cron::new(text, sqal_work::Zone::utc()).unwrap_err();
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *"] {
        assert_eq!(refused(never), InvalidCron::Never, "{never}");
    }
    for (text, found) in [("* * * * * *", 6), ("*/1 * * * * *", 6), ("0 0 3 * * * 2027", 7)] {
        assert_eq!(refused(text), InvalidCron::Seconds { found }, "{text}");
        assert!(refused(text).to_string().ends_with("the shortest interval is a minute"));
    }
    for (text, found) in [("", 0), ("5", 1), ("* * * *", 4), ("* * * * * Europe/Paris x y", 8)] {
        assert_eq!(refused(text), InvalidCron::Fields { found }, "{text}");
    }
    assert_eq!(refused("@daily"), InvalidCron::Nickname("@daily".to_owned()));
    assert_eq!(refused("0 3 * * * Europe/Paris"), InvalidCron::ZoneInside("Europe/Paris".to_owned()));
    assert_eq!(refused(&"1,".repeat(200)), InvalidCron::TooLong(400));
    for (text, place, why) in [
        ("60 * * * *", 1, "must be in range 0..=59; found 60"),
        ("0 25 * * *", 3, "must be in range 0..=23; found 25"),
        ("0  0   0 * *", 5, "must be in range 1..=31; found 0"),
        ("0 5-3 * * *", 3, "ascending order; found 5-3"),
        ("0 H * * *", 3, ""),
        ("0 0 \u{2217} * *", 5, "expected letters of ASCII"),
    ] {
        let InvalidCron::Malformed { at, why: told, .. } = refused(text) else { panic!("{text}: {:?}", refused(text)) };
        assert_eq!((at, told.contains(why)), (place, true), "{text}: {told}");
    }
}
