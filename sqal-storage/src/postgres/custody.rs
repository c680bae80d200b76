//! [`Custody`] of the PostgreSQL store.

use async_trait::async_trait;
use sqal_core::DeviceId;
use sqlx::Connection;

use super::chunks::Inside;
use super::encoding::Micros;
use super::error::storage_error;
use super::partitions::Partition;
use super::{PostgresStore, chunks, statements};
use crate::sql::{audit_after, log_action, write_down};
use crate::{
    Custody, StorageError,
    audit::{Action, AuditEntry},
    custody::{ActionOf, Gone, Purge},
};

impl PostgresStore {
    /// Lifts the limit of deleted rows where there is one: every try would end at the same row.
    async fn may_delete(&self, transaction: Inside<'_, '_>) -> Result<(), StorageError> {
        if self.partitions.is_some() { Ok(()) } else { chunks::lift_limit(transaction).await }
    }
}

#[async_trait]
impl Custody for PostgresStore {
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError> {
        let (samples, hours) = (Micros(purge.samples_before.micros()), Micros(purge.hours_before.begins().micros()));
        let [samples, hours]: [i64; 2] = self
            .readers
            .with(async |connection| {
                let mut transaction = connection.begin().await?;
                sqlx::raw_sql(statements::NO_TIMEOUT).execute(&mut *transaction).await?;
                let mut counts = [0, 0];
                for (count, (statement, before)) in counts
                    .iter_mut()
                    .zip([(statements::COUNT_SAMPLES_BEFORE, samples), (statements::COUNT_HOURS_BEFORE, hours)])
                {
                    *count = sqlx::query_scalar(statement).bind(before).fetch_one(&mut *transaction).await?;
                }
                transaction.commit().await?;
                Ok(counts)
            })
            .await?;
        Ok(Gone { samples: samples.unsigned_abs(), hours: hours.unsigned_abs() })
    }

    /// Whole partitions or chunks are counted and dropped; rows are deleted only from the one that
    /// the time cuts.
    async fn purge(&self, purge: &Purge, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        let before = purge.samples_before.micros();
        // Older rows are removed with their partition or chunk.
        let from =
            if self.partitions.is_some() { Partition::beginning_of(before) } else { chunks::beginning_of(before) };
        let hours = Micros(purge.hours_before.begins().micros());
        self.in_transaction(async |transaction| {
            self.may_delete(transaction).await?;
            let samples = sqlx::query(statements::PURGE_SAMPLES).bind(Micros(from)).bind(Micros(before));
            let samples = samples.execute(&mut **transaction).await.map_err(storage_error)?.rows_affected();
            let hours = sqlx::query(statements::PURGE_HOURS).bind(hours).execute(&mut **transaction).await;
            let hours = hours.map_err(storage_error)?.rows_affected();
            // Last: from the first drop until the commit, which is next, inserts wait.
            let dropped = match &self.partitions {
                Some(partitions) => partitions.drop_before(transaction, before).await?,
                None => chunks::drop_before(transaction, before).await?,
            };
            let gone = Gone { samples: samples + dropped, hours };
            write_down(&mut **transaction, action(gone)).await?;
            Ok(gone)
        })
        .await
    }

    async fn erase_device(&self, device: &DeviceId, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        self.in_transaction(async |transaction| {
            self.may_delete(transaction).await?;
            let mut gone = [0, 0];
            for (statement, gone) in [statements::ERASE_SAMPLES, statements::ERASE_HOURS].into_iter().zip(&mut gone) {
                let done = sqlx::query(statement).bind(device.as_str()).execute(&mut **transaction).await;
                *gone = done.map_err(storage_error)?.rows_affected();
            }
            let gone = Gone { samples: gone[0], hours: gone[1] };
            write_down(&mut **transaction, action(gone)).await?;
            Ok(gone)
        })
        .await
    }

    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError> {
        log_action(self, action).await
    }

    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError> {
        audit_after(self, after, limit).await
    }
}
