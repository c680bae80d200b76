//! The law of [`Bugs`] about removal: a bug that was removed is gone, with all that stands beside
//! it (law 9).

use super::recount::{Followed, assert_sums};
use super::{
    assert_bug, at, attachment, attachments, change, comment, comments, entries, full_bug, group, group_key, id, list,
    most, name, names, next, of_group, plain_bug, put, read, report_of,
};
use crate::Bugs;
use crate::bugs::{AddedBug, Bug, BugEntry, BugGroup, BugQuery, BugStatus, Occurrences};

const LAW: &str = "law 9: a bug that was removed is gone";

fn seen() -> Occurrences {
    Occurrences { count: 2, first: at(0), last: at(0), devices: [name("ESP32_1"), name("ESP32_2")].into() }
}

/// The bug after `seen` was counted once.
fn counted(bug: &Bug) -> Bug {
    let group = bug.group.clone().map(|group| BugGroup { count: group.count + 2, devices: 2, ..group });
    Bug { group, ..bug.clone() }
}

/// Adds a bug with a resolution, a comment, an attachment and occurrences, and returns it as it is
/// then.
async fn put_with_all(store: &dyn Bugs, bug: &Bug, number: u16) -> Followed {
    put(store, bug).await;
    let key = bug.group.as_ref().expect("a group").key;
    let found = store.count_occurrences(&key, &seen()).await.expect("the store answers");
    let counted = counted(bug);
    assert_eq!(found.as_ref(), Some(&counted), "law 5: occurrences add up");
    let (after, entry) = next(&counted, 1_000, BugStatus::Resolved);
    assert!(change(store, &after, &entry).await, "law 3: revision 2 follows");
    assert!(store.add_comment(&comment(number, bug, 5)).await.expect("the store answers"));
    for (number, content) in [(number, format!("own {number}")), (number + 1, "shared".to_owned())] {
        assert!(store.attach(&attachment(number, bug, 5, &content)).await.expect("the store answers"));
    }
    Followed { bug: after, entries: vec![report_of(bug), entry] }
}

/// Panics unless a store has a bug of `put_with_all` and all that stands beside it.
async fn assert_all_is_there(store: &dyn Bugs, law: &str, of: &Followed, number: u16) {
    assert_bug(store, law, &of.bug, &of.entries).await;
    assert_eq!(comments(store, &of.bug).await, [comment(number, &of.bug, 5)], "{law}: its comment");
    assert_eq!(attachments(store, &of.bug).await.len(), 2, "{law}: its attachments");
    assert!(names(store, &format!("own {number}")).await, "{law}: its blob is named");
    assert!(names(store, "shared").await, "{law}: its blob is named");
}

/// Panics unless nothing of a bug of group 1 is there.
async fn assert_all_is_gone(store: &dyn Bugs, bug: &Bug, next: &(Bug, BugEntry)) {
    assert_eq!(read(store, &bug.id).await, None, "{LAW}");
    assert_eq!(of_group(store, 1).await, None, "{LAW}: of its group");
    let found = store.count_occurrences(&group_key(1), &seen()).await.expect("the store answers");
    assert_eq!(found, None, "{LAW}: occurrences of its group");
    assert_eq!(entries(store, &bug.id).await, [], "{LAW}: its entries");
    let devices = store.bug_devices(&bug.id, 100).await.expect("the store answers");
    assert_eq!(devices, [], "{LAW}: its devices");
    assert_eq!(comments(store, bug).await, [], "{LAW}: its comments");
    assert_eq!(attachments(store, bug).await, [], "{LAW}: its attachments");
    assert!(!names(store, "own 10").await, "{LAW}: its blob is named");
    assert!(!change(store, &next.0, &next.1).await, "{LAW}: it changes");
    assert!(!store.add_comment(&comment(30, bug, 5)).await.expect("the store answers"), "{LAW}: a comment");
    assert!(!store.attach(&attachment(30, bug, 5, "own 30")).await.expect("the store answers"), "{LAW}: a file");
    assert!(!store.detach(&bug.id, &id(10)).await.expect("the store answers"), "{LAW}: its attachment");
    assert!(!store.remove_bug(&bug.id).await.expect("the store answers"), "{LAW}: removed again");
}

/// Law 9: a bug that was removed is gone with all that stands beside it and from every sum; other
/// bugs stay, and its id and its group are free.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_bug_that_was_removed_is_gone(store: &dyn Bugs) {
    assert!(!store.remove_bug(&id(1)).await.expect("the store answers"), "{LAW}: a bug that was not there");
    let sensor_bug = |number: u8| {
        let mut bug = Bug { group: Some(group(number)), ..plain_bug(number.into()) };
        bug.content.category = Some(name("sensor"));
        "Only sensors are found".clone_into(&mut bug.content.title);
        bug
    };
    let bug = sensor_bug(1);
    let gone = put_with_all(store, &bug, 10).await;
    let stays = put_with_all(store, &sensor_bug(2), 20).await;
    // An imported bug, which ended in its report.
    let bug_3 = full_bug(3);
    let entry = BugEntry { at: bug_3.ended_at.expect("a resolved bug"), ..report_of(&bug_3) };
    let full = Followed { bug: bug_3, entries: vec![entry] };
    let added = store.add_bug(&full.bug, &full.entries[0]).await.expect("the store answers");
    assert_eq!(added, AddedBug::New, "law 1: bug {} is new", full.bug.id);
    assert!(store.remove_bug(&bug.id).await.expect("the store answers"), "{LAW}: it was there");

    assert_all_is_gone(store, &bug, &next(&gone.bug, 2_000, BugStatus::Open)).await;
    assert_all_is_there(store, "law 9: another bug stays", &stays, 20).await;
    assert_bug(store, "law 9: another bug stays", &full.bug, &full.entries).await;
    let searched = BugQuery { words: vec!["sensors".to_owned()], ..BugQuery::newest(most(10)) };
    for (query, total) in [(BugQuery::newest(most(10)), 2), (searched, 1)] {
        let page = list(store, &query).await;
        assert!(page.bugs.iter().all(|listed| listed.id != bug.id), "{LAW}: from the list");
        assert_eq!(page.total, total, "{LAW}: from the total of a list");
    }
    let all = [stays, full];
    assert_sums(store, "law 9: a bug that was removed is gone from every sum", &all).await;

    // All of it can be there again: its devices count anew, and it has no earlier comments.
    let again = put_with_all(store, &bug, 10).await;
    assert_all_is_there(store, "law 9: the id and the group of a removed bug are free", &again, 10).await;
    let [stays, full] = all;
    assert_sums(store, "law 9: a bug that was removed can be added again", &[stays, full, again]).await;
}
