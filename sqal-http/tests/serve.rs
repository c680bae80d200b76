//! The server for embedding services ends within its limits, whatever clients hold open.
//!
//! Requests under way are finished.
#![cfg(feature = "serve")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use sqal_http::{ConnectionLimits, serve};
use sqal_resilience::{
    Shutdown, ShutdownConfig,
    shutdown::{Report, Stage},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, pause, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Half of the head of a request.
const HALF: &[u8] = b"GET /quick HTTP/1.1\r\nhost: bak";

/// A server on loopback, whose route `/slow` answers after ten seconds and says when it was called.
struct Served {
    address: SocketAddr,
    shutdown: Shutdown,
    server: JoinHandle<usize>,
    called: Arc<Notify>,
}

impl Served {
    async fn start() -> Self {
        let called = Arc::new(Notify::new());
        let slow = {
            let called = Arc::clone(&called);
            move || {
                let called = Arc::clone(&called);
                async move {
                    called.notify_one();
                    sleep(10 * SECOND).await;
                    "at last"
                }
            }
        };
        let app = Router::new()
            .route("/quick", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }))
            .route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new(ShutdownConfig::default());
        // The time limit for a head is so large that only the end of the server ends a connection
        // here.
        let mut limits = ConnectionLimits::default();
        limits.head = Duration::from_hours(24);
        let server = tokio::spawn(serve(listener, app, shutdown.clone(), limits));
        Self { address, shutdown, server, called }
    }

    /// A connection on which this text was sent.
    async fn sent(&self, text: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text).await.unwrap();
        stream
    }

    /// Waits until every connection that was made before was accepted: the server accepts them in
    /// order.
    async fn settled(&self) {
        let mut stream = self.sent(b"GET /quick HTTP/1.1\r\nhost: bakery\r\nconnection: close\r\n\r\n").await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("127.0.0.1"), "the address of the client is known: {answer}");
    }

    /// Runs the end of the process. Returns its report, and the number of connections that were
    /// cut.
    async fn ended(self) -> (Report, usize) {
        let Self { shutdown, server, .. } = self;
        let (tell, told) = tokio::sync::oneshot::channel();
        let close = move || async move {
            let _ = tell.send(server.await.map_err(|error| error.to_string())?);
            Ok::<(), String>(())
        };
        shutdown.on_close(Stage::CONNECTIONS, "HTTP server", close).unwrap();
        let report = shutdown.run().await;
        (report, told.await.unwrap())
    }
}

#[tokio::test]
async fn half_a_head_does_not_hold_the_end() {
    let served = Served::start().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(served.sent(HALF).await);
    }
    served.settled().await;
    pause();
    let begun = Instant::now();
    served.shutdown.begin("SIGTERM");
    let (report, cut) = served.ended().await;
    assert_eq!((report.exit_code(), cut), (0, 20), "{report:?}");
    assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
    for mut stream in open {
        let mut rest = Vec::new();
        // A reset also ends the connection.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_a_half_sent_head_beside_it_is_cut() {
    let served = Served::start().await;
    let _half = served.sent(HALF).await;
    served.settled().await;
    let mut slow = served.sent(b"GET /slow HTTP/1.1\r\nhost: bakery\r\n\r\n").await;
    served.called.notified().await;
    pause();
    let begun = Instant::now();
    served.shutdown.begin("SIGTERM");
    let reading = tokio::spawn(async move {
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let (report, cut) = served.ended().await;
    assert_eq!((report.exit_code(), cut), (0, 1), "{report:?}");
    assert!((10 * SECOND..=12 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let answer = reading.await.unwrap();
    assert!(answer.ends_with("at last"), "{answer}");
}

/// A caller who could connect gets an answer: its request was on the way when the end began.
#[tokio::test]
async fn a_connection_that_has_not_asked_when_the_end_begins_gets_one_answer() {
    let served = Served::start().await;
    let mut fresh = served.sent(b"").await;
    served.settled().await;
    served.shutdown.begin("SIGTERM");
    // The server has seen the end, because it refuses to keep a connection open.
    let mut late = served.sent(b"GET /quick HTTP/1.1\r\nhost: bakery\r\n\r\n").await;
    late.read_to_string(&mut String::new()).await.unwrap();
    fresh.write_all(b"GET /quick HTTP/1.1\r\nhost: bakery\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    fresh.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("127.0.0.1"), "{answer}");
    let (report, cut) = served.ended().await;
    assert_eq!((report.exit_code(), cut), (0, 0), "{report:?}");
}

#[tokio::test]
async fn a_connection_that_never_asks_does_not_hold_the_end() {
    let served = Served::start().await;
    let _fresh = served.sent(b"").await;
    served.settled().await;
    pause();
    let begun = Instant::now();
    served.shutdown.begin("SIGTERM");
    let (report, _) = served.ended().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let served = Served::start().await;
    let _half = served.sent(HALF).await;
    let _slow = served.sent(b"GET /slow HTTP/1.1\r\nhost: bakery\r\n\r\n").await;
    served.called.notified().await;
    pause();
    let begun = Instant::now();
    served.shutdown.begin("SIGTERM");
    served.shutdown.force();
    assert_eq!(served.server.await.unwrap(), 2, "both were cut");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// If the embedding service never runs the end of its process, the server ends all the same.
#[tokio::test]
async fn the_limits_hold_though_the_end_is_never_run() {
    let served = Served::start().await;
    let _half = served.sent(HALF).await;
    served.settled().await;
    pause();
    let begun = Instant::now();
    served.shutdown.begin("SIGTERM");
    assert_eq!(served.server.await.unwrap(), 1);
    let ShutdownConfig { drain, close, .. } = served.shutdown.config();
    assert!((drain + close..drain + close + SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}
