//! [`Register`] over SQL, for both engines.

use async_trait::async_trait;
use tracing::error;

use super::audit::{to_action, write_down};
use super::row::{Row, Value};
use super::store::{Sql, SqlRunner, SqlStore};
use crate::evidence::DecisionRow;
use crate::queue::check_text;
use crate::schema::Step;
use crate::{
    Register, StorageError,
    labels::{LabelName, LabelValue, Labels},
    register::{Entry, EntryKind, EntryName},
};

macro_rules! table {
    ($number:literal, $text:literal, $end:literal) => {
        concat!(
            "
CREATE TABLE IF NOT EXISTS sqal_register_label (
    kind ",
            $text,
            " NOT NULL,
    name ",
            $text,
            " NOT NULL,
    version ",
            $number,
            " NOT NULL,
    label ",
            $text,
            " NOT NULL,
    value ",
            $text,
            " NOT NULL,
    PRIMARY KEY (kind, name, version, label)
)",
            $end,
            ";
CREATE INDEX IF NOT EXISTS sqal_register_labelled ON sqal_register_label (kind, label, value, name, version);
DELETE FROM sqal_register_label WHERE NOT EXISTS (SELECT 1 FROM register AS one
    WHERE one.kind = sqal_register_label.kind AND one.name = sqal_register_label.name AND one.version = sqal_register_label.version);
"
        )
    };
}

/// The labels of entries in SQLite.
///
/// The table stays on the way down, as the register does, because the hash of an entry covers its
/// labels. A program that does not know the table takes an entry with labels for an altered one and
/// does not use it. Labels without an entry, which a restore has left behind, are removed on the
/// way up.
#[cfg(feature = "sqlite")]
pub(crate) const LABELS_IN_SQLITE: Step = Step { up: table!("INTEGER", "TEXT", " STRICT"), down: "SELECT 1;" };

/// The labels of entries in PostgreSQL, as [`LABELS_IN_SQLITE`].
#[cfg(feature = "postgres")]
pub(crate) const LABELS_IN_POSTGRES: Step = Step { up: table!("bigint", "text COLLATE \"C\"", ""), down: "SELECT 1;" };

/// Adds a version if it follows the newest. If two transactions of PostgreSQL add one version at
/// once, the second waits for the first and then adds nothing.
const ADD: Sql = Sql::both(
    "INSERT INTO register (kind, name, version, body, added_at, added_by) SELECT $1, $2, $3, $4, $5, $6
WHERE $3 = 1 + (SELECT coalesce(max(version), 0) FROM register WHERE kind = $1 AND name = $2)
ON CONFLICT DO NOTHING RETURNING version",
);

/// Removes the labels of a version that another program has left: bind the kind, the name and the
/// version.
const UNLABEL: Sql = Sql::both("DELETE FROM sqal_register_label WHERE kind = $1 AND name = $2 AND version = $3");

/// Adds a label: bind the kind, the name, the version, the label and the value.
const LABEL: Sql =
    Sql::both("INSERT INTO sqal_register_label (kind, name, version, label, value) VALUES ($1, $2, $3, $4, $5)");

/// The labels of the entry `one`, in the text form of [`Labels`].
macro_rules! labels {
    (sqlite) => {
        "(SELECT group_concat(label || '=' || value || char(10), '') FROM (SELECT label, value FROM sqal_register_label AS l
    WHERE l.kind = one.kind AND l.name = one.name AND l.version = one.version ORDER BY label))"
    };
    (postgres) => {
        "(SELECT string_agg(label || '=' || value || chr(10), '' ORDER BY label) FROM sqal_register_label AS l
    WHERE l.kind = one.kind AND l.name = one.name AND l.version = one.version)"
    };
}

macro_rules! columns {
    ($engine:ident) => {
        concat!(
            "one.kind, one.name, one.version, one.body, one.added_at, one.added_by, ",
            labels!($engine),
            " AS labels"
        )
    };
}

/// Entries, each with the first line of the audit log about it: what follows `FROM` and names the
/// entries `one`, and their order. (`+number` and `number + 0` keep the planners from walking
/// through the whole log.)
macro_rules! entries {
    (sqlite $from:literal, $order:literal) => {
        concat!(
            "SELECT ",
            columns!(sqlite),
            ", line.at, line.actor, line.category, line.what FROM ",
            $from,
            " AS one LEFT JOIN audit_logs AS line ON line.number = (SELECT min(+number) FROM audit_logs
    WHERE category = 'register' AND what >= one.kind || ' ' || one.name || ' entry ' || one.version || ' sha256 '
    AND what < one.kind || ' ' || one.name || ' entry ' || one.version || ' sha256 g') ORDER BY ",
            $order
        )
    };
    (postgres $from:literal, $order:literal) => {
        concat!(
            "SELECT ",
            columns!(postgres),
            ", line.at, line.actor, line.category, line.what FROM ",
            $from,
            " AS one LEFT JOIN LATERAL (SELECT at, actor, category, what FROM audit_logs WHERE category = 'register'
    AND what COLLATE \"C\" >= one.kind || ' ' || one.name || ' entry ' || one.version || ' sha256 '
    AND what COLLATE \"C\" < one.kind || ' ' || one.name || ' entry ' || one.version || ' sha256 g'
    ORDER BY number + 0 LIMIT 1) AS line ON true ORDER BY ",
            $order
        )
    };
}

macro_rules! each_engine {
    ($from:literal, $order:literal) => {
        Sql::each(entries!(sqlite $from, $order), entries!(postgres $from, $order))
    };
}

/// Versions of one thing before a version, newest first: bind the kind, the name, the version and
/// the most.
const HISTORY: Sql = each_engine!(
    "(SELECT * FROM register WHERE kind = $1 AND name = $2 AND version < $3 ORDER BY version DESC LIMIT $4)",
    "one.version DESC"
);

/// The newest version of each thing of a kind.
const NEWEST: Sql = each_engine!(
    "(SELECT r.* FROM (SELECT kind AS k, name AS n, max(version) AS v FROM register WHERE kind = $1 GROUP BY kind, name) AS m
    JOIN register AS r ON r.kind = m.k AND r.name = m.n AND r.version = m.v)",
    "one.name"
);

/// The newest versions with a label: bind the kind, the label, the value, the name before the first
/// and the most.
const LABELLED: Sql = each_engine!(
    "(SELECT r.* FROM sqal_register_label AS l JOIN register AS r ON r.kind = l.kind AND r.name = l.name AND r.version = l.version
    WHERE l.kind = $1 AND l.label = $2 AND l.value = $3 AND l.name > $4
    AND l.version = (SELECT max(version) FROM register WHERE kind = l.kind AND name = l.name)
    ORDER BY l.name LIMIT $5)",
    "one.name"
);

/// The number of newest versions with each value of a label: bind the kind and the label.
const COUNT_LABELS: Sql = Sql::both(
    "SELECT value, count(*)
FROM (SELECT kind AS k, name AS n, max(version) AS v FROM register WHERE kind = $1 GROUP BY kind, name) AS m
JOIN sqal_register_label AS l ON l.kind = m.k AND l.name = m.n AND l.version = m.v
WHERE l.label = $2 GROUP BY value ORDER BY value",
);

/// Entries after an entry, in the order of kind, name and version: bind these and the most.
const AFTER: Sql = Sql::each(
    concat!(
        "SELECT ",
        columns!(sqlite),
        " FROM register AS one WHERE (kind, name, version) > ($1, $2, $3) ORDER BY kind, name, version LIMIT $4"
    ),
    concat!(
        "SELECT ",
        columns!(postgres),
        " FROM register AS one WHERE (kind, name, version) > ($1, $2, $3) ORDER BY kind, name, version LIMIT $4"
    ),
);

/// Entries after an entry, of a schema without labels.
const AFTER_WITHOUT_LABELS: Sql = Sql::both(
    "SELECT kind, name, version, body, added_at, added_by FROM register
WHERE (kind, name, version) > ($1, $2, $3) ORDER BY kind, name, version LIMIT $4",
);

/// Whether the schema has labels: a database is examined before its schema is brought up to date.
const HAS_LABELS: Sql = Sql::each(
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'sqal_register_label'",
    "SELECT count(to_regclass('sqal_register_label'))",
);

/// The number of entries.
const COUNT: Sql = Sql::both("SELECT count(*) FROM register");

fn to_entry(row: &mut Row) -> Result<Entry, String> {
    Ok(Entry {
        kind: row.name("kind")?,
        name: row.name("name")?,
        version: row.unsigned("version")?,
        body: row.text("body")?,
        at: row.time("added_at")?,
        by: row.optional_name("added_by")?,
        labels: Labels::from_text(&row.optional_text("labels")?.unwrap_or_default())?,
    })
}

/// An entry that matches its line of the audit log.
fn to_checked_entry(mut row: Row) -> Result<Entry, String> {
    let entry = to_entry(&mut row)?;
    // Without a line, its four columns are NULL.
    let line = match row.clone().optional_int("at") {
        Ok(None) => None,
        _ => Some(to_action(&mut row)?),
    };
    entry.check(line.as_ref()).map_err(|altered| altered.to_string())?;
    Ok(entry)
}

/// Entries that can be read and match their lines.
///
/// One damaged or altered row must not hide the others, nor keep a server from starting. It is
/// logged and left out; its own history is an error.
fn readable(rows: Vec<Row>) -> Vec<Entry> {
    let log = |what: &String| error!(what, "an entry of the register is damaged or was altered; it is not used");
    rows.into_iter().filter_map(|row| to_checked_entry(row).inspect_err(log).ok()).collect()
}

/// Entries after another, each as it is read or why it cannot be read.
pub(crate) async fn decision_rows(
    runner: &mut dyn SqlRunner,
    after: Option<&DecisionRow>,
    limit: u16,
) -> Result<Vec<DecisionRow>, StorageError> {
    let (kind, name, version) =
        after.map_or(("", "", i64::MIN), |row| (row.kind.as_str(), row.name.as_str(), row.version));
    let found = runner.run(HAS_LABELS, &[]).await?;
    let has_labels = runner.engine().each(found, |mut row| row.int("count"))? != [0];
    let statement = if has_labels { AFTER } else { AFTER_WITHOUT_LABELS };
    let rows = runner.run(statement, &[kind.into(), name.into(), version.into(), limit.into()]).await?;
    runner.engine().each(rows, |mut row| {
        let mut raw = row.clone();
        let (kind, name, version) = (raw.text("kind")?, raw.text("name")?, raw.int("version")?);
        Ok(DecisionRow { kind, name, version, read: to_entry(&mut row) })
    })
}

/// The number of entries.
pub(crate) async fn count_decisions(runner: &mut dyn SqlRunner) -> Result<u64, StorageError> {
    let rows = runner.run(COUNT, &[]).await?;
    Ok(runner.engine().each(rows, |mut row| row.unsigned("count"))?.pop().unwrap_or(0))
}

#[async_trait]
impl<S: SqlStore> Register for S {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        check_text(&entry.body, S::ENGINE.backend())?;
        let (kind, name, version) = (&entry.kind, &entry.name, i64::from(entry.version));
        let values: [Value<'_>; 6] = [
            kind.into(),
            name.into(),
            version.into(),
            entry.body.as_str().into(),
            Value::Time(entry.at),
            (&entry.by).into(),
        ];
        let mut transaction = self.begin().await?;
        let added = !transaction.run(ADD, &values).await?.is_empty();
        if added {
            transaction.run(UNLABEL, &[kind.into(), name.into(), version.into()]).await?;
            for (label, value) in entry.labels.iter() {
                let values = [kind.into(), name.into(), version.into(), label.as_str().into(), value.into()];
                transaction.run(LABEL, &values).await?;
            }
            write_down(&mut *transaction, entry.action()).await?;
        }
        transaction.commit().await?;
        Ok(added)
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        let before = before.map_or(i64::MAX, i64::from);
        let rows = self.read(HISTORY, &[kind.into(), name.into(), before.into(), limit.into()]).await?;
        S::ENGINE.each(rows, to_checked_entry)
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        Ok(readable(self.read(NEWEST, &[kind.into()]).await?))
    }

    async fn labelled(
        &self,
        kind: &EntryKind,
        (label, value): (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        // No name is empty, so every name comes after an empty text.
        let mut after = after.map_or("", |after| after.as_str()).to_owned();
        let mut found = Vec::new();
        loop {
            let missing = usize::from(limit) - found.len();
            let values: [Value<'_>; 5] =
                [kind.into(), label.as_str().into(), value.into(), after.as_str().into(), (missing as u64).into()];
            let rows = self.read(LABELLED, &values).await?;
            // A page of altered entries must not end the list.
            let last = (rows.len() == missing).then(|| rows.last().cloned()).flatten();
            found.extend(readable(rows));
            let Some(mut last) = last.filter(|_| found.len() < usize::from(limit)) else { return Ok(found) };
            last.text("kind").map_err(|what| S::ENGINE.corrupt(what))?;
            after = last.text("name").map_err(|what| S::ENGINE.corrupt(what))?;
        }
    }

    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        let rows = self.read(COUNT_LABELS, &[kind.into(), label.as_str().into()]).await?;
        S::ENGINE.each(rows, |mut row| Ok((row.name("value")?, row.unsigned("count")?)))
    }
}
