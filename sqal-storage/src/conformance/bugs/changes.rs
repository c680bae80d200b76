//! The laws of [`Bugs`] about changes: for what was read (law 3), each with its entry (law 4), and
//! none by what is refused.

use super::{
    add, assert_bug, assert_refused, at, attachment, change, comment, entries, follow, full_bug, group, group_key, id,
    name, next, of_group, plain_bug, put, read, report_of,
};
use crate::Bugs;
use crate::bugs::{AddedBug, Bug, BugEntry, BugGroup, BugSource, BugStatus, LARGEST_BUG_TEXT, Occurrences};

fn seen(count: u64, micros: i64, device: &str) -> Occurrences {
    Occurrences { count, first: at(micros), last: at(micros), devices: [name(device)].into() }
}

/// The bug with another title.
fn titled(bug: &Bug, title: &str) -> Bug {
    let mut bug = bug.clone();
    title.clone_into(&mut bug.content.title);
    bug
}

/// Law 3: a bug changes only from the revision that the caller has read, and keeps what a change
/// cannot change.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_bug_changes_only_from_the_revision_that_was_read(store: &dyn Bugs) {
    const LAW: &str = "law 3: changing is for what was read";
    let (first, other) = (full_bug(1), full_bug(2));
    let second = next(&first, 10_000_000, BugStatus::InProgress);
    assert!(!change(store, &second.0, &second.1).await, "{LAW}: a bug that is not there");
    assert_eq!(read(store, &first.id).await, None, "{LAW}: a bug that is not there");
    assert_eq!(entries(store, &first.id).await, [], "{LAW}: a bug that is not there has an entry");

    put(store, &first).await;
    put(store, &other).await;
    follow(store, &second).await;
    let history = [report_of(&first), second.1.clone()];
    assert_bug(store, LAW, &second.0, &history).await;
    for revision in [1, 2, 4, 5, 1_000_000] {
        let (mut bug, mut entry) = next(&second.0, 20_000_000, BugStatus::Closed);
        (bug.revision, entry.revision) = (revision, revision);
        assert!(!change(store, &bug, &entry).await, "{LAW}: revision {revision} does not follow revision 2");
        assert_bug(store, LAW, &second.0, &history).await;
    }
    assert_bug(store, "law 3: another bug stays as it is", &other, &[report_of(&other)]).await;

    // A change of other revisions and of a bug without a group.
    let plain = plain_bug(3);
    put(store, &plain).await;
    let after = next(&plain, 5, BugStatus::Resolved);
    follow(store, &after).await;
    assert_bug(store, LAW, &after.0, &[report_of(&plain), after.1.clone()]).await;
    what_a_change_leaves(store, &second.0).await;
}

/// A change leaves what was counted of the group, the source, the reporter and the time of the
/// report.
async fn what_a_change_leaves(store: &dyn Bugs, before: &Bug) {
    const LAW: &str = "law 3: a change leaves the counts of the group, the source, the reporter and the report";
    let counted = store.count_occurrences(&group_key(1), &seen(9, -20_000_000, "ESP32_2")).await;
    let counted = counted.expect("the store answers").expect("law 5: the group has a bug");
    let (mut after, entry) = next(before, 30_000_000, BugStatus::Resolved);
    let regressed = BugGroup { regressed_in: Some(name("9.9.9")), regressed_at: Some(at(7)), ..group(1) };
    after.group = Some(BugGroup { count: 7_000, first_seen: at(-99), last_seen: at(99), devices: 800, ..regressed });
    (after.source, after.reporter, after.created_at) = (BugSource::Import, Some(name("another")), at(-1));
    assert!(change(store, &after, &entry).await, "law 3: revision {} follows", after.revision);
    let group = counted.group.as_ref().map(|group| BugGroup {
        regressed_in: Some(name("9.9.9")),
        regressed_at: Some(at(7)),
        ..group.clone()
    });
    let kept = Bug { group, source: before.source, reporter: before.reporter, created_at: before.created_at, ..after };
    let found = read(store, &kept.id).await;
    assert!(found.as_ref() == Some(&kept), "{LAW}: expected {kept:?}, found {found:?}");
    assert_eq!(of_group(store, 1).await.as_ref(), Some(&kept), "{LAW}");
}

/// Law 3: of tasks that change a bug from one revision at once, exactly one succeeds; occurrences
/// that are counted meanwhile are not lost.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn of_tasks_that_change_at_once_one_succeeds(store: &dyn Bugs) {
    const LAW: &str = "law 3: of several callers with one revision one succeeds";
    for round in 0..4_u8 {
        let mut bug = Bug { group: Some(group(round)), ..plain_bug(u16::from(round)) };
        let mut history = vec![report_of(&bug)];
        put(store, &bug).await;
        for (status, micros) in [(BugStatus::Resolved, 10), (BugStatus::Open, 20), (BugStatus::Closed, 30)] {
            let of_task = |task: u8| {
                let (after, entry) = next(&bug, micros, status);
                (titled(&after, &format!("task {task}")), BugEntry { body: format!("task {task}"), ..entry })
            };
            let changes: Vec<(Bug, BugEntry)> = (0..6).map(of_task).collect();
            let task = |k: usize| change(store, &changes[k].0, &changes[k].1);
            let device = format!("ESP32_{micros}");
            let occurred = seen(2, micros, &device);
            let count = || store.count_occurrences(&changes[0].0.group.as_ref().expect("a group").key, &occurred);
            let (one, two, first, three, four, second, five, six) =
                tokio::join!(task(0), task(1), count(), task(2), task(3), count(), task(4), task(5));
            for counted in [first, second] {
                assert!(counted.expect("the store answers").is_some(), "law 5: the group has a bug");
            }
            let succeeded: Vec<usize> = [one, two, three, four, five, six]
                .into_iter()
                .enumerate()
                .filter(|(_, is)| *is)
                .map(|(k, _)| k)
                .collect();
            let [k] = succeeded[..] else { panic!("{LAW}: {} of six succeed", succeeded.len()) };
            let (after, entry) = &changes[k];
            history.push(entry.clone());
            let group = bug.group.take().map(|group| BugGroup {
                count: group.count + 4,
                last_seen: at(micros),
                devices: group.devices + 1,
                ..group
            });
            bug = Bug { group, ..after.clone() };
            assert_bug(store, LAW, &bug, &history).await;
        }
    }
}

async fn entries_after(store: &dyn Bugs, bug: &Bug, after: u64, limit: u16) -> Vec<BugEntry> {
    store.bug_entries(&bug.id, after, limit).await.expect("the store answers")
}

/// Law 4: each revision has its entry, as it was given, and no entry changes.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn each_revision_has_its_entry(store: &dyn Bugs) {
    const LAW: &str = "law 4: each revision has its entry";
    let (mut bug, other) = (Bug { group: Some(group(1)), ..plain_bug(1) }, plain_bug(2));
    assert_eq!(entries(store, &bug.id).await, [], "an unknown bug has no entries");
    let imported = BugEntry { at: at(77), by: name("token 'line' é"), body: String::new(), ..report_of(&bug) };
    let added = store.add_bug(&bug, &imported).await.expect("the store answers");
    assert_eq!(added, AddedBug::New);
    put(store, &other).await;
    let mut history = vec![imported];
    assert_bug(store, LAW, &bug, &history).await;
    // The times are in no order.
    for (status, micros, body) in [
        (BugStatus::Open, 500, "{\"a\": \"b\"}".to_owned()),
        (BugStatus::Resolved, -500, "é \u{1f9c8} 100 % \"'\\ $1 \r\n\t\u{1}".to_owned()),
        (BugStatus::Closed, 400, "x".repeat(4 * LARGEST_BUG_TEXT)),
        (BugStatus::Open, 500, "{}".to_owned()),
        (BugStatus::InProgress, 500, "{}".to_owned()),
        (BugStatus::Closed, 0, "é".repeat(2 * LARGEST_BUG_TEXT)),
    ] {
        let (after, entry) = next(&bug, micros, status);
        let change = (after, BugEntry { body, ..entry });
        follow(store, &change).await;
        let stale = BugEntry { body: "stale".to_owned(), ..change.1.clone() };
        let taken = store.change_bug(&change.0, &stale).await.expect("the store answers");
        assert!(!taken, "law 3: one revision twice");
        history.push(change.1);
        bug = change.0;
        assert_bug(store, LAW, &bug, &history).await;
    }
    assert_bug(store, "law 4: a bug has its own entries", &other, &[report_of(&other)]).await;

    // Only a change is a revision.
    assert!(store.add_comment(&comment(1, &other, 600)).await.expect("the store answers"));
    assert!(store.attach(&attachment(1, &other, 700, "a")).await.expect("the store answers"));
    assert_bug(store, "law 4: only a change makes a revision", &other, &[report_of(&other)]).await;
    for limit in [1_u16, 2, 6, 7, 100] {
        let mut after = 0;
        for page in history.chunks(usize::from(limit)) {
            let found = entries_after(store, &bug, after, limit).await;
            assert!(found == page, "{LAW}: a page of {limit} after revision {after}");
            after = page.last().map_or(after, |entry| entry.revision);
        }
        assert_eq!(entries_after(store, &bug, after, limit).await, [], "{LAW}: entries after the last");
    }
    assert_eq!(entries_after(store, &bug, 0, 0).await, [], "{LAW}: a limit of 0");
}

/// Ways to spoil a bug and its entry so that no store may keep them.
const SPOILS: [fn(&mut Bug, &mut BugEntry); 14] = [
    |bug, _| bug.content.title = "x".repeat(LARGEST_BUG_TEXT + 1),
    |bug, _| bug.content.description = "é".repeat(LARGEST_BUG_TEXT / 2 + 1),
    |bug, _| bug.content.reproduction_steps = "x".repeat(LARGEST_BUG_TEXT + 1),
    |bug, _| bug.content.title.push('\0'),
    |bug, _| bug.content.description.push('\0'),
    |bug, _| bug.content.reproduction_steps.push('\0'),
    // The time of the end and the status disagree.
    |bug, _| bug.ended_at = if bug.ended_at.is_some() { None } else { Some(at(1)) },
    |_, entry| entry.body.push('\0'),
    |_, entry| entry.body = "x".repeat(4 * LARGEST_BUG_TEXT + 1),
    |_, entry| entry.body = "é".repeat(2 * LARGEST_BUG_TEXT + 1),
    |_, entry| entry.bug = id(999),
    |_, entry| entry.revision += 1,
    // The status of the bug that is added or that stays, and the status before.
    |_, entry| entry.to = BugStatus::InProgress,
    |_, entry| entry.from = Some(BugStatus::Closed),
];

/// Laws 1 and 3: a bug or an entry that cannot be stored is refused, and nothing has changed.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_refused_bug_changes_nothing(store: &dyn Bugs) {
    let known = Bug { group: Some(group(1)), ..plain_bug(1) };
    put(store, &known).await;
    let new = Bug { group: Some(group(2)), ..plain_bug(2) };
    for (k, spoil) in SPOILS.into_iter().enumerate() {
        let (mut bug, mut entry) = (new.clone(), report_of(&new));
        spoil(&mut bug, &mut entry);
        assert_refused(&format!("law 1: adding what was spoiled in way {k}"), store.add_bug(&bug, &entry).await);
        for status in [BugStatus::Open, BugStatus::Resolved] {
            let (mut bug, mut entry) = next(&known, 50, status);
            spoil(&mut bug, &mut entry);
            let outcome = store.change_bug(&bug, &entry).await;
            assert_refused(&format!("law 3: a change that was spoiled in way {k}"), outcome);
        }
    }
    for revision in [0, 2] {
        let (bug, entry) = (Bug { revision, ..new.clone() }, BugEntry { revision, ..report_of(&new) });
        assert_refused(&format!("law 1: adding revision {revision}"), store.add_bug(&bug, &entry).await);
    }
    let (bug, entry) = next(&known, 50, BugStatus::Resolved);
    let as_if_added = BugEntry { from: None, ..entry };
    assert_refused("law 4: a change that tells no status before", store.change_bug(&bug, &as_if_added).await);
    assert_bug(store, "law 3: what is refused changes nothing", &known, &[report_of(&known)]).await;
    assert_eq!(read(store, &new.id).await, None, "law 1: what is refused is not stored");
    assert_eq!(entries(store, &new.id).await, [], "law 1: what is refused has no entry");
    assert_eq!(entries(store, &id(999)).await, [], "law 1: what is refused has no entry");
    assert_eq!(of_group(store, 2).await, None, "law 1: what is refused takes no group");
    assert_eq!(add(store, &new).await, AddedBug::New, "law 1: what is refused takes no id");
    follow(store, &next(&known, 50, BugStatus::Resolved)).await;
}
