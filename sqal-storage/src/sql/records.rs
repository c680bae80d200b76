//! [`Records`] over SQL, for both engines.

use async_trait::async_trait;
use sqal_core::Timestamp;

use super::row::Row;
use super::store::{Engine, Sql, SqlStore, SqlTransaction};
use crate::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Records, Revision};
use crate::schema::Step;
use crate::{StorageError, labels::Labels};

/// The tables of records and of their labels: the types of numbers and texts, and the end of a
/// definition.
macro_rules! tables {
    ($number:literal, $text:literal, $end:literal) => {
        concat!(
            "
DROP TABLE IF EXISTS sqal_record_label;
DROP TABLE IF EXISTS sqal_record;
CREATE TABLE sqal_record (
",
            "    collection ",
            $text,
            " NOT NULL,\n",
            "    record_key ",
            $text,
            " NOT NULL,\n",
            "    labels ",
            $text,
            " NOT NULL,\n",
            "    revision ",
            $number,
            " NOT NULL,\n",
            "    expires_at ",
            $number,
            ",\n",
            "    body ",
            $text,
            " NOT NULL,\n",
            "    PRIMARY KEY (collection, record_key)
)",
            $end,
            ";
CREATE INDEX sqal_record_expires ON sqal_record (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE sqal_record_label (
",
            "    collection ",
            $text,
            " NOT NULL,\n",
            "    name ",
            $text,
            " NOT NULL,\n",
            "    value ",
            $text,
            " NOT NULL,\n",
            "    record_key ",
            $text,
            " NOT NULL,\n",
            "    PRIMARY KEY (collection, name, value, record_key),
    FOREIGN KEY (collection, record_key) REFERENCES sqal_record (collection, record_key) ON DELETE CASCADE
)",
            $end,
            ";
CREATE INDEX sqal_record_label_of ON sqal_record_label (collection, record_key);
"
        )
    };
}

/// The tables of records in SQLite.
///
/// `labels` holds all labels of a record, and `sqal_record_label` has a row for each, by which the
/// record is found. Revisions come from one counter, so that none is ever used again.
#[cfg(feature = "sqlite")]
pub(crate) const RECORDS_IN_SQLITE: Step = Step {
    up: concat!(
        tables!("INTEGER", "TEXT", " STRICT"),
        "DROP TABLE IF EXISTS sqal_record_revision;
CREATE TABLE sqal_record_revision (last INTEGER NOT NULL) STRICT;
INSERT INTO sqal_record_revision VALUES (0);
"
    ),
    down: "DROP TABLE sqal_record_label; DROP TABLE sqal_record; DROP TABLE sqal_record_revision;",
};

/// The tables of records in PostgreSQL, as [`RECORDS_IN_SQLITE`].
#[cfg(feature = "postgres")]
pub(crate) const RECORDS_IN_POSTGRES: Step = Step {
    up: concat!(
        tables!("bigint", "text COLLATE \"C\"", ""),
        "CREATE SEQUENCE sqal_record_revision OWNED BY sqal_record.revision;
"
    ),
    down: "DROP TABLE sqal_record_label; DROP TABLE sqal_record;",
};

/// Lets no other transaction write a key until this one ends: bind the collection and the key. In
/// SQLite there is one transaction that writes.
const LOCK: Sql = Sql::both("SELECT 1::bigint FROM pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))");

/// The revision of a record that has not expired: bind the collection, the key and the time.
const LIVE: Sql = Sql::both(
    "SELECT revision FROM sqal_record WHERE collection = $1 AND record_key = $2 AND (expires_at IS NULL OR expires_at > $3)",
);

/// The next revision.
const NEXT_REVISION: Sql = Sql::each(
    "UPDATE sqal_record_revision SET last = last + 1 RETURNING last",
    "SELECT nextval('sqal_record_revision')",
);

/// Writes a record: bind the collection, the key, the body, the labels, the revision and the end.
const PUT: Sql = Sql::both(
    "INSERT INTO sqal_record (collection, record_key, body, labels, revision, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (collection, record_key) DO UPDATE
SET body = excluded.body, labels = excluded.labels, revision = excluded.revision, expires_at = excluded.expires_at",
);

/// Removes the labels of a record: bind the collection and the key.
const UNLABEL: Sql = Sql::both("DELETE FROM sqal_record_label WHERE collection = $1 AND record_key = $2");

/// Adds a label: bind the collection, the key, the name and the value.
const LABEL: Sql =
    Sql::both("INSERT INTO sqal_record_label (collection, record_key, name, value) VALUES ($1, $2, $3, $4)");

/// Removes a record and its labels: bind the collection and the key.
const REMOVE: Sql = Sql::both("DELETE FROM sqal_record WHERE collection = $1 AND record_key = $2");

/// A record: bind the collection, the key and the time.
const ONE: Sql = Sql::both(
    "SELECT collection, record_key, body, labels, revision, expires_at FROM sqal_record
WHERE collection = $1 AND record_key = $2 AND (expires_at IS NULL OR expires_at > $3)",
);

/// Records of a collection: bind the collection, the key before the first, the time and the most.
const FIND: Sql = Sql::both(
    "SELECT collection, record_key, body, labels, revision, expires_at FROM sqal_record
WHERE collection = $1 AND record_key > $2 AND (expires_at IS NULL OR expires_at > $3) ORDER BY record_key LIMIT $4",
);

/// Records with a label: bind as for [`FIND`], then the name and the value.
const FIND_LABELLED: Sql = Sql::both(
    "SELECT one.collection, one.record_key, body, labels, revision, expires_at
FROM sqal_record_label AS label JOIN sqal_record AS one ON one.collection = label.collection AND one.record_key = label.record_key
WHERE label.collection = $1 AND name = $5 AND value = $6 AND label.record_key > $2
    AND (expires_at IS NULL OR expires_at > $3)
ORDER BY label.record_key LIMIT $4",
);

macro_rules! sweep {
    ($lock:literal) => {
        concat!(
            "DELETE FROM sqal_record WHERE expires_at <= $1 AND (collection, record_key) IN (
    SELECT collection, record_key FROM sqal_record WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2",
            $lock,
            ") RETURNING revision"
        )
    };
}

/// Removes expired records: bind the time and the most. A record that is written meanwhile has
/// another end and stays; in PostgreSQL, one that another sweep is removing is passed over.
const SWEEP: Sql = Sql::each(sweep!(""), sweep!(" FOR UPDATE SKIP LOCKED"));

fn to_record(mut row: Row) -> Result<Record, String> {
    let (collection, key, body) = (row.name("collection")?, row.name("record_key")?, row.text("body")?);
    let labels = Labels::from_text(&row.text("labels")?)?;
    let revision = Revision::from_number(row.unsigned("revision")?);
    let expires_at = row.optional_time("expires_at")?;
    Ok(Record { collection, key, body, labels, revision, expires_at })
}

fn to_revision(mut row: Row) -> Result<Revision, String> {
    row.unsigned("revision").map(Revision::from_number)
}

/// Begins a transaction on one key, and returns the revision of its record, if it has not expired.
async fn begin<'a, S: SqlStore>(
    store: &'a S,
    collection: &Collection,
    key: &RecordKey,
    now: Timestamp,
) -> Result<(Box<dyn SqlTransaction + 'a>, Option<Revision>), StorageError> {
    let mut transaction = store.begin().await?;
    if S::ENGINE == Engine::Postgres {
        transaction.run(LOCK, &[collection.into(), key.into()]).await?;
    }
    let live = transaction.run(LIVE, &[collection.into(), key.into(), now.into()]).await?;
    let live = S::ENGINE.each(live, to_revision)?.pop();
    Ok((transaction, live))
}

#[async_trait]
impl<S: SqlStore> Records for S {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        draft.check(S::ENGINE.backend())?;
        let RecordDraft { collection, key, body, labels, expires_at } = draft;
        let (mut transaction, live) = begin(self, collection, key, now).await?;
        if !expected.is_met_by(live) {
            transaction.commit().await?;
            return Ok(None);
        }
        let next = S::ENGINE.each(transaction.run(NEXT_REVISION, &[]).await?, to_revision)?.pop();
        let next = next.ok_or_else(|| S::ENGINE.corrupt("there is no counter of revisions".to_owned()))?;
        let text = labels.to_text();
        let values = [
            collection.into(),
            key.into(),
            body.as_str().into(),
            text.as_str().into(),
            next.number().into(),
            (*expires_at).into(),
        ];
        transaction.run(PUT, &values).await?;
        transaction.run(UNLABEL, &[collection.into(), key.into()]).await?;
        for (name, value) in labels.iter() {
            transaction.run(LABEL, &[collection.into(), key.into(), name.as_str().into(), value.into()]).await?;
        }
        transaction.commit().await?;
        Ok(Some(next))
    }

    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        let rows = self.read(ONE, &[collection.into(), key.into(), now.into()]).await?;
        Ok(S::ENGINE.each(rows, to_record)?.pop())
    }

    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let (mut transaction, live) = begin(self, collection, key, now).await?;
        let removes = live.is_some() && expected.is_met_by(live);
        if removes {
            transaction.run(REMOVE, &[collection.into(), key.into()]).await?;
        }
        transaction.commit().await?;
        Ok(removes)
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        // No key is empty, so every key comes after an empty text.
        let after = query.after.as_ref().map_or("", |after| after.as_str());
        let values = [(&query.collection).into(), after.into(), now.into(), query.limit.into()];
        let rows = match &query.label {
            None => self.read(FIND, &values).await?,
            Some((name, value)) => {
                let [collection, after, now, limit] = values;
                let label = [name.as_str().into(), value.into()];
                let [name, value] = label;
                self.read(FIND_LABELLED, &[collection, after, now, limit, name, value]).await?
            }
        };
        S::ENGINE.each(rows, to_record)
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        let swept = SqlStore::write(self, SWEEP, &[now.into(), limit.into()]).await?;
        Ok(swept.len() as u64)
    }
}
