//! The audit log in SQL, for both engines.

use super::row::{Row, Value};
use super::store::{Engine, Sql, SqlRunner, SqlStore};
use crate::evidence::LineRow;
use crate::{
    StorageError,
    audit::{Action, AuditEntry, Head},
};

/// A lock while a line is written; readers continue. In SQLite there is one transaction that
/// writes.
const LOCK: Sql = Sql::both("LOCK TABLE audit_logs IN SHARE ROW EXCLUSIVE MODE");

/// The end of the audit log.
const HEAD: Sql = Sql::both("SELECT number, hash FROM audit_logs ORDER BY number DESC LIMIT 1");

/// Adds a line.
const ADD: Sql = Sql::both(
    "INSERT INTO audit_logs (number, at, actor, category, what, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
);

/// Lines, oldest first: bind the number before the first, and the most.
const AFTER: Sql = Sql::both(
    "SELECT number, at, actor, category, what, previous, hash FROM audit_logs WHERE number > $1 ORDER BY number LIMIT $2",
);

fn to_head(mut row: Row) -> Result<Head, String> {
    Ok(Head { number: row.int("number")?.cast_unsigned(), hash: row.fixed("hash")? })
}

/// An action, from its four columns.
pub(super) fn to_action(row: &mut Row) -> Result<Action, String> {
    let (at, actor) = (row.time("at")?, row.name("actor")?);
    Ok(Action { at, actor, category: row.name("category")?, what: row.name("what")? })
}

fn to_line(mut row: Row) -> Result<AuditEntry, String> {
    let number = row.int("number")?.cast_unsigned();
    let action = to_action(&mut row)?;
    Ok(AuditEntry { number, action, previous: row.fixed("previous")?, hash: row.fixed("hash")? })
}

/// Adds a line within a transaction.
pub(crate) async fn write_down(runner: &mut dyn SqlRunner, action: Action) -> Result<AuditEntry, StorageError> {
    // One line at a time: each line holds the hash of the line before.
    if runner.engine() == Engine::Postgres {
        runner.run(LOCK, &[]).await?;
    }
    let entry = AuditEntry::after(audit_head(runner).await?.as_ref(), action);
    let AuditEntry { number, action, previous, hash } = &entry;
    let values: [Value<'_>; 7] = [
        number.cast_signed().into(),
        Value::Time(action.at),
        (&action.actor).into(),
        (&action.category).into(),
        (&action.what).into(),
        previous.as_slice().into(),
        hash.as_slice().into(),
    ];
    runner.run(ADD, &values).await?;
    Ok(entry)
}

/// The end of the log, if it has a line.
pub(crate) async fn audit_head(runner: &mut dyn SqlRunner) -> Result<Option<Head>, StorageError> {
    let rows = runner.run(HEAD, &[]).await?;
    Ok(runner.engine().each(rows, to_head)?.pop())
}

/// Adds a line in a transaction of its own.
pub(crate) async fn log_action<S: SqlStore>(store: &S, action: Action) -> Result<AuditEntry, StorageError> {
    let mut transaction = store.begin().await?;
    let entry = write_down(&mut *transaction, action).await?;
    transaction.commit().await?;
    Ok(entry)
}

/// Lines after a number.
pub(crate) async fn audit_after<S: SqlStore>(
    store: &S,
    after: u64,
    limit: u16,
) -> Result<Vec<AuditEntry>, StorageError> {
    S::ENGINE.each(store.read(AFTER, &[after.cast_signed().into(), limit.into()]).await?, to_line)
}

/// Lines after a number, each as it is read or why it cannot be read.
pub(crate) async fn audit_rows(
    runner: &mut dyn SqlRunner,
    after: i64,
    limit: u16,
) -> Result<Vec<LineRow>, StorageError> {
    let rows = runner.run(AFTER, &[after.into(), limit.into()]).await?;
    let line = |row: Row| Ok(LineRow { number: row.clone().int("number")?, read: to_line(row) });
    runner.engine().each(rows, line)
}
