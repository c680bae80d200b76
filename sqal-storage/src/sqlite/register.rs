//! [`Register`] of the SQLite store.

use async_trait::async_trait;
use tracing::error;

use super::custody::write_down;
use super::error::{corrupt, storage_error};
use super::{SqliteStore, rows, statements};
use crate::{Entry, EntryKind, EntryName, Register, StorageError};

#[async_trait]
impl Register for SqliteStore {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        self.in_transaction(async |transaction| {
            let query = rows::bind_entry(sqlx::query(statements::ADD_ENTRY), entry);
            let added = query.execute(&mut **transaction).await.map_err(storage_error)?.rows_affected() == 1;
            if added {
                write_down(transaction, entry.action()).await?;
            }
            Ok(added)
        })
        .await
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        let query = sqlx::query(statements::HISTORY).bind(kind.as_str().to_owned()).bind(name.as_str().to_owned());
        let query = query.bind(before.map_or(i64::MAX, i64::from)).bind(i64::from(limit));
        let rows = self.all(query).await?;
        rows.iter().map(rows::to_checked_entry).collect::<Result<_, _>>().map_err(corrupt)
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        let query = sqlx::query(statements::NEWEST).bind(kind.as_str().to_owned());
        let rows = self.all(query).await?;
        // One damaged or altered row must not hide the others, nor keep a server from starting. It
        // is logged and left out; its own history is an error.
        let readable = |row| {
            rows::to_checked_entry(row)
                .map_err(|what| error!(what, "an entry of the register is damaged or was altered; it is not used"))
                .ok()
        };
        Ok(rows.iter().filter_map(readable).collect())
    }
}
