//! [`Services`]: the pieces that a composition root hands to the router, in groups.

#[cfg(feature = "bugs")]
mod bug_parts;
mod metrics_text;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "alerts")]
use sqal_alerts::{
    state::{AlertBook, SilenceBook},
    station::Stations,
};
use sqal_core::{Sample, Timestamp};
use sqal_grading::{Decisions, Profiles};
use sqal_intake::conflicts::NameConflicts;
use sqal_intake::observer::SampleObserver;
use sqal_intake::recent::Recent;
use sqal_intake::{DeadLetters, FrameLimits, Intake, Presence, Reception, WallClock};
use sqal_resilience::{Clock, HealthRegistry, Shutdown, SystemClock, fresh_seed};
use sqal_storage::queries::QueryProfiler;
use sqal_storage::{Custody, MemoryStore, Queue, Register, SampleStore, WriterHandle};
use sqal_telemetry::log::LogControl;
use sqal_work::Scheduler;

#[cfg(feature = "ws")]
use crate::devices::commands::Commands;
#[cfg(feature = "ws")]
use crate::devices::sockets::WebSockets;
use crate::door::access::Access;
use crate::door::budget::{Budget, Quiet};
use crate::door::guesses::Guesses;
use crate::door::problem::Problem;
use crate::door::quota::{ConnectLimit, Quotas};
use crate::door::replies::Replies;
use crate::door::version::Legacy;
use crate::jobs::JobWorker;
use crate::line::caches::Caches;
use crate::line::live::Live;
use crate::line::own_health::own_health;
#[cfg(feature = "alerts")]
use crate::line::station_feed::StationFeed;
use crate::route::api_version::ApiVersion;

#[cfg(feature = "bugs")]
pub use bug_parts::{BugParts, BugProject, BugProjects, PageDsn};
pub use metrics_text::MetricsText;

/// The pieces that the router needs, in four groups. Public fields can be replaced, in any order,
/// before the services are handed over. The router uses what is in the fields then; only the
/// checks `database` and `writer` of [`PlantParts::health`] go on asking the store and the writer
/// that [`new`](Self::new) was given.
#[derive(Clone)]
pub struct Services {
    /// Where samples, decisions and jobs are kept.
    pub storage: StorageParts,
    /// What handles samples between their device and the store, and shows them.
    pub line: LineParts,
    /// Who may come in, how often, and how much each may hold.
    pub door: DoorParts,
    /// What is graded here, by which decisions, which work is done here, and how the process is.
    pub plant: PlantParts,
    /// The monotonic clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// Wall time.
    pub(crate) now: WallClock,
    /// The end of the process: see [`ending_with`](Self::ending_with).
    pub(crate) shutdown: Shutdown,
}

/// Where samples, decisions and jobs are kept.
#[derive(Clone)]
pub struct StorageParts {
    /// The store from which samples are read. The check `database` asks the store that
    /// [`Services::new`] was given: pass it there, with its decorators, rather than replace it
    /// here.
    pub store: Arc<dyn SampleStore>,
    /// The writer to which samples are handed in. The check `writer` asks the writer that
    /// [`Services::new`] was given.
    pub writer: WriterHandle,
    /// The register of what people decide (profiles, calibrations). Without one, nothing can be
    /// decided here.
    pub register: Option<Arc<dyn Register>>,
    /// The audit log of what administrators do. Without one, only the log of the process records
    /// it.
    pub custody: Option<Arc<dyn Custody>>,
    /// Where jobs wait. The default is in memory: jobs then end with the process. See
    /// [`take_up_jobs`](crate::take_up_jobs).
    pub queue: Arc<dyn Queue>,
    /// Where samples are kept, in words, as `/api/v1/system/capabilities` shows it.
    pub database: Option<String>,
}

/// What handles samples between their device and the store, and shows them.
#[derive(Clone)]
pub struct LineParts {
    /// Turns frames into judged samples.
    pub intake: Arc<Intake>,
    /// The devices that have sent to this process.
    pub presence: Arc<Presence>,
    /// Frames that were refused for good. They are in memory, unless you give them a file.
    pub dead_letters: Arc<DeadLetters>,
    /// The caches of the routes.
    pub caches: Arc<Caches>,
    /// What watches the stations as their samples are stored. Without it, no station is watched by
    /// this process.
    #[cfg(feature = "alerts")]
    pub stations: Option<StationFeed>,
    /// The open device connections.
    #[cfg(feature = "ws")]
    pub websockets: WebSockets,
    /// Readings whose name is taken by another reading.
    pub(crate) conflicts: Arc<NameConflicts>,
    /// The devices that can receive commands.
    #[cfg(feature = "ws")]
    pub(crate) commands: Commands,
    /// Samples that were just stored.
    pub(crate) live: Arc<Live>,
    /// The statistics of the line over the last five minutes.
    pub(crate) recent: Arc<Recent>,
}

/// Who may come in, how often, and how much each may hold.
#[derive(Clone)]
pub struct DoorParts {
    /// What each caller may do. By default every caller may do everything.
    pub access: Arc<Access>,
    /// The limit on new connections of an address; `None` for no limit.
    pub connect_limit: Option<Arc<ConnectLimit>>,
    /// The quotas of callers on routes.
    pub quotas: Arc<Quotas>,
    /// The limits on what one holder, and all holders together, may hold at once.
    pub budget: Arc<Budget>,
    /// Whether the older paths answer.
    pub legacy: Legacy,
    /// Proxies whose `X-Forwarded-…` and `Forwarded` are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Names under which a server without authentication answers, beside `localhost` and addresses.
    /// Another name that a browser resolves to this machine may belong to a stranger.
    pub allowed_hosts: Vec<String>,
    /// Wrong tokens by address.
    pub(crate) guesses: Arc<Guesses>,
    /// The lines of the log that were written about each party lately.
    #[cfg_attr(
        not(feature = "ws"),
        allow(dead_code, reason = "only WebSocket connections choose how many lines there are")
    )]
    pub(crate) quiet: Arc<Quiet>,
    /// The answers to requests that may be sent again.
    pub(crate) replies: Replies,
}

/// What is graded here, by which decisions, which work is done here, and how the process is.
#[derive(Clone)]
pub struct PlantParts {
    /// What is graded, in plain words, for the description of the live page: `foie gras trays` by
    /// default.
    pub product: String,
    /// The metrics, if the process keeps any.
    pub metrics: Option<MetricsText>,
    /// The health of the parts of the process. `database` and `writer` are there already, and ask
    /// the store and the writer that [`Services::new`] was given; add yours.
    /// [Run](HealthRegistry::run) its checks in a task, so that no probe waits for one.
    pub health: HealthRegistry<Arc<dyn Clock>>,
    /// The control of the filter of the log. Without it, `/api/v1/system/log` is 404.
    pub log: Option<LogControl>,
    /// The sums of the database queries of each endpoint, which a layer around the router
    /// [records](QueryProfiler::record). Without it, `/api/v1/system/queries` is 404.
    pub queries: Option<Arc<QueryProfiler>>,
    /// The scheduled work of the plant, which its composition root [begins](Scheduler::begin).
    /// Without it, `/api/v1/schedules` has no items.
    pub schedules: Option<Arc<Scheduler>>,
    /// The alerts, the silences and the stations of the plant. Without them, the lists of alerts,
    /// silences and stations have no items.
    #[cfg(feature = "alerts")]
    pub alerts: Option<AlertParts>,
    /// The bugs of the plant. Without them, lists of bugs have no items.
    #[cfg(feature = "bugs")]
    pub bugs: Option<BugParts>,
    /// Work that takes longer than a client waits.
    pub(crate) jobs: JobWorker,
    /// The decisions on profiles, and the profiles that this server was given.
    pub(crate) decisions: Decisions,
    /// The versions of the interface that have operations; the table of routes gives them.
    pub(crate) versions: Vec<ApiVersion>,
    /// The description of a version of the interface; the table of routes gives it.
    #[cfg(feature = "openapi")]
    pub(crate) description: Option<fn(ApiVersion) -> &'static str>,
    /// When starting began.
    pub(crate) started: Instant,
    /// How long starting took, until the router was made.
    pub(crate) starting: Duration,
}

/// The alerts, the silences and the stations of the plant.
#[cfg(feature = "alerts")]
#[derive(Clone, Debug)]
pub struct AlertParts {
    /// The book of alerts. Your composition root evaluates the rules and gives it what they find.
    pub book: Arc<AlertBook>,
    /// The silences.
    pub silences: Arc<SilenceBook>,
    /// The state of the stations: give [`LineParts::stations`] a feed of them.
    pub stations: Arc<Stations>,
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
        let (now, shutdown): (WallClock, _) = (Arc::new(now), Shutdown::default());
        Self {
            plant: PlantParts::new(own_health(&store, &writer, &clock, &shutdown), profiles.clone(), clock.now()),
            line: LineParts::new(profiles, &now, &clock),
            storage: StorageParts {
                store,
                writer,
                register: None,
                custody: None,
                queue: Arc::new(MemoryStore::new()),
                database: None,
            },
            door: DoorParts::default(),
            clock,
            now,
            shutdown,
        }
    }

    /// Makes these services part of a process that ends with `shutdown`. When it begins, their
    /// health is no longer ready.
    #[must_use]
    pub fn ending_with(self, shutdown: &Shutdown) -> Self {
        self.plant.health.end_with(shutdown);
        Self { shutdown: shutdown.clone(), ..self }
    }

    /// Sets when starting began, from which `/health/startup` counts: the beginning of your
    /// process. The default is when these services were made.
    #[must_use]
    pub fn begun_at(mut self, begun: Instant) -> Self {
        self.plant.started = begun;
        self
    }

    /// Keeps the profiles of this server out of the register. A program's placeholders are not a
    /// decision of the plant, and must not prevail over the plant's own file of the same name and
    /// version.
    #[must_use]
    pub fn with_placeholder_profiles(mut self) -> Self {
        self.plant.decisions = self.plant.decisions.of_placeholders();
        self
    }

    /// The way of a frame through these services.
    pub(crate) fn reception(&self) -> Reception<'_> {
        Reception {
            intake: &self.line.intake,
            presence: &self.line.presence,
            dead_letters: &self.line.dead_letters,
            conflicts: &self.line.conflicts,
            writer: &self.storage.writer,
            quota: &*self.door.quotas,
            observer: &self.line,
            now: &*self.now,
            clock: &*self.clock,
        }
    }

    /// The alerts, the silences and the stations. Without them, a [`Problem`] 404.
    #[cfg(feature = "alerts")]
    pub(crate) fn alerts(&self) -> Result<&AlertParts, Problem> {
        let missing = "alerts and stations are kept nowhere here: this service has no alerts";
        self.plant.alerts.as_ref().ok_or_else(|| Problem::not_found(missing))
    }

    /// The bugs. Without them, a [`Problem`] 404.
    #[cfg(feature = "bugs")]
    pub(crate) fn bugs(&self) -> Result<&BugParts, Problem> {
        let missing = "bugs are kept nowhere here: this service has no bug tracker";
        self.plant.bugs.as_ref().ok_or_else(|| Problem::not_found(missing))
    }

    /// The register that keeps decisions. Without one, a [`Problem`] 404.
    pub(crate) fn register(&self) -> Result<&dyn Register, Problem> {
        self.storage
            .register
            .as_deref()
            .ok_or_else(|| Problem::not_found("decisions are kept nowhere here: this service has no register"))
    }
}

impl LineParts {
    fn new(profiles: Profiles, now: &WallClock, clock: &Arc<dyn Clock>) -> Self {
        Self {
            intake: Arc::new(Intake::new(profiles, FrameLimits::default(), Arc::clone(now), Arc::clone(clock))),
            presence: Arc::default(),
            dead_letters: Arc::default(),
            caches: Arc::new(Caches::near(clock)),
            #[cfg(feature = "alerts")]
            stations: None,
            #[cfg(feature = "ws")]
            websockets: WebSockets::default(),
            conflicts: Arc::default(),
            #[cfg(feature = "ws")]
            commands: Commands::default(),
            live: Arc::new(Live::new(fresh_seed())),
            recent: Arc::new(Recent::new(clock.now())),
        }
    }
}

/// Tells the caches of the latest sample, the statistics, the live pages, and what watches the
/// stations.
impl SampleObserver for LineParts {
    fn stored(&self, sample: &Sample, now: Instant) {
        self.caches.stored(sample.key.device_id);
        self.recent.stored(sample, now);
        self.live.stored(sample, now);
        #[cfg(feature = "alerts")]
        if let Some(stations) = &self.stations {
            stations.stored(sample);
        }
    }
}

impl Default for DoorParts {
    fn default() -> Self {
        Self {
            access: Arc::new(Access::open()),
            connect_limit: Some(Arc::default()),
            quotas: Arc::new(Quotas::usual()),
            budget: Arc::default(),
            legacy: Legacy::default(),
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            guesses: Arc::default(),
            quiet: Arc::default(),
            replies: Replies::default(),
        }
    }
}

impl PlantParts {
    fn new(health: HealthRegistry<Arc<dyn Clock>>, given: Profiles, started: Instant) -> Self {
        Self {
            product: "foie gras trays".to_owned(),
            metrics: None,
            health,
            log: None,
            queries: None,
            schedules: None,
            #[cfg(feature = "alerts")]
            alerts: None,
            #[cfg(feature = "bugs")]
            bugs: None,
            jobs: JobWorker::default(),
            decisions: Decisions::new(given),
            versions: Vec::new(),
            #[cfg(feature = "openapi")]
            description: None,
            started,
            starting: Duration::ZERO,
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { storage, line, .. } = self;
        f.debug_struct("Services").field("store", &storage.store).field("intake", &line.intake).finish_non_exhaustive()
    }
}

impl fmt::Debug for StorageParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageParts").field("store", &self.store).finish_non_exhaustive()
    }
}

impl fmt::Debug for LineParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineParts").field("intake", &self.intake).finish_non_exhaustive()
    }
}

impl fmt::Debug for DoorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoorParts").field("access", &self.access).finish_non_exhaustive()
    }
}

impl fmt::Debug for PlantParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlantParts").field("health", &self.health).finish_non_exhaustive()
    }
}
