//! [`Conversation`]: one connection, from its acceptance to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
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
use sqal_http::Problem;
use sqal_http::door::{Connection, CountedStream};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::debug;

use super::places::Place;
use super::waiting::Seat;

/// The largest head of a request, in bytes: twice that of a browser.
const LARGEST_HEAD: usize = 16 * 1024;

/// The size of the read and write buffers, in bytes.
const BUFFER: usize = 64 * 1024;

/// The part of an answer, in bytes, that the kernel keeps for a client that reads slowly. The
/// kernel allocates twice as much.
const UNSENT: usize = 256 * 1024;

/// The most time for the first head of a new connection, if `idle` is not shorter.
const FIRST_HEAD: Duration = Duration::from_secs(5);

/// The time for which the first request of a connection is waited for when the server ends. The
/// client could connect, so its request is on the way.
const MOMENT: Duration = Duration::from_secs(1);

/// The most time for which sent bytes wait in the kernel for the client, in milliseconds.
const UNTAKEN: u32 = 60_000;

/// An accepted connection, with all that it holds until it ends.
pub(super) struct Conversation {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// The connection as the budget counts it.
    pub(super) counted: Connection,
    pub(super) place: Place,
    pub(super) seat: Seat,
}

impl Conversation {
    /// Answers requests until the client, a time limit or the end of the server ends the
    /// connection. `ending` becomes true when the server ends.
    pub(super) async fn hold(self, app: Router, idle: Duration, mut ending: watch::Receiver<bool>) {
        let Self { stream, peer, counted, place, seat } = self;
        tune(&stream);
        // A connection that is accepted while the server ends gets one answer, and is then closed.
        let late = *ending.borrow_and_update();
        let (seat, for_probes, asked) = (Arc::new(seat), place.for_probes, Arc::new(Notify::new()));
        let stream = TokioIo::new(CountedStream::new(stream, counted.clone()));
        let answering =
            Answering { app, peer, counted, seat: Arc::clone(&seat), for_probes, asked: Arc::clone(&asked) };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(idle)
            .keep_alive(!late && !for_probes)
            .max_header_size(LARGEST_HEAD)
            .max_buf_size(BUFFER)
            .serve_connection(stream, service_fn(move |request| answering.answer(request)))
            .with_upgrades();
        let first_head = tokio::time::sleep(idle.min(FIRST_HEAD));
        // hyper closes a connection that has not asked yet without an answer.
        let told = async {
            drop(ending.changed().await);
            let _ = timeout(MOMENT, asked.notified()).await;
        };
        tokio::pin!(connection, first_head, told);
        let (mut is_told, mut has_waited) = (false, false);
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break ended,
                () = &mut told, if !is_told => {
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
}

/// Sets the options of the stream. Answers are small and clients wait for them, so they are sent
/// without delay. A client that does not read its answer is disconnected (tcp(7)).
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = set_tcp_user_timeout(stream, UNTAKEN);
    let _ = set_socket_send_buffer_size(stream, UNSENT);
}

/// Answers the requests of one connection.
struct Answering {
    app: Router,
    peer: SocketAddr,
    counted: Connection,
    seat: Arc<Seat>,
    /// Whether only probes are answered.
    for_probes: bool,
    /// Is told of each request.
    asked: Arc<Notify>,
}

impl Answering {
    /// Begins a request, whose head was received, and gives the future of its response.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        self.asked.notify_one();
        self.seat.begins();
        let seat = Arc::clone(&self.seat);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.counted.clone());
        let is_refused = self.for_probes && !is_probe(request.uri().path());
        let answering = self.app.clone().oneshot(request);
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
    }
}

/// Whether the connection waits for a next head after this response. An upgraded one never does,
/// and a stream may take hours.
fn waits_afterwards(response: &Response) -> bool {
    response.status() != StatusCode::SWITCHING_PROTOCOLS && response.body().size_hint().exact().is_some()
}

/// Whether a path is that of a probe or of the metrics.
fn is_probe(path: &str) -> bool {
    matches!(path, "/health" | "/ready" | "/api/health" | "/api/ready" | "/metrics" | "/prometheus/metrics-http")
        || path.starts_with("/health/")
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
        assert!(sqal_http::routes().iter().filter(|route| is_probe(route.path)).count() >= 9);
        for other in ["/", "/healthy", "/api/v1/samples", "/ws/sensors", "/metrics/x"] {
            assert!(!is_probe(other), "{other}");
        }
    }
}
