//! Opens the database, with its circuit breakers, and a spool if the database is remote.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sqal_core::{Sample, Timestamp};
use sqal_http::DeadLetters;
use sqal_resilience::{
    BreakerConfig, Clock, HealthRegistry, SystemClock, breaker::OpenFor, health::CheckConfig, log::LogChanges,
    metered::StateGauge,
};
use sqal_storage::{
    Custody, GuardedStore, MeteredStore, PostgresStore, Queue, Register, RetryingStore, SampleStore, SpooledStore,
    SqliteStore, StorageError, WriterConfig,
    evidence::Expected,
    heads::Checkpoint,
    metered::report_pools,
    postgres::{PostgresConfig, Timescale},
    samples::Hour,
    sqlite::SqliteConfig,
};
use tracing::{info, warn};

use crate::Config;
use crate::abort_on_drop::AbortOnDrop;
use crate::server_error::ServerError;
use crate::wall_clock::wall_clock;

/// The most samples in the spool: 4 GB, five weeks of a line of twenty stations.
const SPOOL: u64 = 2_000_000;

/// An opened database.
pub(crate) struct Database {
    pub(crate) store: Arc<dyn SampleStore>,
    /// The store of the operators' decisions.
    pub(crate) register: Arc<dyn Register>,
    /// Where jobs wait.
    pub(crate) queue: Arc<dyn Queue>,
    /// The store of the audit log.
    pub(crate) custody: Arc<dyn Custody>,
    /// The name of the database for operators.
    pub(crate) name: String,
    pub(crate) writer: WriterConfig,
    connections: Arc<Connections>,
    /// The store with its spool; `None` for an embedded database.
    spooled: Option<Arc<Spooled>>,
    _forwarding: Option<AbortOnDrop<()>>,
}

/// The connections that are closed at the end.
enum Connections {
    Embedded(Arc<SqliteStore>),
    Remote(Arc<PostgresStore>, Arc<SqliteStore>),
}

impl Database {
    /// Opens the database that the configuration names.
    pub(crate) async fn open(config: &Config, letters: &Arc<DeadLetters>) -> Result<Self, ServerError> {
        match &config.database_url {
            None => Self::embedded(config).await,
            Some(url) => Self::remote(config, &PostgresConfig::new(&url.0)?, letters).await,
        }
    }

    async fn embedded(config: &Config) -> Result<Self, ServerError> {
        let path = config.data_dir.join("sqal.db");
        let sqlite = Arc::new(SqliteStore::open(&SqliteConfig::at(&path)).await?);
        info!(database = %path.display(), "database ready");
        Ok(Self {
            store: Arc::new(RetryingStore::usual(guarded(Arc::clone(&sqlite))?)),
            register: Arc::clone(&sqlite) as _,
            queue: Arc::clone(&sqlite) as _,
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
        config: &Config,
        database: &PostgresConfig,
        letters: &Arc<DeadLetters>,
    ) -> Result<Self, ServerError> {
        let postgres = Arc::new(PostgresStore::open(database).await?);
        info!(?database, timescale = ?postgres.timescale(), "database ready");
        let spool = Arc::new(SqliteStore::open(&SqliteConfig::spool_at(config.data_dir.join("spool.db"))).await?);
        let spooled = SpooledStore::new(guarded(Arc::clone(&postgres))?, Arc::clone(&spool), SPOOL).await?;
        let letters = Arc::clone(letters);
        let keeper = move |sample: &Sample| letters.keep_conflict(sample, wall_clock());
        let spooled: Arc<Spooled> = Arc::new(spooled.with_conflict_keeper(keeper));
        let forwarding = tokio::spawn({
            let spooled = Arc::clone(&spooled);
            async move { spooled.keep_forwarding(WriterConfig::usual().backoff).await }
        });
        let two = NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            store: Arc::new(RetryingStore::usual(Arc::clone(&spooled))),
            register: Arc::clone(&postgres) as _,
            queue: Arc::clone(&postgres) as _,
            custody: Arc::clone(&postgres) as _,
            name: match postgres.timescale() {
                Timescale::Absent => "PostgreSQL".to_owned(),
                edition => format!("PostgreSQL with TimescaleDB ({edition:?})"),
            },
            writer: WriterConfig { commits: two, ..WriterConfig::usual() },
            connections: Arc::new(Connections::Remote(postgres, spool)),
            spooled: Some(spooled),
            _forwarding: Some(AbortOnDrop(forwarding)),
        })
    }

    /// Registers separate health checks for the database and its spool. While the database is
    /// unavailable, the line continues as long as the spool accepts samples.
    pub(crate) fn watch(&self, health: &HealthRegistry<Arc<dyn Clock>>) {
        let Some(spooled) = &self.spooled else { return };
        health.remove("database");
        let store = Arc::clone(spooled);
        let database = move || {
            let store = Arc::clone(&store);
            async move { store.ping_store().await }
        };
        let store = Arc::clone(spooled);
        let spool = move || {
            let store = Arc::clone(&store);
            async move { store.takes().await }
        };
        let registered = [
            health.register("database", CheckConfig::optional(), database),
            health.register("spool", CheckConfig::critical(), spool),
        ];
        for twice in registered.into_iter().filter_map(Result::err) {
            warn!(%twice, "a part of the database is not watched");
        }
    }

    /// The reader that takes snapshots of the database for its heads.
    pub(crate) fn witness(&self) -> Witness {
        Witness(Arc::clone(&self.connections))
    }

    /// Gives a function that updates the gauges of the pools and of the spool when it is called.
    pub(crate) fn report(&self) -> impl Fn() + Send + Sync + 'static {
        let connections = Arc::clone(&self.connections);
        let spooled = self.spooled.clone();
        move || {
            report_pools(&match &*connections {
                Connections::Embedded(sqlite) => sqlite.pools(),
                Connections::Remote(postgres, _) => postgres.pools(),
            });
            let (waiting, damaged) = spooled.as_ref().map_or((0, 0), |spooled| (spooled.waiting(), spooled.damaged()));
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a floating number")]
            let [waiting, damaged] = [waiting, damaged].map(|samples: u64| samples as f64);
            metrics::gauge!("spool_samples_waiting").set(waiting);
            metrics::gauge!("spool_samples_damaged").set(damaged);
        }
    }

    /// Closes the connections. The samples in the spool stay there, and are moved at the next
    /// start.
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

/// Takes snapshots of a database for its heads. It bypasses the circuit breakers, which protect the
/// line.
#[derive(Clone)]
pub(crate) struct Witness(Arc<Connections>);

impl Witness {
    /// The content of the database that is not in `stated` yet, from the hour `since` on.
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

type Spooled = SpooledStore<Guarded<Arc<PostgresStore>>>;

/// Wraps a store with measurement, and with breakers whose state is reported to the metrics and to
/// the log.
fn guarded<S: SampleStore>(store: S) -> Result<Guarded<S>, ServerError> {
    // A probe costs little, so the line continues seconds after there is room again, not after a
    // minute.
    let writing = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(5)), ..BreakerConfig::default() };
    // A reader waits for its page, so the database is probed again two seconds after it failed.
    let reading = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(2)), ..BreakerConfig::default() };
    let told = |name: &'static str| (StateGauge::new(name), LogChanges(name));
    let guarded = GuardedStore::new(MeteredStore::new(store, SystemClock), writing, reading, SystemClock)?;
    Ok(guarded.observed_by(told("database"), told("database_reads")))
}
