//! Equal faults: counted once each, one bug for all, and reopened once when they come back.

use std::num::NonZeroU16;
use std::sync::Arc;

use sqal_bugs::change::EntryNote;
use sqal_bugs::envelope::{EnvelopeLimits, FaultIntake, FaultProject, IntakeLimits, parse};
use sqal_bugs::events::BugEventKind::{Changed, Created, Regressed};
use sqal_bugs::{BugBook, Fault, PatchFields};
use sqal_core::Name;
use sqal_storage::bugs::{BugId, BugQuery, BugSource, BugStatus, GroupKey, Occurrences};
use sqal_storage::{MemoryStore, StorageErrorKind};

use super::overtaken::Overtaken;
use super::{book, ids, marie, new_bug, patch, status, time};

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
    let first = book.occurred(&fault(""), &seen(3, 5, "A"), time(5)).await.unwrap();
    assert!(first.is_new && !first.has_regressed);
    let second = book.occurred(&fault(""), &seen(4, 2, "A"), time(2)).await.unwrap();
    let third = book.occurred(&fault(""), &seen(1, 9, "B"), time(9)).await.unwrap();
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
    let id = book.occurred(&fault("2.3.1"), &seen(1, 0, "A"), time(0)).await.unwrap().bug.id;
    book.change(&id, None, &status(BugStatus::Resolved, None), marie(), time(10)).await.unwrap();

    assert!(book.get(&id).await.unwrap().content.tags.contains(&Name::new("firmware:2.3.1").unwrap()));

    let late = book.occurred(&fault("2.3.1"), &seen(1, 9, "B"), time(12)).await.unwrap();
    assert!(!late.has_regressed, "it happened before the end");
    assert_eq!((late.bug.content.status, late.bug.group.unwrap().count), (BugStatus::Resolved, 2));

    let back = book.occurred(&fault("2.4.0"), &seen(1, 20, "C"), time(20)).await.unwrap();
    assert!(back.has_regressed && !back.is_new);
    assert_eq!((back.bug.content.status, back.bug.reopened, back.bug.ended_at), (BugStatus::Open, 1, None));
    let group = back.bug.group.unwrap();
    assert_eq!((group.count, group.regressed_at), (3, Some(time(20))));
    assert_eq!(group.regressed_in, Name::new("2.4.0").ok());
    let (entry, body) = book.history(&id, 0, 100).await.unwrap().pop().unwrap();
    assert_eq!(body.note, Some(EntryNote::Regressed { firmware: Name::new("2.4.0").ok() }));
    assert_eq!(entry.by.as_str(), "device");

    assert!(!book.occurred(&fault("2.4.0"), &seen(1, 21, "C"), time(21)).await.unwrap().has_regressed);
    assert_eq!(events.kinds(), [Created, Changed, Regressed]);
}

#[tokio::test]
async fn a_version_older_than_the_repair_is_counted_and_opens_nothing() {
    let (book, _, events) = book();
    let id = book.occurred(&fault("2.3.1"), &seen(1, 0, "A"), time(0)).await.unwrap().bug.id;
    let end = |second: i64| {
        let book = book.clone();
        async move { book.change(&id, None, &status(BugStatus::Resolved, None), marie(), time(second)).await.unwrap() }
    };
    end(10).await;
    assert!(book.occurred(&fault("2.4.0"), &seen(1, 20, "B"), time(20)).await.unwrap().has_regressed);
    end(30).await;
    let old = book.occurred(&fault("2.3.1"), &seen(1, 40, "C"), time(40)).await.unwrap();
    assert!(!old.has_regressed, "the fault has come back in 2.4.0 since");
    assert_eq!((old.bug.content.status, old.bug.group.unwrap().count), (BugStatus::Resolved, 3));
    assert!(book.occurred(&fault("2.4.0"), &seen(1, 41, "B"), time(41)).await.unwrap().has_regressed);

    let repaired = Some(Some(tags(&book, &id, "fixed_in:2.4.1").await));
    let repaired = PatchFields { tags: repaired, ..PatchFields::default() };
    book.change(&id, None, &patch(repaired), marie(), time(50)).await.unwrap();
    end(51).await;
    for old in ["2.3.1", "2.4.0"] {
        assert!(!book.occurred(&fault(old), &seen(1, 60, "B"), time(60)).await.unwrap().has_regressed, "{old}");
    }
    assert!(
        book.occurred(&fault("2.4.1"), &seen(1, 61, "B"), time(61)).await.unwrap().has_regressed,
        "the repair failed"
    );
    end(70).await;
    assert!(
        book.occurred(&fault("2.4.1"), &seen(1, 80, "B"), time(80)).await.unwrap().has_regressed,
        "and failed again"
    );
    end(90).await;
    assert!(book.occurred(&fault(""), &seen(1, 99, "B"), time(99)).await.unwrap().has_regressed, "without a version");
    let regressed = events.kinds().into_iter().filter(|kind| *kind == Regressed).count();
    assert_eq!(regressed, 5);
}

#[tokio::test]
async fn the_clock_of_a_client_dates_no_bug_and_hides_no_regression() {
    let (book, _, events) = book();
    // The clock of the device is ten minutes slow.
    let bug = book.occurred(&fault("2.3.1"), &seen(1, 0, "A"), time(600)).await.unwrap().bug;
    assert_eq!((bug.created_at, bug.updated_at), (time(600), time(600)));
    let group = bug.group.unwrap();
    assert_eq!((group.first_seen, group.last_seen), (time(0), time(0)));
    book.change(&bug.id, None, &status(BugStatus::Resolved, None), marie(), time(700)).await.unwrap();
    // Received before the end, and late with a version that is known: both are counted.
    for (happened, received) in [(90, 690), (101, 701)] {
        let late = book.occurred(&fault("2.3.1"), &seen(1, happened, "A"), time(received)).await.unwrap();
        assert!(!late.has_regressed, "{received}");
    }
    let new = book.occurred(&fault("2.4.0"), &seen(1, 110, "A"), time(710)).await.unwrap();
    assert!(new.has_regressed, "a version with the repair has no faults from before it");
    let group = new.bug.group.unwrap();
    assert_eq!((new.bug.updated_at, group.regressed_at), (time(710), Some(time(710))));
    assert_eq!((group.count, group.last_seen), (4, time(110)));
    assert_eq!(book.history(&bug.id, 0, 9).await.unwrap().last().unwrap().0.at, time(710));
    assert_eq!(events.0.lock().unwrap().last().unwrap().at, time(710));
}

#[tokio::test]
async fn a_fault_whose_bug_ended_as_a_duplicate_is_counted_and_opens_nothing() {
    let (book, _, events) = book();
    let original = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id.to_string();
    let id = book.occurred(&fault("2.3.1"), &seen(1, 0, "A"), time(0)).await.unwrap().bug.id;
    let closed = PatchFields {
        duplicate_of: Some(Some(original)),
        status: Some(Some("closed".to_owned())),
        why: Some("a duplicate".to_owned()),
        ..PatchFields::default()
    };
    book.change(&id, None, &patch(closed), marie(), time(10)).await.unwrap();
    for firmware in ["2.3.1", "2.4.0", ""] {
        let again = book.occurred(&fault(firmware), &seen(1, 20, "B"), time(20)).await.unwrap();
        assert!(!again.has_regressed && !again.is_new, "{firmware}");
    }
    let bug = book.get(&id).await.unwrap();
    assert_eq!((bug.content.status, bug.revision, bug.group.unwrap().count), (BugStatus::Closed, 2, 4));
    assert!(!events.kinds().contains(&Regressed));
}

#[tokio::test]
async fn faults_that_are_counted_again_make_no_bug() {
    let (book, ..) = book();
    assert_eq!(book.occurred_again(&fault(""), &seen(1, 0, "A"), time(0)).await.unwrap(), None);
    book.occurred(&fault(""), &seen(1, 0, "A"), time(0)).await.unwrap();
    let again = book.occurred_again(&fault(""), &seen(2, 1, "A"), time(1)).await.unwrap().unwrap();
    assert_eq!((again.is_new, again.bug.group.unwrap().count), (false, 3));
}

/// The tags of a bug with one more.
async fn tags(book: &BugBook, id: &BugId, more: &str) -> Vec<String> {
    let content = book.get(id).await.unwrap().content;
    content.tags.iter().map(ToString::to_string).chain([more.to_owned()]).collect()
}

#[tokio::test]
async fn each_event_says_the_status_before_it() {
    let (book, _, events) = book();
    let id = book.occurred(&fault("2.3.1"), &seen(1, 0, "A"), time(0)).await.unwrap().bug.id;
    book.change(&id, None, &status(BugStatus::Resolved, None), marie(), time(10)).await.unwrap();
    book.comment(&id, "repaired".to_owned(), false, marie(), time(11)).await.unwrap();
    book.occurred(&fault("2.3.1"), &seen(1, 20, "A"), time(20)).await.unwrap();
    let steps: Vec<_> = events.0.lock().unwrap().iter().map(|event| (event.from, event.bug.content.status)).collect();
    let (open, resolved) = (BugStatus::Open, BugStatus::Resolved);
    assert_eq!(steps, [(None, open), (Some(open), resolved), (Some(resolved), resolved), (Some(resolved), open)]);
}

#[tokio::test]
async fn a_core_dump_is_attached_by_the_word_of_its_source() {
    let (book, ..) = book();
    let intake = FaultIntake::new(IntakeLimits::default());
    let header = "{\"type\":\"attachment\",\"attachment_type\":\"event.minidump\",\"length\":8}";
    let bytes = [b"{}\n".as_slice(), header.as_bytes(), b"\n\xb4\x31\0\0\x02\x01\0\xfc"].concat();
    let envelope = parse(&bytes, &EnvelopeLimits::default()).unwrap();
    let project = FaultProject { number: 1, source: BugSource::Device };
    intake.take_envelope(&envelope, &project, time(0)).unwrap();
    let tally = intake.write(&book, time(1)).await;
    assert_eq!((tally.new_bugs, tally.files), (1, 1));
    let bug = book.list(&BugQuery::newest(NonZeroU16::MIN)).await.unwrap().bugs.remove(0);
    let file = book.attachments(&bug.id).await.unwrap().remove(0);
    assert_eq!((file.name.as_str(), file.media_type.as_str()), ("crash.core", "application/x-coredump"));
    assert_eq!(file.by.as_str(), "device");
    let (entry, _) = book.history(&bug.id, 0, 1).await.unwrap().remove(0);
    assert_eq!(entry.by, file.by, "the bug and its files have one author");
}

#[tokio::test]
async fn a_group_that_another_takes_meanwhile_is_counted_there() {
    let store = Arc::new(MemoryStore::new());
    let overtaken = Arc::new(Overtaken::new(store.clone()));
    let other = BugBook::new(store, None, None, Arc::new(()), ids());
    let next = other.clone();
    overtaken.by(move || async move {
        next.occurred(&fault(""), &seen(2, 1, "A"), time(1)).await.unwrap();
    });
    let book = BugBook::new(overtaken.clone(), None, None, Arc::new(()), ids());
    let occurred = book.occurred(&fault(""), &seen(3, 2, "B"), time(2)).await.unwrap();
    assert!(!occurred.is_new);
    assert_eq!(occurred.bug.group.as_ref().map(|group| (group.count, group.devices)), Some((5, 2)));

    // Another server reopens the bug first: it is reopened once, and both are counted.
    let resolve = status(BugStatus::Resolved, None);
    book.change(&occurred.bug.id, None, &resolve, marie(), time(10)).await.unwrap();
    overtaken.by(move || async move {
        assert!(other.occurred(&fault(""), &seen(1, 20, "A"), time(20)).await.unwrap().has_regressed);
    });
    let occurred = book.occurred(&fault(""), &seen(1, 21, "B"), time(21)).await.unwrap();
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
                book.occurred(&fault(""), &seen, time(second)).await.unwrap()
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

#[tokio::test]
async fn faults_wait_while_the_store_is_away_and_the_tally_says_why() {
    let store = Arc::new(Overtaken::new(Arc::new(MemoryStore::new())));
    let book = BugBook::new(store.clone(), None, None, Arc::new(()), ids());
    let intake = FaultIntake::new(IntakeLimits::default());
    store.set_away(true);
    for second in 0..3 {
        intake.take(fault("2.3.1"), time(second), None, Vec::new());
        let tally = intake.write(&book, time(second)).await;
        assert_eq!(tally.failure.map(|error| error.kind), Some(StorageErrorKind::Unavailable));
        assert_eq!((tally.events, tally.waiting), (0, 1));
    }
    store.set_away(false);
    let tally = intake.write(&book, time(3)).await;
    assert!(tally.failure.is_none());
    assert_eq!((tally.events, tally.new_bugs, tally.waiting), (3, 1, 0));
}
