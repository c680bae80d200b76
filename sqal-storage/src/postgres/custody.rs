//! [`Custody`] of the store of a plant.

use async_trait::async_trait;
use sqal_core::DeviceId;
use sqlx::postgres::Postgres;
use sqlx::Transaction;

use super::error::{corrupt, storage_error};
use super::types::Micros;
use super::{PostgresStore, rows, statements};
use crate::{Action, AuditEntry, Custody, Gone, Purge, StorageError};

type Inside<'a, 'c> = &'a mut Transaction<'c, Postgres>;

async fn write_down(transaction: Inside<'_, '_>, action: Action) -> Result<AuditEntry, StorageError> {
    // One line at a time: each holds the hash of the one before.
    sqlx::query(statements::AUDIT_LOCK).execute(&mut **transaction).await.map_err(storage_error)?;
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
impl Custody for PostgresStore {
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError> {
        let count = async |statement, before: Micros| {
            let count: i64 = sqlx::query_scalar(statement)
                .bind(before)
                .fetch_one(&self.readers)
                .await
                .map_err(storage_error)?;
            Ok::<_, StorageError>(count.unsigned_abs())
        };
        Ok(Gone {
            samples: count(statements::COUNT_SAMPLES_BEFORE, Micros(purge.samples_before.micros())).await?,
            hours: count(statements::COUNT_HOURS_BEFORE, Micros(purge.hours_before.begins().micros())).await?,
        })
    }

    /// Whole partitions are dropped, which costs nothing; only the one that the time cuts is deleted from.
    async fn purge(&self, purge: &Purge, action: Action) -> Result<Gone, StorageError> {
        let steps = [
            (statements::PURGE_SAMPLES, Micros(purge.samples_before.micros())),
            (statements::PURGE_HOURS, Micros(purge.hours_before.begins().micros())),
        ];
        self.in_transaction(async |transaction| {
            let mut gone = [0, 0];
            let dropped = match &self.partitions {
                Some(partitions) => partitions.drop_before(transaction, purge.samples_before.micros()).await?,
                None => 0,
            };
            for ((statement, before), gone) in steps.into_iter().zip(&mut gone) {
                let done = sqlx::query(statement).bind(before).execute(&mut **transaction).await;
                *gone = done.map_err(storage_error)?.rows_affected();
            }
            gone[0] += dropped;
            write_down(transaction, action).await?;
            Ok(Gone { samples: gone[0], hours: gone[1] })
        })
        .await
    }

    async fn erase_device(&self, device: &DeviceId, action: Action) -> Result<Gone, StorageError> {
        self.in_transaction(async |transaction| {
            let mut gone = [0, 0];
            for (statement, gone) in [statements::ERASE_SAMPLES, statements::ERASE_HOURS].into_iter().zip(&mut gone) {
                let done = sqlx::query(statement).bind(device.as_str()).execute(&mut **transaction).await;
                *gone = done.map_err(storage_error)?.rows_affected();
            }
            write_down(transaction, action).await?;
            Ok(Gone { samples: gone[0], hours: gone[1] })
        })
        .await
    }

    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError> {
        self.in_transaction(async |transaction| write_down(transaction, action).await).await
    }

    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError> {
        let query = sqlx::query(statements::AUDIT_AFTER).bind(after.cast_signed()).bind(i64::from(limit));
        let rows = query.fetch_all(&self.readers).await.map_err(storage_error)?;
        rows.iter().map(rows::to_audit).collect::<Result<_, _>>().map_err(corrupt)
    }
}
