//! [`StorageError`]: what the caller must decide on, with the driver's own error behind it.

use std::error::Error;
use std::time::Duration;

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{backend}: {kind}")]
pub struct StorageError {
    /// What happened.
    pub kind: StorageErrorKind,
    /// Which store, for the log.
    pub backend: &'static str,
    /// When the same call may succeed, if the store or its breaker knows.
    pub retry_after: Option<Duration>,
    /// The driver's error; its type is nobody's business.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What happened, as far as it changes what the caller does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// The store does not answer: down, restarting, or refused by a breaker.
    #[error("the store does not answer")]
    Unavailable,
    /// The store is busy: a lock or a connection was not to be had in time.
    #[error("the store is busy")]
    Busy,
    /// There is no room left.
    #[error("disk full: there is no room left")]
    Full,
    /// The file of the store was removed or replaced while it was open: what is stored from then on would be lost at the next start.
    #[error(
        "file removed: the file at the store's path is not the file that is open; stop this program before anything is put there"
    )]
    FileGone,
    /// The store refuses this content, today and tomorrow.
    #[error("the store refuses this content")]
    Refused,
    /// What is stored cannot be read back.
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
    /// The store was written by a version of this program that is too old to go on from.
    #[error(
        "the store has schema version {found}, this program goes on from version {oldest}: it needs a program in between"
    )]
    SchemaTooOld {
        /// The version found.
        found: i64,
        /// The oldest version known.
        oldest: i64,
    },
    /// A step of the schema is not what this program would have done.
    #[error(
        "schema version {version} of the store was made by another text than this program's: the two have grown apart"
    )]
    SchemaMismatch {
        /// The version whose text differs.
        version: i64,
    },
    /// Anything else.
    #[error("the store failed")]
    Internal,
}

impl StorageError {
    /// An error without a driver's error behind it.
    #[must_use]
    pub const fn new(backend: &'static str, kind: StorageErrorKind) -> Self {
        Self { kind, backend, retry_after: None, source: None }
    }

    /// Whether the same call may succeed later without anybody changing anything but the world.
    ///
    /// The one place that decides what is retried, what counts against a breaker, and what is a 503.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, StorageErrorKind::Unavailable | StorageErrorKind::Busy | StorageErrorKind::Full)
    }
}
