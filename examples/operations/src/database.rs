//! [`Database`]: the two databases that a reference server may keep its samples in, opened by one argument and left as they are.

use std::path::PathBuf;
use std::sync::Arc;

use sqal_core::{DeviceId, Name, Timestamp};
use sqal_storage::{
    Contents, Custody, Entry, Hour, PostgresConfig, PostgresStore, Purge, Register, SampleQuery, SealedFields,
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

    /// Everything that can be read, and an error if there is more than that.
    pub(crate) async fn contents(&self) -> Result<Contents, Failed> {
        let contents = Contents::of(&*self.custody()).await?;
        // All but the last microsecond of the year 9999.
        let end = Timestamp::from_micros(253_402_300_799_999_999).unwrap_or_else(|_| unreachable!("the last one"));
        let all = Purge { samples_before: end, hours_before: Hour::of(end) };
        let rows = self.custody().would_purge(&all).await?.samples;
        if rows > contents.samples { Err(Failed::Damaged(rows - contents.samples)) } else { Ok(contents) }
    }

    /// The newest of every profile and calibration that was decided on.
    pub(crate) async fn decisions(&self) -> Result<Vec<Entry>, Failed> {
        let register: Arc<dyn Register> = match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store, _) => Arc::clone(store) as _,
        };
        let mut all = Vec::new();
        for kind in ["profile", "calibration"] {
            all.extend(register.newest(&Name::new(kind).unwrap_or_else(|_| unreachable!("a short name"))).await?);
        }
        Ok(all)
    }

    /// The samples of a device, page by page.
    pub(crate) async fn each_of(
        &self,
        device: DeviceId,
        mut each: impl FnMut(&sqal_core::Sample) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let mut query = SampleQuery { device_id: Some(device), ..SampleQuery::newest(std::num::NonZeroU16::MIN) };
        query.limit = query.limit.saturating_add(499);
        let custody = self.custody();
        loop {
            let page = custody.query(&query).await?;
            page.items.iter().try_for_each(&mut each)?;
            let Some(next) = page.next else { return Ok(()) };
            query.after = Some(next);
        }
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
