//! Attachments: checked by content, bounded, read back whole, and removed with an entry.

use std::sync::Arc;

use sqal_bugs::attachment::MOST_ATTACHMENTS;
use sqal_bugs::change::EntryNote;
use sqal_bugs::{BugBook, BugBookError};
use sqal_core::Name;
use sqal_storage::MemoryStore;
use sqal_storage::bugs::{BugId, BugSource};

use super::{book, ids, marie, new_bug, time};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

#[tokio::test]
async fn bug_07_an_attachment_is_what_its_content_is_and_is_read_back_whole() {
    let (book, ..) = book();
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    let path = "C:\\fakepath\\Écran.png";
    let added = book.attach(&id, path, PNG.to_vec(), Some("image/png"), marie(), time(1)).await.unwrap();
    assert_eq!((added.name.as_str(), added.media_type.as_str()), ("Écran.png", "image/png"));
    assert_eq!(added.len, 16);
    assert_eq!(book.attachments(&id).await.unwrap(), std::slice::from_ref(&added));
    assert_eq!(book.attachment(&id, &added.id).await.unwrap(), added);
    assert_eq!(book.open_attachment(&id, &added.id).await.unwrap(), (added, PNG.to_vec()));
    assert_eq!(book.get(&id).await.unwrap().revision, 1);

    let unknown = BugId::from_random([9; 16]);
    let opened = book.open_attachment(&id, &unknown).await.unwrap_err();
    assert_eq!(opened.to_string(), format!("the attachment {unknown} is not known"));
    assert_eq!(book.attachment(&id, &unknown).await.unwrap_err().to_string(), opened.to_string());
    let refused = book.attach(&unknown, "x.png", PNG.to_vec(), None, marie(), time(1)).await;
    assert!(matches!(refused, Err(BugBookError::Unknown { .. })));
}

#[tokio::test]
async fn a_content_that_is_not_what_it_says_and_a_name_that_cannot_be_shown_are_refused_at_once() {
    let (book, ..) = book();
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    let refused = book.attach(&id, "photo\n.png", b"MZ\x90\0".to_vec(), Some("image/png"), marie(), time(1)).await;
    let Err(BugBookError::Invalid(faults)) = refused else { panic!("{refused:?}") };
    assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), ["name", "content"]);
    assert!(book.attachments(&id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bug_has_at_most_fifty_attachments_until_one_is_removed_and_the_history_says_which() {
    let (book, ..) = book();
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    for number in 0..MOST_ATTACHMENTS {
        let name = format!("{number}.png");
        book.attach(&id, &name, PNG.to_vec(), None, marie(), time(i64::from(number))).await.unwrap();
    }
    let refused = book.attach(&id, "one more.png", PNG.to_vec(), None, marie(), time(99)).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, BugBookError::Full { most: 50 }));
    assert_eq!(refused.to_string(), "a bug has at most 50 attachments");

    let first = book.attachments(&id).await.unwrap().remove(0);
    book.detach(&id, &first.id, marie(), time(100)).await.unwrap();
    assert!(matches!(book.detach(&id, &first.id, marie(), time(101)).await, Err(BugBookError::Unknown { .. })));
    let (entry, body) = book.history(&id, 1, 10).await.unwrap().remove(0);
    assert_eq!(body.note, Some(EntryNote::detached(first.id, Name::new("0.png").unwrap())));
    assert_eq!((entry.by, entry.at), (marie(), time(100)));
    assert!(book.attach(&id, "one more.png", PNG.to_vec(), None, marie(), time(102)).await.is_ok());
}

#[tokio::test]
async fn without_a_store_for_contents_there_are_no_attachments() {
    let book = BugBook::new(Arc::new(MemoryStore::new()), None, None, Arc::new(()), ids());
    let id = book.report(new_bug(), BugSource::Person, marie(), time(0)).await.unwrap().id;
    let refused = book.attach(&id, "x.png", PNG.to_vec(), None, marie(), time(1)).await;
    assert!(matches!(refused, Err(BugBookError::NoBlobs)));
}
