//! Opens the database, with its circuit breakers, and a spool if the database is remote.

use std::num::NonZeroUsize;
use std::sync::Arc;

use sqal_core::Sample;
use sqal_http::DeadLetters;
use sqal_storage::postgres::{PostgresConfig, Timescale};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{
    Bugs, Custody, PostgresStore, Queue, Records, Register, RetryingStore, SampleStore, SealedFields, SpooledStore,
    SqliteStore, WriterConfig,
};
use tracing::info;

use super::breaker_states::BreakerStates;
use super::breakers::{Guarded, guarded};
use crate::abort_on_drop::AbortOnDrop;
use crate::connections::Connections;
use crate::server_error::ServerError;
use crate::settings::DatabaseSettings;
use crate::wall_clock::wall_clock;

/// The most samples in the spool: 4 GB, five weeks of a line of twenty stations.
const SPOOL: u64 = 2_000_000;

/// A remote database, and the local file in which samples wait while it is unavailable.
pub(super) type Spooled = SpooledStore<Guarded<Arc<PostgresStore>>>;

/// An opened database.
pub(super) struct Database {
    pub(super) store: Arc<dyn SampleStore>,
    /// The store of the operators' decisions.
    pub(super) register: Arc<dyn Register>,
    /// Where jobs wait.
    pub(super) queue: Arc<dyn Queue>,
    /// Where small documents that change are kept.
    pub(super) records: Arc<dyn Records>,
    /// Where secrets are kept, sealed.
    pub(super) fields: Arc<dyn SealedFields>,
    /// Where bugs are kept.
    pub(super) bugs: Arc<dyn Bugs>,
    /// The store of the audit log.
    pub(super) custody: Arc<dyn Custody>,
    /// The name of the database for operators.
    pub(super) name: String,
    pub(super) writer: WriterConfig,
    pub(super) connections: Arc<Connections>,
    /// The store with its spool; `None` for an embedded database.
    pub(super) spooled: Option<Arc<Spooled>>,
    _forwarding: Option<AbortOnDrop<()>>,
}

impl Database {
    /// Opens the database that the settings name. Its breakers note in `states` whether they are
    /// open.
    pub(super) async fn open(
        settings: &DatabaseSettings,
        letters: &Arc<DeadLetters>,
        states: &BreakerStates,
    ) -> Result<Self, ServerError> {
        match &settings.url {
            None => Self::embedded(settings, states).await,
            Some(url) => Self::remote(settings, &PostgresConfig::new(url.as_str())?, letters, states).await,
        }
    }

    async fn embedded(settings: &DatabaseSettings, states: &BreakerStates) -> Result<Self, ServerError> {
        let path = settings.data_dir.join("sqal.db");
        let sqlite = Arc::new(SqliteStore::open(&SqliteConfig::at(&path)).await?);
        info!(database = %path.display(), "database ready");
        Ok(Self {
            store: Arc::new(RetryingStore::usual(guarded(Arc::clone(&sqlite), states)?)),
            register: Arc::clone(&sqlite) as _,
            queue: Arc::clone(&sqlite) as _,
            records: Arc::clone(&sqlite) as _,
            fields: Arc::clone(&sqlite) as _,
            bugs: Arc::clone(&sqlite) as _,
            custody: Arc::clone(&sqlite) as _,
            name: "SQLite".to_owned(),
            writer: WriterConfig::usual(),
            connections: Arc::new(Connections::Embedded(sqlite)),
            spooled: None,
            _forwarding: None,
        })
    }

    /// Opens a PostgreSQL, and a local file in which samples wait while it is unavailable.
    ///
    /// If a sample from the file has the name of another reading in the database, it is kept as a
    /// dead letter.
    async fn remote(
        settings: &DatabaseSettings,
        database: &PostgresConfig,
        letters: &Arc<DeadLetters>,
        states: &BreakerStates,
    ) -> Result<Self, ServerError> {
        let postgres = Arc::new(PostgresStore::open(database).await?);
        info!(%database, timescale = postgres.timescale().as_str(), "database ready");
        let spool = Arc::new(SqliteStore::open(&SqliteConfig::spool_at(settings.data_dir.join("spool.db"))).await?);
        let spooled = SpooledStore::new(guarded(Arc::clone(&postgres), states)?, Arc::clone(&spool), SPOOL).await?;
        let letters = Arc::clone(letters);
        let keeper = move |sample: &Sample| letters.keep_conflict(sample, wall_clock());
        let spooled = spooled.with_conflict_keeper(keeper).with_store_name(database.to_string());
        let spooled: Arc<Spooled> = Arc::new(spooled);
        let forwarding = tokio::spawn({
            let spooled = Arc::clone(&spooled);
            async move { spooled.keep_forwarding(WriterConfig::usual().backoff).await }
        });
        let two = NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            store: Arc::new(RetryingStore::usual(Arc::clone(&spooled)).with_store_name(database.to_string())),
            register: Arc::clone(&postgres) as _,
            queue: Arc::clone(&postgres) as _,
            records: Arc::clone(&postgres) as _,
            fields: Arc::clone(&postgres) as _,
            bugs: Arc::clone(&postgres) as _,
            custody: Arc::clone(&postgres) as _,
            name: match postgres.timescale() {
                Timescale::Absent => "PostgreSQL".to_owned(),
                edition => format!("PostgreSQL with TimescaleDB ({edition:?})"),
            },
            writer: {
                let mut config = WriterConfig::usual();
                config.commits = two;
                config
            },
            connections: Arc::new(Connections::Remote(postgres, spool)),
            spooled: Some(spooled),
            _forwarding: Some(AbortOnDrop(forwarding)),
        })
    }
}
