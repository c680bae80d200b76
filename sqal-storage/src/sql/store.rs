//! [`SqlStore`]: what a port over SQL needs of an engine.

use std::fmt::Debug;

use async_trait::async_trait;

use super::row::{Row, Value};
use crate::{StorageError, StorageErrorKind};

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A statement, with parameters `$1`, `$2`, …, which both engines know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// One text for both engines.
    pub(crate) const fn both(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }

    /// A text for each engine.
    pub(crate) const fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }

    /// The text for an engine.
    pub(crate) const fn text(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// A store over SQL. A port that is implemented for every `SqlStore` is written once for both
/// engines.
#[async_trait]
pub(crate) trait SqlStore: Debug + Send + Sync + 'static {
    /// The engine, which selects the text of a statement.
    const ENGINE: Engine;

    /// The name of the store in errors.
    const BACKEND: &'static str;

    /// Reads, within the deadline of the store.
    async fn read(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError>;

    /// Runs one statement that writes, commits it, and returns its rows.
    async fn write(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError>;

    /// Begins a transaction that writes.
    async fn begin(&self) -> Result<Box<dyn SqlTransaction + '_>, StorageError>;

    /// The error for a row that cannot be read back.
    fn corrupt(what: String) -> StorageError {
        StorageError::new(Self::BACKEND, StorageErrorKind::Corrupt(what))
    }

    /// The values of rows; a row that cannot be read back is an error.
    fn each<T>(rows: Vec<Row>, to: impl FnMut(Row) -> Result<T, String>) -> Result<Vec<T>, StorageError>
    where
        Self: Sized,
    {
        rows.into_iter().map(to).collect::<Result<_, _>>().map_err(Self::corrupt)
    }
}

/// A transaction. If it is dropped without a commit, it has changed nothing.
#[async_trait]
pub(crate) trait SqlTransaction: Send {
    /// Runs a statement and returns its rows.
    async fn run(&mut self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError>;

    /// Commits; the change is on the disk when this returns.
    async fn commit(self: Box<Self>) -> Result<(), StorageError>;
}
