//! Accepts connections within limits, in total and for each address, and closes slow ones.
//!
//! The accept loop of axum has no settings for this.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use sqal_http::{Budget, Connection, CountedStream, Problem};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::waiting::{Seat, Waiting};

/// The most connections at a time: five times the stations of the largest line. If all places are
/// in use, a new connection takes the place of the one that has waited longest for a request.
const MOST: usize = 10_000;

/// Additional places in which only probes are answered, so that a supervisor reaches the server if
/// every other place is in use.
const FOR_PROBES: usize = 64;

/// The most connections that wait in the kernel until they are accepted.
const BACKLOG: u32 = 1024;

/// The largest head of a request, in bytes: twice that of a browser.
const LARGEST_HEAD: usize = 16 * 1024;

/// The size of the read and write buffers, in bytes.
const BUFFER: usize = 64 * 1024;

/// The part of an answer, in bytes, that the kernel keeps for a client that reads slowly. The
/// kernel allocates twice as much.
const UNSENT: usize = 256 * 1024;

/// The most time for the first head of a new connection, if `idle` is not shorter.
const FIRST_HEAD: Duration = Duration::from_secs(5);

/// The most time for which sent bytes wait in the kernel for the client, in milliseconds.
const UNTAKEN: u32 = 60_000;

/// The pause after an error of the listener, for example if there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// The limits for new connections.
#[derive(Debug)]
pub(crate) struct Door {
    /// The most time for the head of a request, the first as well as the next.
    pub(crate) idle: Duration,
    /// The budget that counts the connections of each address until their callers are
    /// authenticated.
    pub(crate) budget: Arc<Budget>,
    /// Whether connections are counted. A server without tokens authenticates no caller, and is
    /// reached from its own machine only.
    pub(crate) counts_addresses: bool,
    /// The addresses of proxies, which are not counted because each proxy forwards connections of
    /// several clients.
    pub(crate) proxies: Vec<IpAddr>,
}

impl Door {
    /// Admits the connection of a peer; `None` if its address has reached its limit.
    fn connection(&self, peer: IpAddr) -> Option<Connection> {
        if self.counts_addresses && !self.proxies.contains(&peer.to_canonical()) {
            // The budget counts the refusal. It is not logged, so that an attacker cannot fill the
            // log.
            self.budget.connect(peer).ok()
        } else {
            Some(Connection::uncounted())
        }
    }
}

/// Binds a listener whose queue has room for every station of a line at once.
///
/// # Errors
///
/// If the address cannot be bound.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server can bind its address again at once, as with `TcpListener::bind`.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The place of a connection, and whether only probes are answered on it.
struct Place {
    _permit: OwnedSemaphorePermit,
    for_probes: bool,
}

/// The places of all connections.
struct Places {
    all: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    waiting: Arc<Waiting>,
}

impl Places {
    fn new() -> Self {
        let (all, probes) = (Arc::new(Semaphore::new(MOST)), Arc::new(Semaphore::new(FOR_PROBES)));
        Self { all, probes, waiting: Arc::default() }
    }

    /// Takes a free place, or that of the connection that has waited longest, or one for a probe;
    /// `None` if all are in use.
    async fn take(&self) -> Option<Place> {
        if let Ok(permit) = Arc::clone(&self.all).try_acquire_owned() {
            return Some(Place { _permit: permit, for_probes: false });
        }
        if self.waiting.cut_oldest()
            && let Ok(Ok(permit)) = timeout(PAUSE, Arc::clone(&self.all).acquire_owned()).await
        {
            return Some(Place { _permit: permit, for_probes: false });
        }
        let permit = Arc::clone(&self.probes).try_acquire_owned().ok()?;
        Some(Place { _permit: permit, for_probes: true })
    }
}

/// Serves connections. Once `draining` is ready, every connection ends after its present request.
/// New connections are still accepted, so that clients learn that this server ends, until no
/// connection is left.
pub(crate) async fn serve(listener: TcpListener, app: Router, door: Door, draining: impl Future<Output = ()>) {
    let places = Places::new();
    let ending = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    tokio::pin!(draining);
    loop {
        let is_ending = *ending.borrow();
        if is_ending && connections.is_empty() {
            return;
        }
        let accepted = tokio::select! {
            biased;
            () = &mut draining, if !is_ending => {
                ending.send_replace(true);
                continue;
            }
            // Ended connections are removed as they end.
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // A connection without a place is closed at once. Waiting for a place would block
                // all new connections.
                let Some(connection) = door.connection(peer.ip()) else { continue };
                let Some(place) = places.take().await else { continue };
                let (app, ending, seat) = (app.clone(), ending.subscribe(), places.waiting.enter());
                connections.spawn(converse(stream, peer, app, door.idle, ending, connection, place, seat));
            }
            Err(error) => {
                warn!(%error, "no connection can be taken now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "each is a part of one connection")]
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    idle: Duration,
    mut ending: watch::Receiver<bool>,
    connection: Connection,
    place: Place,
    seat: Seat,
) {
    // Answers are small and clients wait for them, so they are sent without delay. A client that
    // does not read its answer is disconnected (tcp(7)).
    let _ = stream.set_nodelay(true);
    let _ = set_tcp_user_timeout(&stream, UNTAKEN);
    let _ = set_socket_send_buffer_size(&stream, UNSENT);
    // A connection that is accepted while the server ends gets one answer, and is then closed.
    let late = *ending.borrow_and_update();
    let (seat, for_probes) = (Arc::new(seat), place.for_probes);
    let stream = TokioIo::new(CountedStream::new(stream, connection.clone()));
    let answering = Arc::clone(&seat);
    let answer = service_fn(move |request: Request<Incoming>| {
        answering.begins();
        let seat = Arc::clone(&answering);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(connection.clone());
        let is_refused = for_probes && !is_probe(request.uri().path());
        let answering = app.clone().oneshot(request);
        async move {
            if is_refused {
                return Ok::<_, Infallible>(Problem::busy("every place for a connection is in use").into_response());
            }
            let response = answering.await.unwrap_or_else(|never| match never {});
            if waits_afterwards(&response) {
                seat.waits();
            }
            Ok(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .keep_alive(!late && !for_probes)
        .max_header_size(LARGEST_HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(stream, answer)
        .with_upgrades();
    let first_head = tokio::time::sleep(idle.min(FIRST_HEAD));
    tokio::pin!(connection, first_head);
    let (mut is_told, mut has_waited) = (false, false);
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break ended,
            () = async { drop(ending.changed().await) }, if !is_told => {
                is_told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut first_head, if !has_waited => {
                has_waited = true;
                if seat.waits_for_the_first() {
                    debug!(%peer, "connection ended: no head came");
                    return;
                }
            }
            () = seat.cut() => {
                debug!(%peer, "connection ended: its place was needed");
                return;
            }
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "connection ended");
    }
}

/// Whether the connection waits for a next head after this response. An upgraded one never does,
/// and a stream may take hours.
fn waits_afterwards(response: &Response) -> bool {
    response.status() != StatusCode::SWITCHING_PROTOCOLS && response.body().size_hint().exact().is_some()
}

/// Whether a path is that of a probe or of the metrics.
fn is_probe(path: &str) -> bool {
    matches!(path, "/health" | "/ready" | "/api/health" | "/api/ready" | "/metrics") || path.starts_with("/health/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probes_have_places_of_their_own() {
        for probe in ["/health", "/health/live", "/health/ready", "/health/startup", "/ready", "/api/ready", "/metrics"]
        {
            assert!(is_probe(probe), "{probe}");
        }
        assert!(sqal_http::routes().iter().filter(|route| is_probe(route.path)).count() >= 8);
        for other in ["/", "/healthy", "/api/v1/samples", "/ws/sensors", "/metrics/x"] {
            assert!(!is_probe(other), "{other}");
        }
    }

    #[tokio::test]
    async fn a_full_server_has_places_for_probes_and_for_newcomers_while_others_are_idle() {
        let places = Places::new();
        let mut taken = Vec::new();
        let idle = places.waiting.enter();
        idle.begins();
        idle.waits();
        for _ in 0..MOST {
            taken.push(places.take().await.unwrap());
        }
        // The idle connection is cut, and releases its place.
        let leaving = taken.pop();
        let newcomer = tokio::join!(places.take(), async {
            idle.cut().await;
            drop(leaving);
        });
        assert!(newcomer.0.is_some_and(|place| {
            let plain = !place.for_probes;
            taken.push(place);
            plain
        }));
        drop(idle);
        for _ in 0..FOR_PROBES {
            let place = places.take().await.unwrap();
            assert!(place.for_probes);
            taken.push(place);
        }
        assert!(places.take().await.is_none());
    }

    #[test]
    fn the_connections_of_an_address_are_counted_until_it_is_a_trusted_proxy() {
        let peer = |text: &str| text.parse::<IpAddr>().unwrap();
        let door = |counts_addresses| Door {
            idle: Duration::from_secs(1),
            budget: Arc::default(),
            counts_addresses,
            proxies: vec![peer("192.0.2.9")],
        };
        let most = usize::try_from(sqal_http::Resource::Connections.usual().address).unwrap();
        for (counts, address, admitted) in [
            (true, "192.0.2.1", most),
            (true, "192.0.2.9", most + 5),
            (true, "::ffff:192.0.2.9", most + 5),
            (false, "192.0.2.1", most + 5),
        ] {
            let door = door(counts);
            let held: Vec<_> = (0..most + 5).filter_map(|_| door.connection(peer(address))).collect();
            assert_eq!(held.len(), admitted, "{address}");
            drop(held);
            assert!(door.connection(peer(address)).is_some(), "{address}: what has ended is counted no more");
        }
    }
}
