//! How the server ends: what ends it, what is closed in which order, and how long that may take.

use std::sync::Arc;
use std::time::Duration;

use sqal_http::WebSockets;
use sqal_resilience::shutdown::{Phase, Stage};
use sqal_resilience::{Shutdown, ShutdownConfig};
use sqal_storage::BatchWriter;
use tokio::sync::Mutex;

use super::database::Database;
use crate::abort_on_drop::AbortOnDrop;
use crate::heads::HeadKeeper;
use crate::server_error::ServerError;

/// Time limits of the shutdown: thirty seconds for requests, ten for connections, ten for accepted
/// samples.
pub(super) const LIMITS: ShutdownConfig = {
    let mut limits = ShutdownConfig::USUAL;
    limits.drain = Duration::from_secs(30);
    limits.close = Duration::from_secs(10);
    limits
};

/// The most time in which connections may end after the requests.
const CLOSE: Duration = Duration::from_secs(8);

/// The task that accepts connections.
pub(super) type Accepting = Arc<Mutex<AbortOnDrop<()>>>;

/// The task that writes samples.
pub(super) type Writing = Arc<Mutex<BatchWriter>>;

/// Registers the close of the database as soon as it is open, so that it is closed on every way
/// out.
pub(super) fn close_database(
    shutdown: &Shutdown,
    database: &Arc<Database>,
    writing: &Writing,
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
        database.connections.close().await;
        Ok::<_, std::convert::Infallible>(())
    };
    let _ = shutdown.on_close(Stage::STORES, "database pool", close);
}

/// Registers the close of the WebSocket connections, and of the listener after them.
pub(super) fn close_connections(shutdown: &Shutdown, accepting: &Accepting, websockets: WebSockets) {
    let (open, accepting) = (websockets.clone(), Arc::clone(accepting));
    let close = move || async move {
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
    let _ = shutdown.on_close_counted(Stage::CONNECTIONS, "WebSocket connections", move || open.open(), close);
}

/// Waits until the shutdown begins and goes through it, or until a part of the server fails.
///
/// # Errors
///
/// [`ServerError`] names the part that failed, or what did not end in order.
pub(super) async fn wait(shutdown: &Shutdown, accepting: &Accepting, writing: &Writing) -> Result<(), ServerError> {
    let (mut accepting, mut storing) = (accepting.lock().await, writing.lock().await);
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
