//! [`Cron`]: a cron expression in a time zone, and the times at which it is due.

use std::fmt;
use std::time::Duration;

use jiff::tz::{AmbiguousOffset, Offset};
use jiff::{SignedDuration, Timestamp as Instant};
use sqal_core::Timestamp;

use super::wall_table::WallTable;
use super::zone::Zone;

/// The longest expression, in bytes.
const LONGEST: usize = 256;

/// The most changes of a zone that one search passes; ten years of summer times are 20.
const MOST_CHANGES: usize = 200;

/// A cron expression in a time zone: minute, hour, day of month, month, day of week.
///
/// The fields are those of Vixie cron, with the extensions `L` (the last day of a month; `5L` is
/// its last Friday), `W` (`15W` is the weekday nearest to day 15) and `#` (`5#3` is the third
/// Friday). There are no seconds and no names such as `@daily`.
///
/// # Summer time
///
/// - If the hour is `*`, an expression is due at every minute of elapsed time that matches the
///   clock on the wall: nothing is due in the hour that is left out, and the hour that comes twice
///   is due twice.
/// - Otherwise each matching time of a date is due once. A time that is left out is due at the end
///   of the gap, together with the others of the gap. A time that comes twice is due the first
///   time.
///
/// ```
/// use sqal_core::Timestamp;
/// use sqal_work::schedule::Cron;
///
/// let cron = Cron::new("30 2 * * *", "Europe/Paris".parse()?)?;
/// let noon = Timestamp::from_micros(1_774_695_600_000_000)?; // 2026-03-28T11:00:00Z
/// let next = cron.next_after(noon).map(|time| time.micros());
/// // 02:30 is left out in that night: due at 03:00, which is 01:00 UTC.
/// assert_eq!(next, Some(1_774_746_000_000_000));
///
/// let told = Cron::new("0 0 30 2 *", "UTC".parse()?).unwrap_err().to_string();
/// assert_eq!(told, "the expression never comes: no date has this day of month, month and day of week");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    zone: Zone,
    table: WallTable,
    is_hourly: bool,
}

/// A text is not a cron expression, or one that is never due.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCron {
    /// The text is too long.
    #[error("the expression has {0} bytes: expected at most {LONGEST}")]
    TooLong(usize),
    /// The number of fields is wrong.
    #[error("expected 5 fields (minute, hour, day of month, month, day of week), found {found}")]
    Fields {
        /// The number of fields.
        found: usize,
    },
    /// The expression has a field for seconds, or one for years.
    #[error(
        "expected 5 fields (minute, hour, day of month, month, day of week), found {found}: seconds and years are not \
         scheduled, and the shortest interval is a minute"
    )]
    Seconds {
        /// The number of fields.
        found: usize,
    },
    /// The time zone stands in the expression.
    #[error("the expression has the zone {0:?} in it: expected 5 fields, and the zone apart from them")]
    ZoneInside(String),
    /// The expression is a name such as `@daily`.
    #[error("{0:?} is a name: expected 5 fields, for example \"0 3 * * *\" for every day at 03:00")]
    Nickname(String),
    /// A field cannot be read.
    #[error("the expression {text:?} cannot be read at character {at}: {why}")]
    Malformed {
        /// The expression, with single spaces.
        text: String,
        /// The place of the fault, from 1.
        at: usize,
        /// What is wrong.
        why: String,
    },
    /// No date matches the expression.
    #[error("the expression never comes: no date has this day of month, month and day of week")]
    Never,
}

impl Cron {
    /// An expression in a zone.
    ///
    /// # Errors
    ///
    /// [`InvalidCron`] if the text is not five fields of a cron expression, or if it is never due.
    pub fn new(expression: &str, zone: Zone) -> Result<Self, InvalidCron> {
        if expression.len() > LONGEST {
            return Err(InvalidCron::TooLong(expression.len()));
        }
        let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
        let each = match *fields.as_slice() {
            [name, ..] if name.starts_with('@') => return Err(InvalidCron::Nickname(name.to_owned())),
            [minute, hour, day, month, weekday] => [minute, hour, day, month, weekday],
            [_, _, _, _, _, zone] if zone.starts_with(|first: char| first.is_alphabetic()) => {
                return Err(InvalidCron::ZoneInside(zone.to_owned()));
            }
            [_, _, _, _, _, _] | [_, _, _, _, _, _, _] => {
                return Err(InvalidCron::Seconds { found: fields.len() });
            }
            _ => return Err(InvalidCron::Fields { found: fields.len() }),
        };
        let [_, hour, _, _, _] = each;
        let is_hourly = matches!(hour, "*" | "*/1" | "0-23");
        let text = fields.join(" ");
        if let Some(place) = text.chars().position(|character| !character.is_ascii()) {
            let why = "expected letters of ASCII, digits and * , - / # only".to_owned();
            return Err(InvalidCron::Malformed { text, at: place + 1, why });
        }
        let table = WallTable::new(each).map_err(|error| malformed(&text, &error))?;
        let cron = Self { text, zone, table, is_hourly };
        // Whether a date matches does not depend on where the search begins.
        cron.table.next_after(Instant::UNIX_EPOCH).ok_or(InvalidCron::Never)?;
        Ok(cron)
    }

    /// The expression, with single spaces.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The time zone.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first due time after a time; `None` if there is none before the year 9987.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = Instant::from_microsecond(after.micros()).ok()?;
        let next = if self.is_hourly { self.next_elapsed(after) } else { self.next_of_dates(after) }?;
        Timestamp::from_micros(next.as_microsecond()).ok()
    }

    /// The shortest time between two due times that follow each other, of the first 60 after the
    /// begin of 2026; `None` if there are fewer than two.
    pub(super) fn shortest_interval(&self) -> Option<Duration> {
        let mut time = Timestamp::from_micros(1_767_225_600_000_000).ok()?;
        let mut shortest = None;
        for number in 0..60 {
            let Some(next) = self.next_after(time) else { break };
            if number > 0 {
                let interval = crate::wall::between(time, next);
                shortest = Some(shortest.map_or(interval, |known: Duration| known.min(interval)));
            }
            time = next;
        }
        shortest
    }

    /// The next due time of an expression whose times belong to dates.
    fn next_of_dates(&self, after: Instant) -> Option<Instant> {
        let mut wall = Offset::UTC.to_timestamp(self.zone.rules().to_datetime(after)).ok()?;
        // The times of a gap are due together, and the second pass of a fold is not due: some
        // minutes are passed over, and never more than the fold or the gap has.
        loop {
            wall = self.table.next_after(wall)?;
            let due = self.first_instant(wall)?;
            if due > after {
                return Some(due);
            }
        }
    }

    /// The first instant at which the wall shows a time; the end of the gap if it never does.
    fn first_instant(&self, wall: Instant) -> Option<Instant> {
        let (zone, shown) = (self.zone.rules(), Offset::UTC.to_datetime(wall));
        match zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown).ok(),
            AmbiguousOffset::Gap { after, .. } => {
                // By the offset after the gap, the time lies before the change.
                let before = after.to_timestamp(shown).ok()?;
                zone.following(before).next().map(|change| change.timestamp())
            }
        }
    }

    /// The next due time of an expression that is due at every matching minute that elapses.
    fn next_elapsed(&self, after: Instant) -> Option<Instant> {
        let zone = self.zone.rules();
        let mut begin = after;
        for _ in 0..MOST_CHANGES {
            let offset = zone.to_offset(begin);
            let change = zone.following(begin).next().map(|change| change.timestamp());
            let wall = Offset::UTC.to_timestamp(offset.to_datetime(begin)).ok()?;
            // The minute of a change counts; the minute that was given does not.
            let wall = if begin > after { wall.checked_sub(SignedDuration::from_secs(1)).ok()? } else { wall };
            let due = offset.to_timestamp(Offset::UTC.to_datetime(self.table.next_after(wall)?)).ok()?;
            match change {
                Some(change) if due >= change => begin = change,
                _ => return Some(due),
            }
        }
        None
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.zone == other.zone
    }
}

impl Eq for Cron {}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text, self.zone)
    }
}

/// The fault that the parser found. It marks the place in a line of its own, below the expression.
fn malformed(text: &str, error: &cronexpr::Error) -> InvalidCron {
    let told = error.to_string();
    let last = told.lines().last().unwrap_or_default();
    let marked = last.trim_start_matches(' ');
    let at = last.len() - marked.len() + 1;
    let why = marked.strip_prefix("^ ").unwrap_or(marked).to_owned();
    InvalidCron::Malformed { text: text.to_owned(), at, why }
}
