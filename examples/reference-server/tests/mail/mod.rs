//! Puts a mail into the queue of a server's database, as a program does that sends one.

use std::path::Path;
use std::sync::Arc;

use sqal_core::Name;
use sqal_storage::SqliteStore;
use sqal_storage::sqlite::SqliteConfig;
use sqal_work::outbox::mail::{Letter, MailMessage};
use sqal_work::outbox::{Dispatched, Language, Message, Outbox, StormLimits};

use crate::process::now;

/// Queues a mail in the database of a data folder, on which no server runs.
pub(crate) fn queue(data: &Path, to: &str, subject: &str) {
    let letter = Letter::new(subject.parse().unwrap(), "For 10 minutes.".to_owned(), Language::English).unwrap();
    let message: Message = MailMessage::new([to.parse().unwrap()], letter).unwrap().into();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Arc::new(SqliteStore::open(&SqliteConfig::at(data.join("sqal.db"))).await.unwrap());
        let outbox = Outbox::new(store.clone(), store.clone(), StormLimits::default());
        let sent = outbox.send(&message, &Name::new("alert 17 begins").unwrap(), now()).await.unwrap();
        assert!(matches!(sent[0].outcome, Dispatched::Queued(_)), "{sent:?}");
        store.close().await;
    });
}
