//! Connections are taken, a bounded number at a time, and none may keep a place by being slow: what axum's own loop has no settings for.

use std::convert::Infallible;
use std::net::SocketAddr;
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
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::{debug, warn};

/// Connections at a time: five times the stations of the largest line; what comes then waits in the kernel's queue.
const MOST: usize = 10_000;

/// How much of a head is read: more than any browser sends.
const LARGEST_HEAD: usize = 64 * 1024;

/// How long what was sent may wait in the kernel until the client takes it, in milliseconds.
const UNTAKEN: u32 = 60_000;

/// How long nothing is taken after an error of the listener, for example when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves; a client may take `idle` to send the head of a request, the first as well as the next. Once `draining` is over every connection ends with the request
/// that it is at; new ones are still taken, so that whoever asks is told that this server ends, until there is none left.
pub(crate) async fn serve(listener: TcpListener, app: Router, idle: Duration, draining: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(MOST));
    let ending = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    tokio::pin!(draining);
    loop {
        let is_ending = *ending.borrow();
        if is_ending && connections.is_empty() {
            return;
        }
        let taken = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut draining, if !is_ending => {
                ending.send_replace(true);
                continue;
            }
            // Those that have ended are forgotten as they end.
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            taken = taken => taken,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (app, ending) = (app.clone(), ending.subscribe());
                connections.spawn(async move {
                    let _place = place;
                    converse(stream, peer, app, idle, ending).await;
                });
            }
            Err(error) => {
                warn!(%error, "no connection can be taken now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, app: Router, idle: Duration, mut ending: watch::Receiver<bool>) {
    // Answers are small and waited for; and who does not take them keeps no place for ever (tcp(7)).
    let _ = stream.set_nodelay(true);
    let _ = set_tcp_user_timeout(&stream, UNTAKEN);
    // A connection that comes while the server ends is told so, and that is all.
    let late = *ending.borrow_and_update();
    let answer = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = app.clone().oneshot(request);
        async move { Ok::<_, Infallible>(answering.await.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .keep_alive(!late)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = async { drop(ending.changed().await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "connection ended");
    }
}
