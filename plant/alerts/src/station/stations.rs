//! [`Stations`]: the stations of a plant, each with its watch, shared by several servers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use sqal_core::{DeviceId, Timestamp};
use sqal_storage::records::Revision;
use sqal_storage::{Records, StorageError};
use tokio::sync::Mutex;

use super::fault::StationFault;
use super::observation::Observation;
use super::reference::Reference;
use super::station_records::{self, StoredStation};
use super::watch::{Change, StationWatch};
use crate::times::between;

/// The most stations that are watched, unless it is set.
const USUAL_LIMIT: usize = 200;

/// The time after which a station is written although nothing was found.
const WRITTEN_EVERY: Duration = Duration::from_secs(30);

/// The time without a tray after which another server may know more of a station.
const MAY_HAVE_MOVED: Duration = Duration::from_mins(1);

/// The weight of the newest interval between trays.
const LAMBDA: f64 = 0.1;

/// The stations of a plant. Each is stored as a record, so that every server knows it; the server
/// that receives its trays holds it in memory.
#[derive(Debug)]
pub struct Stations {
    records: Arc<dyn Records>,
    limit: usize,
    held: Mutex<BTreeMap<DeviceId, Held>>,
    /// What was last known of each station, for readers that cannot wait.
    shown: RwLock<BTreeMap<DeviceId, Shown>>,
}

#[derive(Debug)]
struct Held {
    station: StoredStation,
    revision: Option<Revision>,
    written_at: Timestamp,
}

/// What is shown of a station without asking the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The faults that last.
    pub faults: Vec<StationFault>,
    /// When its newest tray was received.
    pub received_at: Timestamp,
    /// The usual time between two of its trays in seconds.
    pub interval_seconds: Option<f64>,
}

/// A station as it is shown to people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StationView {
    /// The device.
    pub device: DeviceId,
    /// The faults that last now, the first found first.
    pub faults: Vec<StationFault>,
    /// The trays that were seen.
    pub trays: u64,
    /// When the newest tray was received.
    pub received_at: Timestamp,
    /// The usual time between two trays in seconds.
    pub interval_seconds: Option<f64>,
    /// The version of the reference; `None` while it is being learned.
    pub reference: Option<u32>,
    /// The number of trays that are still needed to learn what is usual, as far as this server has
    /// received them.
    pub trays_to_learn: usize,
    /// The time from the first to the last tray of the reference.
    pub learned: Option<(Timestamp, Timestamp)>,
}

impl StationView {
    fn of(device: DeviceId, station: &StoredStation) -> Self {
        let reference = station.watch.reference();
        Self {
            device,
            faults: station.watch.faults().to_vec(),
            trays: station.watch.trays(),
            received_at: station.received_at,
            interval_seconds: station.interval_seconds,
            reference: reference.map(|reference| reference.version),
            trays_to_learn: station.watch.trays_to_learn(),
            learned: reference.map(|Reference { from, until, .. }| (*from, *until)),
        }
    }
}

impl Stations {
    /// The stations that are stored in these records. At most 200 are watched.
    #[must_use]
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self { records, limit: USUAL_LIMIT, held: Mutex::default(), shown: RwLock::default() }
    }

    /// Sets how many stations are watched. The trays of others are not looked at, so that a sender
    /// of invented names cannot fill the memory.
    #[must_use]
    pub fn with_limit(mut self, stations: usize) -> Self {
        self.limit = stations;
        self
    }

    /// Takes a tray that was received, and says what it has changed. A change is stored before it
    /// is returned.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the station cannot be read or written. The watch in memory goes on, and
    /// is written with a later tray.
    pub async fn take(&self, tray: &Observation, now: Timestamp) -> Result<Vec<Change>, StorageError> {
        let mut held = self.held.lock().await;
        let may_have_moved =
            held.get(&tray.device).is_none_or(|one| between(one.station.received_at, now) > MAY_HAVE_MOVED);
        if may_have_moved {
            if held.len() >= self.limit && !held.contains_key(&tray.device) {
                return Ok(Vec::new());
            }
            let stored = station_records::station(&*self.records, &tray.device, now).await;
            match stored {
                Ok(stored) => Self::hold(&mut held, tray, stored, now),
                // Without the store, what is in memory goes on; a new station begins with a later
                // tray, so that a stored one is not learned anew.
                Err(error) if !held.contains_key(&tray.device) => return Err(error),
                Err(_) => {}
            }
        }
        let Some(one) = held.get_mut(&tray.device) else { return Ok(Vec::new()) };
        one.station.received(tray.received_at);
        let changes = one.station.watch.take(tray);
        self.show(tray.device, &one.station);
        // A station that is not stored yet is written at once, so that every server knows it.
        let is_fresh = one.revision.is_some() && between(one.written_at, now) < WRITTEN_EVERY;
        if changes.is_empty() && is_fresh {
            return Ok(changes);
        }
        self.write(tray.device, one, &changes, now).await?;
        Ok(changes)
    }

    /// Takes over what is stored of a station, if another server has written it since.
    fn hold(
        held: &mut BTreeMap<DeviceId, Held>,
        tray: &Observation,
        stored: Option<(StoredStation, Revision)>,
        now: Timestamp,
    ) {
        let known = held.get(&tray.device).and_then(|one| one.revision);
        match stored {
            Some((_, revision)) if known == Some(revision) => {}
            Some((station, revision)) => {
                held.insert(tray.device, Held { station, revision: Some(revision), written_at: now });
            }
            None if held.contains_key(&tray.device) => {}
            None => {
                let station =
                    StoredStation { watch: StationWatch::new(), received_at: tray.received_at, interval_seconds: None };
                held.insert(tray.device, Held { station, revision: None, written_at: now });
            }
        }
    }

    async fn write(
        &self,
        device: DeviceId,
        one: &mut Held,
        changes: &[Change],
        now: Timestamp,
    ) -> Result<(), StorageError> {
        for change in changes {
            if let Change::Ended(fault) = change {
                station_records::keep(&*self.records, &device, fault, now).await?;
            }
        }
        let written = station_records::write(&*self.records, &device, &one.station, one.revision, now).await?;
        match written {
            Some(revision) => (one.revision, one.written_at) = (Some(revision), now),
            // Another server has written the station: its trays go there now, and what it knows is
            // taken over with the next tray that comes here.
            None => {
                if let Some((station, revision)) = station_records::station(&*self.records, &device, now).await? {
                    (one.station, one.revision, one.written_at) = (station, Some(revision), now);
                    self.show(device, &one.station);
                }
            }
        }
        Ok(())
    }

    /// The stations that all servers know, by the names of their devices.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn page(
        &self,
        after: Option<&DeviceId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Vec<StationView>, StorageError> {
        let stored = station_records::page(&*self.records, after, limit, now).await?;
        let held = self.held.lock().await;
        let view = |(device, stored): (DeviceId, StoredStation)| {
            let newest = held.get(&device).map(|one| &one.station).filter(|own| own.received_at >= stored.received_at);
            StationView::of(device, newest.unwrap_or(&stored))
        };
        Ok(stored.into_iter().map(view).collect())
    }

    /// A station; `None` if no server knows it.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn station(&self, device: &DeviceId, now: Timestamp) -> Result<Option<StationView>, StorageError> {
        let stored = station_records::station(&*self.records, device, now).await?;
        let held = self.held.lock().await;
        let own = held.get(device).map(|one| &one.station);
        let newest = match (&stored, own) {
            (Some((stored, _)), Some(own)) if own.received_at < stored.received_at => Some(stored),
            (_, Some(own)) => Some(own),
            (Some((stored, _)), None) => Some(stored),
            (None, None) => None,
        };
        Ok(newest.map(|station| StationView::of(*device, station)))
    }

    /// The faults of a station, the newest first: those that last, and those that are over.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn faults(&self, device: &DeviceId, now: Timestamp) -> Result<Vec<StationFault>, StorageError> {
        let mut all = station_records::faults_of(&*self.records, device, now).await?;
        all.extend(self.station(device, now).await?.into_iter().flat_map(|view| view.faults));
        all.sort_by_key(|fault| std::cmp::Reverse(fault.found));
        Ok(all)
    }

    /// Forgets what is usual at a station and learns it anew; `None` if no server knows it. All its
    /// faults end.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the station cannot be read or written.
    pub async fn relearn(&self, device: &DeviceId, now: Timestamp) -> Result<Option<StationView>, StorageError> {
        let mut held = self.held.lock().await;
        let Some((mut station, revision)) = station_records::station(&*self.records, device, now).await? else {
            return Ok(None);
        };
        let changes = station.watch.relearn(now);
        let mut one = Held { station, revision: Some(revision), written_at: now };
        self.write(*device, &mut one, &changes, now).await?;
        self.show(*device, &one.station);
        let view = StationView::of(*device, &one.station);
        held.insert(*device, one);
        Ok(Some(view))
    }

    fn show(&self, device: DeviceId, station: &StoredStation) {
        let shown = Shown {
            faults: station.watch.faults().to_vec(),
            received_at: station.received_at,
            interval_seconds: station.interval_seconds,
        };
        self.shown.write().unwrap_or_else(PoisonError::into_inner).insert(device, shown);
    }

    /// What this server last knew of its stations.
    #[must_use]
    pub fn shown(&self) -> BTreeMap<DeviceId, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl StoredStation {
    /// Notes that a tray was received.
    fn received(&mut self, at: Timestamp) {
        let seconds = between(self.received_at, at).as_secs_f64();
        if seconds > 0.0 {
            let usual = self.interval_seconds.unwrap_or(seconds);
            // A break of the line is no interval.
            let counted = seconds.min(10.0 * usual);
            self.interval_seconds = Some((counted - usual).mul_add(LAMBDA, usual));
        }
        self.received_at = self.received_at.max(at);
    }
}
