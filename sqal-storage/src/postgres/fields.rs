//! [`SealedFields`] of the PostgreSQL store.

use async_trait::async_trait;

use super::custody::write_down;
use super::error::{corrupt, storage_error};
use super::{PostgresStore, rows, statements};
use crate::{ErasureOf, FieldKey, FieldName, KeyId, Sealed, SealedFields, StorageError, Subject};

#[async_trait]
impl SealedFields for PostgresStore {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        let query = sqlx::query(statements::PUT_FIELD).bind(key.subject.as_str().to_owned());
        let query =
            query.bind(key.field.as_str().to_owned()).bind(sealed.key.as_bytes().to_vec()).bind(sealed.bytes.clone());
        self.in_transaction(async |transaction| query.execute(&mut **transaction).await.map_err(storage_error)).await?;
        Ok(())
    }

    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        let query =
            sqlx::query(statements::FIELD).bind(key.subject.as_str().to_owned()).bind(key.field.as_str().to_owned());
        let row = self.readers.with(async |connection| query.fetch_optional(connection).await).await?;
        row.as_ref().map(rows::to_sealed).transpose().map_err(corrupt)
    }

    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        let query = sqlx::query(statements::FIELDS_OF).bind(subject.as_str().to_owned());
        let rows = self.readers.with(async |connection| query.fetch_all(connection).await).await?;
        rows.iter()
            .map(|row| Ok((rows::to_field(row)?, rows::to_sealed(row)?)))
            .collect::<Result<_, _>>()
            .map_err(corrupt)
    }

    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        // No name is empty, so every field comes after two empty names.
        let (subject, field) = after.map_or(("", ""), |after| (after.subject.as_str(), after.field.as_str()));
        let query = sqlx::query(statements::FIELDS_NOT_UNDER).bind(key.as_bytes().to_vec());
        let query = query.bind(subject.to_owned()).bind(field.to_owned()).bind(i64::from(limit));
        let rows = self.readers.with(async |connection| query.fetch_all(connection).await).await?;
        rows.iter()
            .map(|row| Ok((rows::to_field_key(row)?, rows::to_sealed(row)?)))
            .collect::<Result<_, _>>()
            .map_err(corrupt)
    }

    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        let query = sqlx::query(statements::REPLACE_FIELD).bind(new.key.as_bytes().to_vec()).bind(new.bytes.clone());
        let query = query.bind(key.subject.as_str().to_owned()).bind(key.field.as_str().to_owned());
        let query = query.bind(old.key.as_bytes().to_vec()).bind(old.bytes.clone());
        Ok(self
            .in_transaction(async |transaction| query.execute(&mut **transaction).await.map_err(storage_error))
            .await?
            .rows_affected()
            == 1)
    }

    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        self.in_transaction(async |transaction| {
            let query = sqlx::query(statements::ERASE_SUBJECT).bind(subject.as_str().to_owned());
            let count = query.execute(&mut **transaction).await.map_err(storage_error)?.rows_affected();
            write_down(transaction, action(count)).await?;
            Ok(count)
        })
        .await
    }
}
