//! [`WebSockets`]: counts the open device connections, and closes them all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// The open device connections of a process; clones share them.
#[derive(Clone, Debug)]
pub struct WebSockets {
    open: Arc<watch::Sender<usize>>,
    closing: Arc<watch::Sender<bool>>,
}

impl Default for WebSockets {
    fn default() -> Self {
        Self { open: Arc::new(watch::Sender::new(0)), closing: Arc::new(watch::Sender::new(false)) }
    }
}

impl WebSockets {
    /// The number of open device connections.
    #[must_use]
    pub fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Asks every connection to answer what it has taken and to close with 1012, and waits for that
    /// for at most `limit`.
    ///
    /// Returns the number of connections that were still open at the end.
    pub async fn close_all(&self, limit: Duration) -> usize {
        self.closing.send_replace(true);
        let mut open = self.open.subscribe();
        // An elapsed limit is not an error here: the returned number shows it.
        let _ = tokio::time::timeout(limit, open.wait_for(|open| *open == 0)).await;
        self.open()
    }

    /// Counts one connection until the guard is dropped.
    pub(super) fn enter(&self) -> Entered {
        self.count(1);
        Entered(self.clone())
    }

    /// Waits until the connections must close.
    pub(super) async fn closing(&self) {
        let mut closing = self.closing.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    fn count(&self, by: isize) {
        self.open.send_modify(|open| *open = open.saturating_add_signed(by));
        #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
        metrics::gauge!("websocket_connections_active").set(self.open() as f64);
    }
}

/// One open connection.
pub(super) struct Entered(WebSockets);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.count(-1);
    }
}
