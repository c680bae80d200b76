//! Which database, and what stands around it: breakers, and a spool where the database is elsewhere.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sqal_core::Timestamp;
use sqal_resilience::{BreakerConfig, LogChanges, OpenFor, StateGauge, SystemClock};
use sqal_storage::{
    Checkpoint, Expected, GuardedStore, Hour, MeteredStore, PostgresConfig, PostgresStore, Register, SampleStore,
    SpooledStore, SqliteConfig, SqliteStore, StorageError, Timescale, WriterConfig, report_pools,
};
use tracing::info;

use crate::Config;
use crate::server::{AbortOnDrop, ServerError};

/// A spool holds at most so many samples: 4 GB, five weeks of a line of twenty stations.
const SPOOL: u64 = 2_000_000;

/// An opened database.
pub(crate) struct Database {
    pub(crate) store: Arc<dyn SampleStore>,
    /// Where decisions are kept.
    pub(crate) register: Arc<dyn Register>,
    /// What it is, in words.
    pub(crate) name: String,
    pub(crate) writer: WriterConfig,
    connections: Arc<Connections>,
    /// How many samples wait in the spool, if there is one.
    waiting: Option<Arc<dyn Fn() -> u64 + Send + Sync>>,
    _forwarding: Option<AbortOnDrop<()>>,
}

/// What must be closed at the end.
enum Connections {
    Embedded(Arc<SqliteStore>),
    Remote(Arc<PostgresStore>, Arc<SqliteStore>),
}

impl Database {
    /// Opens what the configuration names.
    pub(crate) async fn open(config: &Config) -> Result<Self, ServerError> {
        match &config.database_url {
            None => Self::embedded(config).await,
            Some(url) => Self::remote(config, &PostgresConfig::new(&url.0)?).await,
        }
    }

    async fn embedded(config: &Config) -> Result<Self, ServerError> {
        let path = config.data_dir.join("sqal.db");
        let sqlite = Arc::new(SqliteStore::open(&SqliteConfig::at(&path)).await?);
        info!(database = %path.display(), "database ready");
        Ok(Self {
            store: Arc::new(guarded(Arc::clone(&sqlite))?),
            register: Arc::clone(&sqlite) as _,
            name: "SQLite".to_owned(),
            writer: WriterConfig::usual(),
            connections: Arc::new(Connections::Embedded(sqlite)),
            waiting: None,
            _forwarding: None,
        })
    }

    /// A PostgreSQL, and a local file in which samples wait while it is away.
    async fn remote(config: &Config, database: &PostgresConfig) -> Result<Self, ServerError> {
        let postgres = Arc::new(PostgresStore::open(database).await?);
        info!(?database, timescale = ?postgres.timescale(), "database ready");
        let spool = Arc::new(SqliteStore::open(&SqliteConfig::at(config.data_dir.join("spool.db"))).await?);
        let store = Arc::new(SpooledStore::new(guarded(Arc::clone(&postgres))?, Arc::clone(&spool), SPOOL).await?);
        let forwarding = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.keep_forwarding(WriterConfig::usual().backoff).await }
        });
        let spooled = Arc::clone(&store);
        let waiting: Arc<dyn Fn() -> u64 + Send + Sync> = Arc::new(move || spooled.waiting());
        let two = NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            store,
            register: Arc::clone(&postgres) as _,
            name: match postgres.timescale() {
                Timescale::Absent => "PostgreSQL".to_owned(),
                edition => format!("PostgreSQL with TimescaleDB ({edition:?})"),
            },
            writer: WriterConfig { commits: two, ..WriterConfig::usual() },
            connections: Arc::new(Connections::Remote(postgres, spool)),
            waiting: Some(waiting),
            _forwarding: Some(AbortOnDrop(forwarding)),
        })
    }

    /// Who looks at it for its heads.
    pub(crate) fn witness(&self) -> Witness {
        Witness(Arc::clone(&self.connections))
    }

    /// Shows how full its pools and its spool are, as long as somebody asks.
    pub(crate) fn report(&self) -> impl Fn() + Send + Sync + 'static {
        let connections = Arc::clone(&self.connections);
        let waiting = self.waiting.clone();
        move || {
            report_pools(&match &*connections {
                Connections::Embedded(sqlite) => sqlite.pools(),
                Connections::Remote(postgres, _) => postgres.pools(),
            });
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a floating number")]
            metrics::gauge!("spool_samples_waiting").set(waiting.as_ref().map_or(0, |waiting| waiting()) as f64);
        }
    }

    /// Closes the connections; what is in the spool stays there and moves at the next start.
    pub(crate) async fn close(&self) {
        match &*self.connections {
            Connections::Embedded(sqlite) => sqlite.close().await,
            Connections::Remote(postgres, spool) => {
                postgres.close().await;
                spool.close().await;
            }
        }
    }
}

/// Looks at a database for its heads, past the breakers: they are about the line.
#[derive(Clone)]
pub(crate) struct Witness(Arc<Connections>);

impl Witness {
    /// What the database holds beyond what was stated, of hours from `since` on.
    pub(crate) async fn checkpoint(
        &self,
        at: Timestamp,
        since: Hour,
        stated: &Expected,
    ) -> Result<Checkpoint, StorageError> {
        let mut snapshot = match &*self.0 {
            Connections::Embedded(sqlite) => sqlite.snapshot().await?,
            Connections::Remote(postgres, _) => postgres.snapshot().await?,
        };
        let checkpoint = snapshot.checkpoint(at, Some(since), stated).await?;
        snapshot.close().await?;
        Ok(checkpoint)
    }
}

type Guarded<S> = GuardedStore<MeteredStore<S, SystemClock>, SystemClock>;

/// The store, measured, behind breakers that are told to the metrics and to the log.
fn guarded<S: SampleStore>(store: S) -> Result<Guarded<S>, ServerError> {
    // A probe costs little: the line must go on seconds after there is room again, not a minute.
    let writing = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(5)), ..BreakerConfig::default() };
    let told = |name: &'static str| (StateGauge::new(name), LogChanges(name));
    let guarded =
        GuardedStore::new(MeteredStore::new(store, SystemClock), writing, BreakerConfig::default(), SystemClock)?;
    Ok(guarded.observed_by(told("database"), told("database_reads")))
}
