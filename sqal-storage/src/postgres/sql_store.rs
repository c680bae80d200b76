//! [`SqlStore`] of the PostgreSQL store.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr, TypeInfo, ValueRef};
use tokio::time::{Instant, timeout_at};

use super::encoding::Micros;
use super::error::{refused, storage_error};
use super::line::Taken;
use super::{PostgresStore, statements, within};
use crate::sql::{Assembled, Cell, Engine, Row, Sql, SqlRunner, SqlStore, SqlTransaction, Value};
use crate::{StorageError, StorageErrorKind};

fn query(statement: Sql, values: &[Value<'_>]) -> Query<'static, Postgres, PgArguments> {
    bound(statement.text(Engine::Postgres), values)
}

fn bound(text: impl SqlSafeStr, values: &[Value<'_>]) -> Query<'static, Postgres, PgArguments> {
    values.iter().fold(sqlx::query(text), |query, value| match *value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text.map(str::to_owned)),
        Value::Bytes(bytes) => query.bind(bytes.to_vec()),
        Value::Time(time) => query.bind(Micros(time.micros())),
        Value::MaybeTime(time) => query.bind(time.map(|time| Micros(time.micros()))),
    })
}

fn to_row(row: &PgRow) -> Row {
    let cell = |place: usize| -> Result<Cell, sqlx::Error> {
        let value = row.try_get_raw(place)?;
        let type_info = value.type_info();
        match type_info.name() {
            _ if value.is_null() => Ok(Cell::Null),
            "INT8" => row.try_get(place).map(Cell::Int),
            "TEXT" => row.try_get(place).map(Cell::Text),
            "BYTEA" => row.try_get(place).map(Cell::Bytes),
            "TIMESTAMPTZ" => row.try_get(place).map(|Micros(micros)| Cell::Int(micros)),
            other => Ok(Cell::Damaged(format!("a value of the type {other}"))),
        }
    };
    Row::new((0..row.len()).map(|place| cell(place).unwrap_or_else(|error| Cell::Damaged(error.to_string()))).collect())
}

#[async_trait]
impl SqlRunner for PgConnection {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    async fn run(&mut self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        let rows = query(statement, values).fetch_all(self).await.map_err(storage_error)?;
        Ok(rows.iter().map(to_row).collect())
    }
}

/// A transaction on a connection that is closed if the transaction is dropped before its commit.
struct Writing<'a> {
    taken: Taken<'a>,
    /// The deadline of the whole transaction.
    end: Instant,
}

/// Ends a call at a deadline.
async fn until<T>(end: Instant, call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
    timeout_at(end, call).await.unwrap_or(Err(refused(StorageErrorKind::Unavailable)))
}

#[async_trait]
impl SqlRunner for Writing<'_> {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    async fn run(&mut self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        until(self.end, self.taken.get().run(statement, values)).await
    }
}

#[async_trait]
impl SqlTransaction for Writing<'_> {
    async fn commit(self: Box<Self>) -> Result<(), StorageError> {
        let Self { mut taken, end } = *self;
        let commit = async { sqlx::raw_sql(statements::COMMIT).execute(taken.get()).await.map_err(storage_error) };
        until(end, commit).await?;
        taken.finished();
        Ok(())
    }
}

impl PostgresStore {
    /// The rows of a query that reads, within the deadline.
    async fn rows(&self, query: Query<'static, Postgres, PgArguments>) -> Result<Vec<Row>, StorageError> {
        let asking = self.readers.with(async |connection| query.fetch_all(connection).await);
        Ok(within(self.deadline, asking).await?.iter().map(to_row).collect())
    }
}

#[async_trait]
impl SqlStore for PostgresStore {
    const ENGINE: Engine = Engine::Postgres;

    async fn read(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        self.rows(query(statement, values)).await
    }

    async fn read_assembled(&self, statement: &Assembled, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        // Its pieces are texts of this program, and its values are bound.
        self.rows(bound(AssertSqlSafe(statement.text().to_owned()), values)).await
    }

    async fn write(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        let query = query(statement, values);
        let asking = self.writers.with(async |connection| query.fetch_all(connection).await);
        Ok(within(self.deadline, asking).await?.iter().map(to_row).collect())
    }

    async fn begin(&self) -> Result<Box<dyn SqlTransaction + '_>, StorageError> {
        let now = Instant::now();
        let end = now.checked_add(self.deadline).unwrap_or(now + Duration::from_hours(24 * 365));
        until(end, async {
            let mut taken = self.writers.take().await?;
            sqlx::raw_sql(statements::BEGIN).execute(taken.get()).await.map_err(storage_error)?;
            Ok(Box::new(Writing { taken, end }) as Box<dyn SqlTransaction + '_>)
        })
        .await
    }
}
