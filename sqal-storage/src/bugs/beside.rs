//! What stands beside a bug: its history, its comments and its attachments.

use sqal_core::{Name, Timestamp};

use super::bug::{Bug, BugPerson, LARGEST_BUG_TEXT};
use super::id::BugId;
use super::words::{BugStatus, BugStep};
use crate::blobs::BlobId;
use crate::{StorageError, StorageErrorKind};

/// The identity of a comment or an attachment, made as that of a bug.
pub type BesideId = BugId;

/// One change of a bug. An entry never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugEntry {
    /// The bug.
    pub bug: BugId,
    /// The revision that the change made: 1 for its report.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: BugPerson,
    /// The status before; `None` for the report.
    pub from: Option<BugStatus>,
    /// The status after.
    pub to: BugStatus,
    /// What changed and why, as a text that only the crate above can interpret.
    pub body: String,
}

/// A comment on a bug. A comment never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugComment {
    /// Its identity.
    pub id: BesideId,
    /// The bug.
    pub bug: BugId,
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub by: BugPerson,
    /// Whether engineers and administrators alone may read it.
    pub is_internal: bool,
    /// What it says.
    pub text: String,
}

/// A file that is attached to a bug; its bytes are a [blob](crate::Blobs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugAttachment {
    /// Its identity.
    pub id: BesideId,
    /// The bug.
    pub bug: BugId,
    /// When it was attached.
    pub at: Timestamp,
    /// Who attached it.
    pub by: BugPerson,
    /// The name of the file.
    pub name: Name<200>,
    /// What its content is, for example `image/png`.
    pub media_type: Name<100>,
    /// The number of bytes.
    pub len: u64,
    /// The SHA-256 of its content.
    pub blob: BlobId,
}

/// An error of the store `backend`, unless something can be stored.
const fn refuse_unless(is_storable: bool, backend: &'static str) -> Result<(), StorageError> {
    if is_storable { Ok(()) } else { Err(StorageError::new(backend, StorageErrorKind::Refused)) }
}

impl BugComment {
    /// Checks that the comment can be stored; every store calls it before it writes. `backend` is
    /// the name of the store in the error.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if the text has more than [`LARGEST_BUG_TEXT`] bytes or the
    /// character U+0000.
    pub fn check(&self, backend: &'static str) -> Result<(), StorageError> {
        refuse_unless(self.text.len() <= LARGEST_BUG_TEXT && !self.text.contains('\0'), backend)
    }
}

impl BugEntry {
    /// Checks that the entry can be stored; every store calls it before it writes. `backend` is
    /// the name of the store in the error.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if the body has more than four times [`LARGEST_BUG_TEXT`]
    /// bytes or the character U+0000.
    pub fn check(&self, backend: &'static str) -> Result<(), StorageError> {
        refuse_unless(self.body.len() <= 4 * LARGEST_BUG_TEXT && !self.body.contains('\0'), backend)
    }

    /// Checks that the entry and its bug, as it is after the change, can be stored together; every
    /// store calls it before it writes.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if one of the two cannot be stored, or if the entry is of
    /// another bug, of another revision, or of a change to another status.
    pub fn check_with(&self, bug: &Bug, backend: &'static str) -> Result<(), StorageError> {
        bug.check(backend)?;
        self.check(backend)?;
        let is_of_bug = (self.bug, self.revision, self.to) == (bug.id, bug.revision, bug.content.status);
        refuse_unless(is_of_bug, backend)
    }

    /// Checks that the entry tells the status that its bug had before; `None` stands for a bug that
    /// is being added. Every store calls it in the transaction that writes.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if the entry tells another status.
    pub fn check_after(&self, before: Option<BugStatus>, backend: &'static str) -> Result<(), StorageError> {
        refuse_unless(self.from == before, backend)
    }

    /// What the change did to the work on the bug; `None` if the work neither ended nor began
    /// again.
    #[must_use]
    pub fn step(&self) -> Option<BugStep> {
        BugStep::between(self.from, self.to)
    }
}
