//! [`SqlStore`] of the SQLite store.

use async_trait::async_trait;
use sqal_core::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr, TypeInfo, ValueRef};

use super::error::storage_error;
use super::{SqliteStore, statements};
use crate::StorageError;
use crate::sql::{Assembled, Cell, Engine, Row, Sql, SqlRunner, SqlStore, SqlTransaction, Value};

fn query(statement: Sql, values: &[Value<'_>]) -> Query<'static, Sqlite, SqliteArguments> {
    bound(statement.text(Engine::Sqlite), values)
}

fn bound(text: impl SqlSafeStr, values: &[Value<'_>]) -> Query<'static, Sqlite, SqliteArguments> {
    values.iter().fold(sqlx::query(text), |query, value| match *value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text.map(str::to_owned)),
        Value::Bytes(bytes) => query.bind(bytes.to_vec()),
        Value::Time(time) => query.bind(time.micros()),
        Value::MaybeTime(time) => query.bind(time.map(Timestamp::micros)),
    })
}

fn to_row(row: &SqliteRow) -> Row {
    let cell = |place: usize| -> Result<Cell, sqlx::Error> {
        let value = row.try_get_raw(place)?;
        let type_info = value.type_info();
        match type_info.name() {
            _ if value.is_null() => Ok(Cell::Null),
            "INTEGER" => row.try_get(place).map(Cell::Int),
            "TEXT" => row.try_get(place).map(Cell::Text),
            "BLOB" => row.try_get(place).map(Cell::Bytes),
            other => Ok(Cell::Damaged(format!("a value of the type {other}"))),
        }
    };
    Row::new((0..row.len()).map(|place| cell(place).unwrap_or_else(|error| Cell::Damaged(error.to_string()))).collect())
}

#[async_trait]
impl SqlRunner for SqliteConnection {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    async fn run(&mut self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        let rows = query(statement, values).fetch_all(self).await.map_err(storage_error)?;
        Ok(rows.iter().map(to_row).collect())
    }
}

/// A transaction on the one connection that writes.
///
/// If it is dropped before its commit, the connection is closed: after a failed commit (a full
/// disk) a connection stays in its transaction, and only a new connection is sound.
struct Writing<'a> {
    store: &'a SqliteStore,
    connection: Option<PoolConnection<Sqlite>>,
}

impl Writing<'_> {
    /// # Panics
    ///
    /// Never: the connection is there until the commit, which takes this value.
    fn get(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("there until the commit")
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}

#[async_trait]
impl SqlRunner for Writing<'_> {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    async fn run(&mut self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        self.get().run(statement, values).await
    }
}

#[async_trait]
impl SqlTransaction for Writing<'_> {
    async fn commit(mut self: Box<Self>) -> Result<(), StorageError> {
        sqlx::raw_sql(statements::COMMIT).execute(self.get()).await.map_err(storage_error)?;
        // The connection is sound from here on, also if the file is not.
        self.connection = None;
        // If the file was removed meanwhile, the commit is lost with the process and is not
        // acknowledged.
        self.store.place.keeps_commits()?;
        self.store.has_committed();
        Ok(())
    }
}

#[async_trait]
impl SqlStore for SqliteStore {
    const ENGINE: Engine = Engine::Sqlite;

    async fn read(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        Ok(self.all(query(statement, values)).await?.iter().map(to_row).collect())
    }

    async fn read_assembled(&self, statement: &Assembled, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        // Its pieces are texts of this program, and its values are bound.
        let query = bound(AssertSqlSafe(statement.text().to_owned()), values);
        Ok(self.all(query).await?.iter().map(to_row).collect())
    }

    async fn write(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        let mut transaction = self.begin().await?;
        let rows = transaction.run(statement, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    async fn begin(&self) -> Result<Box<dyn SqlTransaction + '_>, StorageError> {
        self.place.is_ours()?;
        let connection = self.writer.acquire().await.map_err(storage_error)?;
        let mut writing = Writing { store: self, connection: Some(connection) };
        sqlx::raw_sql(statements::BEGIN).execute(writing.get()).await.map_err(storage_error)?;
        Ok(Box::new(writing))
    }
}
