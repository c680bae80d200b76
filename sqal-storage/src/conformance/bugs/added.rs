//! The laws of [`Bugs`] about what was added: once (law 1), and got back equal (law 2).

use std::collections::BTreeSet;

use sqal_core::Name;

use super::{
    add, assert_bug, change, entries, full_bug, group, group_key, id, list, most, name, next, of_group, plain_bug, put,
    read, report_of,
};
use crate::Bugs;
use crate::bugs::{
    AddedBug, Bug, BugContent, BugEntry, BugGroup, BugId, BugLinks, BugPriority, BugQuery, BugSeverity, BugSource,
    BugStatus, LARGEST_BUG_TEXT, Occurrences,
};

/// Law 1: a bug is added once, by its id and by the key of its group, and what is there stays.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_bug_is_added_once(store: &dyn Bugs) {
    const LAW: &str = "law 1: a bug is added once";
    let first = Bug { group: Some(group(1)), ..plain_bug(1) };
    assert_eq!(read(store, &first.id).await, None, "an unknown bug is absent");
    assert_eq!(of_group(store, 1).await, None, "an unknown group has no bug");
    put(store, &first).await;

    // A known id, with other content and another group.
    let mut again = Bug { group: Some(group(2)), source: BugSource::Import, ..first.clone() };
    "Another title".clone_into(&mut again.content.title);
    for again in [&again, &first, &plain_bug(1)] {
        assert_eq!(add(store, again).await, AddedBug::Known, "{LAW}: its id is known");
        assert_bug(store, LAW, &first, &[report_of(&first)]).await;
        assert_eq!(of_group(store, 1).await.as_ref(), Some(&first), "{LAW}");
        assert_eq!(of_group(store, 2).await, None, "{LAW}: a bug that was not added takes its group");
    }

    // A known group, also after its bug has ended.
    let other = Bug { group: Some(group(1)), ..plain_bug(2) };
    let ended = next(&first, 7, BugStatus::Closed);
    for now in [None, Some(&ended)] {
        if let Some((bug, entry)) = now {
            assert!(change(store, bug, entry).await);
        }
        assert_eq!(add(store, &other).await, AddedBug::GroupTaken(first.id), "{LAW}: its group is taken");
        assert_eq!(read(store, &other.id).await, None, "{LAW}: a bug whose group is taken is stored");
        assert_eq!(entries(store, &other.id).await, [], "{LAW}: a bug whose group is taken has an entry");
    }
    assert_bug(store, LAW, &ended.0, &[report_of(&first), ended.1.clone()]).await;

    // Bugs without a group are not of one group, and another group has another bug.
    for bug in [plain_bug(2), plain_bug(3), Bug { group: Some(group(2)), ..plain_bug(4) }] {
        put(store, &bug).await;
        assert_bug(store, LAW, &bug, &[report_of(&bug)]).await;
    }
    assert_eq!(of_group(store, 1).await.map(|bug| bug.id), Some(first.id), "{LAW}");
    assert_eq!(of_group(store, 2).await.map(|bug| bug.id), Some(id(4)), "{LAW}");
}

/// Law 1: of tasks that add one bug or one group at once, exactly one adds.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn of_tasks_that_add_at_once_one_adds(store: &dyn Bugs) {
    const LAW: &str = "law 1: of tasks that add at once one adds";
    for round in 0..8_u8 {
        // In every second round the ids differ, and the group is one.
        let is_group = round % 2 == 1;
        let bug = |task: u8| {
            let number = 100 * u16::from(round) + if is_group { u16::from(task) } else { 0 };
            let mut bug = Bug { group: is_group.then(|| group(round)), ..plain_bug(number) };
            bug.content.title = format!("task {task}");
            bug
        };
        let bugs: Vec<Bug> = (0..8).map(bug).collect();
        let task = |k: usize| add(store, &bugs[k]);
        let added: [AddedBug; 8] =
            tokio::join!(task(0), task(1), task(2), task(3), task(4), task(5), task(6), task(7)).into();
        let new: Vec<usize> = (0..8).filter(|k| added[*k] == AddedBug::New).collect();
        let [first] = new[..] else { panic!("{LAW}: of eight tasks in round {round} {} add", new.len()) };
        let other = if is_group { AddedBug::GroupTaken(bugs[first].id) } else { AddedBug::Known };
        for k in (0..8).filter(|k| *k != first) {
            assert_eq!(added[k], other, "{LAW}: task {k} of round {round}");
            if is_group {
                assert_eq!(read(store, &bugs[k].id).await, None, "{LAW}: task {k} of round {round}");
            }
        }
        assert_bug(store, LAW, &bugs[first], &[report_of(&bugs[first])]).await;
    }
}

/// A bug whose every part is as long as it can be.
fn longest_bug() -> Bug {
    let long_name = |k: usize, bytes: usize| format!("{k:02}{}", "é".repeat(bytes / 2 - 1));
    let tags: BTreeSet<Name<64>> = (0..20).map(|k| name(&long_name(k, 64))).collect();
    let watchers: BTreeSet<Name<100>> = (0..20).map(|k| name(&long_name(k, 100))).collect();
    let others: BTreeSet<BugId> = (1..=50).map(|k| id(1_000 + k)).collect();
    let full = full_bug(90);
    let content = BugContent {
        title: "é".repeat(LARGEST_BUG_TEXT / 2),
        description: "word ".repeat(LARGEST_BUG_TEXT / 5),
        reproduction_steps: "x".repeat(LARGEST_BUG_TEXT),
        category: Some(name(&long_name(1, 32))),
        tags,
        assignee: Some(name(&long_name(2, 100))),
        watchers,
        links: BugLinks {
            device_id: Some(name(&long_name(3, 100))),
            firmware_version: Some(name(&long_name(4, 32))),
            rollout: Some(name(&long_name(5, 100))),
            profile: Some(name(&long_name(6, 100))),
            blocks: others.clone(),
            relates_to: others,
            ..full.content.links
        },
        ..full.content
    };
    Bug { reporter: Some(name(&long_name(7, 100))), content, ..full }
}

/// Bugs with every value of every word, with every part, and with none.
fn different_bugs() -> Vec<Bug> {
    let mut bugs = vec![plain_bug(1), longest_bug()];
    let words = BugSource::ALL.into_iter().zip(0..);
    for (source, number) in words {
        let k = usize::from(number % 4);
        let mut bug = Bug { source, ..full_bug(10 + number) };
        bug.content.severity = BugSeverity::ALL[k];
        bug.content.priority = BugPriority::ALL[3 - k];
        bug.content.status = BugStatus::ALL[k];
        bug.ended_at = bug.ended_at.filter(|_| bug.content.status.is_ended());
        bugs.push(bug);
    }
    // Of each pair of parts that stand together, one alone.
    let mut bug = full_bug(20);
    bug.content.links.blocks = BTreeSet::new();
    bug.group = bug.group.map(|group| BugGroup { regressed_in: None, ..group });
    bugs.push(bug);
    let mut bug = full_bug(21);
    bug.content.links.relates_to = BTreeSet::new();
    bug.content.tags = BTreeSet::new();
    bug.group = bug.group.map(|group| BugGroup { regressed_at: None, ..group });
    bugs.push(bug);
    let mut bug = full_bug(22);
    (bug.reporter, bug.content.assignee, bug.content.watchers) = (None, None, BTreeSet::new());
    bugs.push(bug);
    bugs
}

/// Law 2: a bug is got back equal, in every field, with every part and with none, also after a
/// change.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_bug_is_got_back_equal(store: &dyn Bugs) {
    const LAW: &str = "law 2: a bug is got back equal";
    let bugs = different_bugs();
    for bug in &bugs {
        put(store, bug).await;
    }
    for bug in &bugs {
        assert_everywhere(store, LAW, bug, &[report_of(bug)]).await;
    }
    assert_eq!(list(store, &BugQuery::newest(most(100))).await.bugs.len(), bugs.len(), "{LAW}: in the list");

    // Every part comes with a change and goes with the next.
    let (full, plain) = (full_bug(30).content, plain_bug(30).content);
    let mut bug = Bug { group: Some(group(30)), ..plain_bug(30) };
    let mut history = vec![report_of(&bug)];
    put(store, &bug).await;
    for (content, micros) in [(full.clone(), 10), (plain.clone(), 20), (full, 30), (plain, 40)] {
        let (mut after, entry) = next(&bug, micros, content.status);
        after.content = content;
        let is_full = after.content.assignee.is_some();
        after.group = after.group.map(|group| BugGroup {
            regressed_in: is_full.then(|| name("1.2.5")),
            regressed_at: after.ended_at,
            ..group
        });
        assert!(change(store, &after, &entry).await, "{LAW}: a change to revision {}", after.revision);
        history.push(entry);
        assert_everywhere(store, LAW, &after, &history).await;
        bug = after;
    }
}

/// Panics unless every method gives this bug.
async fn assert_everywhere(store: &dyn Bugs, law: &str, bug: &Bug, history: &[BugEntry]) {
    assert_bug(store, law, bug, history).await;
    let listed = list(store, &BugQuery::newest(most(100))).await;
    assert!(listed.bugs.iter().any(|listed| listed == bug), "{law}: the list has another bug than {}", bug.id);
    let Some(group) = &bug.group else { return };
    let found = store.bug_of_group(&group.key).await.expect("the store answers");
    assert!(found.as_ref() == Some(bug), "{law}: its group has another bug than {}", bug.id);
    // Nothing is counted, and the bug is given.
    let seen = Occurrences { count: 0, first: group.first_seen, last: group.last_seen, devices: BTreeSet::new() };
    let found = store.count_occurrences(&group.key, &seen).await.expect("the store answers");
    assert!(found.as_ref() == Some(bug), "{law}: counting gives another bug than {}", bug.id);
    let unknown = store.count_occurrences(&group_key(255), &seen).await.expect("the store answers");
    assert_eq!(unknown, None, "{law}: an unknown group has a bug");
}
