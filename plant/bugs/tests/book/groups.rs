//! Equal faults: counted once each, one bug for all, and reopened once when they come back.

use std::sync::Arc;

use sqal_bugs::change::EntryNote;
use sqal_bugs::events::BugEventKind::{Changed, Created, Regressed};
use sqal_bugs::{BugBook, Fault};
use sqal_core::Name;
use sqal_storage::MemoryStore;
use sqal_storage::bugs::{BugSource, BugStatus, GroupKey, Occurrences};

use super::overtaken::Overtaken;
use super::{book, ids, marie, new_bug, status, time};

fn fault(firmware: &str) -> Fault {
    let firmware = Name::new(firmware).ok();
    Fault { key: GroupKey::from_bytes([7; 32]), source: BugSource::Device, new: new_bug(), firmware }
}

fn seen(count: u64, second: i64, device: &str) -> Occurrences {
    let devices = [Name::new(device).unwrap()].into();
    Occurrences { count, first: time(second), last: time(second), devices }
}

#[tokio::test]
async fn equal_faults_are_counted_in_one_bug() {
    let (book, _, events) = book();
    let first = book.occurred(&fault(""), &seen(3, 5, "A")).await.unwrap();
    assert!(first.is_new && !first.has_regressed);
    let second = book.occurred(&fault(""), &seen(4, 2, "A")).await.unwrap();
    let third = book.occurred(&fault(""), &seen(1, 9, "B")).await.unwrap();
    assert!(!second.is_new && !third.is_new && third.bug.id == first.bug.id);
    let group = third.bug.group.unwrap();
    assert_eq!((group.count, group.devices, group.first_seen, group.last_seen), (8, 2, time(2), time(9)));
    assert_eq!(third.bug.revision, 1);
    assert_eq!(events.kinds(), [Created]);
    assert_eq!(events.0.lock().unwrap()[0].bug.group.as_ref().unwrap().count, 3);
}

#[tokio::test]
async fn a_fault_that_comes_back_after_its_end_regresses_with_its_firmware() {
    let (book, _, events) = book();
    let id = book.occurred(&fault("2.3.1"), &seen(1, 0, "A")).await.unwrap().bug.id;
    book.change(&id, None, &status(BugStatus::Resolved, None), marie(), time(10)).await.unwrap();

    assert!(book.get(&id).await.unwrap().content.tags.contains(&Name::new("firmware:2.3.1").unwrap()));

    let late = book.occurred(&fault("2.3.1"), &seen(1, 9, "B")).await.unwrap();
    assert!(!late.has_regressed, "it happened before the end");
    assert_eq!((late.bug.content.status, late.bug.group.unwrap().count), (BugStatus::Resolved, 2));

    let back = book.occurred(&fault("2.4.0"), &seen(1, 20, "C")).await.unwrap();
    assert!(back.has_regressed && !back.is_new);
    assert_eq!((back.bug.content.status, back.bug.reopened, back.bug.ended_at), (BugStatus::Open, 1, None));
    let group = back.bug.group.unwrap();
    assert_eq!((group.count, group.regressed_at), (3, Some(time(20))));
    assert_eq!(group.regressed_in, Name::new("2.4.0").ok());
    let (entry, body) = book.history(&id, 0, 100).await.unwrap().pop().unwrap();
    assert_eq!(body.note, Some(EntryNote::Regressed { firmware: Name::new("2.4.0").ok() }));
    assert_eq!(entry.by.as_str(), "device");

    assert!(!book.occurred(&fault("2.4.0"), &seen(1, 21, "C")).await.unwrap().has_regressed);
    assert_eq!(events.kinds(), [Created, Changed, Regressed]);
}

#[tokio::test]
async fn a_group_that_another_takes_meanwhile_is_counted_there() {
    let store = Arc::new(MemoryStore::new());
    let overtaken = Arc::new(Overtaken::new(store.clone()));
    let other = BugBook::new(store, None, None, Arc::new(()), ids());
    let next = other.clone();
    overtaken.by(move || async move {
        next.occurred(&fault(""), &seen(2, 1, "A")).await.unwrap();
    });
    let book = BugBook::new(overtaken.clone(), None, None, Arc::new(()), ids());
    let occurred = book.occurred(&fault(""), &seen(3, 2, "B")).await.unwrap();
    assert!(!occurred.is_new);
    assert_eq!(occurred.bug.group.as_ref().map(|group| (group.count, group.devices)), Some((5, 2)));

    // Another server reopens the bug first: it is reopened once, and both are counted.
    let resolve = status(BugStatus::Resolved, None);
    book.change(&occurred.bug.id, None, &resolve, marie(), time(10)).await.unwrap();
    overtaken.by(move || async move {
        assert!(other.occurred(&fault(""), &seen(1, 20, "A")).await.unwrap().has_regressed);
    });
    let occurred = book.occurred(&fault(""), &seen(1, 21, "B")).await.unwrap();
    assert!(!occurred.has_regressed);
    assert_eq!((occurred.bug.reopened, occurred.bug.group.unwrap().count), (1, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_servers_at_once_one_reports_and_one_reopens_and_all_are_counted() {
    let (book, _, events) = book();
    for (round, second) in [(1_u64, 0), (2, 20)] {
        let occur = |number: i64| {
            let book = book.clone();
            tokio::spawn(async move {
                let seen = seen(5, second, &format!("POSTE{number}"));
                book.occurred(&fault(""), &seen).await.unwrap()
            })
        };
        let tasks: Vec<_> = (0..20).map(occur).collect();
        let (mut new, mut regressed, mut id) = (0, 0, None);
        for task in tasks {
            let occurred = task.await.unwrap();
            new += u64::from(occurred.is_new);
            regressed += u64::from(occurred.has_regressed);
            id = Some(occurred.bug.id);
        }
        assert_eq!((new, regressed), (u64::from(round == 1), u64::from(round == 2)));
        let bug = book.get(&id.unwrap()).await.unwrap();
        let group = bug.group.unwrap();
        assert_eq!((group.count, group.devices, bug.content.status), (round * 100, 20, BugStatus::Open));
        book.change(&bug.id, None, &status(BugStatus::Resolved, None), marie(), time(10)).await.unwrap();
    }
    assert_eq!(events.kinds(), [Created, Changed, Regressed, Changed]);
}
