//! Brings the schema to a version, safely if several servers start on one new database at once.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use super::error::{refused, storage_error};
use super::line::Line;
use super::statements;
use crate::schema::Schema;
use crate::sql::{BUGS_IN_POSTGRES, NAMES_WITHOUT_PREFIX};
use crate::{StorageError, StorageErrorKind};

/// Applies the steps between the database and the version, in one transaction with a lock that ends
/// with it.
///
/// The lock of the driver's own migrator outlives an error, on a connection that returns to the
/// pool: the next server would wait without end.
pub(super) async fn to(
    line: &Line,
    schema_name: &str,
    schema: &Schema,
    target: Option<i64>,
) -> Result<(), StorageError> {
    let mut taken = line.take().await?;
    let result = async {
        let mut transaction = taken.get().begin().await.map_err(storage_error)?;
        // The steps have no time limit: they take long on a filled database.
        sqlx::raw_sql(statements::NO_TIMEOUT).execute(&mut *transaction).await.map_err(storage_error)?;
        sqlx::query(statements::LOCK).bind(schema_name).execute(&mut *transaction).await.map_err(storage_error)?;
        sqlx::raw_sql(statements::VERSIONS).execute(&mut *transaction).await.map_err(storage_error)?;
        let found = check(&mut transaction, schema).await?;
        let target = target.unwrap_or_else(|| schema.newest());
        if found < statements::TABLES_HAVE_VIEWS {
            sqlx::raw_sql(statements::DROP_LEFT_VIEWS).execute(&mut *transaction).await.map_err(storage_error)?;
        }
        for (version, text) in schema.route(found, target).map_err(refused)? {
            if text == BUGS_IN_POSTGRES.up {
                refuse_foreign_tables(&mut transaction).await?;
            }
            sqlx::raw_sql(text).execute(&mut *transaction).await.map_err(storage_error)?;
            let mark = if version > found {
                sqlx::query(statements::TAKEN).bind(version).bind(checksum(text))
            } else {
                sqlx::query(statements::TAKEN_BACK).bind(version)
            };
            mark.execute(&mut *transaction).await.map_err(storage_error)?;
        }
        transaction.commit().await.map_err(storage_error)
    }
    .await;
    // After an error the connection is closed, so that no other call uses it.
    if result.is_ok() {
        taken.finished();
    }
    result
}

/// Fails if another program's tables have the names of ours that have no prefix: the step of bugs
/// replaces tables of these names.
async fn refuse_foreign_tables(connection: &mut PgConnection) -> Result<(), StorageError> {
    let found = sqlx::query_scalar::<_, String>(statements::FOREIGN_TABLE)
        .bind(NAMES_WITHOUT_PREFIX.to_vec())
        .fetch_optional(connection)
        .await
        .map_err(storage_error)?;
    found.map_or(Ok(()), |table| Err(refused(StorageErrorKind::ForeignTable { table })))
}

/// The version of the database; 0 for an empty database.
///
/// The steps that were applied must be those of this program: a text that was edited after its
/// release is another schema.
pub(super) async fn check(connection: &mut PgConnection, schema: &Schema) -> Result<i64, StorageError> {
    let there = sqlx::query(statements::HAS_VERSIONS).fetch_one(&mut *connection).await.map_err(storage_error)?;
    if !there.try_get::<bool, _>(0).map_err(storage_error)? {
        return Ok(0);
    }
    let taken = sqlx::query(statements::VERSIONS_TAKEN).fetch_all(connection).await.map_err(storage_error)?;
    let mut newest = 0;
    for row in taken {
        let version: i64 = row.try_get(0).map_err(storage_error)?;
        let text = schema.route(0, version).ok().and_then(|route| route.last().copied());
        let found: i64 = row.try_get(1).map_err(storage_error)?;
        if text.is_some_and(|(_, text)| checksum(text) != found) {
            return Err(refused(StorageErrorKind::SchemaMismatch { version }));
        }
        newest = version;
    }
    Ok(newest)
}

fn checksum(text: &str) -> i64 {
    i64::from(crc32fast::hash(text.as_bytes()))
}
