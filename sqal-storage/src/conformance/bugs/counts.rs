//! The laws of [`Bugs`] about summary and days: they equal a recount (law 8).

use sqal_core::Timestamp;

use super::history::History;
use super::recount::{DAY, Followed, assert_sums};
use super::{assert_refused, at, change, follow, next, plain_bug, put};
use crate::Bugs;
use crate::bugs::{BUG_SLOT_MICROS, Bug, BugDay, BugEntry, BugSeverity, BugStatus, BugSummary, MOST_BUG_DAYS};

/// An hour in microseconds.
const HOUR: i64 = 3_600_000_000;

/// Law 8: summary, days and categories equal a recount of the bugs and their entries, after any
/// history: events in no order of time, several ends and reopenings, changed severities and
/// categories, removed bugs, calls that change nothing.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn sums_equal_a_recount_after_any_history(store: &dyn Bugs) {
    const LAW: &str = "law 8: summary and days equal a recount";
    assert_sums(store, LAW, &[]).await;
    let mut history = History::new(8);
    history.begin(store).await;
    for step in 1..=240 {
        history.step(store).await;
        if step % 60 == 0 {
            assert_sums(store, &format!("{LAW} after {step} steps"), &history.bugs).await;
        }
    }
}

/// Law 8: summary, days and categories equal a recount after several tasks have added, changed and
/// removed bugs at once.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn sums_equal_a_recount_when_tasks_change_at_once(store: &dyn Bugs) {
    const LAW: &str = "law 8: summary and days equal a recount after tasks at once";
    let mut all: Vec<Followed> = Vec::new();
    for round in 0..4_u16 {
        let bugs: Vec<Bug> = (0..8).map(|k| plain_bug(100 * round + k)).collect();
        let task = |k: usize| put(store, &bugs[k]);
        tokio::join!(task(0), task(1), task(2), task(3), task(4), task(5), task(6), task(7));
        all.extend(bugs.into_iter().map(Followed::new));
        assert_sums(store, LAW, &all).await;
        // First half of the new bugs end; then these are taken up again while the others end.
        for statuses in [[BugStatus::Resolved, BugStatus::InProgress], [BugStatus::Open, BugStatus::Closed]] {
            let new = all.len() - 8;
            let changes: Vec<(Bug, BugEntry)> = all[new..]
                .iter()
                .enumerate()
                .map(|(k, of)| {
                    let (mut bug, entry) = next(&of.bug, HOUR, statuses[k % 2]);
                    bug.content.severity = BugSeverity::ALL[k % 4];
                    (bug, entry)
                })
                .collect();
            let task = |k: usize| follow(store, &changes[k]);
            tokio::join!(task(0), task(1), task(2), task(3), task(4), task(5), task(6), task(7));
            for (followed, (bug, entry)) in all[new..].iter_mut().zip(changes) {
                followed.bug = bug;
                followed.entries.push(entry);
            }
            assert_sums(store, LAW, &all).await;
        }
        // One bug is removed while others change, and one is removed twice.
        let [changed, removed] = [all.len() - 2, all.len() - 1];
        let after = next(&all[changed].bug, 2 * HOUR, BugStatus::Resolved);
        let removes = || store.remove_bug(&all[removed].bug.id);
        let ((), one, other) = tokio::join!(follow(store, &after), removes(), removes());
        let was_there = [one, other].map(|outcome| outcome.expect("the store answers"));
        assert!(was_there[0] != was_there[1], "law 9: of two tasks that remove a bug one does: {was_there:?}");
        all.truncate(removed);
        all[changed].bug = after.0;
        all[changed].entries.push(after.1);
        assert_sums(store, LAW, &all).await;
    }
}

async fn days(store: &dyn Bugs, bounds: &[Timestamp]) -> Vec<BugDay> {
    store.bug_days(bounds).await.expect("the store answers")
}

async fn summary(store: &dyn Bugs, from: i64, until: i64) -> BugSummary {
    store.bug_summary(at(from)..at(until)).await.expect("the store answers")
}

/// Adds a bug, and changes its status at these times.
async fn follow_all(store: &dyn Bugs, bug: Bug, statuses: &[(i64, BugStatus)]) {
    put(store, &bug).await;
    let mut bug = bug;
    for (micros, status) in statuses {
        let (after, entry) = next(&bug, *micros, *status);
        assert!(change(store, &after, &entry).await, "law 3: revision {} follows", after.revision);
        bug = after;
    }
}

fn created(number: u16, at: Timestamp) -> Bug {
    Bug { created_at: at, updated_at: at, ..plain_bug(number) }
}

/// Law 8: an event is counted in the slot of its time, and bounds are rounded down to slots, also
/// before 1970.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn days_are_counted_by_slots(store: &dyn Bugs) {
    const LAW: &str = "law 8: an event is counted in its slot";
    let [before, first, after] = [-BUG_SLOT_MICROS, 0, BUG_SLOT_MICROS]
        .map(|micros| Timestamp::from_micros(micros).expect("a time of 1969 or 1970"));
    let last_of_1969 = Timestamp::from_micros(-1).expect("a time of 1969");
    follow_all(store, created(1, last_of_1969), &[]).await;
    follow_all(store, created(2, first), &[]).await;
    let open = |created: u64, open: u64| BugDay { created, open, ..BugDay::default() };
    assert_eq!(days(store, &[before, first, after]).await, [open(1, 1), open(1, 2)], "{LAW}, before 1970");
    assert_eq!(days(store, &[last_of_1969, first]).await, [open(1, 1)], "{LAW}: bounds are rounded down before 1970");
    let found = store.bug_summary(last_of_1969..first).await.expect("the store answers");
    assert_eq!(found.created, 1, "{LAW}: a span is rounded down before 1970");

    // Resolved, closed, taken up at the first time of a day and resolved at the second.
    let several = [
        (12 * HOUR, BugStatus::Resolved),
        (36 * HOUR, BugStatus::Closed),
        (2 * DAY, BugStatus::Open),
        (2 * DAY + 1, BugStatus::Resolved),
    ];
    follow_all(store, created(3, at(0)), &several).await;
    follow_all(store, created(4, at(DAY - 1)), &[]).await;
    follow_all(store, created(5, at(DAY)), &[(2 * DAY - 1, BugStatus::Closed)]).await;
    follow_all(store, created(6, at(-1)), &[(HOUR, BugStatus::Resolved)]).await;
    let day = |created: u64, ended: u64, reopened: u64, open: u64, micros: i64| {
        let time = u64::try_from(micros).ok();
        BugDay { created, ended, reopened, open, median_micros: time, ninetieth_micros: time }
    };
    let expected = [day(2, 2, 0, 3, HOUR + 1), day(1, 1, 0, 3, DAY - 1), day(0, 1, 1, 3, 2 * DAY + 1)];
    for later in [0, 1, BUG_SLOT_MICROS - 1] {
        let bounds = [0, DAY, 2 * DAY, 3 * DAY].map(|micros| at(micros + later));
        assert_eq!(days(store, &bounds).await, expected, "{LAW}: bounds are rounded down by {later}");
        let found = summary(store, later, DAY + later).await;
        assert_eq!((found.created, found.ended), (2, 2), "{LAW}: a span is rounded down by {later}");
    }
    let found = summary(store, 0, DAY).await;
    assert_eq!(i64::try_from(found.ended_after_micros), Ok(3 * DAY + HOUR + 1), "{LAW}: the sum of the times");
    let statuses = [BugStatus::Open, BugStatus::Resolved, BugStatus::Closed, BugStatus::InProgress];
    assert_eq!(statuses.map(|status| found.with_status(status)), [3, 2, 1, 0], "{LAW}: the statuses");
    assert_eq!(found.bugs.len(), 3, "{LAW}: a pair without bugs is absent");
    ranks_are_nearest(store).await;
    wrong_bounds_are_refused(store).await;
}

/// Median and 90th percentile are the nearest ranks.
async fn ranks_are_nearest(store: &dyn Bugs) {
    const RANKS: [(i64, i64); 11] =
        [(7, 7), (2, 7), (7, 11), (2, 11), (5, 11), (5, 11), (7, 11), (5, 11), (6, 11), (5, 10), (6, 10)];
    let bounds = [20 * DAY, 21 * DAY].map(at);
    for (number, (hours, (median, ninetieth))) in
        (100..).zip([7, 2, 11, 1, 5, 9, 10, 4, 6, 3, 8].into_iter().zip(RANKS))
    {
        follow_all(store, created(number, at(20 * DAY)), &[(20 * DAY + hours * HOUR, BugStatus::Resolved)]).await;
        let found = days(store, &bounds).await[0];
        let micros = |hours: i64| u64::try_from(hours * HOUR).ok();
        let expected = (micros(median), micros(ninetieth));
        let count = number - 99;
        assert_eq!((found.median_micros, found.ninetieth_micros), expected, "law 8: the ranks of {count} times");
    }
}

/// Bounds that are in no order, or more days than there may be, are refused.
async fn wrong_bounds_are_refused(store: &dyn Bugs) {
    assert_refused("law 8: bounds in no order", store.bug_days(&[0, 2 * DAY, DAY].map(at)).await);
    let bounds: Vec<_> = (0..).map(|k| at(k * DAY)).take(MOST_BUG_DAYS + 2).collect();
    assert_refused("law 8: one day more than there may be", store.bug_days(&bounds).await);
    assert_eq!(days(store, &bounds[1..]).await.len(), MOST_BUG_DAYS, "law 8: the most days");
}
