//! Starts and ends the server in a fixed order, and composes all parts (ARC-12, SHD-01).

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use sqal_http::{Budget, ConnectLimit, DeadLetters, Holder, Problem, Resource, Services, Share, router, take_up_jobs};
use sqal_resilience::{
    Clock, Shutdown, ShutdownConfig, SystemClock,
    shutdown::{Phase, Signals, Stage},
};
use sqal_storage::BatchWriter;
use tokio::sync::Mutex;
use tower_http::cors::CorsLayer;
use tracing::{info, warn};

use crate::abort_on_drop::AbortOnDrop;
use crate::cache;
use crate::database::Database;
use crate::heads::HeadKeeper;
use crate::observe::shown_with;
use crate::one_host::one_host;
use crate::one_length::one_length;
use crate::private::private_folder;
use crate::server_error::ServerError;
use crate::wall_clock::wall_clock;
use crate::{Config, listen, metrics_text, profiling, session_key, tokens};

/// Time limits of the shutdown: thirty seconds for requests, ten for connections, ten for accepted
/// samples.
const ENDING: ShutdownConfig =
    ShutdownConfig { ready_delay: Duration::ZERO, drain: Duration::from_secs(30), close: Duration::from_secs(10) };

/// The most time in which connections may end after the requests.
const CLOSE: Duration = Duration::from_secs(8);

/// Starts the server, passes its address to `ready`, and runs until SIGTERM, SIGINT or SIGHUP. Then
/// it ends in order; a second signal ends it at once.
///
/// # Errors
///
/// [`ServerError`] names the fault and its remedy.
pub async fn serve(config: Config, ready: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    // Installed first, so that a signal during the start is not lost.
    let (signals, shutdown) = (signals()?, Shutdown::new(ENDING));
    let _listening = AbortOnDrop(tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.listen(signals).await }
    }));
    private_folder(&config.data_dir)
        .map_err(|source| ServerError::DataDir { path: config.data_dir.clone(), source })?;
    let _ours = ours(&config.data_dir)?;
    let ended = Box::pin(serve_until(config, ready, &shutdown)).await;
    if ended.is_err() {
        // All that was opened is closed on every way out. After an orderly end this does nothing.
        shutdown.begin("the server cannot go on");
        shutdown.run().await;
    }
    ended
}

/// Runs until the shutdown has ended, or until a part fails. All that it has opened is registered
/// to be closed.
async fn serve_until(config: Config, ready: impl FnOnce(SocketAddr), shutdown: &Shutdown) -> Result<(), ServerError> {
    let begun = SystemClock.now();
    // If one process runs this server twice (a test), the metrics of the first one stay installed.
    let (metrics, sweeping) = metrics_text().ok().unzip();
    let _sweeping = sweeping.map(AbortOnDrop);
    let letters = Arc::new(DeadLetters::in_file(&config.data_dir.join("dead-letters.ndjson"))?);
    let Ok(opened) = shutdown.unless_begun(Box::pin(Database::open(&config, &letters))).await else {
        return Ok(()); // nothing was opened yet
    };
    let database = Arc::new(opened?);
    let store = Arc::clone(&database.store);
    let (writer, writing) = BatchWriter::start(Arc::clone(&store), database.writer);
    let writing = Arc::new(Mutex::new(writing));
    let heads = Arc::new(HeadKeeper::open(&config.data_dir, config.ring.as_ref(), database.witness()));
    close_at_the_end(shutdown, &database, &writing, &heads);
    let mut services = Services::new(store, writer, config.profiles, wall_clock).ending_with(shutdown).begun_at(begun);
    if config.placeholder_profiles {
        services = services.with_placeholder_profiles();
    }
    services.register = Some(Arc::clone(&database.register));
    services.queue = Arc::clone(&database.queue);
    services.custody = Some(Arc::clone(&database.custody));
    services.database = Some(database.name.clone());
    database.watch(&services.health);
    // Done before the first tray, because earlier decisions are still valid.
    services.take_decisions().await?;
    services.agree_on_profiles().await?;
    let _stating = AbortOnDrop(tokio::spawn({
        let heads = Arc::clone(&heads);
        async move { heads.keep().await }
    }));
    let report = database.report();
    services.metrics = metrics.map(|render| shown_with(render, report));
    cache::share(&mut services, config.redis_url.as_ref(), shutdown)?;
    let _checking = AbortOnDrop(tokio::spawn({
        let health = services.health.clone();
        async move { health.run(Duration::from_secs(1)).await }
    }));
    services.dead_letters = letters;
    services.access = Arc::new(if config.access.is_open() {
        config.access
    } else {
        let key = session_key::of(&config.data_dir)
            .map_err(|source| ServerError::DataDir { path: config.data_dir.clone(), source })?;
        config.access.with_session_key(key)
    });
    (services.quotas, services.legacy) = (Arc::new(config.quotas), config.legacy);
    services.connect_limit = config.connections.map(|quota| {
        // Every count per minute is a valid rate for a bucket.
        Arc::new(ConnectLimit::new(quota).unwrap_or_else(|error| unreachable!("{error}")))
    });
    services.trusted_proxies = config.trusted_proxies;
    services.allowed_hosts = config.allowed_hosts;
    let per_address = config.connections_per_address;
    services.budget = Arc::new(budget_for(per_address));
    let door = listen::Door {
        idle: config.idle,
        budget: Arc::clone(&services.budget),
        counts_addresses: per_address > 0 && !services.access.is_open(),
        proxies: services.trusted_proxies.clone(),
    };
    let _following = config.tokens_file.map(|(path, first)| {
        let told = services.clone();
        let changed = move |count: usize| {
            told.log_deed(&server_itself(), "tokens", &format!("other tokens are in force: {count}"));
            std::future::ready(())
        };
        AbortOnDrop(tokio::spawn(tokens::follow(path, first, Arc::clone(&services.access), changed)))
    });
    let _deciding = AbortOnDrop(tokio::spawn({
        let services = services.clone();
        async move { services.follow_decisions(Duration::from_secs(10)).await }
    }));
    let websockets = services.websockets.clone();

    let address = config.address;
    let listener = listen::bind(address).map_err(|source| ServerError::Listen { address, source })?;
    let address = listener.local_addr()?;
    if services.access.is_open() {
        warn!(%address, "NOBODY IS ASKED WHO THEY ARE: whoever reaches this address may do everything; SQAL_TOKENS_FILE says who may");
    }
    let profiling = config.profiling;
    let is_open = services.access.is_open();
    take_up_jobs(&services);
    let mut app = router(services).layer(pages_that_may_read(config.cors_origins));
    if is_open {
        app = app.layer(from_fn(no_proxy));
    }
    app = app.layer(from_fn(one_length)).layer(from_fn(one_host));
    if profiling.enabled {
        app = app.layer(from_fn(move |request, next| profiling::count(profiling, request, next)));
    }
    let draining = {
        let shutdown = shutdown.clone();
        async move { shutdown.reached(Phase::Draining).await }
    };
    let server = AbortOnDrop(tokio::spawn(listen::serve(listener, app, door, draining)));
    let server = Arc::new(Mutex::new(server));
    let (open, accepting) = (websockets.clone(), Arc::clone(&server));
    let connections = move || async move {
        let left = websockets.close_all(CLOSE).await;
        let mut server = accepting.lock().await;
        // Idle connections hold no unanswered requests. They have one second to end, and are then
        // cut.
        if !server.0.is_finished() {
            let _ = tokio::time::timeout(Duration::from_secs(1), &mut server.0).await;
            server.0.abort();
        }
        if left == 0 { Ok(()) } else { Err(format!("{left} did not end in time")) }
    };
    // The shutdown registry accepts closers until it has run all of them.
    let _ = shutdown.on_close_counted(Stage::CONNECTIONS, "WebSocket connections", move || open.open(), connections);
    info!("listening on http://{address}");
    ready(address);

    let (mut accepting, mut storing) = (server.lock().await, writing.lock().await);
    tokio::select! {
        // Checked first: after the shutdown has begun, the end of the server is no failure.
        biased;
        () = shutdown.reached(Phase::NotReady) => {}
        // Without a signal, the server ends only by a failure.
        broken = &mut accepting.0 => return broken.map_err(|broken| std::io::Error::other(broken).into()),
        // A server that cannot store samples ends, so that its supervisor starts a new one.
        () = storing.finished() => return Err(ServerError::Writer),
    }
    // The closers need these locks.
    drop((accepting, storing));
    let report = shutdown.run().await;
    if report.exit_code() == 0 { Ok(()) } else { Err(ServerError::Unfinished(report)) }
}

/// Registers the close of the database as soon as it is open, so that it is closed on every way
/// out.
fn close_at_the_end(
    shutdown: &Shutdown,
    database: &Arc<Database>,
    writing: &Arc<Mutex<BatchWriter>>,
    heads: &Arc<HeadKeeper>,
) {
    let (database, writing, heads) = (Arc::clone(database), Arc::clone(writing), Arc::clone(heads));
    let close = move || async move {
        // Handles of the writer may still exist. The writer accepts no more samples, and writes
        // those already accepted.
        let mut writing = writing.lock().await;
        writing.close();
        writing.finished().await;
        drop(writing);
        heads.end().await;
        database.close().await;
        Ok::<_, std::convert::Infallible>(())
    };
    let _ = shutdown.on_close(Stage::STORES, "database pool", close);
}

/// The signals that begin the shutdown: SIGTERM, SIGINT, and SIGHUP. If the server was started with
/// `nohup`, SIGHUP is ignored.
fn signals() -> std::io::Result<Signals> {
    let signals = Signals::install()?;
    if hangup_is_ignored() { Ok(signals) } else { signals.and_hangup() }
}

/// Whether this process was started with SIGHUP ignored (proc(5), `SigIgn`: a mask with the first
/// signal in its lowest bit).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// The author of audit entries for actions that no caller requested.
fn server_itself() -> Holder {
    Holder::new("sqal-server").unwrap_or_else(|_| unreachable!("a name"))
}

/// The usual budget with this limit of connections for an address whose callers are not
/// authenticated.
fn budget_for(connections_per_address: u32) -> Budget {
    let usual = Resource::Connections.usual();
    Budget::usual().with(Resource::Connections, Share { address: connections_per_address.into(), ..usual })
}

/// Locks the data folder until the file is dropped. If the process is killed, the lock is released.
fn ours(data_dir: &Path) -> Result<File, ServerError> {
    let path = data_dir.join("in-use");
    let broken = |source| ServerError::DataDir { path: path.clone(), source };
    let file = File::options().create(true).append(true).open(&path).map_err(broken)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServerError::DataDirTaken(data_dir.to_owned())),
        // On a file system without locks, the server starts without one.
        Err(TryLockError::Error(error)) => {
            warn!(%error, "it is not known whether another server uses the data folder");
            Ok(file)
        }
    }
}

/// Refuses requests through a proxy: a server without tokens would otherwise serve unauthenticated
/// callers from the network.
async fn no_proxy(request: Request, next: Next) -> Response {
    let fields = [
        "cf-connecting-ip",
        "forwarded",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-envoy-external-address",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-real-ip",
    ];
    if fields.iter().any(|field| request.headers().contains_key(*field)) {
        let what = "a proxy stands before a server that asks nobody who they are: give it SQAL_TOKENS_FILE";
        return Problem::not_allowed(what).into_response();
    }
    next.run(request).await
}

/// The rules for pages of other sites (ARC-14): the named origins may read, and none may write.
fn pages_that_may_read(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new().allow_origin(origins).allow_methods([Method::GET]).allow_headers([header::AUTHORIZATION])
}
