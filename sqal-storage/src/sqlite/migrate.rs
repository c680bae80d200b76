//! Brings the schema up to date, safely when several processes start on one new file at once.

use sqlx::sqlite::SqlitePool;

use super::error::storage_error;
use super::{rows, statements};
use crate::{StorageError, StorageErrorKind};

/// Takes the steps that the file has not seen, in one transaction that holds the write lock from its beginning.
///
/// The stock migrator's lock does nothing on SQLite: of four processes starting at once, half fail. With `BEGIN IMMEDIATE` the second
/// one waits, reads the version again, and finds nothing to do.
pub(super) async fn up(pool: &SqlitePool) -> Result<(), StorageError> {
    let mut transaction = pool.begin_with(statements::BEGIN).await.map_err(storage_error)?;
    let row = sqlx::query(statements::VERSION).fetch_one(&mut *transaction).await.map_err(storage_error)?;
    let found = rows::version(&row)?;
    let known = i64::try_from(statements::STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StorageError::new("sqlite", StorageErrorKind::SchemaTooNew { found, known }));
    }
    for step in statements::STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(storage_error)?;
    }
    transaction.commit().await.map_err(storage_error)
}
