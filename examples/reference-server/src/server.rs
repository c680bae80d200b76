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
use sqal_http::{ConnectLimit, DeadLetters, Problem, Services, router};
use sqal_resilience::{InvalidBreaker, Phase, Report, Shutdown, ShutdownConfig, Signals, Stage};
use sqal_storage::{BatchWriter, InvalidPostgres, RedisError, StorageError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::cors::CorsLayer;
use tracing::{info, warn};

use crate::cache;
use crate::database::Database;
use crate::heads::HeadKeeper;
use crate::observe::shown_with;
use crate::private::private_folder;
use crate::{Config, listen, metrics_text, profiling, tokens};

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

/// Starts the server, tells `ready` its address, runs until SIGTERM or SIGINT, and ends in order; a second signal ends it at once.
///
/// # Errors
///
/// [`ServerError`] says what is wrong and what to do.
pub async fn serve(config: Config, ready: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    // First of all, so that a signal while we start is not lost.
    let (signals, shutdown) = (Signals::install()?, Shutdown::new(ENDING));
    let _listening = AbortOnDrop(tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.listen(signals).await }
    }));
    // A library that embeds this server twice in one process (a test) keeps the first one's metrics.
    let (metrics, sweeping) = metrics_text().ok().unzip();
    let _sweeping = sweeping.map(AbortOnDrop);
    private_folder(&config.data_dir)
        .map_err(|source| ServerError::DataDir { path: config.data_dir.clone(), source })?;
    let _ours = ours(&config.data_dir)?;
    let Ok(opened) = shutdown.unless_begun(Box::pin(Database::open(&config))).await else {
        return Ok(()); // nothing was opened yet
    };
    let database = opened?;
    let store = Arc::clone(&database.store);
    let (writer, mut writing) = BatchWriter::start(Arc::clone(&store), database.writer);
    let mut services = Services::new(store, writer, config.profiles, wall_clock).ending_with(&shutdown);
    services.register = Some(Arc::clone(&database.register));
    services.database = Some(database.name.clone());
    // Before the first tray: what was decided yesterday holds today.
    services.take_decisions().await?;
    let heads = Arc::new(HeadKeeper::open(&config.data_dir, config.ring.as_ref(), database.witness()));
    let stating = AbortOnDrop(tokio::spawn({
        let heads = Arc::clone(&heads);
        async move { heads.keep().await }
    }));
    let report = database.report();
    services.metrics = metrics.map(|render| shown_with(render, report));
    cache::share(&mut services, config.redis_url.as_ref(), &shutdown)?;
    let _checking = AbortOnDrop(tokio::spawn({
        let health = services.health.clone();
        async move { health.run(Duration::from_secs(1)).await }
    }));
    services.dead_letters = Arc::new(DeadLetters::in_file(&config.data_dir.join("dead-letters.ndjson"))?);
    services.access = Arc::new(config.access);
    (services.quotas, services.legacy) = (Arc::new(config.quotas), config.legacy);
    services.connect_limit = config.connections.map(|quota| {
        // So many in a minute is a rate that any bucket can keep.
        Arc::new(ConnectLimit::new(quota).unwrap_or_else(|error| unreachable!("{error}")))
    });
    services.trusted_proxies = config.trusted_proxies;
    let _following = config
        .tokens_file
        .map(|(path, first)| AbortOnDrop(tokio::spawn(tokens::follow(path, first, Arc::clone(&services.access)))));
    let _deciding = AbortOnDrop(tokio::spawn({
        let services = services.clone();
        async move { services.follow_decisions(Duration::from_secs(10)).await }
    }));
    let websockets = services.websockets.clone();

    let address = config.address;
    let listener = TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })?;
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
    if profiling.enabled {
        app = app.layer(from_fn(move |request, next| profiling::count(profiling, request, next)));
    }
    let draining = {
        let shutdown = shutdown.clone();
        async move { shutdown.reached(Phase::Draining).await }
    };
    let mut server = AbortOnDrop(tokio::spawn(listen::serve(listener, app, config.idle, draining)));
    info!("listening on http://{address}");
    ready(address);

    tokio::select! {
        // First: once the end has begun the server may end too, and that is no breaking.
        biased;
        () = shutdown.reached(Phase::NotReady) => {}
        // Without a signal the server ends only by breaking.
        broken = &mut server.0 => return broken.map_err(|broken| std::io::Error::other(broken).into()),
        // A server that cannot store must not look alive: whoever supervises it starts a new one.
        () = writing.finished() => return Err(ServerError::Writer),
    }
    let open = websockets.clone();
    let connections = move || async move {
        let left = websockets.close_all(CLOSE).await;
        // Idle connections hold nothing that was promised: they are given a moment and then cut.
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut server.0).await;
        drop(server);
        if left == 0 { Ok(()) } else { Err(format!("{left} did not end in time")) }
    };
    let close = move || async move {
        // Whoever still holds the writer, it takes nothing more; what was handed in is written.
        writing.close();
        writing.finished().await;
        heads.end().await;
        drop(stating);
        database.close().await;
        Ok::<_, std::convert::Infallible>(())
    };
    // The registry of the end takes closers until it has run them all.
    let _ = shutdown.on_close_counted(Stage::CONNECTIONS, "WebSocket connections", move || open.open(), connections);
    let _ = shutdown.on_close(Stage::STORES, "database pool", close);
    let report = shutdown.run().await;
    if report.exit_code() == 0 { Ok(()) } else { Err(ServerError::Unfinished(report)) }
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
    let fields = ["x-forwarded-for", "x-real-ip", "forwarded"];
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
