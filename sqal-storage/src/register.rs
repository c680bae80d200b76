//! [`Register`]: the decisions of operators, stored as versions that never change: profiles in
//! force, calibrations of stations.

use std::fmt::Debug;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use sqal_core::{Name, Timestamp};

use crate::{
    StorageError,
    audit::Action,
    labels::{LabelName, LabelValue, Labels},
};

/// The kind of a registered thing, for example `profile`.
pub type EntryKind = Name<32>;

/// The name of a registered thing, for example of a profile or a device.
pub type EntryName = Name<100>;

/// One version of one registered thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The kind of the thing.
    pub kind: EntryKind,
    /// The name of the thing.
    pub name: EntryName,
    /// The place of this version among the versions of the thing, from 1.
    pub version: u32,
    /// The content, as a text that only its kind can interpret.
    pub body: String,
    /// The time of the addition, by the wall clock of the caller.
    pub at: Timestamp,
    /// The author of the addition, if known.
    pub by: Option<Name<64>>,
    /// The labels by which the thing is found while this is its newest version.
    pub labels: Labels,
}

impl Entry {
    /// The line of the audit log about this entry: a body or a label that was changed afterwards
    /// has another hash.
    ///
    /// The hash is that of the body. If the entry has labels, it is the hash of that hash, followed
    /// by a line `name=value` for each label.
    #[must_use]
    pub fn action(&self) -> Action {
        let mut hash = Sha256::digest(self.body.as_bytes());
        if !self.labels.is_empty() {
            hash = Sha256::new().chain_update(hash).chain_update(self.labels.to_text()).finalize();
        }
        let hash = hash.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"));
        let Self { kind, name, version, at, by, .. } = self;
        // At most 32 + 100 + 10 + 64 bytes and three words.
        let what = format!("{kind} {name} entry {version} sha256 {hash}");
        Action { at: *at, actor: by.unwrap_or_else(|| word("anybody")), category: word("register"), what: word(&what) }
    }

    /// Checks that the line of the audit log describes this entry: its content, its time and its
    /// author.
    ///
    /// # Errors
    ///
    /// [`AlteredEntryError`] names the entry and what differs.
    pub fn check(&self, line: Option<&Action>) -> Result<(), AlteredEntryError> {
        let written = self.action();
        let why = match line {
            None => Alteration::Unwritten,
            Some(line) if line.what != written.what => Alteration::Body,
            Some(line) if line.at != written.at => Alteration::Time,
            Some(line) if line.actor != written.actor => Alteration::Actor,
            Some(line) if line.category != written.category => Alteration::Unwritten,
            Some(_) => return Ok(()),
        };
        Err(AlteredEntryError { entry: format!("{} {} entry {}", self.kind, self.name, self.version), why })
    }
}

/// How an entry of the register differs from its line of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Alteration {
    /// The audit log has no line about the entry.
    #[error("is not in the audit log")]
    Unwritten,
    /// The content or a label has another hash.
    #[error("does not say what was decided: its text has another hash than the audit log")]
    Body,
    /// The audit log has another time.
    #[error("was decided at another time")]
    Time,
    /// The audit log has another actor.
    #[error("was decided by another person")]
    Actor,
}

/// An entry of the register is not the one that was added: the database was changed without this
/// program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry} {why}")]
pub struct AlteredEntryError {
    /// The kind, name and version of the entry.
    pub entry: String,
    /// The difference.
    pub why: Alteration,
}

fn word<const N: usize>(text: &str) -> Name<N> {
    // The text may contain a name that an earlier version has accepted.
    Name::stored(text).unwrap_or_else(|_| unreachable!("printable, and shorter than {N} bytes"))
}

/// Keeps every version of the decisions of operators; the memory store, SQLite and PostgreSQL
/// implement it.
///
/// # Laws
///
/// Each is a test in `conformance` that every store runs.
///
/// 1. *Versions follow each other*: only the version after the newest is added, and of two callers
///    that add one version one succeeds.
/// 2. *What was added stays as it is*, equal in every field. A body with the character U+0000,
///   which a text of PostgreSQL cannot hold, is refused.
/// 3. *Newest first*: a history is in the order of versions, page by page; absent is not an error.
/// 4. *The newest of each*: every name of the kind once, in the order of bytes, and no name of
///    another kind.
/// 5. *What was added is written down* in the audit log, in the same transaction, and only then.
/// 6. *What was changed is not given*: an entry that differs from its line of the audit log
///    ([`Entry::check`]) is an error of its history that names it, and is left out of the newest. A
///    store that other programs can write to checks this at every read.
/// 7. *The newest are found by label*: of each thing of the kind whose newest version has the label
///    with this value, that version, in the order of the names' bytes, page by page. A label of an
///    earlier version finds nothing.
/// 8. *The newest are counted by label*: each value that the newest versions of the kind have, in
///    the order of bytes, with the number of things.
#[async_trait]
pub trait Register: Debug + Send + Sync + 'static {
    /// Adds a version and returns whether it was added; `false` if it does not follow the newest
    /// version, for example because another caller was first.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails. Whether the version was added may then be unknown; its
    /// place in the history shows it.
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError>;

    /// Versions of one thing before a version, newest first; if `before` is `None`, from the
    /// newest.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError>;

    /// The newest version of each thing of a kind, by name.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError>;

    /// The newest version of each thing of a kind if it has a label with a value, by name, from the
    /// first name after `after`.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn labelled(
        &self,
        kind: &EntryKind,
        label: (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError>;

    /// The number of things of a kind by the value of a label of their newest version. An entry
    /// that was changed outside of the store is counted.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError>;
}

#[async_trait]
impl<S: Register + ?Sized> Register for std::sync::Arc<S> {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        (**self).add(entry).await
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        (**self).history(kind, name, before, limit).await
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        (**self).newest(kind).await
    }

    async fn labelled(
        &self,
        kind: &EntryKind,
        label: (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        (**self).labelled(kind, label, after, limit).await
    }

    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        (**self).count_labels(kind, label).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_differs_from_its_line_is_named_with_what_differs() {
        let at = Timestamp::from_micros(1_794_000_000_000_000).unwrap();
        let entry = Entry {
            kind: word("profile"),
            name: word("foie"),
            version: 3,
            body: "{}".to_owned(),
            at,
            by: Some(word("marie")),
            labels: Labels::new(),
        };
        let line = entry.action();
        assert_eq!(entry.check(Some(&line)), Ok(()));
        let why = |entry: &Entry, line| entry.check(line).unwrap_err().why;
        assert_eq!(why(&entry, None), Alteration::Unwritten);
        assert_eq!(why(&Entry { body: "{ }".to_owned(), ..entry.clone() }, Some(&line)), Alteration::Body);
        assert_eq!(why(&Entry { by: None, ..entry.clone() }, Some(&line)), Alteration::Actor);
        let later = Timestamp::from_micros(1_794_000_000_000_001).unwrap();
        let later = Entry { at: later, ..entry.clone() };
        assert_eq!(why(&later, Some(&line)), Alteration::Time);
        let label = (LabelName::new("state").unwrap(), LabelValue::new("draft").unwrap());
        let labelled = Entry { labels: Labels::of([label]).unwrap(), ..entry.clone() };
        assert_eq!(why(&labelled, Some(&line)), Alteration::Body);
        assert_eq!(why(&entry, Some(&labelled.action())), Alteration::Body);
        let said = Entry { body: String::new(), ..entry }.check(Some(&line)).unwrap_err().to_string();
        assert!(said.starts_with("profile foie entry 3 does not say what was decided"), "{said}");
    }
}
