//! [`SealedFields`] over SQL, for both engines.

use async_trait::async_trait;

use super::audit::write_down;
use super::row::Row;
use super::store::{Sql, SqlStore};
use crate::{
    SealedFields, StorageError,
    sealed::{ErasureOf, FieldKey, FieldName, KeyId, Sealed, Subject},
};

/// Stores a field: bind the subject, the field, the id of the key and the sealed bytes.
const PUT: Sql = Sql::both(
    "INSERT INTO sealed_field (subject, field, key_id, sealed) VALUES ($1, $2, $3, $4)
ON CONFLICT (subject, field) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed",
);

/// Reads a field: bind the subject and the field.
const ONE: Sql = Sql::both("SELECT key_id, sealed FROM sealed_field WHERE subject = $1 AND field = $2");

/// The fields of a subject, by name.
const OF_SUBJECT: Sql = Sql::both("SELECT field, key_id, sealed FROM sealed_field WHERE subject = $1 ORDER BY field");

/// Fields that another key has sealed: bind the id of the key, the subject and the field of the
/// field before, and the most.
const NOT_UNDER: Sql = Sql::both(
    "SELECT subject, field, key_id, sealed FROM sealed_field
WHERE key_id <> $1 AND (subject, field) > ($2, $3) ORDER BY subject, field LIMIT $4",
);

/// Replaces a field: bind the new id and bytes, the subject, the field, the old id and bytes.
const REPLACE: Sql = Sql::both(
    "UPDATE sealed_field SET key_id = $1, sealed = $2
WHERE subject = $3 AND field = $4 AND key_id = $5 AND sealed = $6 RETURNING field",
);

/// Deletes the fields of a subject.
const ERASE: Sql = Sql::both("DELETE FROM sealed_field WHERE subject = $1 RETURNING field");

fn to_sealed(row: &mut Row) -> Result<Sealed, String> {
    Ok(Sealed { key: KeyId::from_bytes(row.fixed("key_id")?), bytes: row.bytes("sealed")? })
}

#[async_trait]
impl<S: SqlStore> SealedFields for S {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        let id = sealed.key.as_bytes().as_slice();
        let values = [(&key.subject).into(), (&key.field).into(), id.into(), sealed.bytes.as_slice().into()];
        self.write(PUT, &values).await.map(drop)
    }

    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        let rows = self.read(ONE, &[(&key.subject).into(), (&key.field).into()]).await?;
        Ok(S::ENGINE.each(rows, |mut row| to_sealed(&mut row))?.pop())
    }

    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        let rows = self.read(OF_SUBJECT, &[subject.into()]).await?;
        S::ENGINE.each(rows, |mut row| Ok((row.name("field")?, to_sealed(&mut row)?)))
    }

    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        // No name is empty, so every field comes after two empty names.
        let (subject, field) = after.map_or(("", ""), |after| (after.subject.as_str(), after.field.as_str()));
        let id = key.as_bytes().as_slice();
        let rows = self.read(NOT_UNDER, &[id.into(), subject.into(), field.into(), limit.into()]).await?;
        S::ENGINE.each(rows, |mut row| {
            let key = FieldKey { subject: row.name("subject")?, field: row.name("field")? };
            Ok((key, to_sealed(&mut row)?))
        })
    }

    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        let [old_id, new_id] = [old, new].map(|sealed| sealed.key.as_bytes().as_slice());
        let values = [
            new_id.into(),
            new.bytes.as_slice().into(),
            (&key.subject).into(),
            (&key.field).into(),
            old_id.into(),
            old.bytes.as_slice().into(),
        ];
        Ok(!self.write(REPLACE, &values).await?.is_empty())
    }

    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        let mut transaction = self.begin().await?;
        let count = transaction.run(ERASE, &[subject.into()]).await?.len() as u64;
        write_down(&mut *transaction, action(count)).await?;
        transaction.commit().await?;
        Ok(count)
    }
}
