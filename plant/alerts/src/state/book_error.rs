//! [`AlertBookError`]: why the book could not be read or written.

use sqal_storage::{StorageError, StorageErrorKind};

use super::key::AlertKey;
use super::stored::BACKEND;

/// The book could not be read or written, or has no alert to which something can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertBookError {
    /// The records or the register failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no such alert; it may have ended more than 30 days ago.
    #[error("alert {key}: the book has no alert with this key")]
    Unknown {
        /// The key that was given.
        key: AlertKey,
    },
    /// The alert has ended, and only a cause can still be assigned to it.
    #[error("alert {key}: it has ended, and only an open alert can be acknowledged")]
    Ended {
        /// The key of the alert.
        key: AlertKey,
    },
    /// A record of the book cannot be read by this program.
    #[error("record {record} of the alerts cannot be read: {why}")]
    Unreadable {
        /// The key of the record.
        record: String,
        /// Why it cannot be read.
        why: String,
    },
}

impl AlertBookError {
    /// Whether the same call may succeed later without another change.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_transient())
    }

    /// Other callers were first each time.
    pub(super) const fn busy() -> Self {
        Self::Storage(StorageError::new(BACKEND, StorageErrorKind::Busy))
    }
}
