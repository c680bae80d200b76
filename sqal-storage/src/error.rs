//! [`StorageError`]: the kind of a failure, on which the caller decides, with the driver's own
//! error as its source.

use std::error::Error;
use std::time::Duration;

/// A call to a store failed.
#[derive(Debug, thiserror::Error)]
#[error("{backend}: {kind}")]
pub struct StorageError {
    /// The kind of the failure.
    pub kind: StorageErrorKind,
    /// The name of the store, for the log.
    pub backend: &'static str,
    /// The time after which the same call may succeed, if the store or its breaker states one.
    pub retry_after: Option<Duration>,
    /// The driver's error; callers must not depend on its type.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of a failure, as far as it changes what the caller does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// The store does not answer: down, restarting, or refused by a breaker.
    #[error("the store does not answer")]
    Unavailable,
    /// The store is busy: a lock or a connection was not available in time.
    #[error("the store is busy")]
    Busy,
    /// The disk is full.
    #[error("disk full: there is no room left")]
    Full,
    /// The file of the store was removed or replaced while it was open: samples that are stored
    /// from then on would be lost at the next start.
    #[error(
        "file removed: the file at the store's path is not the file that is open; stop this program before anything is put there"
    )]
    FileGone,
    /// The store refuses this content, and a retry does not change that.
    #[error("the store refuses this content")]
    Refused,
    /// Stored data cannot be read back.
    #[error("what is stored is damaged: {0}")]
    Corrupt(String),
    /// The store was written by a newer version of this program.
    #[error(
        "the store has schema version {found}, this program knows up to {known}: start the newer program, or restore a backup"
    )]
    SchemaTooNew {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// The store was written by a version of this program that is too old to be upgraded by this
    /// one.
    #[error(
        "the store has schema version {found}, this program goes on from version {oldest}: it needs a program in between"
    )]
    SchemaTooOld {
        /// The version found.
        found: i64,
        /// The oldest version known.
        oldest: i64,
    },
    /// A version of the store's schema was made by another text than this program's.
    #[error(
        "schema version {version} of the store was made by another text than this program's: the two have grown apart"
    )]
    SchemaMismatch {
        /// The version whose text differs.
        version: i64,
    },
    /// A table has the name of one of this program's tables, and another program has made it. It is
    /// left as it is.
    #[error("table {table} exists and is not SQAL's: rename it, then start this program again")]
    ForeignTable {
        /// The name of the table.
        table: String,
    },
    /// Any other failure.
    #[error("the store failed")]
    Internal,
}

impl StorageError {
    /// An error without a driver's error behind it.
    #[must_use]
    pub const fn new(backend: &'static str, kind: StorageErrorKind) -> Self {
        Self { kind, backend, retry_after: None, source: None }
    }

    /// Whether the same call may succeed later without a change of the call, the program or its
    /// configuration.
    ///
    /// Only this function decides what is retried, what counts against a breaker, and what is
    /// answered with 503.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, StorageErrorKind::Unavailable | StorageErrorKind::Busy | StorageErrorKind::Full)
    }
}
