//! The recount with which law 8 compares a store: from bugs and entries alone.

use std::collections::BTreeMap;
use std::ops::Range;

use sqal_core::Timestamp;

use super::{at, report_of};
use crate::Bugs;
use crate::bugs::{BUG_SLOT_MICROS, Bug, BugCategory, BugDay, BugEntry, BugStatus, BugSummary};

/// A day in microseconds.
pub(super) const DAY: i64 = 24 * 3_600_000_000;

/// A bug with all its entries.
pub(super) struct Followed {
    pub(super) bug: Bug,
    pub(super) entries: Vec<BugEntry>,
}

impl Followed {
    /// A bug that was reported.
    pub(super) fn new(bug: Bug) -> Self {
        Self { entries: vec![report_of(&bug)], bug }
    }

    /// The times at which it ended.
    fn ends(&self) -> impl Iterator<Item = Timestamp> {
        let is_end = |entry: &&BugEntry| entry.to.is_ended() && !entry.from.is_some_and(BugStatus::is_ended);
        self.entries.iter().filter(is_end).map(|entry| entry.at)
    }

    /// The times at which it was taken up again.
    fn reopenings(&self) -> impl Iterator<Item = Timestamp> {
        let is_reopening = |entry: &&BugEntry| !entry.to.is_ended() && entry.from.is_some_and(BugStatus::is_ended);
        self.entries.iter().filter(is_reopening).map(|entry| entry.at)
    }

    /// The time from the report to the end, in microseconds; `None` if it is not ended.
    fn ended_after(&self) -> Option<u64> {
        let micros = self.bug.ended_at?.micros() - self.bug.created_at.micros();
        Some(u64::try_from(micros).expect("a bug ends after its report"))
    }
}

/// Beginning and end of a span, rounded down to slots, in microseconds since 1970.
fn rounded(from: Timestamp, until: Timestamp) -> Range<i64> {
    let [from, until] = [from, until].map(|time| time.micros() - time.micros().rem_euclid(BUG_SLOT_MICROS));
    from..until
}

fn within(times: impl Iterator<Item = Timestamp>, span: &Range<i64>) -> u64 {
    times.filter(|time| span.contains(&time.micros())).map(|_| 1).sum()
}

fn summary_of(all: &[Followed], span: &Range<Timestamp>) -> BugSummary {
    let span = rounded(span.start, span.end);
    let mut bugs = BTreeMap::new();
    for Followed { bug, .. } in all {
        *bugs.entry((bug.content.status, bug.content.severity)).or_insert(0) += 1;
    }
    BugSummary {
        bugs,
        created: within(all.iter().map(|of| of.bug.created_at), &span),
        ended: within(all.iter().flat_map(Followed::ends), &span),
        ended_after_micros: all.iter().filter_map(Followed::ended_after).sum(),
    }
}

fn day_of(all: &[Followed], span: &Range<i64>) -> BugDay {
    let until_end = i64::MIN..span.end;
    let created = || all.iter().map(|of| of.bug.created_at);
    let ends = || all.iter().flat_map(Followed::ends);
    let reopenings = || all.iter().flat_map(Followed::reopenings);
    let opened = within(created(), &until_end) + within(reopenings(), &until_end);
    let is_of_day = |of: &&Followed| of.bug.ended_at.is_some_and(|end| span.contains(&end.micros()));
    let mut times: Vec<u64> = all.iter().filter(is_of_day).filter_map(Followed::ended_after).collect();
    times.sort_unstable();
    // The smallest value that at least these tenths of the values do not exceed.
    let rank = |tenths: usize| {
        let is_enough = |(place, _): &(usize, &u64)| 10 * (place + 1) >= tenths * times.len();
        times.iter().enumerate().find(is_enough).map(|(_, time)| *time)
    };
    BugDay {
        created: within(created(), span),
        ended: within(ends(), span),
        reopened: within(reopenings(), span),
        open: opened.checked_sub(within(ends(), &until_end)).expect("a history keeps some bugs open"),
        median_micros: rank(5),
        ninetieth_micros: rank(9),
    }
}

fn categories_of(all: &[Followed]) -> Vec<(BugCategory, u64)> {
    let mut categories = BTreeMap::new();
    for category in all.iter().filter_map(|of| of.bug.content.category) {
        *categories.entry(category).or_insert(0) += 1;
    }
    categories.into_iter().collect()
}

/// The bounds of a number of spans of one length, from a time on.
fn spans(from: i64, micros: i64, number: i64) -> Vec<Timestamp> {
    (0..=number).map(|k| at(from + k * micros)).collect()
}

/// Days of several time zones, and other spans, as the bounds of `bug_days`.
fn all_bounds() -> Vec<Vec<Timestamp>> {
    const SLOT: i64 = BUG_SLOT_MICROS;
    // The clocks go forward in the second day and back in the fourth.
    let clock_changes = [-4 * SLOT, DAY - 4 * SLOT, 2 * DAY - 8 * SLOT, 3 * DAY - 8 * SLOT, 4 * DAY - 4 * SLOT];
    vec![
        spans(-12 * DAY, DAY, 24),
        // UTC+05:45, UTC-03:30 and UTC+01:00.
        spans(-4 * DAY - 23 * SLOT, DAY, 16),
        spans(-4 * DAY + 14 * SLOT, DAY, 16),
        spans(-4 * DAY - 4 * SLOT, DAY, 16),
        clock_changes.map(at).to_vec(),
        // Bounds that are rounded down.
        spans(-4 * DAY + SLOT - 1, DAY, 12),
        spans(-4 * DAY + 1, DAY + 123_456_789, 12),
        spans(0, SLOT, 200),
        spans(-180 * DAY, DAY, 366),
        spans(0, DAY, 1),
        spans(0, DAY, 0),
        Vec::new(),
    ]
}

/// Panics unless summary, days and categories of a store equal the recount of these bugs.
pub(super) async fn assert_sums(store: &dyn Bugs, law: &str, all: &[Followed]) {
    for (from, until) in
        [(-20 * DAY, 20 * DAY), (0, DAY), (-DAY, 0), (123_456_789, 2 * DAY - 1), (BUG_SLOT_MICROS - 1, DAY), (5, 5)]
    {
        let span = at(from)..at(until);
        let found = store.bug_summary(span.clone()).await.expect("the store answers");
        assert_eq!(found, summary_of(all, &span), "{law}: the summary of {span:?}");
    }
    for bounds in all_bounds() {
        let found = store.bug_days(&bounds).await.expect("the store answers");
        assert_eq!(found.len(), bounds.len().saturating_sub(1), "{law}: one day less than bounds");
        for (pair, found) in bounds.windows(2).zip(found) {
            let expected = day_of(all, &rounded(pair[0], pair[1]));
            assert_eq!(found, expected, "{law}: the day {pair:?} of days from {:?}", bounds[0]);
        }
    }
    let expected = categories_of(all);
    for limit in [0_u16, 1, 2, 100] {
        let found = store.bug_categories(limit).await.expect("the store answers");
        let first = &expected[..expected.len().min(limit.into())];
        assert_eq!(found, first, "{law}: the first {limit} categories");
    }
}
