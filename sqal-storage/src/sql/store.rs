//! [`SqlStore`]: what a port over SQL needs of an engine.

use std::fmt::Debug;

use async_trait::async_trait;

use super::row::{Row, Value};
use crate::{StorageError, StorageErrorKind};

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(all(feature = "postgres", feature = "sqlite")),
    allow(dead_code, reason = "a build with one engine has no store of the other")
)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The name of a store of this engine in errors.
    pub(crate) const fn backend(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// The error for a row that cannot be read back.
    pub(crate) const fn corrupt(self, what: String) -> StorageError {
        StorageError::new(self.backend(), StorageErrorKind::Corrupt(what))
    }

    /// The values of rows; a row that cannot be read back is an error.
    pub(crate) fn each<T>(
        self,
        rows: Vec<Row>,
        to: impl FnMut(Row) -> Result<T, String>,
    ) -> Result<Vec<T>, StorageError> {
        rows.into_iter().map(to).collect::<Result<_, _>>().map_err(|what| self.corrupt(what))
    }
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

/// A statement that is assembled from fixed texts and the places of values. No text of a caller
/// gets into it: every piece is a text of this program, and every value is bound.
#[derive(Clone, Debug)]
pub(crate) struct Assembled(String);

impl Assembled {
    /// A statement that begins with a text.
    pub(crate) fn of(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// Adds a text at the end.
    pub(crate) fn add(&mut self, text: &'static str) {
        self.0.push_str(text);
    }

    /// Adds the place of a value at the end: 1 is the first value.
    pub(crate) fn place(&mut self, place: usize) {
        self.0.push('$');
        self.0.push_str(&place.to_string());
    }

    /// The statement after a text.
    pub(crate) fn after(&self, text: &'static str) -> Self {
        Self(format!("{text}{}", self.0))
    }

    /// The text of the statement, which both engines know.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// A store over SQL. A port that is implemented for every `SqlStore` is written once for both
/// engines.
#[async_trait]
pub(crate) trait SqlStore: Debug + Send + Sync + 'static {
    /// The engine, which selects the text of a statement.
    const ENGINE: Engine;

    /// Reads, within the deadline of the store.
    async fn read(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError>;

    /// Reads by an assembled statement, within the deadline of the store.
    async fn read_assembled(&self, statement: &Assembled, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError>;

    /// Runs one statement that writes, commits it, and returns its rows.
    async fn write(&self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError>;

    /// Begins a transaction that writes.
    async fn begin(&self) -> Result<Box<dyn SqlTransaction + '_>, StorageError>;
}

/// A connection, or a transaction on it.
#[async_trait]
pub(crate) trait SqlRunner: Send {
    /// The engine, which selects the text of a statement.
    fn engine(&self) -> Engine;

    /// Runs a statement and returns its rows.
    async fn run(&mut self, statement: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError>;
}

/// A transaction. If it is dropped without a commit, it has changed nothing.
#[async_trait]
pub(crate) trait SqlTransaction: SqlRunner {
    /// Commits; the change is on the disk when this returns.
    async fn commit(self: Box<Self>) -> Result<(), StorageError>;
}
