//! [`AlertRecords`]: alerts as records, changed by compare-and-swap.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::Timestamp;
use sqal_storage::Records;
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use tracing::warn;

use super::alert::Alert;
use super::book_error::AlertBookError;
use super::filter::AlertCursor;
use super::stored::{BACKEND, current, ended, labels_of};
use crate::stored::{parsed, written};
use crate::times::later;

/// The most records that are read at once.
pub(super) const PAGE: u16 = 200;

/// The most attempts of a change that another server is first to make.
const TRIES: u32 = 16;

/// How long an alert stays among the current ones after its end, so that a server that was away
/// learns of the end.
const CURRENT_AFTER_END: Duration = Duration::from_hours(1);

/// How long an alert is kept after its end.
pub const KEPT_AFTER_END: Duration = Duration::from_hours(30 * 24);

/// An alert with the revision of its record.
#[derive(Clone, Debug)]
pub(super) struct StoredAlert {
    pub(super) alert: Alert,
    pub(super) revision: Revision,
}

/// The alerts in two collections.
///
/// The current collection has each open alert, and each that ended within the last hour, by its
/// key. The collection of ended alerts has a copy of each alert that has ended, by its
/// [`AlertCursor`], for 30 days.
#[derive(Clone, Debug)]
pub(super) struct AlertRecords(Arc<dyn Records>);

impl AlertRecords {
    pub(super) const fn new(records: Arc<dyn Records>) -> Self {
        Self(records)
    }

    /// The current alerts, in the order of keys. A record that cannot be read is logged and left
    /// out.
    pub(super) async fn current(&self, now: Timestamp) -> Result<Vec<StoredAlert>, AlertBookError> {
        let (mut all, mut query) = (Vec::new(), RecordQuery::of(current(), PAGE));
        loop {
            let page = self.find(&query, now).await?;
            all.extend(page.iter().filter_map(readable));
            match page.last() {
                Some(last) if page.len() >= usize::from(PAGE) => query = query.after(last.key),
                _ => return Ok(all),
            }
        }
    }

    /// Records, as the store finds them.
    pub(super) async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, AlertBookError> {
        Ok(self.0.find(query, now).await?)
    }

    /// One alert.
    pub(super) async fn read(
        &self,
        collection: Collection,
        key: RecordKey,
        now: Timestamp,
    ) -> Result<Option<StoredAlert>, AlertBookError> {
        let Some(record) = self.0.record(&collection, &key, now).await? else { return Ok(None) };
        let revision = record.revision;
        match parsed(&record.body) {
            Ok(alert) => Ok(Some(StoredAlert { alert, revision })),
            Err(why) => Err(AlertBookError::Unreadable { record: key.to_string(), why: why.to_string() }),
        }
    }

    /// Changes an alert, and returns it as it is then with what `decide` has returned beside it.
    ///
    /// `decide` gets the alert in the record, first `known`, and again each time another server was
    /// first. If it returns `None`, nothing is written.
    pub(super) async fn change<T: Send>(
        &self,
        collection: Collection,
        key: RecordKey,
        mut known: Option<StoredAlert>,
        now: Timestamp,
        decide: impl Fn(Option<Alert>) -> Option<(Alert, T)> + Send + Sync,
    ) -> Result<(Option<Alert>, Option<T>), AlertBookError> {
        for _ in 0..TRIES {
            let Some((alert, what)) = decide(known.as_ref().map(|known| known.alert.clone())) else {
                return Ok((known.map(|known| known.alert), None));
            };
            let revision = known.as_ref().map(|known| known.revision);
            let expected = revision.map_or(ExpectedRecord::Absent, ExpectedRecord::Revision);
            let draft = draft(collection, key, &alert)?;
            if self.0.write(&draft, expected, now).await?.is_some() {
                return Ok((Some(alert), Some(what)));
            }
            known = self.read(collection, key, now).await?;
        }
        Err(AlertBookError::busy())
    }

    /// Copies an alert that has ended to the ended ones, unless a later copy is there.
    pub(super) async fn file(&self, alert: &Alert, now: Timestamp) -> Result<(), AlertBookError> {
        let (collection, place) = (ended(), AlertCursor::of(alert).record());
        let known = self.read(collection, place, now).await?;
        let age = |alert: &Alert| (alert.resolved, alert.cause.as_ref().map(|cause| cause.at));
        let decide =
            |known: Option<Alert>| known.is_none_or(|known| age(&known) < age(alert)).then(|| (alert.clone(), ()));
        self.change(collection, place, known, now, decide).await.map(drop)
    }

    /// Removes the copy of an alert that has begun again.
    pub(super) async fn unfile(&self, alert: &Alert, now: Timestamp) -> Result<(), AlertBookError> {
        self.0.remove(&ended(), &AlertCursor::of(alert).record(), ExpectedRecord::Any, now).await?;
        Ok(())
    }
}

/// The alert of a record. A record that cannot be read is logged: a newer program may have written
/// it.
pub(super) fn readable(record: &Record) -> Option<StoredAlert> {
    match parsed(&record.body) {
        Ok(alert) => Some(StoredAlert { alert, revision: record.revision }),
        Err(why) => {
            warn!(record = record.key.as_str(), %why, "a record of an alert cannot be read and is left out");
            None
        }
    }
}

/// The record of an alert.
fn draft(collection: Collection, key: RecordKey, alert: &Alert) -> Result<RecordDraft, AlertBookError> {
    let draft = RecordDraft::new(collection, key, written(BACKEND, alert)?).labelled(labels_of(alert));
    let kept = if collection == current() { CURRENT_AFTER_END } else { KEPT_AFTER_END };
    Ok(match alert.resolved {
        Some(end) => draft.until(later(end, kept)),
        None => draft,
    })
}
