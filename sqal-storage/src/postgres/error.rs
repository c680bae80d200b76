//! Converts the driver's errors into the kinds on which the caller decides.

use crate::{StorageError, StorageErrorKind};

/// Classifies an error by the class of its SQLSTATE, or by the code where the class is not specific
/// enough.
pub(super) fn storage_error(error: sqlx::Error) -> StorageError {
    let kind = match &error {
        sqlx::Error::Database(database) => {
            let code = database.code();
            let code = code.as_deref().unwrap_or_default();
            match (code, code.get(..2).unwrap_or_default()) {
                ("53100", _) => StorageErrorKind::Full, // disk_full
                // lock_not_available, query_canceled (a time-out), too_many_connections; 40:
                // serialization, deadlock.
                ("55P03" | "57014" | "53300", _) | (_, "40") => StorageErrorKind::Busy,
                // read_only_sql_transaction (a standby); insufficient_privilege, undefined_table,
                // duplicate_table (a restore or an archive under way); 08 connection, 28
                // authorisation (a password that was changed), 3D no such database, 53 resources,
                // 57 operator intervention, 58 system: these may pass, and the content is not at
                // fault.
                ("25006" | "42501" | "42P01" | "42P07", _) | (_, "08" | "28" | "3D" | "53" | "57" | "58") => {
                    StorageErrorKind::Unavailable
                }
                // A row without a partition is refused like a violated constraint, but no
                // constraint is named.
                ("23514", _) if database.constraint().is_none() => StorageErrorKind::Unavailable,
                (_, "22" | "23") => StorageErrorKind::Refused, // data exception, integrity constraint
                ("XX001" | "XX002", _) => StorageErrorKind::Corrupt(database.message().to_owned()),
                _ => StorageErrorKind::Internal,
            }
        }
        sqlx::Error::PoolTimedOut => StorageErrorKind::Busy,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StorageErrorKind::Unavailable,
        _ => StorageErrorKind::Internal,
    };
    StorageError { kind, backend: "postgres", retry_after: None, source: Some(error.into()) }
}

/// An error of this kind, without a driver's error.
pub(super) const fn refused(kind: StorageErrorKind) -> StorageError {
    StorageError::new("postgres", kind)
}

/// The error for a row that cannot be read back.
pub(super) const fn corrupt(what: String) -> StorageError {
    refused(StorageErrorKind::Corrupt(what))
}
