//! The bugs of the server: their book for the routes, the intake of faults, and the faults of the
//! server itself.

mod fault_writer;
mod figures;
mod metered_events;
mod new_letters;
mod own_watch;
mod panic_log;

use std::collections::BTreeSet;
use std::sync::Arc;

use sqal_bugs::book::ReporterFields;
use sqal_bugs::envelope::{FaultIntake, IntakeLimits};
use sqal_bugs::own::{OwnFaults, OwnRule, OwnSettings};
use sqal_bugs::{BugBook, OutboxEvents};
use sqal_core::Name;
use sqal_http::Services;
use sqal_http::services::{BugParts, BugProject, BugProjects, PageDsn};
use sqal_resilience::shutdown::Stage;
use sqal_resilience::{Shutdown, SystemClock, fresh_seed};
use sqal_storage::Blobs;
use sqal_storage::folder::FolderBlobs;
use sqal_storage::sealed::{KeyRing, Nonce, RandomnessError};
use sqal_work::outbox::{Outbox, StormLimits};
use sqal_work::scheduler::Scheduled;
use sqal_work::{Schedule, Work, Zone};
use tracing::info;

use super::background::Background;
use super::breaker_states::BreakerStates;
use super::database::Database;
use crate::server_error::ServerError;
use crate::settings::{self, BugSettings};
use crate::unnamed_attachments::UnnamedAttachments;
use crate::wall_clock::wall_clock;
use fault_writer::FaultWriter;
use figures::count_open;
use metered_events::MeteredEvents;
use own_watch::{OwnWatch, Watched};
use panic_log::PanicLog;

/// The bug tracker of the server.
pub(super) struct BugTracker {
    parts: BugParts,
    blobs: Arc<dyn Blobs>,
    rules: BTreeSet<OwnRule>,
}

impl BugTracker {
    /// Opens the folder of attachments, and the book over the database; `None` if bugs are switched
    /// off. Names and mail addresses of reporters are sealed with the keys, and refused without
    /// any.
    pub(super) async fn open(
        settings: BugSettings,
        ring: Option<&KeyRing>,
        zone: &Zone,
        database: &Database,
    ) -> Result<Option<Self>, ServerError> {
        if !settings.is_on {
            info!("this server has no bugs: SQAL_BUGS is off");
            return Ok(None);
        }
        if ring.is_none() {
            info!("no MASTER_ENCRYPTION_KEY: bugs are taken without the names and mail addresses of reporters");
        }
        let BugSettings { is_on: _, projects, attachments_dir: path, own_faults: rules } = settings;
        let opened = FolderBlobs::open(path.clone(), wall_clock()).await;
        let opened = opened.map_err(|source| ServerError::Attachments { path, source })?;
        let blobs: Arc<dyn Blobs> = Arc::new(opened);
        let page = page_dsn(&projects);
        let project = |project: settings::BugProject| {
            let (id, keys, events_per_minute) = (project.id.get(), project.keys.len(), project.rate.get());
            info!(
                project = id,
                name = project.name.as_str(),
                keys,
                events_per_minute,
                "a project may report its faults"
            );
            (u64::from(id), BugProject { keys: project.keys, source: project.source, rate: project.rate })
        };
        let parts = BugParts {
            book: book(database, ring, Arc::clone(&blobs)),
            zone: zone.clone(),
            projects: Arc::new(BugProjects::new(projects.into_iter().map(project))),
            page,
            intake: Arc::new(FaultIntake::new(IntakeLimits::default())),
        };
        Ok(Some(Self { parts, blobs, rules }))
    }

    /// What the routes need of it.
    pub(super) fn parts(&self) -> BugParts {
        self.parts.clone()
    }

    /// When files that no bug has are removed.
    pub(super) fn schedule(zone: Zone) -> Schedule {
        UnnamedAttachments::schedule(zone)
    }

    /// The removal of files that no bug has.
    pub(super) fn work(&self, database: &Database) -> Arc<dyn Work> {
        let task = UnnamedAttachments::new(Arc::clone(&self.blobs), Arc::clone(&database.bugs));
        Arc::new(Scheduled::new(task, Arc::clone(&database.records)))
    }
}

/// Begins to write the faults that were taken in, to count the open bugs, and to look for faults of
/// the server, if it has bugs. That ends when the database is about to be closed, and what waits
/// then is written first.
pub(super) fn begin(
    bugs: Option<BugTracker>,
    services: &Services,
    breakers: BreakerStates,
    background: &mut Background,
    shutdown: &Shutdown,
) {
    let Some(BugTracker { parts: BugParts { book, intake, .. }, rules, .. }) = bugs else { return };
    if !rules.is_empty() {
        let watch = own_watch(rules, services, breakers, Arc::clone(&intake));
        background.until_closing(watch.run(), shutdown);
    }
    background.until_closing(count_open(book.clone()), shutdown);
    let writer = FaultWriter::new(intake, book);
    background.until_closing(writer.clone().run(), shutdown);
    let close = move || async move {
        match writer.write().await {
            0 => Ok(()),
            left => Err(format!("{left} groups of faults were not written")),
        }
    };
    // The shutdown registry accepts closers until it has run all of them.
    let _ = shutdown.on_close(Stage::WORKERS, "faults", close);
}

/// The book over a database. What happens is counted, and told to webhooks.
fn book(database: &Database, ring: Option<&KeyRing>, blobs: Arc<dyn Blobs>) -> BugBook {
    let (queue, records) = (Arc::clone(&database.queue), Arc::clone(&database.records));
    let outbox = Outbox::new(queue, records, StormLimits::default());
    let events = MeteredEvents::new(Arc::new(OutboxEvents::new(outbox)));
    let nonces: fn() -> Result<Nonce, RandomnessError> = Nonce::random;
    let sealed = |ring: &KeyRing| Arc::new(ReporterFields::new(Arc::clone(&database.fields), ring.clone(), nonces));
    let bugs = Arc::clone(&database.bugs);
    BugBook::new(bugs, Some(blobs), ring.map(sealed), Arc::new(events), Arc::new(random))
}

/// The DSN under which the pages of this server report: the first project of pages, with its first
/// key. `None` if no project is of pages.
fn page_dsn(projects: &[settings::BugProject]) -> Option<PageDsn> {
    let dsn = |project: &settings::BugProject| {
        let key = project.page_key.clone()?;
        Some(PageDsn { project: u64::from(project.id.get()), key })
    };
    projects.iter().find_map(dsn)
}

/// Random bytes for an id. A machine without randomness gives hashes that are seeded for each call.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        let (left, right) = bytes.split_at_mut(8);
        left.copy_from_slice(&fresh_seed().to_le_bytes());
        right.copy_from_slice(&fresh_seed().to_le_bytes());
    }
    bytes
}

/// What looks for faults of the server by these rules.
fn own_watch(
    rules: BTreeSet<OwnRule>,
    services: &Services,
    breakers: BreakerStates,
    intake: Arc<FaultIntake>,
) -> OwnWatch {
    let version = Name::new(env!("CARGO_PKG_VERSION")).ok();
    let panics = rules.contains(&OwnRule::CaughtPanic).then(PanicLog::begin);
    let own = OwnFaults::new(OwnSettings { rules, ..OwnSettings::default() }, version);
    let watched = Watched {
        panics,
        breakers,
        letters: Arc::clone(&services.line.dead_letters),
        access: Arc::clone(&services.door.access),
        presence: Arc::clone(&services.line.presence),
        stations: services.plant.alerts.as_ref().map(|parts| Arc::clone(&parts.stations)),
        store: Arc::clone(&services.storage.store),
        clock: Arc::new(SystemClock),
    };
    OwnWatch::new(own, intake, watched, wall_clock())
}
