//! [`Database`]: the two databases that a reference server may keep its samples in, opened by one argument.

use std::path::PathBuf;
use std::sync::Arc;

use sqal_storage::{Custody, PostgresConfig, PostgresStore, SqliteConfig, SqliteStore, Timescale};

use crate::Failed;

/// An opened database.
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
            let store = PostgresStore::open(&PostgresConfig::new(place)?).await?;
            return Ok(Self::Postgres(Arc::new(store), place.to_owned()));
        }
        let path = PathBuf::from(place);
        if !path.exists() {
            return Err(Failed::Absent(path));
        }
        let store = SqliteStore::open(&SqliteConfig::at(&path)).await?;
        Ok(Self::Sqlite(Arc::new(store)))
    }

    /// What may be done to it whatever it is.
    pub(crate) fn custody(&self) -> Arc<dyn Custody> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store, _) => Arc::clone(store) as _,
        }
    }

    /// The version of its schema.
    pub(crate) async fn schema_version(&self) -> Result<i64, Failed> {
        Ok(match self {
            Self::Sqlite(store) => store.schema_version().await?,
            Self::Postgres(store, _) => store.schema_version().await?,
        })
    }

    /// Takes its schema to a version.
    pub(crate) async fn migrate_to(&self, version: i64) -> Result<(), Failed> {
        match self {
            Self::Sqlite(store) => store.migrate_to(version).await?,
            Self::Postgres(store, _) => store.migrate_to(version).await?,
        }
        Ok(())
    }

    /// Whether backups of it need what was not tested here.
    pub(crate) fn is_hypertable(&self) -> bool {
        matches!(self, Self::Postgres(store, _) if store.timescale() != Timescale::Absent)
    }

    /// Closes its connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store, _) => store.close().await,
        }
    }
}
