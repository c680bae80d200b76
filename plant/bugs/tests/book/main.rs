//! The laws of a book of bugs, over the memory stores.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attachments;
mod equal_files;
mod floods;
mod groups;
mod overtaken;
mod persons;
mod writing;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqal_bugs::book::RandomIds;
use sqal_bugs::events::BugEventKind;
use sqal_bugs::{BugBook, BugEvent, BugEvents, BugFields, BugPatch, NewBug, PatchFields};
use sqal_core::{Name, Timestamp};
use sqal_storage::MemoryStore;
use sqal_storage::bugs::{BugPerson, BugStatus};
use sqal_storage::memory::MemoryBlobs;

/// Keeps the events that it is told.
#[derive(Debug, Default)]
struct EventLog(Mutex<Vec<BugEvent>>);

#[async_trait]
impl BugEvents for EventLog {
    async fn tell(&self, event: BugEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl EventLog {
    fn kinds(&self) -> Vec<BugEventKind> {
        self.0.lock().unwrap().iter().map(|event| event.kind).collect()
    }
}

fn ids() -> RandomIds {
    let next = AtomicU64::new(1);
    Arc::new(move || {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        bytes
    })
}

/// A book with its store and the log of its events, and without a key.
fn book() -> (BugBook, Arc<MemoryStore>, Arc<EventLog>) {
    let (store, events) = (Arc::new(MemoryStore::new()), Arc::new(EventLog::default()));
    let book = BugBook::new(store.clone(), Some(Arc::new(MemoryBlobs::new())), None, events.clone(), ids());
    (book, store, events)
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + second * 1_000_000).unwrap()
}

fn marie() -> BugPerson {
    Name::new("marie").unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "a field of the input")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn fields() -> BugFields {
    BugFields {
        title: text("Écran gelé"),
        description: text("Depuis 6 h."),
        severity: text("high"),
        priority: text("urgent"),
        ..BugFields::default()
    }
}

fn new_bug() -> NewBug {
    NewBug::of(fields()).unwrap()
}

fn patch(fields: PatchFields) -> BugPatch {
    BugPatch::of(fields).unwrap()
}

fn title(title: &str) -> BugPatch {
    patch(PatchFields { title: Some(text(title)), ..PatchFields::default() })
}

fn status(status: BugStatus, why: Option<&str>) -> BugPatch {
    let why = why.map(str::to_owned);
    patch(PatchFields { status: Some(text(status.as_str())), why, ..PatchFields::default() })
}
