//! Accepts connections within limits, in total and for each address, and closes slow ones.
//!
//! The accept loop of axum has no settings for this.

mod conversation;
mod door;
mod places;
mod waiting;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use sqal_resilience::outage::Outage;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use conversation::Conversation;
pub(crate) use door::Door;
use places::Places;

/// The most connections that wait in the kernel until they are accepted.
const BACKLOG: u32 = 1024;

/// The pause after an error of the listener, for example if there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

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

/// Serves connections. Once `draining` is ready, every connection ends after its present request.
/// New connections are still accepted, so that clients learn that this server ends, until no
/// connection is left.
pub(crate) async fn serve(listener: TcpListener, app: Router, door: Door, draining: impl Future<Output = ()>) {
    let places = Places::new();
    let ending = watch::Sender::new(false);
    let (mut connections, outage) = (JoinSet::new(), Outage::calm_after(Outage::CALM));
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
        tell(&outage, &accepted);
        match accepted {
            Ok((stream, peer)) => {
                // A connection without a place is closed at once. Waiting for a place would block
                // all new connections.
                let Some(counted) = door.connection(peer.ip()) else { continue };
                let Some(place) = places.take().await else { continue };
                let conversation = Conversation { stream, peer, counted, place, seat: places.enter() };
                connections.spawn(conversation.hold(app.clone(), door.idle, ending.subscribe()));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
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
