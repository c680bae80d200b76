//! Reports, changes and comments.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sqal_bugs::change::{EntryNote, field_values};
use sqal_bugs::events::BugEventKind::{Changed, Commented, Created};
use sqal_bugs::{BugBook, BugBookError, BugFields, BugPatch, NewBug, PatchFields};
use sqal_storage::bugs::{BugId, BugSource, BugStatus};
use sqal_storage::{Bugs, MemoryStore};

use super::overtaken::Overtaken;
use super::{book, fields, ids, marie, new_bug, patch, status, text, time, title};

#[tokio::test]
async fn a_report_is_stored_with_its_first_entry_and_told() {
    let (book, _, events) = book();
    let bug = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap();
    assert_eq!((bug.revision, bug.content.status, bug.created_at), (1, BugStatus::Open, time(0)));
    assert_eq!(book.get(&bug.id).await.unwrap(), bug);
    let history = book.history(&bug.id, 0, 100).await.unwrap();
    assert_eq!((history.len(), &history[0].1.note), (1, &Some(EntryNote::Reported)));
    assert_eq!(events.kinds(), [Created]);
    let unknown = BugId::from_random([9; 16]);
    let refused = book.get(&unknown).await.unwrap_err();
    assert!(matches!(refused, BugBookError::Unknown { id, .. } if id == unknown));
    assert_eq!(refused.to_string(), format!("the bug {unknown} is not known"));
    assert!(matches!(book.history(&unknown, 0, 1).await, Err(BugBookError::Unknown { .. })));
}

#[tokio::test]
async fn a_bug_is_followed_to_its_end_and_its_history_gives_it() {
    let (book, _, events) = book();
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    for (second, change) in (1..).zip([
        title("Écran noir"),
        status(BugStatus::InProgress, None),
        status(BugStatus::Resolved, None),
        status(BugStatus::Open, Some("again")),
        status(BugStatus::Closed, Some("no fault")),
    ]) {
        book.change(&id, None, &change, marie(), time(second)).await.unwrap();
    }
    let bug = book.get(&id).await.unwrap();
    assert_eq!((bug.revision, bug.reopened, bug.ended_at), (6, 1, Some(time(5))));
    assert_eq!(events.kinds(), [Created, Changed, Changed, Changed, Changed, Changed]);

    let mut found = BTreeMap::new();
    for (entry, body) in book.history(&id, 0, 100).await.unwrap() {
        assert_eq!(entry.by, marie());
        for change in body.changes {
            assert_eq!(found.insert(change.field.clone(), change.after), Some(change.before).filter(Option::is_some));
        }
    }
    let values = field_values(&bug.content).into_iter().filter(|(_, value)| value.is_some());
    let expected: BTreeMap<_, _> = values.map(|(field, value)| (field.to_owned(), value)).collect();
    assert_eq!(found, expected);
    assert_eq!(book.history(&id, 4, 1).await.unwrap()[0].0.revision, 5);
}

#[tokio::test]
async fn what_changes_nothing_makes_no_revision() {
    let (book, _, events) = book();
    let bug = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap();
    let same = book.change(&bug.id, Some(1), &title("Écran gelé"), marie(), time(1)).await.unwrap();
    assert_eq!(same, bug);
    assert_eq!(events.kinds(), [Created]);
}

#[tokio::test]
async fn a_change_of_a_revision_that_is_gone_and_one_that_does_not_fit_are_refused() {
    let (book, ..) = book();
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    book.change(&id, Some(1), &title("x"), marie(), time(1)).await.unwrap();
    let refused = book.change(&id, Some(1), &title("y"), marie(), time(2)).await;
    assert!(matches!(refused, Err(BugBookError::Stale { found: 2 })));
    let refused = book.change(&id, None, &status(BugStatus::Closed, None), marie(), time(2)).await;
    assert!(matches!(refused, Err(BugBookError::Refused(_))));
    assert_eq!(book.get(&id).await.unwrap().revision, 2);
}

/// A book whose next write is overtaken by a change of another book over the store.
async fn overtaken_by_a_title() -> (BugBook, BugId) {
    let store = Arc::new(MemoryStore::new());
    let overtaken = Arc::new(Overtaken::new(store.clone()));
    let other = BugBook::new(store, None, None, Arc::new(()), ids());
    let id = other.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    overtaken.by(move || async move {
        other.change(&id, None, &title("other"), marie(), time(1)).await.unwrap();
    });
    (BugBook::new(overtaken, None, None, Arc::new(()), ids()), id)
}

#[tokio::test]
async fn a_change_that_another_overtakes_loses_neither() {
    let (book, id) = overtaken_by_a_title().await;
    let bug = book.change(&id, None, &status(BugStatus::InProgress, None), marie(), time(2)).await.unwrap();
    assert_eq!((bug.revision, bug.content.title.as_str()), (3, "other"));
    assert_eq!(bug.content.status, BugStatus::InProgress);

    let (book, id) = overtaken_by_a_title().await;
    let refused = book.change(&id, Some(1), &status(BugStatus::InProgress, None), marie(), time(2)).await;
    assert!(matches!(refused, Err(BugBookError::Stale { found: 2 })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_changes_at_once_none_is_lost() {
    let (book, ..) = book();
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    let fields = [
        PatchFields { category: Some(text("a")), ..PatchFields::default() },
        PatchFields { assignee: Some(text("b")), ..PatchFields::default() },
        PatchFields { device_id: Some(text("c")), ..PatchFields::default() },
        PatchFields { rollout: Some(text("d")), ..PatchFields::default() },
        PatchFields { profile: Some(text("e")), ..PatchFields::default() },
    ];
    let change = |fields| {
        let book = book.clone();
        tokio::spawn(async move { book.change(&id, None, &patch(fields), marie(), time(1)).await.unwrap() })
    };
    let tasks: Vec<_> = fields.into_iter().map(change).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let bug = book.get(&id).await.unwrap();
    let links = &bug.content.links;
    assert!(bug.content.category.is_some() && bug.content.assignee.is_some());
    assert!(links.device_id.is_some() && links.rollout.is_some() && links.profile.is_some());
    assert_eq!(book.history(&id, 0, 100).await.unwrap().len(), 6);
}

#[tokio::test]
async fn links_lead_to_bugs_that_are_stored() {
    let (book, store, _) = book();
    let there = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    let absent = BugId::from_random([9; 16]);
    let blocks = |id: BugId| BugFields { blocks: Some(vec![id.to_string()]), ..fields() };
    let refused = book.report(NewBug::of(blocks(absent)).unwrap(), BugSource::Person, marie(), time(0)).await;
    let Err(BugBookError::Invalid(faults)) = refused else { panic!("{refused:?}") };
    assert_eq!((faults[0].field, &faults[0].value), ("blocks", &absent.to_string()));

    let bug = book.report(NewBug::of(blocks(there)).unwrap(), BugSource::Person, marie(), time(0)).await.unwrap();
    let duplicate = patch(PatchFields { duplicate_of: Some(Some(absent.to_string())), ..PatchFields::default() });
    let refused = book.change(&bug.id, None, &duplicate, marie(), time(1)).await;
    assert!(matches!(refused, Err(BugBookError::Invalid(_))));
    // A link that is there already stays when its bug is removed.
    store.remove_bug(&there).await.unwrap();
    assert!(book.change(&bug.id, None, &title("x"), marie(), time(1)).await.is_ok());
}

fn duplicate_of(id: BugId) -> BugPatch {
    patch(PatchFields { duplicate_of: Some(Some(id.to_string())), ..PatchFields::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn duplicates_never_lead_back(links in proptest::collection::vec((0_usize..6, 0_usize..6), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (book, ..) = book();
            let mut ids = Vec::new();
            for _ in 0..6 {
                ids.push(book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id);
            }
            let mut targets = BTreeMap::new();
            for (from, to) in links {
                let mut chain = vec![to];
                while let Some(next) = chain.last().and_then(|last| targets.get(last)) {
                    chain.push(*next);
                }
                let linked = book.change(&ids[from], None, &duplicate_of(ids[to]), marie(), time(1)).await;
                prop_assert_eq!(linked.is_ok(), !chain.contains(&from), "{} to {}", from, to);
                if linked.is_ok() {
                    targets.insert(from, to);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_chain_of_too_many_duplicates_is_not_made_longer_and_two_bugs_do_not_block_each_other() {
    let (book, ..) = book();
    let mut ids = Vec::new();
    for _ in 0..24 {
        ids.push(book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id);
    }
    let mut made = 0;
    for (to, from) in ids.iter().zip(&ids[1..]) {
        match book.change(from, None, &duplicate_of(*to), marie(), time(1)).await {
            Ok(_) => made += 1,
            Err(BugBookError::Invalid(faults)) => {
                assert!(faults[0].limit.contains("does not lead back"), "{faults:?}");
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(made, 21, "the target of the last one is 20 steps from the end");

    let blocks = |id: BugId| patch(PatchFields { blocks: Some(Some(vec![id.to_string()])), ..PatchFields::default() });
    let (one, two) = (ids[22], ids[23]);
    book.change(&one, None, &blocks(two), marie(), time(1)).await.unwrap();
    let refused = book.change(&two, None, &blocks(one), marie(), time(1)).await;
    assert!(matches!(refused, Err(BugBookError::Invalid(faults)) if faults[0].field == "blocks"));
}

#[tokio::test]
async fn bug_06_internal_comments_are_shown_and_told_to_engineers_alone() {
    let (book, _, events) = book();
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    for second in 0..450 {
        let is_internal = second % 3 == 0;
        book.comment(&id, format!("comment {second}"), is_internal, marie(), time(second)).await.unwrap();
    }
    let texts = |comments: Vec<sqal_storage::bugs::BugComment>| -> Vec<_> {
        comments.into_iter().map(|comment| comment.text).collect()
    };
    let all = texts(book.comments(&id, true, 0, 500).await.unwrap());
    assert_eq!(all.len(), 450);
    let open = texts(book.comments(&id, false, 0, 500).await.unwrap());
    assert_eq!(open.len(), 300);
    assert_eq!(texts(book.comments(&id, false, 250, 30).await.unwrap()), open[250..280]);
    assert_eq!(texts(book.comments(&id, false, 290, 30).await.unwrap()), open[290..]);
    assert_eq!(events.kinds().iter().filter(|kind| **kind == Commented).count(), 300);

    let refused = book.comment(&id, " ".to_owned(), false, marie(), time(0)).await;
    assert!(matches!(refused, Err(BugBookError::Invalid(faults)) if faults[0].field == "comment"));
    let unknown = BugId::from_random([9; 16]);
    let refused = book.comment(&unknown, "x".to_owned(), false, marie(), time(0)).await;
    assert!(matches!(refused, Err(BugBookError::Unknown { .. })));
}
