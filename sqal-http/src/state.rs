//! [`Services`]: the pieces that a composition root hands to the router.

use std::fmt;
use std::sync::Arc;

use sqal_core::Timestamp;
use sqal_resilience::{Clock, Shutdown, SystemClock};
use sqal_storage::{SampleStore, WriterHandle};
use tokio::sync::broadcast;

use crate::{ConnectLimit, FrameLimits, Intake, Profiles};

/// Where wall time comes from; time is data, so a test passes its own.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Renders the metrics in Prometheus' text format.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// What the router needs; every field can be replaced before it is handed over.
#[derive(Clone)]
pub struct Services {
    /// Where samples are read.
    pub store: Arc<dyn SampleStore>,
    /// Where samples are handed in.
    pub writer: WriterHandle,
    /// Turns frames into judged samples.
    pub intake: Arc<Intake>,
    /// Monotonic time.
    pub clock: Arc<dyn Clock>,
    /// The end of the process.
    pub shutdown: Shutdown,
    /// How often one address may connect.
    pub connect_limit: Arc<ConnectLimit>,
    /// The metrics, if the process keeps any.
    pub metrics: Option<MetricsText>,
    /// The open device connections.
    #[cfg(feature = "ws")]
    pub websockets: crate::WebSockets,
    /// Samples that were just stored, as the JSON that the live page reads.
    pub(crate) events: broadcast::Sender<Arc<str>>,
    /// When the router was made.
    pub(crate) started: std::time::Instant,
}

impl Services {
    /// Services with the documented defaults: system clock, 100 connections per address and minute, no metrics.
    pub fn new(
        store: Arc<dyn SampleStore>,
        writer: WriterHandle,
        profiles: Profiles,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(SystemClock);
        Self {
            store,
            writer,
            intake: Arc::new(Intake::new(profiles, FrameLimits::default(), Arc::new(now), clock.clone())),
            started: clock.now(),
            clock,
            shutdown: Shutdown::default(),
            connect_limit: Arc::new(ConnectLimit::default()),
            metrics: None,
            #[cfg(feature = "ws")]
            websockets: crate::WebSockets::default(),
            // A page that reads slower than the line produces misses samples and says so; it never holds up the line.
            events: broadcast::Sender::new(64),
        }
    }

    /// Tells the live pages of a sample that was just stored.
    #[cfg(feature = "ws")]
    pub(crate) fn publish(&self, sample: &sqal_core::Sample) {
        if self.events.receiver_count() > 0
            && let Ok(text) = serde_json::to_string(&crate::document(sample))
        {
            // The last page may have left since.
            let _ = self.events.send(text.into());
        }
    }

    /// Whether an address may connect now.
    #[cfg(feature = "ws")]
    pub(crate) fn may_connect(&self, peer: Option<std::net::IpAddr>) -> bool {
        peer.is_none_or(|peer| self.connect_limit.allows(peer, self.clock.now()))
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("store", &self.store).field("intake", &self.intake).finish_non_exhaustive()
    }
}
