//! [`AlertDeed`]: what people do about an alert, recorded in the register.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqal_core::{Name, Timestamp};
use sqal_storage::register::{Entry, EntryKind};
use tracing::warn;

use super::alert::{Acknowledgement, Alert, AssignedCause};
use super::author::Author;
use super::book::AlertBook;
use super::book_error::AlertBookError;
use super::deed_log::append;
use super::filter::AlertCursor;
use super::key::AlertKey;
use super::remark::Remark;
use super::stored::{BACKEND, current, ended, labels_of};
use crate::RuleName;
use crate::stored::{parsed, written};

/// What a person does about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum AlertDeed {
    /// The person works on it.
    Acknowledged {
        /// What the person wrote.
        note: Remark,
    },
    /// The person has found out why there was an alert.
    CauseAssigned {
        /// The cause.
        cause: Remark,
        /// What was done about it.
        action: Remark,
    },
}

/// A deed in the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeedEntry {
    /// The place of the deed among those about the alert's key, from 1.
    pub number: u32,
    /// The person.
    pub by: Option<Author>,
    /// The time of the deed.
    pub at: Timestamp,
    /// The beginning of the alert to which the deed was done.
    pub began: Timestamp,
    /// The deed.
    pub deed: AlertDeed,
}

/// The body of an entry: the deed, and which alert it was done to. Its names are never changed.
#[derive(Serialize, Deserialize)]
struct StoredDeed {
    rule: RuleName,
    labels: BTreeMap<String, String>,
    began: Timestamp,
    what: AlertDeed,
}

/// The kind of the entries in the register that are deeds about alerts.
fn kind() -> EntryKind {
    Name::new("alerts").unwrap_or_else(|_| unreachable!("six letters"))
}

impl AlertBook {
    /// Writes down that a person works on an open alert. An alert can be acknowledged again, by
    /// another person for example.
    ///
    /// # Errors
    ///
    /// [`AlertBookError::Unknown`] if there is no such alert, [`AlertBookError::Ended`] if it has
    /// ended, [`AlertBookError::Storage`] if the stores fail. The deed may then stand in the
    /// register, and the call can be repeated.
    pub async fn acknowledge(
        &self,
        key: &AlertKey,
        by: &Author,
        note: Remark,
        now: Timestamp,
    ) -> Result<Alert, AlertBookError> {
        let Some(stored) = self.alerts.read(current(), key.record(), now).await? else {
            return Err(match self.get(key, now).await? {
                Some(_) => AlertBookError::Ended { key: *key },
                None => AlertBookError::Unknown { key: *key },
            });
        };
        if stored.alert.resolved.is_some() {
            return Err(AlertBookError::Ended { key: *key });
        }
        self.record(&stored.alert, AlertDeed::Acknowledged { note: note.clone() }, by, now).await?;
        let (began, acknowledged) = (stored.alert.began, Acknowledgement { by: *by, at: now, note });
        let decide = |alert: Option<Alert>| {
            let alert = alert.filter(|alert| alert.began == began)?;
            Some((Alert { acknowledged: Some(acknowledged.clone()), ..alert }, ()))
        };
        let (alert, done) = self.alerts.change(current(), key.record(), Some(stored), now, decide).await?;
        alert.filter(|_| done.is_some()).ok_or(AlertBookError::Ended { key: *key })
    }

    /// Writes down why there was an alert, and what was done about it: of the open alert with this
    /// key, or else of the one that ended last. A second assignment takes the place of the first;
    /// the register has both.
    ///
    /// # Errors
    ///
    /// [`AlertBookError::Unknown`] if there is no such alert, [`AlertBookError::Storage`] if the
    /// stores fail. The deed may then stand in the register, and the call can be repeated.
    pub async fn assign_cause(
        &self,
        key: &AlertKey,
        by: &Author,
        cause: Remark,
        action: Remark,
        now: Timestamp,
    ) -> Result<Alert, AlertBookError> {
        let unknown = || AlertBookError::Unknown { key: *key };
        let newest = self.get(key, now).await?.ok_or_else(unknown)?;
        let deed = AlertDeed::CauseAssigned { cause: cause.clone(), action: action.clone() };
        self.record(&newest, deed, by, now).await?;
        let (began, assigned) = (newest.began, AssignedCause { cause, action, by: *by, at: now });
        let decide = |alert: Option<Alert>| {
            let alert = alert.filter(|alert| alert.began == began)?;
            Some((Alert { cause: Some(assigned.clone()), ..alert }, ()))
        };
        // First where it is current: what is copied from there later has the cause.
        let mut changed = None;
        for (collection, place) in [(current(), key.record()), (ended(), AlertCursor::of(&newest).record())] {
            let stored = self.alerts.read(collection, place, now).await?;
            let (alert, done) = self.alerts.change(collection, place, stored, now, decide).await?;
            changed = changed.or(alert.filter(|_| done.is_some()));
        }
        changed.ok_or_else(unknown)
    }

    /// What people have done about the alerts with a key, the newest deed first, from the deed
    /// before the number `before`.
    ///
    /// # Errors
    ///
    /// [`AlertBookError::Storage`] if the register cannot be read, or if an entry was changed.
    pub async fn deeds(
        &self,
        key: &AlertKey,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<DeedEntry>, AlertBookError> {
        let entries = self.register.history(&kind(), &key.entry(), before, limit).await?;
        Ok(entries.iter().filter_map(read).collect())
    }

    /// Adds a deed to the register.
    async fn record(&self, alert: &Alert, what: AlertDeed, by: &Author, now: Timestamp) -> Result<(), AlertBookError> {
        let (rule, labels, began) = (alert.rule.clone(), alert.labels.clone(), alert.began);
        let entry = Entry {
            kind: kind(),
            name: alert.key.entry(),
            version: 0,
            body: written(BACKEND, &StoredDeed { rule, labels, began, what })?,
            at: now,
            by: Some(*by),
            labels: labels_of(alert),
        };
        append(&*self.register, entry).await?;
        Ok(())
    }
}

/// The deed of an entry. An entry that cannot be read is logged: a newer program may have written
/// it.
fn read(entry: &Entry) -> Option<DeedEntry> {
    match parsed::<StoredDeed>(&entry.body) {
        Ok(StoredDeed { began, what, .. }) => {
            Some(DeedEntry { number: entry.version, by: entry.by, at: entry.at, began, deed: what })
        }
        Err(why) => {
            warn!(alert = entry.name.as_str(), number = entry.version, %why, "a deed about an alert cannot be read");
            None
        }
    }
}
