//! [`Services`]: the pieces that a composition root hands to the router.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqal_core::{Purpose, Timestamp};
use sqal_resilience::{Clock, HealthRegistry, Shutdown, SystemClock, fresh_seed, health::CheckConfig};
use sqal_storage::{Custody, MemoryStore, Queue, Register, SampleStore, WriterHandle};

use crate::budget::Quiet;
#[cfg(feature = "ws")]
use crate::commands::Commands;
use crate::conflicts::NameConflicts;
use crate::given_profiles::GivenProfiles;
use crate::guesses::Guesses;
use crate::jobs::JobWorker;
use crate::live::Live;
use crate::recent::Recent;
use crate::replies::Replies;
use crate::seen_decisions::SeenDecisions;
use crate::{
    Access, Budget, Caches, ConnectLimit, DeadLetters, FrameLimits, Intake, Legacy, Presence, Profiles, Quotas,
    WallClock,
};

/// Renders the metrics in Prometheus' text format.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// The pieces that the router needs. Public fields can be replaced before they are handed over.
#[derive(Clone)]
pub struct Services {
    /// The store from which samples are read.
    pub store: Arc<dyn SampleStore>,
    /// The register of what people decide (profiles, calibrations). Without one, nothing can be
    /// decided here.
    pub register: Option<Arc<dyn Register>>,
    /// The audit log of what administrators do. Without one, only the log of the process records
    /// it.
    pub custody: Option<Arc<dyn Custody>>,
    /// Where jobs wait. The default is in memory: jobs then end with the process. See
    /// [`take_up_jobs`](crate::take_up_jobs).
    pub queue: Arc<dyn Queue>,
    /// The decisions of the register that were read.
    pub(crate) seen: SeenDecisions,
    /// The profiles that this server was given, and where other servers were given others.
    pub(crate) given: GivenProfiles,
    /// The writer to which samples are handed in.
    pub writer: WriterHandle,
    /// Turns frames into judged samples.
    pub intake: Arc<Intake>,
    /// The monotonic clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The end of the process: see [`ending_with`](Self::ending_with).
    pub(crate) shutdown: Shutdown,
    /// The limit on new connections of an address; `None` for no limit.
    pub connect_limit: Option<Arc<ConnectLimit>>,
    /// What each caller may do. By default every caller may do everything.
    pub access: Arc<Access>,
    /// Wrong tokens by address.
    pub(crate) guesses: Arc<Guesses>,
    /// The quotas of callers on routes.
    pub quotas: Arc<Quotas>,
    /// The limits on what one holder, and all holders together, may hold at once.
    pub budget: Arc<Budget>,
    /// The lines of the log that were written about each party lately.
    #[cfg_attr(
        not(feature = "ws"),
        allow(dead_code, reason = "only WebSocket connections choose how many lines there are")
    )]
    pub(crate) quiet: Arc<Quiet>,
    /// Whether the older paths answer.
    pub legacy: Legacy,
    /// Proxies whose `X-Forwarded-…` and `Forwarded` are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Names under which a server without authentication answers, beside `localhost` and addresses.
    /// Another name that a browser resolves to this machine may belong to a stranger.
    pub allowed_hosts: Vec<String>,
    /// Where samples are kept, in words, as `/api/v1/system/capabilities` shows it.
    pub database: Option<String>,
    /// What is graded, in plain words, for the description of the live page: `foie gras trays` by
    /// default.
    pub product: String,
    /// The metrics, if the process keeps any.
    pub metrics: Option<MetricsText>,
    /// The caches of the routes.
    pub caches: Arc<Caches>,
    /// The devices that have sent to this process.
    pub presence: Arc<Presence>,
    /// The health of the parts of the process. `database` and `writer` are there already; add
    /// yours. [Run](HealthRegistry::run) its checks in a task, so that no probe waits for one.
    pub health: HealthRegistry<Arc<dyn Clock>>,
    /// Frames that were refused for good. They are in memory, unless you give them a file.
    pub dead_letters: Arc<DeadLetters>,
    /// Readings whose name is taken by another reading.
    pub(crate) conflicts: Arc<NameConflicts>,
    /// The devices that can receive commands.
    #[cfg(feature = "ws")]
    pub(crate) commands: Commands,
    /// The open device connections.
    #[cfg(feature = "ws")]
    pub websockets: crate::WebSockets,
    /// Samples that were just stored.
    pub(crate) live: Arc<Live>,
    /// The description of the interface; the table of routes gives it.
    #[cfg(feature = "openapi")]
    pub(crate) description: Option<fn() -> &'static str>,
    /// When starting began.
    pub(crate) started: Instant,
    /// How long starting took, until the router was made.
    pub(crate) starting: Duration,
    /// Wall time.
    pub(crate) now: WallClock,
    /// Work that takes longer than a client waits.
    pub(crate) jobs: JobWorker,
    /// The answers to requests that may be sent again.
    pub(crate) replies: Replies,
    /// The statistics of the line over the last five minutes.
    pub(crate) recent: Arc<Recent>,
}

impl Services {
    /// Services with the documented defaults: the system clock, 100 connections per address and
    /// minute, the default quotas, no authentication, and no metrics.
    pub fn new(
        store: Arc<dyn SampleStore>,
        writer: WriterHandle,
        profiles: Profiles,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (now, started): (WallClock, _) = (Arc::new(now), clock.now());
        let shutdown = Shutdown::default();
        Self {
            health: health_of(&store, &writer, &clock, &shutdown),
            caches: Arc::new(Caches::near(&clock)),
            presence: Arc::default(),
            dead_letters: Arc::default(),
            conflicts: Arc::default(),
            register: None,
            custody: None,
            seen: SeenDecisions::default(),
            given: GivenProfiles::new(profiles.clone()),
            #[cfg(feature = "ws")]
            commands: Commands::default(),
            recent: Arc::new(Recent::new(started)),
            jobs: JobWorker::default(),
            queue: Arc::new(MemoryStore::new()),
            replies: Replies::default(),
            store,
            writer,
            intake: Arc::new(Intake::new(profiles, FrameLimits::default(), Arc::clone(&now), Arc::clone(&clock))),
            #[cfg(feature = "openapi")]
            description: None,
            started,
            starting: Duration::ZERO,
            now,
            clock,
            shutdown,
            connect_limit: Some(Arc::default()),
            access: Arc::new(Access::open()),
            guesses: Arc::default(),
            quotas: Arc::new(Quotas::usual()),
            budget: Arc::default(),
            quiet: Arc::default(),
            legacy: Legacy::default(),
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            database: None,
            product: "foie gras trays".to_owned(),
            metrics: None,
            #[cfg(feature = "ws")]
            websockets: crate::WebSockets::default(),
            live: Arc::new(Live::new(fresh_seed())),
        }
    }

    /// Makes these services part of a process that ends with `shutdown`. When it begins, their
    /// health is no longer ready. Call this first: a part that was registered before is lost.
    #[must_use]
    pub fn ending_with(mut self, shutdown: &Shutdown) -> Self {
        self.shutdown = shutdown.clone();
        self.health = health_of(&self.store, &self.writer, &self.clock, shutdown);
        self
    }

    /// Sets when starting began, from which `/health/startup` counts: the beginning of your
    /// process. The default is when these services were made.
    #[must_use]
    pub fn begun_at(mut self, begun: Instant) -> Self {
        self.started = begun;
        self
    }

    /// Announces a stored sample: to the caches of the latest sample, the presence of its device,
    /// the statistics, and the live pages.
    pub(crate) fn publish(&self, sample: &sqal_core::Sample) {
        let now = self.clock.now();
        self.caches.stored(sample.key.device_id);
        self.presence.heard(sample.key.device_id, sample.key.timestamp, (self.now)(), now);
        if sample.purpose == Purpose::Product {
            self.recent.add(&sample.inspection.verdict, now);
        }
        self.live.stored(sample, now);
    }

    /// Keeps a frame that was refused for good.
    pub(crate) fn keep_letter(&self, text: &str, problem: &crate::Problem, holder: Option<crate::Holder>) {
        self.dead_letters.keep(text, problem, holder, (self.now)(), self.clock.now());
    }

    /// Counts a connection of a caller. If it may not be opened now, returns the problem.
    #[cfg(feature = "ws")]
    pub(crate) fn connects(&self, caller: &crate::caller::Caller, peer: Option<IpAddr>) -> Result<(), crate::Problem> {
        let taken = self.connect_limit.as_ref().and_then(|limit| limit.take(caller, peer, self.clock.now()));
        match taken.filter(|answer| !answer.allowed) {
            None => Ok(()),
            Some(answer) => Err(crate::Problem::too_many_connections(answer.retry_after_seconds())),
        }
    }
}

/// After this number of batches in a row that the store did not accept, the part `writer` is down
/// until a probe finds that the store accepts samples.
const FAILED_BATCHES: u32 = 3;

/// Whether samples that are handed in are stored.
async fn writes(store: &dyn SampleStore, writer: &WriterHandle) -> Result<(), String> {
    if !writer.is_open() {
        return Err("the writer has stopped".to_owned());
    }
    let failed = writer.failed_in_a_row();
    if failed < FAILED_BATCHES {
        return Ok(());
    }
    store.ping().await.map_err(|error| format!("the last {failed} batches were not stored: {error}"))?;
    writer.store_is_back();
    Ok(())
}

/// The parts that every server has. Without either of them, no sample can be acknowledged.
fn health_of(
    store: &Arc<dyn SampleStore>,
    writer: &WriterHandle,
    clock: &Arc<dyn Clock>,
    shutdown: &Shutdown,
) -> HealthRegistry<Arc<dyn Clock>> {
    let health = HealthRegistry::new(Arc::clone(clock), shutdown.clone());
    let asked = Arc::clone(store);
    let database = move || {
        let store = Arc::clone(&asked);
        async move { store.ping().await }
    };
    let (store, writer) = (Arc::clone(store), writer.clone());
    let writing = move || {
        let (store, writer) = (Arc::clone(&store), writer.clone());
        async move { writes(&*store, &writer).await }
    };
    // The registry is new and the settings are its own, so registering does not fail.
    let _ = health.register("database", CheckConfig::critical(), database);
    let _ = health.register("writer", CheckConfig::critical(), writing);
    health
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("store", &self.store).field("intake", &self.intake).finish_non_exhaustive()
    }
}
