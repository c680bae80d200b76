//! Which database, and what stands around it: breakers, and a spool where the database is elsewhere.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sqal_core::{Sample, Timestamp};
use sqal_http::DeadLetters;
use sqal_resilience::{
    BreakerConfig, CheckConfig, Clock, HealthRegistry, LogChanges, OpenFor, StateGauge, SystemClock,
};
use sqal_storage::{
    Checkpoint, Custody, Expected, GuardedStore, Hour, MeteredStore, PostgresConfig, PostgresStore, Register,
    RetryingStore, SampleStore, SpooledStore, SqliteConfig, SqliteStore, StorageError, Timescale, WriterConfig,
    report_pools,
};
use tracing::{info, warn};

use crate::Config;
use crate::server::{AbortOnDrop, ServerError, wall_clock};

/// A spool holds at most so many samples: 4 GB, five weeks of a line of twenty stations.
const SPOOL: u64 = 2_000_000;

/// An opened database.
pub(crate) struct Database {
    pub(crate) store: Arc<dyn SampleStore>,
    /// Where decisions are kept.
    pub(crate) register: Arc<dyn Register>,
    /// Where deeds are written down.
    pub(crate) custody: Arc<dyn Custody>,
    /// What it is, in words.
    pub(crate) name: String,
    pub(crate) writer: WriterConfig,
    connections: Arc<Connections>,
    /// The store with its spool, if there is one.
    spooled: Option<Arc<Spooled>>,
    _forwarding: Option<AbortOnDrop<()>>,
}

/// What must be closed at the end.
enum Connections {
    Embedded(Arc<SqliteStore>),
    Remote(Arc<PostgresStore>, Arc<SqliteStore>),
}

impl Database {
    /// Opens what the configuration names.
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
            custody: Arc::clone(&sqlite) as _,
            name: "SQLite".to_owned(),
            writer: WriterConfig::usual(),
            connections: Arc::new(Connections::Embedded(sqlite)),
            spooled: None,
            _forwarding: None,
        })
    }

    /// A PostgreSQL, and a local file in which samples wait while it is away.
    ///
    /// A sample from the file whose name another reading has in the database is kept as a dead letter.
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

    /// Has the database and its spool watched each by itself: while the database is away the line goes on as long as the spool takes samples.
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

    /// Who looks at it for its heads.
    pub(crate) fn witness(&self) -> Witness {
        Witness(Arc::clone(&self.connections))
    }

    /// Shows how full its pools and its spool are, as long as somebody asks.
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

type Spooled = SpooledStore<Guarded<Arc<PostgresStore>>>;

/// The store, measured, behind breakers that are told to the metrics and to the log.
fn guarded<S: SampleStore>(store: S) -> Result<Guarded<S>, ServerError> {
    // A probe costs little: the line must go on seconds after there is room again, not a minute.
    let writing = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(5)), ..BreakerConfig::default() };
    // A reader waits for its page: two seconds after the database is back it is asked again.
    let reading = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(2)), ..BreakerConfig::default() };
    let told = |name: &'static str| (StateGauge::new(name), LogChanges(name));
    let guarded = GuardedStore::new(MeteredStore::new(store, SystemClock), writing, reading, SystemClock)?;
    Ok(guarded.observed_by(told("database"), told("database_reads")))
}
