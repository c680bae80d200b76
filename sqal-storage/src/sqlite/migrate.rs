//! Brings the schema to a version, safely if several processes start on one new file at once.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::error::storage_error;
use super::{rows, statements};
use crate::sql::{BUGS_IN_SQLITE, NAMES_WITHOUT_PREFIX};
use crate::{StorageError, StorageErrorKind};

/// Applies the steps between the file and the version, in one transaction that holds the write lock
/// from its beginning.
///
/// The lock of the driver's own migrator does nothing on SQLite: of four processes that start at
/// once, half fail. With `BEGIN IMMEDIATE` the second process waits, reads the version again, and
/// has no step to apply.
pub(super) async fn to(pool: &SqlitePool, target: i64) -> Result<(), StorageError> {
    let refused = |kind: StorageErrorKind| StorageError::new("sqlite", kind);
    let mut transaction = pool.begin_with(statements::BEGIN).await.map_err(storage_error)?;
    let row = sqlx::query(statements::VERSION).fetch_one(&mut *transaction).await.map_err(storage_error)?;
    let found = rows::version(&row)?;
    for (version, text) in statements::SCHEMA.route(found, target).map_err(refused)? {
        if text == BUGS_IN_SQLITE.up {
            refuse_foreign_tables(&mut transaction).await?;
        }
        sqlx::raw_sql(text).execute(&mut *transaction).await.map_err(storage_error)?;
        // A pragma takes no bound value; this one is a number of this program.
        let mark = AssertSqlSafe(format!("PRAGMA user_version = {version}"));
        sqlx::raw_sql(mark).execute(&mut *transaction).await.map_err(storage_error)?;
    }
    transaction.commit().await.map_err(storage_error)
}

/// Fails if another program's tables have the names of ours that have no prefix: the step of bugs
/// replaces tables of these names.
async fn refuse_foreign_tables(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let [first, second, third] = NAMES_WITHOUT_PREFIX;
    let found = sqlx::query_scalar::<_, String>(statements::FOREIGN_TABLE)
        .bind(first)
        .bind(second)
        .bind(third)
        .fetch_optional(connection)
        .await
        .map_err(storage_error)?;
    found.map_or(Ok(()), |table| Err(StorageError::new("sqlite", StorageErrorKind::ForeignTable { table })))
}

/// The version of the file.
pub(super) async fn version(pool: &SqlitePool) -> Result<i64, StorageError> {
    let row = sqlx::query(statements::VERSION).fetch_one(pool).await.map_err(storage_error)?;
    rows::version(&row)
}
