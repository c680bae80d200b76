//! [`SqlStore`] of the PostgreSQL store.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{Row as _, TypeInfo, ValueRef};

use super::error::{corrupt, storage_error};
use super::line::Taken;
use super::{PostgresStore, statements, within};
use crate::StorageError;
use crate::sql::{Cell, Engine, Row, Sql, SqlStore, SqlTransaction, Value};

fn query(statement: Sql, values: &[Value<'_>]) -> Query<'static, Postgres, PgArguments> {
    values.iter().fold(sqlx::query(statement.text(Engine::Postgres)), |query, value| match *value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text.map(str::to_owned)),
    })
}

fn to_row(row: &PgRow) -> Result<Row, StorageError> {
    let cell = |place: usize| {
        let value = row.try_get_raw(place).map_err(storage_error)?;
        let type_info = value.type_info();
        match type_info.name() {
            _ if value.is_null() => Ok(Cell::Null),
            "INT8" => row.try_get(place).map(Cell::Int).map_err(storage_error),
            "TEXT" => row.try_get(place).map(Cell::Text).map_err(storage_error),
            other => Err(corrupt(format!("column {place} is of the type {other}"))),
        }
    };
    Ok(Row::new((0..row.len()).map(cell).collect::<Result<_, _>>()?))
}

/// A transaction on a connection that is closed if the transaction is dropped before its commit.
struct Writing<'a> {
    taken: Taken<'a>,
    deadline: Duration,
}

#[async_trait]
impl SqlTransaction for Writing<'_> {
    async fn run(&mut self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        let query = query(statement, values);
        let asking = async { query.fetch_all(self.taken.get()).await.map_err(storage_error) };
        within(self.deadline, asking).await?.iter().map(to_row).collect()
    }

    async fn commit(self: Box<Self>) -> Result<(), StorageError> {
        let Self { mut taken, deadline } = *self;
        let commit = async { sqlx::raw_sql(statements::COMMIT).execute(taken.get()).await.map_err(storage_error) };
        within(deadline, commit).await?;
        taken.finished();
        Ok(())
    }
}

#[async_trait]
impl SqlStore for PostgresStore {
    const ENGINE: Engine = Engine::Postgres;
    const BACKEND: &'static str = "postgres";

    async fn read(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        let query = query(statement, values);
        let asking = self.readers.with(async |connection| query.fetch_all(connection).await);
        within(self.deadline, asking).await?.iter().map(to_row).collect()
    }

    async fn write(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        let query = query(statement, values);
        let asking = self.writers.with(async |connection| query.fetch_all(connection).await);
        within(self.deadline, asking).await?.iter().map(to_row).collect()
    }

    async fn begin(&self) -> Result<Box<dyn SqlTransaction + '_>, StorageError> {
        within(self.deadline, async {
            let mut taken = self.writers.take().await?;
            sqlx::raw_sql(statements::BEGIN).execute(taken.get()).await.map_err(storage_error)?;
            Ok(Box::new(Writing { taken, deadline: self.deadline }) as Box<dyn SqlTransaction + '_>)
        })
        .await
    }
}
