//! [`Snapshot`] of the SQLite store: one deferred transaction of a reading connection.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, Transaction};

use super::error::{corrupt, storage_error};
use super::{SqliteStore, rows, statements};
use crate::evidence::{DecisionRow, HourRow, LineRow, Moment, Place, SampleRow, SchemaFound, SchemaObject};
use crate::sql::{audit_head, audit_rows, count_decisions, decision_rows, stored_row};
use crate::{StorageError, evidence::Snapshot};

/// A read-only transaction. SQLite fixes its view at its first statement.
#[derive(Debug)]
struct SqliteMoment {
    transaction: Transaction<'static, Sqlite>,
}

impl SqliteStore {
    /// The file as of now, while writers continue.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot<'_>, StorageError> {
        let mut transaction = self.readers.begin().await.map_err(storage_error)?;
        sqlx::query(statements::PING).execute(&mut *transaction).await.map_err(storage_error)?;
        Ok(Snapshot::new(SqliteMoment { transaction }))
    }

    /// The triggers, views, tables and indexes that are not as this program makes them, one
    /// sentence each.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be read.
    pub async fn foreign_objects(&self) -> Result<Vec<String>, StorageError> {
        let mut connection = self.readers.acquire().await.map_err(storage_error)?;
        let mut found = objects(&mut connection).await?;
        let expected = expected(rows::version(
            &sqlx::query(statements::VERSION).fetch_one(&mut *connection).await.map_err(storage_error)?,
        )?)
        .await?;
        // After a migration to an older version, decisions and their labels stay in tables that
        // this version does not know.
        let is_of = |object: &SchemaObject, table: &str| object.text.starts_with(&format!("{table}: "));
        let stays = |object: &SchemaObject| {
            (is_of(object, "register") || is_of(object, "sqal_register_label")) && object.kind != "trigger"
        };
        let known = |object: &SchemaObject| expected.iter().any(|known| known.name == object.name);
        found.retain(|object| known(object) || !stays(object));
        let differences = crate::evidence::same_objects(&found, &expected);
        Ok(differences.into_iter().map(|(object, what)| format!("{object} {what}")).collect())
    }
}

/// The objects of a file's schema, without the statistics of `ANALYZE`, which are SQLite's own.
async fn objects(connection: &mut SqliteConnection) -> Result<Vec<SchemaObject>, StorageError> {
    let rows = sqlx::query(statements::OBJECTS).fetch_all(connection).await.map_err(storage_error)?;
    let object = |row: &SqliteRow| -> Result<SchemaObject, sqlx::Error> {
        Ok(SchemaObject { kind: row.try_get(0)?, name: row.try_get(1)?, text: row.try_get(2)? })
    };
    rows.iter().map(object).collect::<Result<_, _>>().map_err(storage_error)
}

/// The schema that this program makes in an empty file, made in memory.
async fn expected(version: i64) -> Result<Vec<SchemaObject>, StorageError> {
    let options = SqliteConnectOptions::new().in_memory(true).disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(storage_error)?;
    let route = statements::SCHEMA.route(0, version);
    for (_, text) in route.map_err(|kind| StorageError::new("sqlite", kind))? {
        sqlx::raw_sql(text).execute(&mut connection).await.map_err(storage_error)?;
    }
    let made = objects(&mut connection).await;
    connection.close().await.map_err(storage_error)?;
    made
}

#[async_trait]
impl Moment for SqliteMoment {
    async fn count(&mut self) -> Result<u64, StorageError> {
        let query = sqlx::query_scalar::<_, i64>(statements::COUNT);
        Ok(query.fetch_one(&mut *self.transaction).await.map_err(storage_error)?.unsigned_abs())
    }

    async fn devices(&mut self) -> Result<Vec<String>, StorageError> {
        let query = sqlx::query_scalar::<_, String>(statements::EVERY_DEVICE);
        query.fetch_all(&mut *self.transaction).await.map_err(storage_error)
    }

    async fn samples(
        &mut self,
        device: Option<&str>,
        after: Option<&Place>,
        limit: u16,
    ) -> Result<Vec<SampleRow>, StorageError> {
        // Without a place the page begins after the latest possible time.
        let (micros, id) = after.map_or((i64::MAX, vec![u8::MAX; 17]), |after| (after.micros, after.id.clone()));
        let query = match device {
            Some(device) => sqlx::query(statements::WHOLE_PAGE_OF_DEVICE).bind(device.to_owned()),
            None => sqlx::query(statements::WHOLE_PAGE),
        };
        let query = query.bind(micros).bind(id).bind(i64::from(limit));
        let rows = query.fetch_all(&mut *self.transaction).await.map_err(storage_error)?;
        rows.iter().map(stored_row::to_sample_row).collect::<Result<_, _>>().map_err(corrupt)
    }

    async fn hours(&mut self, device: &str) -> Result<Vec<Result<HourRow, String>>, StorageError> {
        let query = sqlx::query(statements::EVERY_HOUR_OF_DEVICE).bind(device.to_owned());
        let rows = query.fetch_all(&mut *self.transaction).await.map_err(storage_error)?;
        Ok(rows.iter().map(stored_row::to_hour_row).collect())
    }

    async fn decisions(&mut self, after: Option<&DecisionRow>, limit: u16) -> Result<Vec<DecisionRow>, StorageError> {
        decision_rows(&mut *self.transaction, after, limit).await
    }

    async fn lines(&mut self, after: i64, limit: u16) -> Result<Vec<LineRow>, StorageError> {
        audit_rows(&mut *self.transaction, after, limit).await
    }

    async fn counted(&mut self) -> Result<BTreeMap<String, i64>, StorageError> {
        let query = sqlx::query_as::<_, (String, i64)>(statements::COUNTED);
        Ok(query.fetch_all(&mut *self.transaction).await.map_err(storage_error)?.into_iter().collect())
    }

    async fn hours_since(&mut self, hour: i64) -> Result<Vec<(String, i64, i64)>, StorageError> {
        let query = sqlx::query_as::<_, (String, i64, i64)>(statements::HOURS_SINCE).bind(hour);
        query.fetch_all(&mut *self.transaction).await.map_err(storage_error)
    }

    async fn ends(&mut self) -> Result<(Option<crate::audit::Head>, u64), StorageError> {
        Ok((audit_head(&mut *self.transaction).await?, count_decisions(&mut *self.transaction).await?))
    }

    async fn schema(&mut self) -> Result<SchemaFound, StorageError> {
        let found = objects(&mut self.transaction).await?;
        let row = sqlx::query(statements::VERSION).fetch_one(&mut *self.transaction).await.map_err(storage_error)?;
        let expected = expected(rows::version(&row)?).await?;
        Ok(SchemaFound { found, expected: Ok(expected) })
    }

    async fn close(self: Box<Self>) -> Result<(), StorageError> {
        self.transaction.rollback().await.map_err(storage_error)
    }
}
