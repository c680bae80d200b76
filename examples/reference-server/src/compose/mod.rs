//! Starts and ends the server in a fixed order, and composes all parts (ARC-12, SHD-01).

mod alerts;
mod app;
mod background;
mod breaker_states;
mod breakers;
mod bugs;
mod cache;
mod database;
mod database_state;
mod deliveries;
mod door;
mod end;
mod gauges;
mod listener;
mod profiling;
mod schedules;
mod services;

use std::net::SocketAddr;
use std::sync::Arc;

use sqal_http::{DeadLetters, take_up_jobs};
use sqal_resilience::shutdown::Phase;
use sqal_resilience::{Clock, Shutdown, SystemClock};
use sqal_storage::BatchWriter;
use sqal_telemetry::log::LogControl;
use tokio::sync::Mutex;
use tracing::info;

use background::Background;
use breaker_states::BreakerStates;
use bugs::BugTracker;
use database::Database;
use deliveries::Deliveries;
use profiling::ProcessProfiles;

use crate::abort_on_drop::AbortOnDrop;
use crate::heads::HeadKeeper;
use crate::listen;
use crate::lock::lock;
use crate::observe::TraceKeeper;
use crate::private::private_folder;
use crate::server_error::ServerError;
use crate::settings::Settings;
use crate::signals::signals;

/// Starts the server, passes its address to `ready`, and runs until SIGTERM, SIGINT or SIGHUP. Then
/// it ends in order; a second signal ends it at once. With `log`, administrators can change the
/// filter of the log for a while; `traces` is what [`traces`](crate::traces) returned beside its
/// layer.
///
/// # Errors
///
/// [`ServerError`] names the fault and its remedy.
pub async fn serve(
    settings: Settings,
    log: Option<LogControl>,
    traces: TraceKeeper,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServerError> {
    // Installed first, so that a signal during the start is not lost.
    let (signals, shutdown) = (signals()?, Shutdown::new(end::LIMITS));
    let _listening = AbortOnDrop(tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.listen(signals).await }
    }));
    // Before the database is opened, so that the change of its schema is followed too.
    traces.begin(&shutdown);
    let data_dir = &settings.database.data_dir;
    private_folder(data_dir).map_err(ServerError::data_dir(data_dir))?;
    let _lock = lock(data_dir)?;
    let ended = Box::pin(serve_until(settings, log, ready, &shutdown)).await;
    if ended.is_err() {
        // All that was opened is closed on every way out. After an orderly end this does nothing.
        shutdown.begin("the server cannot go on");
        shutdown.run().await;
    }
    ended
}

/// Runs until the shutdown has ended, or until a part fails. All that it has opened is registered
/// to be closed.
async fn serve_until(
    settings: Settings,
    log: Option<LogControl>,
    ready: impl FnOnce(SocketAddr),
    shutdown: &Shutdown,
) -> Result<(), ServerError> {
    let begun = SystemClock.now();
    let data_dir = &settings.database.data_dir;
    let mut background = Background::default();
    let metrics = background.sweep_metrics();
    let letters = Arc::new(DeadLetters::in_file(&data_dir.join("dead-letters.ndjson"))?);
    let breakers = BreakerStates::default();
    let opening = Database::open(&settings.database, &letters, &breakers);
    let Ok(opened) = shutdown.unless_begun(Box::pin(opening)).await else {
        return Ok(()); // nothing was opened yet
    };
    let database = Arc::new(opened?);
    let (writer, writing) = BatchWriter::start(Arc::clone(&database.store), database.writer);
    let writing = Arc::new(Mutex::new(writing));
    let connections = Arc::clone(&database.connections);
    let heads = Arc::new(HeadKeeper::open(data_dir, settings.keys.ring.as_ref(), connections));
    end::close_database(shutdown, &database, &writing, &heads);

    let mut services = services::over(&database, writer, settings.profiles, shutdown, begun);
    // Done before the first tray, because earlier decisions are still valid.
    services.take_decisions().await?;
    services.agree_on_profiles().await?;
    background.keep_heads(&heads);
    services.plant.log = log;
    cache::share(&mut services, &settings.cache, &breakers, shutdown)?;
    let zone = &settings.schedules.zone;
    let bugs = BugTracker::open(settings.bugs, settings.keys.ring.as_ref(), zone, &database).await?;
    services.plant.bugs = bugs.as_ref().map(BugTracker::parts);
    alerts::share(&mut services, &database, &mut background, shutdown);
    services.plant.metrics = metrics.map(|render| gauges::shown(render, &database, &services, data_dir));
    background.watch_caches(&services.line.caches, settings.cache.hit_rate_threshold);
    background.check_health(&services);
    (services.line.dead_letters, services.door.legacy) = (letters, settings.legacy);
    let cors_origins = settings.origins.cors_origins.clone();
    let door = door::set(&mut services, settings.access.access, settings.limits, settings.origins, data_dir)?;
    background.follow_tokens(settings.access.tokens_file, &services);
    background.follow_decisions(&services);
    let profiling = ProcessProfiles::of(settings.profiling);
    let scheduler = schedules::over(&database, zone, &profiling, bugs.as_ref());
    services.plant.schedules = Some(Arc::clone(&scheduler));
    background.count_deliveries(&database.queue);

    let listener = listener::bind(settings.listen.address, &services.door.access)?;
    let address = listener.local_addr()?;
    take_up_jobs(&services);
    let deliveries = Deliveries::of(settings.mail, settings.notices, settings.outgoing, settings.keys.ring);
    schedules::begin(&scheduler, &database, &profiling, bugs.as_ref(), deliveries, shutdown);
    bugs::begin(bugs, &services, breakers, &mut background, shutdown);
    alerts::begin(&services, &database, settings.alerts, shutdown);
    profiling.listen(&services, &database, shutdown)?;
    let websockets = services.line.websockets.clone();
    let app = app::over(services, cors_origins, settings.observing.profiling);
    let draining = {
        let shutdown = shutdown.clone();
        async move { shutdown.reached(Phase::Draining).await }
    };
    let accepting = AbortOnDrop(tokio::spawn(listen::serve(listener, app, door, draining)));
    let accepting = Arc::new(Mutex::new(accepting));
    end::close_connections(shutdown, &accepting, websockets);
    info!("listening on http://{address}");
    ready(address);
    end::wait(shutdown, &accepting, &writing).await
}
