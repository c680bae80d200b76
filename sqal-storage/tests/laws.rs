//! Every law on every store and decorator of this crate: one named test per law and store.
#![cfg(all(feature = "conformance", feature = "metrics", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod own_folder;
mod servers;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use own_folder::own_folder;
use sqal_core::DeviceId;
use sqal_resilience::{BreakerConfig, SystemClock};
use sqal_storage::conformance::{Fault, StorePlace};
use sqal_storage::{
    Bugs, GuardedStore, MemoryStore, MeteredStore, PostgresStore, Queue, Records, RetryingStore, SampleStore,
    SpooledStore, SqliteStore, bugs_conformance, custody_conformance, fields_conformance, postgres::PostgresConfig,
    queue_conformance, records_conformance, register_conformance, sample_store_conformance, sqlite::SqliteConfig,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

async fn sqlite_in(folder: &Path) -> SqliteStore {
    SqliteStore::open(&SqliteConfig::at(folder.join("samples.db"))).await.unwrap()
}

async fn sqlite() -> SqliteStore {
    sqlite_in(&own_folder()).await
}

async fn spooled() -> SpooledStore<MemoryStore> {
    let spool = Arc::new(sqlite_in(&own_folder()).await);
    SpooledStore::new(MemoryStore::new(), spool, 1000).await.unwrap()
}

/// Memory that outlives the stores that open it.
struct MemoryPlace(Arc<MemoryStore>);

#[async_trait]
impl StorePlace for MemoryPlace {
    type Store = Arc<MemoryStore>;

    async fn open(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0)
    }

    async fn refuse(&self, _: &Arc<MemoryStore>, _: &DeviceId) -> Fault {
        Fault::Impossible
    }
}

/// A SQLite file in this folder.
struct SqlitePlace(PathBuf);

#[async_trait]
impl StorePlace for SqlitePlace {
    type Store = SqliteStore;

    async fn open(&self) -> SqliteStore {
        sqlite_in(&self.0).await
    }

    async fn refuse(&self, _: &SqliteStore, device: &DeviceId) -> Fault {
        let options = SqliteConnectOptions::new().filename(self.0.join("samples.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let trigger = format!(
            "CREATE TRIGGER IF NOT EXISTS refused BEFORE INSERT ON sample WHEN new.device_id = '{device}'
             BEGIN SELECT raise(ABORT, 'refused'); END"
        );
        sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Fault::Injected
    }
}

struct PostgresPlace(PostgresConfig);

impl PostgresPlace {
    fn new() -> Self {
        let mut config = servers::fresh_schema();
        // Two writers, so that tasks meet in the database.
        (config.writers, config.readers) = (NonZeroU32::new(2).unwrap(), NonZeroU32::MIN);
        Self(config)
    }
}

#[async_trait]
impl StorePlace for PostgresPlace {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.0).await.unwrap()
    }

    async fn refuse(&self, _: &PostgresStore, device: &DeviceId) -> Fault {
        let shown = format!("{:?}", self.0);
        let schema = shown.split("schema: \"").nth(1).unwrap().split('"').next().unwrap();
        let check = format!(
            "ALTER TABLE {schema}.sample DROP CONSTRAINT IF EXISTS refused;
             ALTER TABLE {schema}.sample ADD CONSTRAINT refused CHECK (device_id <> '{device}')"
        );
        let mut connection = PgConnection::connect(&servers::variable("SQAL_TEST_POSTGRES_URL")).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(check)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Fault::Injected
    }
}

/// A store with two writers, so that tasks meet in the database.
async fn postgres_of_two() -> PostgresStore {
    PostgresPlace::new().open().await
}

mod bugs_of_memory {
    use super::*;
    bugs_conformance!(async { MemoryStore::new() });
}

mod bugs_behind_an_arc {
    use super::*;
    bugs_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn Bugs> });
}

mod bugs_of_sqlite {
    use super::*;
    bugs_conformance!(sqlite());
}

mod bugs_of_postgres {
    use super::*;
    bugs_conformance!(postgres_of_two());
}

mod records_of_memory {
    use super::*;
    records_conformance!(async { MemoryStore::new() });
}

mod records_behind_an_arc {
    use super::*;
    records_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn Records> });
}

mod records_of_sqlite {
    use super::*;
    records_conformance!(sqlite());
}

mod records_of_postgres {
    use super::*;
    records_conformance!(postgres_of_two());
}

mod queue_of_memory {
    use super::*;
    queue_conformance!(async { MemoryStore::new() });
}

mod queue_behind_an_arc {
    use super::*;
    queue_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn Queue> });
}

mod queue_of_sqlite {
    use super::*;
    queue_conformance!(sqlite());
}

mod queue_of_postgres {
    use super::*;
    queue_conformance!(postgres_of_two());
}

mod register_of_memory {
    use super::*;
    register_conformance!(async { MemoryStore::new() });
}

mod register_of_sqlite {
    use super::*;
    register_conformance!(sqlite());
}

mod register_of_postgres {
    use super::*;
    register_conformance!(servers::fresh_store());
}

mod fields_of_memory {
    use super::*;
    fields_conformance!(async { MemoryStore::new() });
}

mod fields_of_sqlite {
    use super::*;
    fields_conformance!(sqlite());
}

mod fields_of_postgres {
    use super::*;
    fields_conformance!(servers::fresh_store());
}

mod custody_of_memory {
    use super::*;
    custody_conformance!(async { MemoryStore::new() });
}

mod custody_of_sqlite {
    use super::*;
    custody_conformance!(sqlite());
}

mod custody_of_postgres {
    use super::*;
    custody_conformance!(servers::fresh_store());
}

mod memory {
    use super::*;
    sample_store_conformance!(place: async { MemoryPlace(Arc::default()) });
}

mod memory_behind_an_arc {
    use super::*;
    sample_store_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn SampleStore> });
}

mod sqlite {
    use super::*;
    sample_store_conformance!(place: async { SqlitePlace(own_folder()) });
}

mod postgres {
    use super::*;
    sample_store_conformance!(place: async { PostgresPlace::new() });
}

mod spooled {
    use super::*;
    sample_store_conformance!(spooled());
}

mod metered {
    use super::*;
    sample_store_conformance!(async { MeteredStore::new(MemoryStore::new(), SystemClock) });
}

mod retrying {
    use super::*;
    sample_store_conformance!(async { RetryingStore::usual(MemoryStore::new()) });
}

mod guarded {
    use super::*;
    sample_store_conformance!(async {
        GuardedStore::new(MemoryStore::new(), BreakerConfig::default(), BreakerConfig::default(), SystemClock).unwrap()
    });
}
