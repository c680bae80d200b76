//! The names and mail addresses of reporters: sealed, opened on request, erased, and shown nowhere.

use std::sync::Arc;

use sqal_bugs::book::ReporterFields;
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

#[tokio::test]
async fn an_erased_person_is_gone_from_all_their_bugs() {
    let store = Arc::new(MemoryStore::new());
    let fields = sealed(&store, 1);
    let book = BugBook::new(store.clone(), None, Some(fields.clone()), Arc::new(()), ids());
    let first = book.report(reported_by_someone(), BugSource::Person, marie(), time(0)).await.unwrap();
    let second = book.report(reported_by_someone(), BugSource::Person, marie(), time(1)).await.unwrap();
    assert_eq!(first.reporter, second.reporter);
    let action = |count: u64| Action {
        at: time(2),
        actor: Name::new("test").unwrap(),
        category: Name::new("gdpr_erase").unwrap(),
        what: Name::new(&format!("{count} fields")).unwrap(),
    };
    assert_eq!(fields.erase(&first.reporter.unwrap(), &action).await.unwrap(), 2);
    assert_eq!(book.reporter(&first).await.unwrap(), None);
    assert_eq!(book.reporter(&second).await.unwrap(), None);
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
