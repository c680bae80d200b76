//! Brings the schema to a version, safely when several servers start on one new database at once.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use super::error::{refused, storage_error};
use super::line::Line;
use super::statements;
use crate::schema::Schema;
use crate::{StorageError, StorageErrorKind};

/// Takes the steps between the database and the version, in one transaction that holds a lock that ends with it.
///
/// The stock migrator's lock outlives an error, on a connection that goes back to the pool: the next server waits for ever.
pub(super) async fn to(
    line: &Line,
    schema_name: &str,
    schema: &Schema,
    target: Option<i64>,
) -> Result<(), StorageError> {
    let mut taken = line.take().await?;
    let result = async {
        let mut transaction = taken.get().begin().await.map_err(storage_error)?;
        // A filled database takes its time.
        sqlx::raw_sql(statements::NO_TIMEOUT).execute(&mut *transaction).await.map_err(storage_error)?;
        sqlx::query(statements::LOCK).bind(schema_name).execute(&mut *transaction).await.map_err(storage_error)?;
        sqlx::raw_sql(statements::VERSIONS).execute(&mut *transaction).await.map_err(storage_error)?;
        let found = check(&mut transaction, schema).await?;
        let target = target.unwrap_or_else(|| schema.newest());
        for (version, text) in schema.route(found, target).map_err(refused)? {
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
    // Whatever state an error left it in, no other call shall find it.
    if result.is_ok() {
        taken.finished();
    }
    result
}

/// The version of the database; 0 when nothing is there.
///
/// What was taken must be what this program would have taken (a text that was edited after its release is another schema).
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
