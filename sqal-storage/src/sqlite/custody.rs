//! [`Custody`] of the SQLite store.

use std::path::Path;

use async_trait::async_trait;
use sqal_core::DeviceId;
use sqlx::{Sqlite, Transaction};

use super::error::{corrupt, storage_error};
use super::{SqliteStore, rows, statements};
use crate::{Action, ActionOf, AuditEntry, Custody, Gone, Purge, StorageError};

/// A running transaction.
pub(super) type Inside<'a, 'c> = &'a mut Transaction<'c, Sqlite>;

/// Adds a line to the audit log within a transaction.
pub(super) async fn write_down(transaction: Inside<'_, '_>, action: Action) -> Result<AuditEntry, StorageError> {
    let last = sqlx::query(statements::AUDIT_HEAD).fetch_optional(&mut **transaction).await.map_err(storage_error)?;
    let last = last.as_ref().map(rows::to_head).transpose().map_err(corrupt)?;
    let entry = AuditEntry::after(last.as_ref(), action);
    rows::bind_audit(sqlx::query(statements::AUDIT), &entry)
        .execute(&mut **transaction)
        .await
        .map_err(storage_error)?;
    Ok(entry)
}

#[async_trait]
impl Custody for SqliteStore {
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError> {
        let count = async |statement, before: i64| {
            let count: i64 =
                sqlx::query_scalar(statement).bind(before).fetch_one(&self.readers).await.map_err(storage_error)?;
            Ok::<_, StorageError>(count.unsigned_abs())
        };
        Ok(Gone {
            samples: count(statements::COUNT_SAMPLES_BEFORE, purge.samples_before.micros()).await?,
            hours: count(statements::COUNT_HOURS_BEFORE, purge.hours_before.number()).await?,
        })
    }

    async fn purge(&self, purge: &Purge, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        let steps = [
            (statements::PURGE_SAMPLES, purge.samples_before.micros()),
            (statements::PURGE_HOURS, purge.hours_before.number()),
        ];
        self.in_transaction(async |transaction| {
            let mut gone = [0, 0];
            for ((statement, before), gone) in steps.into_iter().zip(&mut gone) {
                let done = sqlx::query(statement).bind(before).execute(&mut **transaction).await;
                *gone = done.map_err(storage_error)?.rows_affected();
            }
            let gone = Gone { samples: gone[0], hours: gone[1] };
            write_down(transaction, action(gone)).await?;
            Ok(gone)
        })
        .await
    }

    async fn erase_device(&self, device: &DeviceId, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        let gone = self
            .in_transaction(async |transaction| {
                let mut gone = [0, 0];
                for (statement, gone) in [statements::ERASE_SAMPLES, statements::ERASE_HOURS].into_iter().zip(&mut gone)
                {
                    let done =
                        sqlx::query(statement).bind(device.as_str().to_owned()).execute(&mut **transaction).await;
                    *gone = done.map_err(storage_error)?.rows_affected();
                }
                let gone = Gone { samples: gone[0], hours: gone[1] };
                write_down(transaction, action(gone)).await?;
                Ok(gone)
            })
            .await?;
        // Erased data must not be readable in the log. If a reader is in the way, the next
        // checkpoint truncates it.
        let _ = sqlx::raw_sql(statements::TRUNCATE_LOG).execute(&self.writer).await;
        Ok(gone)
    }

    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError> {
        self.in_transaction(async |transaction| write_down(transaction, action).await).await
    }

    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError> {
        let query = sqlx::query(statements::AUDIT_AFTER).bind(after.cast_signed()).bind(limit);
        let rows = self.all(query).await?;
        rows.iter().map(rows::to_audit).collect::<Result<_, _>>().map_err(corrupt)
    }
}

impl SqliteStore {
    /// Writes everything into a new file, as of one moment, while writers and readers continue. The
    /// file is compact and needs no log.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the path exists already, or if there is no room.
    pub async fn backup_to(&self, path: &Path) -> Result<(), StorageError> {
        let mut connection = self.readers.acquire().await.map_err(storage_error)?;
        let path = path.to_string_lossy().into_owned();
        sqlx::query(statements::BACKUP).bind(path).execute(&mut *connection).await.map_err(storage_error)?;
        Ok(())
    }

    /// Reads the whole file and checks that it is intact.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::StorageErrorKind::Corrupt) with what SQLite found first.
    pub async fn check_integrity(&self) -> Result<(), StorageError> {
        let found: String =
            sqlx::query_scalar(statements::INTEGRITY).fetch_one(&self.readers).await.map_err(storage_error)?;
        if found == "ok" { Ok(()) } else { Err(corrupt(found)) }
    }
}
