//! [`Snapshot`] of the PostgreSQL store: one read-only transaction, in which every statement sees
//! one moment.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::encoding::{Id, Micros};
use super::error::{corrupt, storage_error};
use super::line::Taken;
use super::{PostgresStore, statements};
use crate::evidence::{DecisionRow, HourRow, LineRow, Moment, Place, SampleRow, SchemaFound, SchemaObject};
use crate::schema::Schema;
use crate::sql::{TABLES, VIEWS, audit_head, audit_rows, count_decisions, decision_rows, stored_row};
use crate::{StorageError, audit::Head, evidence::Snapshot};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A read-only transaction. If it is dropped before its end, its connection is closed.
#[derive(Debug)]
struct PostgresMoment<'a> {
    taken: Taken<'a>,
    schema_name: &'a str,
    schema: &'static Schema,
}

impl PostgresStore {
    /// The database as of now, while writers continue. A snapshot has no deadline.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot<'_>, StorageError> {
        let mut taken = self.readers.take().await?;
        sqlx::raw_sql(statements::BEGIN_SNAPSHOT).execute(taken.get()).await.map_err(storage_error)?;
        Ok(Snapshot::new(PostgresMoment { taken, schema_name: &self.schema_name, schema: self.schema() }))
    }
}

/// The objects of a schema.
async fn objects(connection: &mut PgConnection, schema: &str) -> Result<Vec<SchemaObject>, sqlx::Error> {
    let ours: Vec<&str> = TABLES.into_iter().chain(VIEWS).collect();
    let rows = sqlx::query(statements::OBJECTS).bind(schema).bind(ours).fetch_all(connection).await?;
    let object = |row: &PgRow| -> Result<SchemaObject, sqlx::Error> {
        Ok(SchemaObject { kind: row.try_get(0)?, name: row.try_get(1)?, text: row.try_get(2)? })
    };
    rows.iter().map(object).collect()
}

/// The objects that this program makes in an empty schema, in a transaction that is rolled back.
async fn expected(connection: &mut PgConnection, schema: &Schema) -> Result<Vec<SchemaObject>, String> {
    let route = schema.route(0, schema.newest()).map_err(|kind| kind.to_string())?;
    let made = async {
        sqlx::raw_sql(statements::BEGIN_EXPECTED).execute(&mut *connection).await?;
        for (_, text) in route {
            sqlx::raw_sql(text).execute(&mut *connection).await?;
        }
        let schema: String = sqlx::query_scalar(statements::CURRENT_SCHEMA).fetch_one(&mut *connection).await?;
        objects(&mut *connection, &schema).await
    }
    .await;
    sqlx::raw_sql(statements::ROLLBACK).execute(connection).await.map_err(|error| error.to_string())?;
    made.map_err(|error| error.to_string())
}

#[async_trait]
impl Moment for PostgresMoment<'_> {
    async fn count(&mut self) -> Result<u64, StorageError> {
        let query = sqlx::query_scalar::<_, i64>(statements::COUNT);
        Ok(query.fetch_one(self.taken.get()).await.map_err(storage_error)?.unsigned_abs())
    }

    async fn devices(&mut self) -> Result<Vec<String>, StorageError> {
        let query = sqlx::query_scalar::<_, String>(statements::EVERY_DEVICE);
        query.fetch_all(self.taken.get()).await.map_err(storage_error)
    }

    async fn samples(
        &mut self,
        device: Option<&str>,
        after: Option<&Place>,
        limit: u16,
    ) -> Result<Vec<SampleRow>, StorageError> {
        // Without a place the page begins after the latest possible time.
        let micros = after.map_or(i64::MAX, |after| after.micros);
        let id = after.and_then(|after| <[u8; 16]>::try_from(after.id.as_slice()).ok()).unwrap_or([u8::MAX; 16]);
        let statement = if device.is_some() { statements::WHOLE_PAGE_OF_DEVICE } else { statements::WHOLE_PAGE };
        let mut query = sqlx::query(statement).bind(Micros(micros)).bind(Id(id)).bind(i64::from(limit));
        if let Some(device) = device {
            query = query.bind(device.to_owned());
        }
        let rows = query.fetch_all(self.taken.get()).await.map_err(storage_error)?;
        rows.iter().map(stored_row::to_sample_row).collect::<Result<_, _>>().map_err(corrupt)
    }

    async fn hours(&mut self, device: &str) -> Result<Vec<Result<HourRow, String>>, StorageError> {
        let query = sqlx::query(statements::EVERY_HOUR_OF_DEVICE).bind(device.to_owned());
        let rows = query.fetch_all(self.taken.get()).await.map_err(storage_error)?;
        Ok(rows.iter().map(stored_row::to_hour_row).collect())
    }

    async fn decisions(&mut self, after: Option<&DecisionRow>, limit: u16) -> Result<Vec<DecisionRow>, StorageError> {
        decision_rows(self.taken.get(), after, limit).await
    }

    async fn lines(&mut self, after: i64, limit: u16) -> Result<Vec<LineRow>, StorageError> {
        audit_rows(self.taken.get(), after, limit).await
    }

    async fn counted(&mut self) -> Result<BTreeMap<String, i64>, StorageError> {
        let query = sqlx::query_as::<_, (String, i64)>(statements::COUNTED);
        Ok(query.fetch_all(self.taken.get()).await.map_err(storage_error)?.into_iter().collect())
    }

    async fn hours_since(&mut self, hour: i64) -> Result<Vec<(String, i64, i64)>, StorageError> {
        let begins = Micros(hour.saturating_mul(MICROS_PER_HOUR));
        let query = sqlx::query_as::<_, (String, Micros, i64)>(statements::HOURS_SINCE).bind(begins);
        let rows = query.fetch_all(self.taken.get()).await.map_err(storage_error)?;
        let hour = |(device, Micros(micros), samples)| (device, micros.div_euclid(MICROS_PER_HOUR), samples);
        Ok(rows.into_iter().map(hour).collect())
    }

    async fn ends(&mut self) -> Result<(Option<Head>, u64), StorageError> {
        Ok((audit_head(self.taken.get()).await?, count_decisions(self.taken.get()).await?))
    }

    async fn schema(&mut self) -> Result<SchemaFound, StorageError> {
        let found = objects(self.taken.get(), self.schema_name).await.map_err(storage_error)?;
        // A read-only transaction makes no schema, so it ends here.
        sqlx::raw_sql(statements::COMMIT).execute(self.taken.get()).await.map_err(storage_error)?;
        let expected = expected(self.taken.get(), self.schema).await;
        Ok(SchemaFound { found, expected })
    }

    async fn close(self: Box<Self>) -> Result<(), StorageError> {
        let Self { mut taken, .. } = *self;
        // Without a transaction the server only warns.
        sqlx::raw_sql(statements::COMMIT).execute(taken.get()).await.map_err(storage_error)?;
        taken.finished();
        Ok(())
    }
}
