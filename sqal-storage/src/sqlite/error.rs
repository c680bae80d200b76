//! Converts the driver's errors into the kinds on which the caller decides.

use crate::{StorageError, StorageErrorKind};

/// Classifies an error by SQLite's primary result code (the low byte of the extended one).
pub(super) fn storage_error(error: sqlx::Error) -> StorageError {
    let code = match &error {
        sqlx::Error::Database(database) => {
            database.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xFF)
        }
        _ => None,
    };
    let kind = match (&error, code) {
        // BUSY, LOCKED, INTERRUPT: a read past its deadline.
        (sqlx::Error::PoolTimedOut, _) | (_, Some(5 | 6 | 9)) => StorageErrorKind::Busy,
        (_, Some(13)) => StorageErrorKind::Full,
        // PERM, READONLY, IOERR, CANTOPEN: the disk or its mount, not the content.
        (_, Some(3 | 8 | 10 | 14)) | (sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_), _) => {
            StorageErrorKind::Unavailable
        }
        (_, Some(11 | 26)) => StorageErrorKind::Corrupt(error.to_string()), // CORRUPT, NOTADB
        (_, Some(18..=20)) => StorageErrorKind::Refused,                    // TOOBIG, CONSTRAINT, MISMATCH
        _ => StorageErrorKind::Internal,
    };
    StorageError { kind, backend: "sqlite", retry_after: None, source: Some(error.into()) }
}

/// The error for a row that cannot be read back.
pub(super) fn corrupt(what: String) -> StorageError {
    StorageError::new("sqlite", StorageErrorKind::Corrupt(what))
}
