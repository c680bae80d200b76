//! [`Database`]: the two databases that a reference server may keep its samples in, opened by one argument and left as they are.

use std::path::PathBuf;
use std::sync::Arc;

use sqal_storage::{
    Contents, Custody, Entry, Evidence, Expected, Finding, PostgresConfig, PostgresStore, SealedFields, Snapshot,
    SqliteConfig, SqliteStore,
};

use crate::Failed;

/// An opened database. Opening changes nothing of it: a newer program that looks must not lock out an older one that runs.
pub(crate) enum Database {
    /// A file.
    Sqlite(Arc<SqliteStore>),
    /// A server, and the URL that its own tools are called with.
    Postgres(Arc<PostgresStore>, String),
}

impl Database {
    /// Opens a URL of PostgreSQL, or a file that is there.
    pub(crate) async fn open(place: &str) -> Result<Self, Failed> {
        if place.contains("://") {
            let store = PostgresStore::open_as_it_is(&PostgresConfig::new(place)?).await?;
            return Ok(Self::Postgres(Arc::new(store), place.to_owned()));
        }
        let path = PathBuf::from(place);
        if !path.exists() {
            return Err(Failed::Absent(path));
        }
        let store = SqliteStore::open_as_it_is(&SqliteConfig::at(&path)).await?;
        Ok(Self::Sqlite(Arc::new(store)))
    }

    /// The same, if its schema is this program's.
    pub(crate) async fn open_current(place: &str) -> Result<Self, Failed> {
        let database = Self::open(place).await?;
        let (version, newest) = (database.schema_version().await?, database.newest());
        if version == newest { Ok(database) } else { Err(Failed::Older { version, newest }) }
    }

    /// What may be done to it whatever it is.
    pub(crate) fn custody(&self) -> Arc<dyn Custody> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store, _) => Arc::clone(store) as _,
        }
    }

    /// Its confidential fields, sealed.
    pub(crate) fn fields(&self) -> Arc<dyn SealedFields> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store, _) => Arc::clone(store) as _,
        }
    }

    /// Everything in it as of now. Writers go on; what they write later is not seen.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot<'_>, Failed> {
        Ok(match self {
            Self::Sqlite(store) => store.snapshot().await?,
            Self::Postgres(store, _) => store.snapshot().await?,
        })
    }

    /// Everything that can be read as of one moment, and an error if there is more than that.
    pub(crate) async fn contents(&self) -> Result<Contents, Failed> {
        let mut snapshot = self.snapshot().await?;
        let contents = snapshot.contents().await?;
        snapshot.close().await?;
        all_readable(contents)
    }

    /// Every version of every decision.
    pub(crate) async fn decisions(&self) -> Result<Vec<Entry>, Failed> {
        let mut snapshot = self.snapshot().await?;
        let all = snapshot.decisions().await?;
        snapshot.close().await?;
        Ok(all)
    }

    /// Compares everything in it, and with what was stated before; what does not agree is an error.
    pub(crate) async fn examine(&self, expected: &Expected) -> Result<Evidence, Failed> {
        if let Self::Sqlite(store) = self {
            store.check_integrity().await?;
        }
        let mut snapshot = self.snapshot().await?;
        let mut evidence = snapshot.examine(expected).await?;
        snapshot.close().await?;
        if evidence.findings.count > 0 {
            let unreadable = evidence.contents.unreadable;
            if unreadable > 0 {
                let (subject, what) = (format!("{unreadable} samples"), "are damaged and cannot be read".to_owned());
                evidence.findings.count += unreadable;
                evidence.findings.first.push(Finding { subject, what });
            }
            return Err(Failed::Unsound(evidence.findings));
        }
        all_readable(evidence.contents)?;
        Ok(evidence)
    }

    /// The version of its schema.
    pub(crate) async fn schema_version(&self) -> Result<i64, Failed> {
        Ok(match self {
            Self::Sqlite(store) => store.schema_version().await?,
            Self::Postgres(store, _) => store.schema_version().await?,
        })
    }

    /// The version that this program goes up to.
    pub(crate) const fn newest(&self) -> i64 {
        match self {
            Self::Sqlite(_) => SqliteStore::NEWEST_SCHEMA,
            Self::Postgres(..) => PostgresStore::NEWEST_SCHEMA,
        }
    }

    /// Takes its schema to a version.
    pub(crate) async fn migrate_to(&self, version: i64) -> Result<(), Failed> {
        match self {
            Self::Sqlite(store) => store.migrate_to(version).await?,
            Self::Postgres(store, _) => store.migrate_to(version).await?,
        }
        Ok(())
    }

    /// Closes its connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store, _) => store.close().await,
        }
    }
}

/// What was read, if that is everything that is there.
pub(crate) const fn all_readable(contents: Contents) -> Result<Contents, Failed> {
    if contents.unreadable > 0 { Err(Failed::Damaged(contents.unreadable)) } else { Ok(contents) }
}
