//! [`Custody`] of the SQLite store.

use std::path::Path;

use async_trait::async_trait;
use sqal_core::DeviceId;

use super::error::{corrupt, storage_error};
use super::{SqliteStore, statements};
use crate::sql::{audit_after, log_action, write_down};
use crate::{
    Custody, StorageError,
    audit::{Action, AuditEntry},
    custody::{ActionOf, Gone, Purge},
};

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
            write_down(&mut **transaction, action(gone)).await?;
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
                write_down(&mut **transaction, action(gone)).await?;
                Ok(gone)
            })
            .await?;
        // Erased data must not be readable in the log. If a reader is in the way, the next
        // checkpoint truncates it.
        let _ = sqlx::raw_sql(statements::TRUNCATE_LOG).execute(&self.writer).await;
        Ok(gone)
    }

    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError> {
        log_action(self, action).await
    }

    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError> {
        audit_after(self, after, limit).await
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
