//! [`NotifierBook`]: the state of the notifier in a store that several servers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqal_core::{Name, Timestamp};
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::{Records, StorageError, StorageErrorKind};
use sqal_work::outbox::Outbox;

use super::group::AlertGroup;
use super::notifier::Notifier;
use super::plan::NotifyPlan;
use super::teller::Teller;
use super::telling::Telling;
use super::view::AlertView;
use crate::stored;

/// The most records that are read at once.
const PAGE: u16 = 200;

/// The name of the book in a storage error.
const BACKEND: &str = "notifier";

/// Decides who is told what, for all servers that share a store, and sends it.
///
/// ```text
/// look: read the groups --> send what is left --> advance --> write each changed group
///                                                               |  by compare-and-swap, with
///                                                               v  what it is to be told
///                                   write that it was sent <-- send
/// ```
///
/// # Laws
///
/// 1. *A decision is taken by one server*: of servers that look at once, one writes a group, and
///    the others leave it to that one.
/// 2. *What was decided is sent*: it is written before it is sent, and each look of each server
///    sends what a stopped server has left.
/// 3. *A destination gets a telling once*: the outbox knows its key for 30 days.
#[derive(Clone, Debug)]
pub struct NotifierBook {
    records: Arc<dyn Records>,
    outbox: Outbox,
    teller: Teller,
    plan: Arc<NotifyPlan>,
}

/// The body of a record: a group, and what it is to be told and may not be sent yet.
#[derive(Serialize, Deserialize)]
struct Page {
    group: AlertGroup,
    #[serde(default)]
    unsent: Vec<Telling>,
}

/// A group as it was read or written last.
struct Written {
    revision: Revision,
    group: AlertGroup,
}

impl NotifierBook {
    /// A book in these records, whose messages go through this outbox.
    #[must_use]
    pub fn new(records: Arc<dyn Records>, outbox: Outbox, plan: impl Into<Arc<NotifyPlan>>) -> Self {
        let plan = plan.into();
        Self { records, outbox, teller: Teller::new(Arc::clone(&plan)), plan }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &NotifyPlan {
        &self.plan
    }

    /// Decides what is told now, sends it, and returns it. Every server calls it every few seconds
    /// with the same alerts: all that fire, and those that ended a short time ago.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if a store fails. What was decided by then is written, and the next look of
    /// any server sends it.
    pub async fn look(
        &self,
        alerts: &[AlertView],
        is_silenced: &(dyn Fn(&AlertView) -> bool + Sync),
        now: Timestamp,
    ) -> Result<Vec<Telling>, StorageError> {
        let before = self.groups(now).await?;
        let groups = before.values().map(|written| written.group.clone());
        let mut notifier = Notifier::resuming(Arc::clone(&self.plan), groups);
        let mut decided: BTreeMap<String, Vec<Telling>> = BTreeMap::new();
        for telling in notifier.advance(alerts, is_silenced, now) {
            decided.entry(telling.group_key.clone()).or_default().push(telling);
        }
        let mut told = Vec::new();
        for (key, group) in notifier.groups() {
            let written = before.get(key);
            if written.is_some_and(|written| written.group == *group) {
                continue;
            }
            let expected = expectation(written);
            let unsent = decided.remove(key).unwrap_or_default();
            let mut page = Page { group: group.clone(), unsent };
            // If another server was faster, it tells what it has decided, and the next look goes on
            // from there.
            let Some(revision) = self.write(&page, expected, now).await? else { continue };
            if !page.unsent.is_empty() {
                self.send(&mut page, revision, now, &mut told).await?;
            }
        }
        for (key, written) in before.iter().filter(|(key, _)| !notifier.groups().contains_key(*key)) {
            let expected = ExpectedRecord::Revision(written.revision);
            self.records.remove(&collection(), &record_key(key)?, expected, now).await?;
        }
        Ok(told)
    }

    /// All groups. What a stopped server has left is sent first.
    async fn groups(&self, now: Timestamp) -> Result<BTreeMap<String, Written>, StorageError> {
        let mut groups = BTreeMap::new();
        let mut query = RecordQuery::of(collection(), PAGE);
        loop {
            let records = self.records.find(&query, now).await?;
            let Some(last) = records.last().map(|record| record.key) else { return Ok(groups) };
            let is_last = records.len() < usize::from(PAGE);
            for record in records {
                if let Some(written) = self.read(&record, now).await? {
                    groups.insert(record.key.as_str().to_owned(), written);
                }
            }
            if is_last {
                return Ok(groups);
            }
            query = RecordQuery::of(collection(), PAGE).after(last);
        }
    }

    /// The group of a record; `None` if the record cannot be read, and is removed so that people
    /// are told anew rather than not at all.
    async fn read(&self, record: &Record, now: Timestamp) -> Result<Option<Written>, StorageError> {
        let mut page = match page_of(record) {
            Ok(page) => page,
            Err(error) => {
                let (group, error) = (record.key.as_str(), error.as_str());
                tracing::error!(group, error, "the record of a group of alerts cannot be read: the group is told anew");
                let expected = ExpectedRecord::Revision(record.revision);
                self.records.remove(&collection(), &record.key, expected, now).await?;
                return Ok(None);
            }
        };
        let mut revision = record.revision;
        if !page.unsent.is_empty() {
            // If another server has gone on with the group, this one finds that when it writes.
            revision = self.send(&mut page, revision, now, &mut Vec::new()).await?.unwrap_or(revision);
        }
        Ok(Some(Written { revision, group: page.group }))
    }

    /// Sends what a group is to be told, and writes down that it was sent. Returns the new
    /// revision; `None` if another server has changed the group meanwhile.
    async fn send(
        &self,
        page: &mut Page,
        revision: Revision,
        now: Timestamp,
        told: &mut Vec<Telling>,
    ) -> Result<Option<Revision>, StorageError> {
        for telling in page.unsent.drain(..) {
            self.teller.tell(&self.outbox, &telling, now).await?;
            told.push(telling);
        }
        self.write(page, ExpectedRecord::Revision(revision), now).await
    }

    async fn write(
        &self,
        page: &Page,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        let body = stored::written(BACKEND, page)?;
        let draft = RecordDraft::new(collection(), record_key(page.group.key())?, body);
        self.records.write(&draft, expected, now).await
    }
}

/// Reads the body of a record; the error says what is wrong with it.
fn page_of(record: &Record) -> Result<Page, String> {
    let page: Page = stored::parsed_with_or_without_version(&record.body).map_err(|error| error.to_string())?;
    if page.group.key() == record.key.as_str() { Ok(page) } else { Err("the group has another key".to_owned()) }
}

const fn expectation(written: Option<&Written>) -> ExpectedRecord {
    match written {
        Some(written) => ExpectedRecord::Revision(written.revision),
        None => ExpectedRecord::Absent,
    }
}

fn collection() -> Collection {
    stored::collection("alert_notifier")
}

/// The key of a group's record.
///
/// # Errors
///
/// [`StorageErrorKind::Refused`] if a key was altered in the database and is none.
fn record_key(text: &str) -> Result<RecordKey, StorageError> {
    Name::new(text).map_err(|_| StorageError::new(BACKEND, StorageErrorKind::Refused))
}
