//! [`Shutdown`]: refuse new work, wait for what is under way, and say so in the documented log lines (SHD-01, SHD-03).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::info;

/// The coordinator of one process's end; clones share it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use sqal_resilience::Shutdown;
///
/// let shutdown = Shutdown::new();
/// let request = shutdown.track().unwrap();      // a request under way
/// shutdown.begin("SIGTERM");
/// assert!(shutdown.track().is_none());          // new ones are refused
/// drop(request);
/// assert_eq!(shutdown.drain(Duration::from_secs(30)).await.abandoned, 0);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Shutdown {
    begun: Arc<watch::Sender<bool>>,
    active: Arc<watch::Sender<usize>>,
}

/// One request under way; dropping it ends it.
#[derive(Debug)]
pub struct Active(Arc<watch::Sender<usize>>);

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were still under way when the time was over.
    pub abandoned: usize,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A coordinator of a process that is running.
    #[must_use]
    pub fn new() -> Self {
        Self { begun: Arc::new(watch::Sender::new(false)), active: Arc::new(watch::Sender::new(0)) }
    }

    /// Begins a request; `None` once the shutdown has begun.
    #[must_use]
    pub fn track(&self) -> Option<Active> {
        // Counted first and checked after, so that no request slips between the check and the drain.
        self.active.send_modify(|active| *active += 1);
        let tracked = Active(Arc::clone(&self.active));
        (!self.has_begun()).then_some(tracked)
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Begins the shutdown; `signal` is named in the log. A second call changes nothing.
    pub fn begin(&self, signal: &str) {
        if !self.begun.send_replace(true) {
            info!("Shutdown signal received ({signal})");
            info!("Rejecting new requests (503)");
        }
    }

    /// Waits until the shutdown begins.
    pub async fn begun(&self) {
        let mut begun = self.begun.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = begun.wait_for(|begun| *begun).await;
    }

    /// Waits until no request is under way, at most for `limit`.
    pub async fn drain(&self, limit: Duration) -> Drained {
        let mut active = self.active.subscribe();
        let waiting = *active.borrow_and_update();
        if waiting > 0 {
            info!("Waiting for {waiting} active request{} to complete...", plural(waiting));
        }
        let emptied = tokio::time::timeout(limit, async {
            loop {
                let left = *active.borrow_and_update();
                if left == 0 {
                    return;
                }
                if left != waiting {
                    info!("{left} active request{} remaining...", plural(left));
                }
                if active.changed().await.is_err() {
                    return;
                }
            }
        });
        match emptied.await {
            Ok(()) => {
                info!("All requests completed");
                Drained { abandoned: 0 }
            }
            Err(_) => Drained { abandoned: *self.active.borrow() },
        }
    }
}

const fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.send_modify(|active| *active -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_when_the_last_request_ends() {
        let shutdown = Shutdown::new();
        let requests: Vec<_> = (0..3).map(|_| shutdown.track().unwrap()).collect();
        shutdown.begin("SIGTERM");
        assert!(shutdown.track().is_none());
        let draining = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.drain(Duration::from_secs(30)).await }
        });
        for request in requests {
            tokio::task::yield_now().await;
            assert!(!draining.is_finished());
            drop(request);
        }
        assert_eq!(draining.await.unwrap(), Drained { abandoned: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_is_abandoned_after_the_limit() {
        let shutdown = Shutdown::new();
        let _stuck = shutdown.track();
        shutdown.begin("SIGINT");
        shutdown.begun().await;
        assert_eq!(shutdown.drain(Duration::from_secs(30)).await, Drained { abandoned: 1 });
    }
}
