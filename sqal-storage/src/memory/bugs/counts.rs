//! The summary and the days of the memory store: each is a recount of all bugs and entries.

use std::collections::BTreeMap;
use std::ops::Range;

use sqal_core::Timestamp;

use super::Tracked;
use crate::bugs::{Bug, BugDay, BugId, BugStep, BugSummary, bug_slot as slot};
use crate::memory::count;

/// What happened to a bug at a time.
#[derive(Clone, Copy, PartialEq)]
enum Happened {
    Created,
    Changed(BugStep),
}

/// The time from the report to the end, in microseconds, if the bug is ended.
fn ended_after(bug: &Bug) -> Option<u64> {
    bug.ended_at.map(|end| u64::try_from(end.micros() - bug.created_at.micros()).unwrap_or_default())
}

/// What happened to a bug, each with its slot.
fn happened(tracked: &Tracked) -> impl Iterator<Item = (Happened, i64)> {
    let of_entries =
        tracked.entries.iter().filter_map(|entry| Some((Happened::Changed(entry.step()?), slot(entry.at))));
    std::iter::once((Happened::Created, slot(tracked.bug.created_at))).chain(of_entries)
}

/// The summary of bugs.
pub(super) fn summary<'a>(all: impl Iterator<Item = &'a Tracked>, span: &Range<Timestamp>) -> BugSummary {
    let span = slot(span.start)..slot(span.end);
    let mut summary = BugSummary::default();
    for tracked in all {
        let content = &tracked.bug.content;
        *summary.bugs.entry((content.status, content.severity)).or_insert(0) += 1;
        summary.ended_after_micros += ended_after(&tracked.bug).unwrap_or_default();
        for (what, _) in happened(tracked).filter(|(_, slot)| span.contains(slot)) {
            match what {
                Happened::Created => summary.created += 1,
                Happened::Changed(BugStep::Ended) => summary.ended += 1,
                Happened::Changed(BugStep::Reopened) => {}
            }
        }
    }
    summary
}

/// The days between bounds.
pub(super) fn days(all: &BTreeMap<BugId, Tracked>, bounds: &[Timestamp]) -> Vec<BugDay> {
    bounds.iter().zip(bounds.iter().skip(1)).map(|(from, until)| day(all, &(slot(*from)..slot(*until)))).collect()
}

fn day(all: &BTreeMap<BugId, Tracked>, span: &Range<i64>) -> BugDay {
    let number = |what: Happened, within: &Range<i64>| {
        let events = all.values().flat_map(happened);
        count(events.filter(|(of, slot)| *of == what && within.contains(slot)).count())
    };
    let all_kinds = [Happened::Created, Happened::Changed(BugStep::Ended), Happened::Changed(BugStep::Reopened)];
    let [created, ended, reopened] = all_kinds.map(|what| number(what, span));
    let [created_until, ended_until, reopened_until] = all_kinds.map(|what| number(what, &(i64::MIN..span.end)));
    let ended_in_it = |tracked: &&Tracked| tracked.bug.ended_at.is_some_and(|end| span.contains(&slot(end)));
    let mut times: Vec<u64> =
        all.values().filter(ended_in_it).filter_map(|tracked| ended_after(&tracked.bug)).collect();
    times.sort_unstable();
    BugDay {
        created,
        ended,
        reopened,
        open: (created_until + reopened_until).saturating_sub(ended_until),
        median_micros: nearest_rank(&times, 50),
        ninetieth_micros: nearest_rank(&times, 90),
    }
}

/// The smallest of sorted values that at least this percentage of them do not exceed.
fn nearest_rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1).and_then(|place| sorted.get(place)).copied()
}
