//! The names and mail addresses of reporters: sealed, opened on request, erased, and shown nowhere.

use std::sync::Arc;

use proptest::prelude::*;
use sqal_bugs::book::{ReporterFields, reporter_of};
use sqal_bugs::{BugBook, BugBookError, BugFields, NewBug};
use sqal_core::Name;
use sqal_storage::audit::Action;
use sqal_storage::bugs::BugSource;
use sqal_storage::sealed::{Confidential, Key, KeyRing, Nonce, RandomnessError};
use sqal_storage::{MemoryStore, SealedFields};

use super::{EventLog, book, fields, ids, marie, text, time, title};

fn reported_by_someone() -> NewBug {
    let fields = BugFields {
        reported_by: text("Odile Quinault"),
        reported_by_email: text("Odile.Quinault@example.fr"),
        ..fields()
    };
    NewBug::of(fields).unwrap()
}

fn sealed(store: &Arc<MemoryStore>, key: u8) -> Arc<ReporterFields> {
    let fields: Arc<dyn SealedFields> = store.clone();
    let nonces: fn() -> Result<Nonce, RandomnessError> = Nonce::random;
    Arc::new(Confidential::new(fields, KeyRing::new(Key::from_bytes([key; 32])), nonces))
}

fn shows(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("odile") || text.contains("quinault")
}

#[tokio::test]
async fn a_person_is_kept_sealed_and_shown_nowhere_else() {
    let (store, events) = (Arc::new(MemoryStore::new()), Arc::new(EventLog::default()));
    let book = BugBook::new(store.clone(), None, Some(sealed(&store, 1)), events.clone(), ids());
    let bug = book.report(reported_by_someone(), BugSource::Person, marie(), time(0)).await.unwrap();
    book.change(&bug.id, None, &title("x"), marie(), time(1)).await.unwrap();

    let reporter = book.reporter(&bug).await.unwrap().unwrap();
    assert_eq!(reporter.name().unwrap().as_str(), "Odile Quinault");
    assert_eq!(reporter.mail().unwrap().as_str(), "Odile.Quinault@example.fr");

    for (entry, body) in book.history(&bug.id, 0, 100).await.unwrap() {
        assert!(!shows(&entry.body) && !shows(&format!("{entry:?} {body:?}")));
    }
    assert!(!shows(&format!("{bug:?} {reporter:?} {book:?} {events:?}")));
    assert_eq!(events.0.lock().unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_report_writes_a_field_of_another_bug(
        people in proptest::collection::vec(("[a-b]{0,2}", "[a-b]@(x|X)\\.fr"), 1..9),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Arc::new(MemoryStore::new());
            let book = BugBook::new(store.clone(), None, Some(sealed(&store, 1)), Arc::new(()), ids());
            let mut bugs = Vec::new();
            for (name, mail) in &people {
                let name = Some(name.clone()).filter(|name| !name.is_empty());
                let person = BugFields { reported_by: name, reported_by_email: text(mail), ..fields() };
                let new = NewBug::of(person).unwrap();
                let bug = book.report(new.clone(), BugSource::Person, marie(), time(0)).await.unwrap();
                let subject = format!("bug-{}", bug.id);
                prop_assert_eq!(bug.reporter.map(|subject| subject.to_string()), Some(subject));
                bugs.push((bug, new));
            }
            for (bug, new) in &bugs {
                let kept = book.reporter(bug).await.unwrap();
                prop_assert_eq!(kept.as_ref(), new.reporter());
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn an_erased_person_is_gone_from_the_bug_and_others_stay() {
    let store = Arc::new(MemoryStore::new());
    let fields = sealed(&store, 1);
    let book = BugBook::new(store.clone(), None, Some(fields.clone()), Arc::new(()), ids());
    let first = book.report(reported_by_someone(), BugSource::Person, marie(), time(0)).await.unwrap();
    let second = book.report(reported_by_someone(), BugSource::Person, marie(), time(1)).await.unwrap();
    let action = |count: u64| Action {
        at: time(2),
        actor: Name::new("test").unwrap(),
        category: Name::new("gdpr_erase").unwrap(),
        what: Name::new(&format!("{count} fields")).unwrap(),
    };
    assert_eq!(fields.erase(&first.reporter.unwrap(), &action).await.unwrap(), 2);
    assert_eq!(book.reporter(&first).await.unwrap(), None);
    assert_eq!(reporter_of(&second, &fields).await.unwrap().as_ref(), reported_by_someone().reporter());
}

#[tokio::test]
async fn without_the_key_a_person_is_neither_kept_nor_shown() {
    let (keyless, store, events) = book();
    let refused = keyless.report(reported_by_someone(), BugSource::Person, marie(), time(0)).await;
    assert!(matches!(refused, Err(BugBookError::NoKey)));
    assert!(events.kinds().is_empty());

    let of = |key| BugBook::new(store.clone(), None, Some(sealed(&store, key)), Arc::new(()), ids());
    let bug = of(1).report(reported_by_someone(), BugSource::Person, marie(), time(0)).await.unwrap();
    assert!(matches!(keyless.reporter(&bug).await, Err(BugBookError::NoKey)));
    let unreadable = of(2).reporter(&bug).await.unwrap_err();
    assert!(matches!(unreadable, BugBookError::Unreadable { .. }) && !shows(&unreadable.to_string()));
}
