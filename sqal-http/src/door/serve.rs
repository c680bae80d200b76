//! [`serve`]: accepts connections until the process ends.
//!
//! It ends in time, whatever a client holds open.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sqal_resilience::body::HeldBody;
use sqal_resilience::outage::Outage;
use sqal_resilience::{Shutdown, shutdown::Phase};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower_service::Service;
use tracing::{debug, info, warn};

use crate::door::budget::{Budget, Connection};
use crate::door::counted_stream::CountedStream;

/// The most bytes of a head that are read: twice what a browser sends.
const LARGEST_HEAD: usize = 16 * 1024;

/// The most bytes that are read and written at a time.
const BUFFER: usize = 64 * 1024;

/// The pause after an error of the listener, for example if there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// The time in which a connection without a request under way must end. The last bytes of a
/// response are sent in this time, and the first request of a connection that was opened just
/// before the end began is waited for.
const MOMENT: Duration = Duration::from_secs(1);

/// Limits of the connections that [`serve`] takes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Connections at a time, 10 000 by default. Further ones wait in the kernel's queue.
    pub connections: usize,
    /// The time for the head of a request, the first as well as each further one: 30 seconds by
    /// default.
    pub head: Duration,
    /// The budget that counts the connections of each address until their callers are
    /// authenticated: that of the [`Services`](crate::Services). Without one, which is the default,
    /// addresses are not counted. Behind a proxy all connections come from one address.
    pub budget: Option<Arc<Budget>>,
}

impl ConnectionLimits {
    /// The connection of a peer; `None` if its address has reached its limit.
    fn connection(&self, peer: IpAddr) -> Option<Connection> {
        self.budget.as_ref().map_or_else(|| Some(Connection::uncounted()), |budget| budget.connect(peer).ok())
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { connections: 10_000, head: Duration::from_secs(30), budget: None }
    }
}

/// Marks a request that the end of the process already waits for, from its head to the end of its
/// response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitedFor;

/// Serves a router until `shutdown` has begun and the connections have ended. The addresses of
/// clients are passed on as [`ConnectInfo`]. `shutdown` is the one that the
/// [`Services`](crate::Services) end with.
///
/// Every request counts as a request under way of `shutdown` until the body of its response has
/// ended, so [`Shutdown::run`] waits for the requests of the embedding service too. From
/// [`Phase::Draining`] on, a connection ends with its request, and each new connection gets one
/// answer. A connection that was opened before and has not asked yet gets one answer too if it asks
/// within a second. One second after [`Phase::Closing`] was reached, every connection that is still
/// open (idle connections, half-sent heads) is cut. [`Shutdown::force`] cuts everything at once. If
/// the embedding service never calls [`Shutdown::run`], connections are cut when the times for
/// draining and closing are over.
///
/// Returns the number of connections that were cut. If the future is dropped, all connections are
/// cut.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use axum::Router;
/// use axum::routing::get;
/// use sqal_http::{ConnectionLimits, serve};
/// use sqal_resilience::{Shutdown, shutdown::Stage};
/// use tokio::net::{TcpListener, TcpStream};
///
/// let (app, shutdown) = (Router::new().route("/", get(|| async { "open" })), Shutdown::default());
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let server = tokio::spawn(serve(listener, app, shutdown.clone(), ConnectionLimits::default()));
/// // The report of the end names the server. `serve` gives the number of connections that were cut; a
/// // client that holds one open is no failure of the process, so it is not passed on here.
/// let close = move || async move { server.await.map(drop) };
/// shutdown.on_close(Stage::CONNECTIONS, "HTTP server", close).unwrap_or_else(|_| unreachable!("nothing has ended yet"));
/// # shutdown.begin("the end of the example");
/// let report = shutdown.run().await; // waits for the end to begin, for example by a signal
/// assert_eq!(report.exit_code(), 0);
/// # Ok(())
/// # }
/// ```
pub async fn serve(listener: TcpListener, app: Router, shutdown: Shutdown, limits: ConnectionLimits) -> usize {
    let places = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let (mut connections, outage) = (JoinSet::new(), Outage::calm_after(Outage::CALM));
    let mut over = pin!(over(&shutdown));
    let mut draining = pin!(shutdown.reached(Phase::Draining));
    let mut is_ending = false;
    loop {
        if is_ending && connections.is_empty() {
            return 0;
        }
        let taken = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut over => break,
            () = &mut draining, if !is_ending => {
                is_ending = true;
                continue;
            }
            // Connections that have ended are forgotten as they end.
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            taken = taken => taken,
        };
        tell(&outage, &accepted);
        match accepted {
            Ok((stream, peer)) => {
                // A connection above the limit of its address is closed at once, because waiting
                // for a place would keep all others out.
                let Some(connection) = limits.connection(peer.ip()) else { continue };
                let (app, shutdown, head) = (app.clone(), shutdown.clone(), limits.head);
                connections.spawn(async move {
                    let _place = place;
                    converse(stream, connection, peer, app, head, shutdown).await;
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
    while connections.try_join_next().is_some() {}
    let cut = connections.len();
    if cut > 0 {
        warn!(cut, "connections did not end in time and were cut");
    }
    cut
}

/// Tells the log when connections can no longer be accepted, and when they can again.
fn tell<T>(outage: &Outage, accepted: &io::Result<T>) {
    let now = Instant::now().into_std();
    match accepted {
        Ok(_) => {
            if let Some(recovery) = outage.succeeded(now) {
                let (failures, seconds) = (recovery.failures, recovery.seconds());
                info!(failures, seconds, "connections are accepted again");
            }
        }
        Err(error) => {
            if outage.failed(now) {
                warn!(%error, "connections cannot be accepted now; the server tries again");
            }
        }
    }
}

/// Waits until all remaining connections must be cut.
async fn over(shutdown: &Shutdown) {
    shutdown.reached(Phase::Draining).await;
    let closing = async {
        shutdown.reached(Phase::Closing).await;
        sleep(MOMENT.min(shutdown.config().close)).await;
    };
    let alone = shutdown.config().drain.saturating_add(shutdown.config().close);
    tokio::select! {
        biased;
        () = shutdown.reached(Phase::Forced) => {}
        () = closing => {}
        () = sleep(alone) => {}
    }
}

/// Waits until a connection that was opened before the end must end with its request.
///
/// A connection that has not asked yet is spared for a moment: the caller could connect, so its
/// request is on the way, and hyper would close the connection without an answer.
async fn ending(shutdown: &Shutdown, asked: &Notify) {
    shutdown.reached(Phase::Draining).await;
    let _ = timeout(MOMENT, asked.notified()).await;
}

async fn converse(
    stream: TcpStream,
    connection: Connection,
    peer: SocketAddr,
    app: Router,
    head: Duration,
    shutdown: Shutdown,
) {
    // Answers are small, and clients wait for them.
    let _ = stream.set_nodelay(true);
    let stream = CountedStream::new(stream, connection.clone());
    // A connection that arrives while the server ends gets one answer.
    let late = shutdown.is_draining();
    let requests = shutdown.clone();
    let asked = Arc::new(Notify::new());
    let asking = Arc::clone(&asked);
    let answer = service_fn(move |request: Request<Incoming>| {
        asking.notify_one();
        let (mut app, mut request) = (app.clone(), request.map(Body::new));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(connection.clone());
        let active = requests.track().ok();
        if active.is_some() {
            request.extensions_mut().insert(WaitedFor);
        }
        let answering = app.call(request);
        async move {
            let response = answering.await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(HeldBody::of_response(response, active))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .keep_alive(!late)
        .max_header_size(LARGEST_HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = ending(&shutdown, &asked), if !late => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "connection ended");
    }
}
