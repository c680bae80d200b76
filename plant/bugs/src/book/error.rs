//! [`BugBookError`]: why a bug cannot be read or changed.

use sqal_storage::bugs::{BesideId, BugId};
use sqal_storage::sealed::{FieldError, RandomnessError};
use sqal_storage::{StorageError, StorageErrorKind};

use crate::change::RefusedChange;
use crate::report::InvalidField;

/// A call of a [`BugBook`](crate::BugBook) failed. No text of it shows a personal datum.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BugBookError {
    /// Values were refused.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<InvalidField>),
    /// There is no bug, or no attachment of the bug, with this id.
    #[error("the {what} {id} is not known")]
    Unknown {
        /// `bug` or `attachment`.
        what: &'static str,
        /// The id of the bug or of the attachment.
        id: BugId,
    },
    /// The bug has another revision than the caller has read; it can be read again.
    #[error("the bug has changed: it has revision {found}")]
    Stale {
        /// The revision of the bug.
        found: u64,
    },
    /// The change does not fit the bug as it is.
    #[error("{0}")]
    Refused(RefusedChange),
    /// Attachments cannot be kept: there is no store for them.
    #[error("there is no store for attachments")]
    NoBlobs,
    /// The name or the mail address of a person cannot be kept or read: there is no key.
    #[error("the name and the mail address of a person are sealed, and there is no key")]
    NoKey,
    /// The bug has as many attachments as it can have.
    #[error("a bug has at most {most} attachments")]
    Full {
        /// The most attachments of a bug.
        most: usize,
    },
    /// What is stored cannot be read: it was damaged, or a newer program has written it.
    #[error("{what} cannot be read")]
    Unreadable {
        /// What cannot be read, for the log.
        what: String,
    },
    /// A store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BugBookError {
    /// There is no bug with this id.
    pub(super) const fn unknown_bug(id: &BugId) -> Self {
        Self::Unknown { what: "bug", id: *id }
    }

    /// A bug has no attachment with this id.
    pub(super) const fn unknown_attachment(id: &BesideId) -> Self {
        Self::Unknown { what: "attachment", id: *id }
    }

    /// Another caller was faster each time.
    pub(super) const fn contended() -> Self {
        Self::Storage(StorageError::new("bugs", StorageErrorKind::Busy))
    }
}

impl From<RefusedChange> for BugBookError {
    fn from(refused: RefusedChange) -> Self {
        Self::Refused(refused)
    }
}

impl From<FieldError> for BugBookError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Storage(error) => Self::Storage(error),
            FieldError::NoRandomness(RandomnessError) => {
                Self::Storage(StorageError::new("sealed fields", StorageErrorKind::Unavailable))
            }
            other => Self::Unreadable { what: other.to_string() },
        }
    }
}
