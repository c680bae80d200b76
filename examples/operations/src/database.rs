//! [`Database`]: the SQLite file or PostgreSQL of a reference server, opened without a change.

use std::path::PathBuf;
use std::sync::Arc;

use sqal_storage::{
    Bugs, Custody, PostgresStore, SealedFields, SqliteStore,
    evidence::{Contents, Evidence, Expected, Finding, Snapshot},
    postgres::PostgresConfig,
    register::Entry,
    sqlite::SqliteConfig,
};

use crate::command_error::CommandError;

/// An opened database. Opening it migrates nothing, so that this program does not lock out an older
/// server that runs.
pub(crate) enum Database {
    /// A SQLite file.
    Sqlite(Arc<SqliteStore>),
    /// A PostgreSQL server, with the URL for its own tools.
    Postgres(Arc<PostgresStore>, String),
}

impl Database {
    /// Opens a URL of PostgreSQL, or an existing SQLite file.
    pub(crate) async fn open(place: &str) -> Result<Self, CommandError> {
        if place.contains("://") {
            let store = PostgresStore::open_as_it_is(&PostgresConfig::new(place)?).await?;
            return Ok(Self::Postgres(Arc::new(store), place.to_owned()));
        }
        let path = PathBuf::from(place);
        if !path.exists() {
            return Err(CommandError::Absent(path));
        }
        let store = SqliteStore::open_as_it_is(&SqliteConfig::at(&path)).await?;
        Ok(Self::Sqlite(Arc::new(store)))
    }

    /// Opens a database, and fails if its schema is older or newer than that of this program.
    pub(crate) async fn open_current(place: &str) -> Result<Self, CommandError> {
        let database = Self::open(place).await?;
        let (version, newest) = (database.schema_version().await?, database.newest());
        if version == newest { Ok(database) } else { Err(CommandError::Older { version, newest }) }
    }

    /// The operations of custody (audit, purge, erasure) on either kind of database.
    pub(crate) fn custody(&self) -> Arc<dyn Custody> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store, _) => Arc::clone(store) as _,
        }
    }

    /// The bugs of the database.
    pub(crate) fn bugs(&self) -> Arc<dyn Bugs> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store, _) => Arc::clone(store) as _,
        }
    }

    /// The confidential fields of the database, sealed.
    pub(crate) fn fields(&self) -> Arc<dyn SealedFields> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store, _) => Arc::clone(store) as _,
        }
    }

    /// A snapshot of the whole database as of now. Writers continue, and their later writes are not
    /// in the snapshot.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot<'_>, CommandError> {
        Ok(match self {
            Self::Sqlite(store) => store.snapshot().await?,
            Self::Postgres(store, _) => store.snapshot().await?,
        })
    }

    /// The contents of one snapshot; an error if a sample cannot be read.
    pub(crate) async fn contents(&self) -> Result<Contents, CommandError> {
        let mut snapshot = self.snapshot().await?;
        let contents = snapshot.contents().await?;
        snapshot.close().await?;
        all_readable(contents)
    }

    /// All versions of all decisions.
    pub(crate) async fn decisions(&self) -> Result<Vec<Entry>, CommandError> {
        let mut snapshot = self.snapshot().await?;
        let all = snapshot.decisions().await?;
        snapshot.close().await?;
        Ok(all)
    }

    /// Compares the parts of the database with each other, and with the heads stated before; a
    /// difference is an error.
    pub(crate) async fn examine(&self, expected: &Expected) -> Result<Evidence, CommandError> {
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
            return Err(CommandError::Unsound(evidence.findings));
        }
        all_readable(evidence.contents)?;
        Ok(evidence)
    }

    /// The version of the database's schema.
    pub(crate) async fn schema_version(&self) -> Result<i64, CommandError> {
        Ok(match self {
            Self::Sqlite(store) => store.schema_version().await?,
            Self::Postgres(store, _) => store.schema_version().await?,
        })
    }

    /// The newest schema version that this program supports.
    pub(crate) const fn newest(&self) -> i64 {
        match self {
            Self::Sqlite(_) => SqliteStore::NEWEST_SCHEMA,
            Self::Postgres(..) => PostgresStore::NEWEST_SCHEMA,
        }
    }

    /// Migrates the schema to a version.
    pub(crate) async fn migrate_to(&self, version: i64) -> Result<(), CommandError> {
        match self {
            Self::Sqlite(store) => store.migrate_to(version).await?,
            Self::Postgres(store, _) => store.migrate_to(version).await?,
        }
        Ok(())
    }

    /// Closes the connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store, _) => store.close().await,
        }
    }
}

/// The contents, if all samples could be read; otherwise an error.
pub(crate) const fn all_readable(contents: Contents) -> Result<Contents, CommandError> {
    if contents.unreadable > 0 { Err(CommandError::Damaged(contents.unreadable)) } else { Ok(contents) }
}
