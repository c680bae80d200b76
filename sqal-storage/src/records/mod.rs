//! [`Records`]: small documents that change, by key, with compare-and-swap, expiry and labels.

use std::fmt::Debug;

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};

use crate::{
    StorageError, StorageErrorKind,
    labels::{LabelName, LabelValue, Labels},
};

/// A set of records of one kind, for example `sessions`; keys are unique in it.
pub type Collection = Name<32>;

/// The key of a record in its collection.
pub type RecordKey = Name<200>;

/// The largest body of a record, in bytes: 1 MiB.
pub const LARGEST_RECORD: usize = 1 << 20;

/// The revision of a record: every write of a key has a larger revision than the writes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number of the revision.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDraft {
    /// The collection of the record.
    pub collection: Collection,
    /// The key of the record.
    pub key: RecordKey,
    /// The content, as a text that only its collection can interpret.
    pub body: String,
    /// The labels by which the record is found.
    pub labels: Labels,
    /// The time from which the record is absent, if it expires.
    pub expires_at: Option<Timestamp>,
}

impl RecordDraft {
    /// A draft without labels that never expires.
    #[must_use]
    pub fn new(collection: Collection, key: RecordKey, body: impl Into<String>) -> Self {
        Self { collection, key, body: body.into(), labels: Labels::new(), expires_at: None }
    }

    /// Sets the labels.
    #[must_use]
    pub fn labelled(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Sets the time from which the record is absent.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Self {
        self.expires_at = Some(end);
        self
    }

    /// Checks that the body can be stored; every store calls it before it writes. `backend` is the
    /// name of the store in the error.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if the body has more than [`LARGEST_RECORD`] bytes, or has the
    /// character U+0000, which a text of PostgreSQL cannot hold.
    pub fn check(&self, backend: &'static str) -> Result<(), StorageError> {
        if self.body.len() > LARGEST_RECORD || self.body.contains('\0') {
            return Err(StorageError::new(backend, StorageErrorKind::Refused));
        }
        Ok(())
    }
}

/// A record as it was written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The collection of the record.
    pub collection: Collection,
    /// The key of the record.
    pub key: RecordKey,
    /// The content, as a text that only its collection can interpret.
    pub body: String,
    /// The labels by which the record is found.
    pub labels: Labels,
    /// The revision of the last write.
    pub revision: Revision,
    /// The time from which the record is absent, if it expires.
    pub expires_at: Option<Timestamp>,
}

impl Record {
    /// The record that this write of a draft makes.
    #[must_use]
    pub fn new(draft: RecordDraft, revision: Revision) -> Self {
        let RecordDraft { collection, key, body, labels, expires_at } = draft;
        Self { collection, key, body, labels, revision, expires_at }
    }

    /// Whether the record has expired at a time.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What the caller expects under a key before a record is written or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRecord {
    /// No record, or an expired one.
    Absent,
    /// A record of this revision that has not expired.
    Revision(Revision),
    /// A record of any revision, or none.
    Any,
}

impl ExpectedRecord {
    /// Whether the expectation holds; `live` is the revision of the record, if it is there and has
    /// not expired.
    #[must_use]
    pub fn is_met_by(self, live: Option<Revision>) -> bool {
        match self {
            Self::Absent => live.is_none(),
            Self::Revision(revision) => live == Some(revision),
            Self::Any => true,
        }
    }
}

/// Which records of a collection are found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordQuery {
    /// The collection.
    pub collection: Collection,
    /// Only records with this label.
    pub label: Option<(LabelName, LabelValue)>,
    /// Only records after this key, in the order of the keys' bytes.
    pub after: Option<RecordKey>,
    /// The most records.
    pub limit: u16,
}

impl RecordQuery {
    /// The first records of a collection.
    #[must_use]
    pub const fn of(collection: Collection, limit: u16) -> Self {
        Self { collection, label: None, after: None, limit }
    }

    /// Only records with a label.
    #[must_use]
    pub const fn labelled(mut self, name: LabelName, value: LabelValue) -> Self {
        self.label = Some((name, value));
        self
    }

    /// Only records after a key.
    #[must_use]
    pub const fn after(mut self, key: RecordKey) -> Self {
        self.after = Some(key);
        self
    }

    /// Whether the query asks for a record, its limit left aside.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        self.collection == record.collection
            && self.label.is_none_or(|(name, value)| record.labels.get(&name) == Some(&value))
            && self.after.is_none_or(|after| record.key > after)
    }
}

/// Keeps small documents that change, by collection and key; the memory store, SQLite and
/// PostgreSQL implement it. Writes have no line in the audit log.
///
/// The time is an argument, read from the caller's clock. An expired record is absent before a
/// sweep has removed it.
///
/// # Laws
///
/// Each is a test in `conformance` that every store runs.
///
/// 1. *What was written last is read*, equal in every field; absent is not an error.
/// 2. *A record changes only as expected*: if what is there is not as the caller expects, nothing
///    is written or removed. Of tasks that write or remove at once and expect one revision, exactly
///    one succeeds; so it is with tasks that expect no record.
/// 3. *A revision never repeats*: every write of a key has a larger revision than all writes of the
///    key before, also if the record was removed, has expired or was swept meanwhile.
/// 4. *An expired record is absent* in every method, from `expires_at` on and not earlier; a new
///    record can be created in its place.
/// 5. *Collections are apart*: a key of one collection is not a key of another.
/// 6. *Records are found by label*: those that have the label now, each once, in the order of the
///    keys' bytes, page by page. A page is shorter than the limit only if no record follows it.
/// 7. *A sweep removes only expired records*, of all collections, at most as many as its limit, and
///    returns their number.
/// 8. *A refused record changes nothing*: a body that [`RecordDraft::check`] does not pass is an
///    error of the kind [`StorageErrorKind::Refused`], and the earlier record stays.
#[async_trait]
pub trait Records: Debug + Send + Sync + 'static {
    /// Writes a record if what is there is as expected, and returns its new revision; `None` if it
    /// is not as expected.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if the body cannot be stored. [`StorageError`] of another kind
    /// if the store fails; whether the record was written may then be unknown.
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError>;

    /// Reads a record; `None` if it is not there or has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError>;

    /// Removes a record if it is there and as expected, and returns whether it did. With
    /// [`ExpectedRecord::Absent`] nothing is removed.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; whether the record was removed may then be unknown.
    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError>;

    /// Records of a collection, in the order of the keys' bytes.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError>;

    /// Removes expired records of all collections, at most `limit`, and returns their number.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; nothing is then removed.
    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError>;
}

#[async_trait]
impl<R: Records + ?Sized> Records for std::sync::Arc<R> {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        (**self).write(draft, expected, now).await
    }

    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        (**self).record(collection, key, now).await
    }

    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        (**self).remove(collection, key, expected, now).await
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        (**self).find(query, now).await
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        (**self).sweep(now, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(body: impl Into<String>) -> RecordDraft {
        RecordDraft::new(Name::new("sessions").unwrap(), Name::new("s 1").unwrap(), body)
    }

    #[test]
    fn a_record_expires_at_its_end_and_not_a_microsecond_earlier() {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let record = Record::new(draft("x").until(at(1000)), Revision(1));
        assert_eq!([999, 1000, 1001].map(|now| record.is_expired(at(now))), [false, true, true]);
        assert!(!Record::new(draft("x"), Revision(1)).is_expired(at(253_402_300_799_999_999)));
    }

    #[test]
    fn an_expectation_is_about_what_is_there() {
        let [one, two] = [1, 2].map(Revision::from_number);
        let met_by_none_one_two =
            |expected: ExpectedRecord| [None, Some(one), Some(two)].map(|live| expected.is_met_by(live));
        assert_eq!(met_by_none_one_two(ExpectedRecord::Absent), [true, false, false]);
        assert_eq!(met_by_none_one_two(ExpectedRecord::Revision(two)), [false, false, true]);
        assert_eq!(met_by_none_one_two(ExpectedRecord::Any), [true; 3]);
    }

    #[test]
    fn a_body_has_at_most_a_mebibyte_and_no_nul() {
        let refused = |body: String| draft(body).check("test").err().map(|error| (error.backend, error.kind));
        assert_eq!(refused("x".repeat(LARGEST_RECORD)), None);
        for body in ["x".repeat(LARGEST_RECORD + 1), "é".repeat(LARGEST_RECORD / 2 + 1), "a\0b".to_owned()] {
            assert_eq!(refused(body), Some(("test", StorageErrorKind::Refused)));
        }
    }
}
