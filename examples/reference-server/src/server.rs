//! The order in which the server starts and ends (ARC-12, SHD-01): the composition of the whole family on one screen.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use sqal_core::Timestamp;
use sqal_http::{Budget, ConnectLimit, DeadLetters, Holder, Problem, Resource, Services, Share, router};
use sqal_resilience::{Clock, InvalidBreaker, Phase, Report, Shutdown, ShutdownConfig, Signals, Stage, SystemClock};
use sqal_storage::{BatchWriter, InvalidPostgres, RedisError, StorageError};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tower_http::cors::CorsLayer;
use tracing::{info, warn};

use crate::cache;
use crate::database::Database;
use crate::heads::HeadKeeper;
use crate::observe::shown_with;
use crate::one_host::one_host;
use crate::one_length::one_length;
use crate::private::private_folder;
use crate::{Config, listen, metrics_text, profiling, session_key, tokens};

/// Thirty seconds for requests, ten for connections, ten for what they have handed in.
const ENDING: ShutdownConfig =
    ShutdownConfig { ready_delay: Duration::ZERO, drain: Duration::from_secs(30), close: Duration::from_secs(10) };

/// How long connections may take to end once requests have.
const CLOSE: Duration = Duration::from_secs(8);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The data folder.
    #[error("data folder {path}: {source}")]
    DataDir {
        /// Where it should be.
        path: PathBuf,
        /// Why it is not.
        source: std::io::Error,
    },
    /// Another server uses the data folder: both would keep what the other forgets.
    #[error("data folder {0}: another server uses it; give each one of its own (SQAL_DATA_DIR)")]
    DataDirTaken(PathBuf),
    /// The breakers around the database.
    #[error("breaker: {0}")]
    Breaker(#[from] InvalidBreaker),
    /// Where the database should be.
    #[error("DATABASE_URL: {0}")]
    DatabaseUrl(#[from] InvalidPostgres),
    /// Where the cache should be.
    #[error("REDIS_URL: {0}")]
    RedisUrl(#[from] RedisError),
    /// The database.
    #[error("database: {0}")]
    Storage(#[from] StorageError),
    /// The address.
    #[error("cannot listen on {address}: {source} (is another server running there? choose another with --address)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The writer stopped while the server ran.
    #[error("the writer has stopped: samples cannot be stored any more")]
    Writer,
    /// Not everything ended in time, or somebody would not wait.
    #[error("not everything ended in order: {} requests abandoned, {:?}{}", .0.abandoned_requests, .0.closed, if .0.forced { ", forced" } else { "" })]
    Unfinished(Report),
    /// The server broke while it ran.
    #[error("server: {0}")]
    Serve(#[from] std::io::Error),
}

/// Starts the server, tells `ready` its address, runs until SIGTERM, SIGINT or SIGHUP, and ends in order; a second signal ends it at once.
///
/// # Errors
///
/// [`ServerError`] says what is wrong and what to do.
pub async fn serve(config: Config, ready: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    // First of all, so that a signal while we start is not lost.
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
        // What was opened is closed on every way out; after an end in order this does nothing.
        shutdown.begin("the server cannot go on");
        shutdown.run().await;
    }
    ended
}

/// Runs until the shutdown has ended, or until something breaks; what it has opened by then is registered to be closed.
async fn serve_until(config: Config, ready: impl FnOnce(SocketAddr), shutdown: &Shutdown) -> Result<(), ServerError> {
    let begun = SystemClock.now();
    // A library that embeds this server twice in one process (a test) keeps the first one's metrics.
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
    services.custody = Some(Arc::clone(&database.custody));
    services.database = Some(database.name.clone());
    database.watch(&services.health);
    // Before the first tray: what was decided yesterday holds today.
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
        // So many in a minute is a rate that any bucket can keep.
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
        // Idle connections hold nothing that was promised: they are given a moment and then cut.
        if !server.0.is_finished() {
            let _ = tokio::time::timeout(Duration::from_secs(1), &mut server.0).await;
            server.0.abort();
        }
        if left == 0 { Ok(()) } else { Err(format!("{left} did not end in time")) }
    };
    // The registry of the end takes closers until it has run them all.
    let _ = shutdown.on_close_counted(Stage::CONNECTIONS, "WebSocket connections", move || open.open(), connections);
    info!("listening on http://{address}");
    ready(address);

    let (mut accepting, mut storing) = (server.lock().await, writing.lock().await);
    tokio::select! {
        // First: once the end has begun the server may end too, and that is no breaking.
        biased;
        () = shutdown.reached(Phase::NotReady) => {}
        // Without a signal the server ends only by breaking.
        broken = &mut accepting.0 => return broken.map_err(|broken| std::io::Error::other(broken).into()),
        // A server that cannot store must not look alive: whoever supervises it starts a new one.
        () = storing.finished() => return Err(ServerError::Writer),
    }
    // The closers need them now.
    drop((accepting, storing));
    let report = shutdown.run().await;
    if report.exit_code() == 0 { Ok(()) } else { Err(ServerError::Unfinished(report)) }
}

/// Registers the database to be closed as soon as it is open, so that it is on every way out.
fn close_at_the_end(
    shutdown: &Shutdown,
    database: &Arc<Database>,
    writing: &Arc<Mutex<BatchWriter>>,
    heads: &Arc<HeadKeeper>,
) {
    let (database, writing, heads) = (Arc::clone(database), Arc::clone(writing), Arc::clone(heads));
    let close = move || async move {
        // Handles of the writer may still be held: it takes nothing more, and what was handed in is written.
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

/// The signals that begin the end: SIGTERM, SIGINT, and SIGHUP, unless the server was started with `nohup`, which asks for that one to be ignored.
fn signals() -> std::io::Result<Signals> {
    let signals = Signals::install()?;
    if hangup_is_ignored() { Ok(signals) } else { signals.and_hangup() }
}

/// Whether this process was started with SIGHUP ignored (proc(5), `SigIgn`: a mask with the first signal in its lowest bit).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Who writes into the audit log what nobody has asked for over the interface.
fn server_itself() -> Holder {
    Holder::new("sqal-server").unwrap_or_else(|_| unreachable!("a name"))
}

/// The usual budget with this many connections for an address whose callers are not known.
fn budget_for(connections_per_address: u32) -> Budget {
    let usual = Resource::Connections.usual();
    Budget::usual().with(Resource::Connections, Share { address: connections_per_address.into(), ..usual })
}

/// Holds the data folder as long as it lives; a process that is killed lets it go.
fn ours(data_dir: &Path) -> Result<File, ServerError> {
    let path = data_dir.join("in-use");
    let broken = |source| ServerError::DataDir { path: path.clone(), source };
    let file = File::options().create(true).append(true).open(&path).map_err(broken)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServerError::DataDirTaken(data_dir.to_owned())),
        // A file system without locks holds nobody back.
        Err(TryLockError::Error(error)) => {
            warn!(%error, "it is not known whether another server uses the data folder");
            Ok(file)
        }
    }
}

/// A proxy brings strangers to a server that asks nobody who they are.
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

/// What browsers are told of pages of other sites (ARC-14): those named may read, and none may write.
fn pages_that_may_read(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new().allow_origin(origins).allow_methods([Method::GET]).allow_headers([header::AUTHORIZATION])
}

/// The machine's wall clock; the one place where the server reads it.
#[must_use]
pub fn wall_clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "wall time enters here, and is data everywhere else")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    // A clock beyond the year 9999 is broken; the year 1970 makes every frame "in the future", which is noticed at once.
    Timestamp::from_micros(micros)
        .or_else(|_| Timestamp::from_micros(0))
        .unwrap_or_else(|_| unreachable!("1970 is a year"))
}

/// A task that ends with whoever started it.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
