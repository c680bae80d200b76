//! The laws of [`Bugs`] as code: each is a function on an empty store that panics with the broken
//! law.

mod added;
mod beside;
mod changes;
mod counts;
mod history;
mod lists;
mod occurrences;
mod recount;
mod removal;
mod searched;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::num::NonZeroU16;

use sqal_core::{Name, SampleId, Timestamp};

use crate::blobs::BlobId;
use crate::bugs::{
    AddedBug, Bug, BugAttachment, BugComment, BugContent, BugEntry, BugGroup, BugId, BugLinks, BugPage, BugPriority,
    BugQuery, BugSeverity, BugSource, BugStatus, GroupKey,
};
use crate::{Bugs, StorageError, StorageErrorKind};

pub use added::{a_bug_is_added_once, a_bug_is_got_back_equal, of_tasks_that_add_at_once_one_adds};
pub use beside::{attachments_are_there_until_they_are_removed, comments_are_there_in_their_order};
pub use changes::{
    a_bug_changes_only_from_the_revision_that_was_read, a_refused_bug_changes_nothing, each_revision_has_its_entry,
    of_tasks_that_change_at_once_one_succeeds,
};
pub use counts::{
    days_are_counted_by_slots, sums_equal_a_recount_after_any_history, sums_equal_a_recount_when_tasks_change_at_once,
};
pub use lists::{
    a_list_has_what_meets_its_conditions, a_list_is_in_its_order_page_by_page,
    all_bugs_are_read_in_the_order_of_their_ids,
};
pub use occurrences::{occurrences_add_up_in_any_order, occurrences_of_tasks_at_once_add_up};
pub use removal::a_bug_that_was_removed_is_gone;
pub use searched::bugs_are_found_by_their_words;

/// The first time of the laws: the beginning of a day (UTC), in microseconds since 1970.
const FIRST: i64 = 1_793_923_200_000_000;

/// A time, in microseconds from the first.
fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(FIRST + micros).expect("a time")
}

fn name<const N: usize>(text: &str) -> Name<N> {
    Name::new(text).expect("short")
}

fn most(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("more than 0")
}

/// An id; ids are in the order of their numbers.
fn id(number: u16) -> BugId {
    let mut bytes = [0xa7; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    BugId::from_random(bytes)
}

fn group_key(number: u8) -> GroupKey {
    GroupKey::from_bytes([number; 32])
}

fn group(number: u8) -> BugGroup {
    BugGroup {
        key: group_key(number),
        count: 1,
        first_seen: at(0),
        last_seen: at(0),
        devices: 0,
        regressed_in: None,
        regressed_at: None,
    }
}

/// An open bug without any part.
fn plain_bug(number: u16) -> Bug {
    Bug {
        id: id(number),
        revision: 1,
        source: BugSource::Person,
        reporter: None,
        created_at: at(0),
        updated_at: at(0),
        ended_at: None,
        reopened: 0,
        content: BugContent {
            title: "The lamp is dark".to_owned(),
            description: String::new(),
            reproduction_steps: String::new(),
            severity: BugSeverity::Medium,
            priority: BugPriority::Medium,
            category: None,
            status: BugStatus::Open,
            tags: BTreeSet::new(),
            assignee: None,
            watchers: BTreeSet::new(),
            links: BugLinks::default(),
        },
        group: None,
    }
}

/// A resolved bug with every part, of the group with this number.
fn full_bug(number: u8) -> Bug {
    let of = u16::from(number);
    Bug {
        id: id(of),
        revision: 1,
        source: BugSource::Device,
        reporter: Some(name("reporter-0123456789abcdef0123456789abcdef")),
        created_at: at(-3_000_001),
        updated_at: at(2_000_003),
        ended_at: Some(at(1_000_007)),
        reopened: 3,
        content: BugContent {
            title: "é \u{1f9c8} 100 % \"'\\ $1 _".to_owned(),
            description: "first line\r\n\tsecond line \u{1}\n".to_owned(),
            reproduction_steps: "{\"step\": [1, null]}".to_owned(),
            severity: BugSeverity::Critical,
            priority: BugPriority::Urgent,
            category: Some(name("réseau '%_")),
            status: BugStatus::Resolved,
            tags: ["a b", "A B", "é,;", "{\"x\"}", "10%"].map(name).into(),
            assignee: Some(name("marie \"m\" Léa")),
            watchers: ["quinn", "token 'line'", "\\"].map(name).into(),
            links: BugLinks {
                device_id: Some(name("ESP32_é'1")),
                firmware_version: Some(name("1.2.3-rc.1+é")),
                sample_id: Some(SampleId::from_bytes([0xfe; 16])),
                rollout: Some(name("rollout 7")),
                profile: Some(name("foiegras_standard_barquette")),
                duplicate_of: Some(id(of + 300)),
                blocks: [id(of + 301), id(of + 302)].into(),
                relates_to: [id(of + 303), id(of + 304)].into(),
            },
        },
        group: Some(BugGroup {
            key: group_key(number),
            count: 41,
            first_seen: at(-9_000_001),
            last_seen: at(9_000_009),
            devices: 5,
            regressed_in: Some(name("1.2.4")),
            regressed_at: Some(at(5_000_005)),
        }),
    }
}

/// The entry of the report of a bug.
fn report_of(bug: &Bug) -> BugEntry {
    BugEntry {
        bug: bug.id,
        revision: 1,
        at: bug.created_at,
        by: name("marie"),
        from: None,
        to: bug.content.status,
        body: "{\"v\":1}".to_owned(),
    }
}

/// The next revision of a bug, with another status and otherwise equal, and its entry.
fn next(before: &Bug, micros: i64, status: BugStatus) -> (Bug, BugEntry) {
    let now = at(micros);
    let was_ended = before.content.status.is_ended();
    let after = Bug {
        revision: before.revision + 1,
        updated_at: before.updated_at.max(now),
        ended_at: if status.is_ended() { before.ended_at.or(Some(now)) } else { None },
        reopened: before.reopened + u32::from(was_ended && !status.is_ended()),
        content: BugContent { status, ..before.content.clone() },
        ..before.clone()
    };
    let entry = BugEntry {
        bug: after.id,
        revision: after.revision,
        at: now,
        by: name("quinn"),
        from: Some(before.content.status),
        to: status,
        body: format!("{{\"v\":1,\"why\":\"é '%\\\\ {}\"}}", after.revision),
    };
    (after, entry)
}

/// A comment; comments of larger numbers have larger ids.
fn comment(number: u16, of: &Bug, micros: i64) -> BugComment {
    BugComment {
        id: id(number),
        bug: of.id,
        at: at(micros),
        by: name("marie"),
        is_internal: number % 2 == 1,
        text: format!("é \u{1f9c8} \"'\\ $1 %_\n{number}"),
    }
}

/// An attachment with this content; attachments of larger numbers have larger ids.
fn attachment(number: u16, of: &Bug, micros: i64, content: &str) -> BugAttachment {
    BugAttachment {
        id: id(number),
        bug: of.id,
        at: at(micros),
        by: name("quinn"),
        name: name("écran '1'.png"),
        media_type: name("image/png"),
        len: u64::from(number) << 30,
        blob: BlobId::of(content.as_bytes()),
    }
}

/// Adds a bug with the entry of its report.
async fn add(store: &dyn Bugs, bug: &Bug) -> AddedBug {
    store.add_bug(bug, &report_of(bug)).await.expect("the store answers")
}

/// Adds a bug that the store must take.
async fn put(store: &dyn Bugs, bug: &Bug) {
    assert_eq!(add(store, bug).await, AddedBug::New, "law 1: bug {} is new", bug.id);
}

async fn change(store: &dyn Bugs, bug: &Bug, entry: &BugEntry) -> bool {
    store.change_bug(bug, entry).await.expect("the store answers")
}

/// Stores a next revision that the store must take.
async fn follow(store: &dyn Bugs, (bug, entry): &(Bug, BugEntry)) {
    assert!(change(store, bug, entry).await, "law 3: revision {} of bug {} follows", bug.revision, bug.id);
}

async fn read(store: &dyn Bugs, id: &BugId) -> Option<Bug> {
    store.bug(id).await.expect("the store answers")
}

async fn of_group(store: &dyn Bugs, number: u8) -> Option<Bug> {
    store.bug_of_group(&group_key(number)).await.expect("the store answers")
}

async fn entries(store: &dyn Bugs, id: &BugId) -> Vec<BugEntry> {
    store.bug_entries(id, 0, 1_000).await.expect("the store answers")
}

async fn comments(store: &dyn Bugs, of: &Bug) -> Vec<BugComment> {
    store.comments(&of.id, 0, 1_000).await.expect("the store answers")
}

async fn attachments(store: &dyn Bugs, of: &Bug) -> Vec<BugAttachment> {
    store.attachments(&of.id, 1_000).await.expect("the store answers")
}

async fn names(store: &dyn Bugs, content: &str) -> bool {
    store.names_blob(&BlobId::of(content.as_bytes())).await.expect("the store answers")
}

async fn list(store: &dyn Bugs, query: &BugQuery) -> BugPage {
    store.bugs(query).await.expect("the store answers")
}

/// Panics unless the store has this bug, equal in every field, and these entries of it.
async fn assert_bug(store: &dyn Bugs, law: &str, bug: &Bug, history: &[BugEntry]) {
    let found = read(store, &bug.id).await;
    assert!(found.as_ref() == Some(bug), "{law}: expected {bug:?}, found {found:?}");
    let found = entries(store, &bug.id).await;
    assert!(found == history, "{law}: expected the entries {history:?}, found {found:?}");
}

/// Panics unless a call was refused because of its content.
fn assert_refused<T: Debug>(what: &str, outcome: Result<T, StorageError>) {
    match outcome {
        Err(error) => assert_eq!(error.kind, StorageErrorKind::Refused, "{what}"),
        Ok(outcome) => panic!("{what} is refused: found {outcome:?}"),
    }
}

/// One named test per law for a store: give an async expression that makes an empty store.
#[macro_export]
macro_rules! bugs_conformance {
    ($make:expr) => {
        $crate::bugs_conformance! { @each $make;
            a_bug_is_added_once
            of_tasks_that_add_at_once_one_adds
            a_bug_is_got_back_equal
            a_bug_changes_only_from_the_revision_that_was_read
            of_tasks_that_change_at_once_one_succeeds
            each_revision_has_its_entry
            a_refused_bug_changes_nothing
            occurrences_add_up_in_any_order
            occurrences_of_tasks_at_once_add_up
            comments_are_there_in_their_order
            attachments_are_there_until_they_are_removed
            a_list_has_what_meets_its_conditions
            a_list_is_in_its_order_page_by_page
            all_bugs_are_read_in_the_order_of_their_ids
            bugs_are_found_by_their_words
            sums_equal_a_recount_after_any_history
            sums_equal_a_recount_when_tasks_change_at_once
            days_are_counted_by_slots
            a_bug_that_was_removed_is_gone
        }
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let made = $make.await;
                    $crate::conformance::bugs::$law(&made).await;
                });
            }
        )*
    };
}
