//! [`WallTable`]: the minutes on the wall that match a cron expression.

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp as Instant, civil};

/// The most days that one search of the parser covers, and how many searches follow one another.
/// Together 44 years: a 29 February that must be a Sunday can take 40 years to come.
const SEARCH: SignedDuration = SignedDuration::from_hours(1_460 * 24);
const SEARCHES: usize = 11;

/// The second from which no search begins, in the year 9987: a search must end before the year
/// 10000.
const LAST_SEARCH: i64 = 253_000_000_000;

/// The most Decembers that one search looks at; each weekday ends a December within 12 years.
const DECEMBERS: usize = 44;

/// The first day of the last week of December.
const LAST_WEEK: i8 = 25;

/// 2024-12-01T00:00:00Z.
const IN_DECEMBER: Instant = Instant::constant(1_733_011_200, 0);

/// The minutes that match an expression, over the clock on the wall, which is read as if it were
/// UTC.
///
/// The parser, cronexpr 1.7.0, finds the last day of a month (`L`) and the last weekday of a month
/// (`5L`) by a next day or week whose month has a greater number. So it finds none in December. The
/// last day of December is its day 31, and the last Friday of December is the Friday of its last
/// week: a second table, for that week alone, has these in place of the `L`.
#[derive(Clone, Debug)]
pub(super) struct WallTable {
    table: Crontab,
    /// The table for the last week of December, if the expression has an `L` and a December.
    december: Option<Crontab>,
}

impl WallTable {
    /// The table of the fields minute, hour, day of month, month and day of week.
    pub(super) fn new([minute, hour, day, month, weekday]: [&str; 5]) -> Result<Self, cronexpr::Error> {
        let table = parsed(&format!("{minute} {hour} {day} {month} {weekday}"))?;
        let days = replaced(day, |item| if item == "L" { "31" } else { item });
        let weekdays = replaced(weekday, |item| item.strip_suffix('L').unwrap_or(item));
        let has_last = days != day || weekdays != weekday;
        let december = if has_last && parsed(&format!("* * * {month} *"))?.matches(IN_DECEMBER)? {
            Some(parsed(&format!("{minute} {hour} {days} 12 {weekdays}"))?)
        } else {
            None
        };
        Ok(Self { table, december })
    }

    /// The first matching minute after a time; both are times on the wall.
    pub(super) fn next_after(&self, after: Instant) -> Option<Instant> {
        let december = self.december.as_ref().and_then(|december| next_in_last_week(december, after));
        let next = next_of(&self.table, after, december);
        [next, december].into_iter().flatten().min()
    }
}

fn parsed(expression: &str) -> Result<Crontab, cronexpr::Error> {
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    cronexpr::parse_crontab_with(expression, options)
}

/// A field with some items of its list replaced.
fn replaced<'f>(field: &'f str, item: impl Fn(&'f str) -> &'f str) -> String {
    field.split(',').map(item).collect::<Vec<_>>().join(",")
}

/// The first match of a table after a time. If it is known that one is at `known`, later ones need
/// not be found.
fn next_of(table: &Crontab, after: Instant, known: Option<Instant>) -> Option<Instant> {
    let mut from = after;
    for _ in 0..SEARCHES {
        if from.as_second() > LAST_SEARCH || known.is_some_and(|known| known <= from) {
            return None;
        }
        if let Ok(found) = table.find_next(from) {
            return Some(found.timestamp());
        }
        from = from.checked_add(SEARCH).ok()?;
    }
    None
}

/// The first match of a table of Decembers that is in the last week of one.
fn next_in_last_week(december: &Crontab, after: Instant) -> Option<Instant> {
    let mut from = after;
    for _ in 0..DECEMBERS {
        let found = next_of(december, from, None)?;
        let wall = Offset::UTC.to_datetime(found);
        if wall.day() >= LAST_WEEK {
            return Some(found);
        }
        let last_week = civil::date(wall.year(), 12, LAST_WEEK).at(0, 0, 0, 0);
        from = Offset::UTC.to_timestamp(last_week).ok()?.checked_sub(SignedDuration::from_secs(1)).ok()?;
    }
    None
}
