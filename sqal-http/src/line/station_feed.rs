//! [`StationFeed`]: hands stored samples to what watches the stations, and never holds up the line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use sqal_alerts::station::{Change, Observation, Stations};
use sqal_core::{DeviceId, Sample};
use sqal_intake::WallClock;
use sqal_protocol::time::rfc3339;
use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_storage::StorageError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::sleep;
use tracing::{info, warn};

/// The time between two looks at what is to be written.
const WRITING_EVERY: Duration = Duration::from_secs(1);

/// The time for which a store that failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Hands what stored samples say about their instruments to the [`Stations`].
///
/// A sample is handed over without waiting. At most [`StationFeed::CAPACITY`] observations wait for
/// the task that takes them; what does not fit is dropped, and counted in
/// `station_observations_dropped_total`. Clones hand over to one task.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::Arc;
/// use sqal_http::line::StationFeed;
/// use sqal_http::sqal_alerts::station::Stations;
/// use sqal_storage::MemoryStore;
///
/// let stations = Arc::new(Stations::new(Arc::new(MemoryStore::new())));
/// let now = Arc::new(|| sqal_core::Timestamp::from_micros(1_794_000_000_000_000).unwrap());
/// let (feed, taking) = StationFeed::new(stations, now);
/// let taking = tokio::spawn(taking);
/// // `services.line.stations = Some(feed)`; the task ends with the last of the services.
/// drop(feed);
/// taking.await.unwrap();
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StationFeed {
    sender: Sender<Observation>,
}

impl StationFeed {
    /// The most observations that wait, of about 1.3 KB each: those of 50 seconds if two hundred
    /// stations have a tray each ten seconds.
    pub const CAPACITY: usize = 1024;

    /// A feed of these stations, and the work that takes what is handed over. The work ends when
    /// the feed and its clones are dropped and all that waited is taken; spawn it.
    pub fn new(stations: Arc<Stations>, now: WallClock) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, queue) = mpsc::channel(Self::CAPACITY);
        // The first drop must be seen as an increase.
        dropped().increment(0);
        counter!("station_trays_unwatched_total").increment(0);
        (Self { sender }, watch(stations, queue, now))
    }

    /// Hands over what a stored sample says about its instruments. A reading of a reference says
    /// nothing.
    pub(crate) fn stored(&self, sample: &Sample) {
        let Some(tray) = Observation::of(sample) else { return };
        if self.sender.try_send(tray).is_err() {
            dropped().increment(1);
        }
    }
}

/// The observations that were dropped.
fn dropped() -> Counter {
    counter!("station_observations_dropped_total")
}

/// Takes what is handed over, and writes what has changed beside it, so that no tray waits for the
/// store. What is not written at the end is written then.
async fn watch(stations: Arc<Stations>, queue: Receiver<Observation>, now: WallClock) {
    let outage = Outage::calm_after(Outage::CALM);
    tokio::select! {
        () = take_all(&stations, queue, &now, &outage) => {}
        () = keep_writing(&stations, &now, &outage) => {}
    }
    tell_outage(&outage, &stations.write_all(now()).await);
}

async fn take_all(stations: &Stations, mut queue: Receiver<Observation>, now: &WallClock, outage: &Outage) {
    while let Some(tray) = queue.recv().await {
        let taken = stations.take(&tray, now()).await;
        if taken.is_err() {
            tell_outage(outage, &taken);
        }
        for change in taken.unwrap_or_default() {
            tell(&tray.device, &change);
        }
    }
}

/// Writes for ever. After a failure the store is left alone for a while.
async fn keep_writing(stations: &Stations, now: &WallClock, outage: &Outage) {
    loop {
        sleep(WRITING_EVERY).await;
        let written = stations.write(now()).await;
        // A store that was not asked may still be away.
        if !matches!(written, Ok(false)) {
            tell_outage(outage, &written);
        }
        if written.is_err() {
            sleep(AFTER_FAILURE).await;
        }
    }
}

/// Monotonic time, as a task counts it.
fn monotonic() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Logs when the states of stations can no longer be stored, and when they can again.
fn tell_outage<T>(outage: &Outage, taken: &Result<T, StorageError>) {
    match taken {
        Ok(_) => {
            if let Some(recovery) = outage.succeeded(monotonic()) {
                let (failures, seconds) = (recovery.failures, recovery.seconds());
                info!(failures, seconds, "the states of stations are stored again");
            }
        }
        Err(error) => {
            if outage.failed(monotonic()) {
                warn!(error = %Causes::of(error), "the states of stations cannot be stored; trays are watched in memory");
            }
        }
    }
}

/// Logs what a tray has changed in the knowledge of its station.
fn tell(device: &DeviceId, change: &Change) {
    let device = device.as_str();
    match change {
        Change::Began(fault) if fault.cause.makes_doubtful() => {
            let (cause, since, trays) = (fault.cause.as_str(), rfc3339(fault.since), fault.delay);
            warn!(device, cause, since, trays, "an instrument of the station is at fault; its trays are doubtful");
        }
        Change::Began(fault) => {
            let (cause, since, trays) = (fault.cause.as_str(), rfc3339(fault.since), fault.delay);
            warn!(device, cause, since, trays, "the readings of the station have changed");
        }
        Change::Ended(fault) => {
            let (cause, since) = (fault.cause.as_str(), rfc3339(fault.since));
            info!(device, cause, since, "the fault of the station is over");
        }
        Change::Learned { version } => info!(device, version, "the station has learned what is usual"),
    }
}
