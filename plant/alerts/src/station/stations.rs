//! [`Stations`]: the stations of a plant, each with its watch, shared by several servers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sqal_core::{DeviceId, Timestamp};
use sqal_storage::records::Revision;
use sqal_storage::{Records, StorageError, StorageErrorKind};

use super::fault::StationFault;
use super::observation::Observation;
use super::reference::Reference;
use super::station_records::{self, BACKEND, StoredStation};
use super::watch::Change;
use crate::times::between;

/// The most stations that are watched, unless it is set.
const USUAL_LIMIT: usize = 200;

/// The time after which a station is written although nothing was found.
const WRITTEN_EVERY: Duration = Duration::from_secs(30);

/// The time without a tray after which another server may know more of a station.
const MAY_HAVE_MOVED: Duration = Duration::from_mins(1);

/// The time for which a store that did not answer is not asked for stations that are new here.
const PAUSE: Duration = Duration::from_secs(30);

/// A station that was silent for longer gives its place to a new one.
const GIVES_WAY: Duration = Duration::from_mins(10);

/// The tries to let a station learn anew while another server writes it.
const TRIES: u32 = 5;

/// The stations of a plant. Each is stored as a record, so that every server knows it; the server
/// that receives its trays watches it in memory.
///
/// [`take`](Self::take) waits for the store only for the first tray of a station, and
/// [`write`](Self::write), which is called every second or two, writes what has changed. While the
/// store is away, stations that are known are watched on.
#[derive(Debug)]
pub struct Stations {
    records: Arc<dyn Records>,
    limit: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) held: BTreeMap<DeviceId, Held>,
    /// Stations that another server watches now, or that gave their place to another one, whose
    /// gauges are to be set to 0.
    pub(super) left: BTreeSet<DeviceId>,
    /// When the store did not answer last.
    failed_at: Option<Timestamp>,
    /// When the store was asked last for stations that have moved.
    compared_at: Option<Timestamp>,
}

/// A station that this server watches.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) station: StoredStation,
    revision: Option<Revision>,
    written_at: Option<Timestamp>,
    /// The number of trays and decisions, by which a later state is told from an earlier one.
    edition: u64,
    /// The edition that was written.
    written: u64,
    /// Whether a change waits to be written.
    is_urgent: bool,
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
    /// The reference; `None` while it is being learned.
    pub reference: Option<LearnedSpan>,
    /// The number of trays that are still needed to learn what is usual, as far as this server has
    /// received them.
    pub trays_to_learn: usize,
}

/// A page of stations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StationPage {
    /// The stations, by the names of their devices.
    pub items: Vec<StationView>,
    /// After which device the next page begins; `None` on the last page.
    pub next: Option<DeviceId>,
}

/// When a reference was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LearnedSpan {
    /// The number of the reference.
    pub version: u32,
    /// The time of the first tray of it.
    pub from: Timestamp,
    /// The time of the last tray of it.
    pub until: Timestamp,
}

impl StationView {
    fn of(device: DeviceId, station: &StoredStation) -> Self {
        let span = |reference: &Reference| LearnedSpan {
            version: reference.version,
            from: reference.from,
            until: reference.until,
        };
        Self {
            device,
            faults: station.watch.faults().to_vec(),
            trays: station.watch.trays(),
            received_at: station.received_at,
            reference: station.watch.reference().map(span),
            trays_to_learn: station.watch.trays_to_learn(),
        }
    }
}

impl Held {
    /// A station that is stored nowhere.
    #[cfg(test)]
    pub(super) fn of(station: StoredStation) -> Self {
        Self::new(station, None)
    }

    fn new(station: StoredStation, revision: Option<Revision>) -> Self {
        // A station that is stored nowhere is written at once, so that every server knows it, and
        // so is one whose faults are still to be kept.
        let is_urgent = revision.is_none() || !station.ended.is_empty();
        Self { station, revision, written_at: None, edition: 1, written: u64::from(!is_urgent), is_urgent }
    }

    fn take(&mut self, tray: &Observation) -> Vec<Change> {
        self.station.received(tray.received_at);
        let changes = self.station.watch.take(tray);
        self.station.note(&changes);
        self.edition += 1;
        self.is_urgent |= !changes.is_empty();
        changes
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let is_late = self.written_at.is_none_or(|at| between(at, now) >= WRITTEN_EVERY);
        self.edition != self.written && (self.is_urgent || is_late)
    }
}

impl Stations {
    /// The stations that are stored in these records. At most 200 are watched.
    #[must_use]
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self { records, limit: USUAL_LIMIT, known: Mutex::default() }
    }

    /// Sets how many stations are watched. When they are as many, a station that was silent for ten
    /// minutes gives its place to a new one; otherwise the trays of the new one are not looked at,
    /// so that a sender of invented names cannot fill the memory.
    #[must_use]
    pub fn with_limit(mut self, stations: usize) -> Self {
        self.limit = stations;
        self
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a tray that was received, and says what it has changed.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the station is new here and cannot be read. It is then asked for again
    /// after 30 seconds; until then its trays are not looked at, so that a station that is stored
    /// is not learned anew.
    pub async fn take(&self, tray: &Observation, now: Timestamp) -> Result<Vec<Change>, StorageError> {
        if let Some(held) = self.known().held.get_mut(&tray.device) {
            return Ok(held.take(tray));
        }
        if !self.has_place(&tray.device, now) {
            metrics::counter!("station_trays_unwatched_total").increment(1);
            return Ok(Vec::new());
        }
        let stored = station_records::station(&*self.records, &tray.device, now).await;
        let mut known = self.known();
        let stored = stored.inspect_err(|_| known.failed_at = Some(now))?;
        let held = match stored {
            Some((station, revision)) => Held::new(station, Some(revision)),
            None => Held::new(StoredStation::new(tray.received_at), None),
        };
        known.left.remove(&tray.device);
        Ok(known.held.entry(tray.device).or_insert(held).take(tray))
    }

    /// Whether a station that is new here can be watched; the one that was silent longest gives
    /// way.
    fn has_place(&self, device: &DeviceId, now: Timestamp) -> bool {
        let mut known = self.known();
        if known.failed_at.is_some_and(|at| between(at, now) < PAUSE) {
            return false;
        }
        if known.held.len() < self.limit || known.held.contains_key(device) {
            return true;
        }
        let is_silent = |held: &Held| !held.is_urgent && between(held.station.received_at, now) > GIVES_WAY;
        let silent = known.held.iter().filter(|(_, held)| is_silent(held));
        let longest = silent.min_by_key(|(_, held)| held.station.received_at).map(|(device, _)| *device);
        longest.is_some_and(|device| {
            known.held.remove(&device);
            known.left.insert(device)
        })
    }

    /// Writes the stations that have changed since they were written: at once if a fault began or
    /// ended, otherwise every 30 seconds. Hands over stations that another server watches now.
    /// Returns whether there was anything to ask the store for.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store does not answer. What was not written is written later.
    pub async fn write(&self, now: Timestamp) -> Result<bool, StorageError> {
        let has_written = self.write_those(|held| held.is_due(now), now).await?;
        Ok(self.hand_over(now).await? || has_written)
    }

    /// Writes everything that is not written yet: at the end of the process.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store does not answer.
    pub async fn write_all(&self, now: Timestamp) -> Result<(), StorageError> {
        self.write_those(|held| held.edition != held.written, now).await.map(drop)
    }

    async fn write_those(&self, is_due: impl Fn(&Held) -> bool, now: Timestamp) -> Result<bool, StorageError> {
        let due: Vec<_> = {
            let known = self.known();
            known.held.iter().filter(|(_, held)| is_due(held)).map(|(device, held)| (*device, held.clone())).collect()
        };
        let is_any = !due.is_empty();
        for (device, held) in due {
            self.write_one(device, &held, now).await?;
        }
        Ok(is_any)
    }

    async fn write_one(&self, device: DeviceId, written: &Held, now: Timestamp) -> Result<(), StorageError> {
        let records = &*self.records;
        let revision = station_records::write(records, &device, &written.station, written.revision, now).await?;
        let Some(revision) = revision else { return self.settle(device, now).await };
        if let Some(held) = self.known().held.get_mut(&device) {
            (held.revision, held.written_at, held.written) = (Some(revision), Some(now), written.edition);
            held.is_urgent &= held.edition != written.edition;
        }
        // A fault is kept only after the station is stored without it, so that it is never told to
        // be over by one server and to last by another.
        for fault in &written.station.ended {
            station_records::keep(records, &device, fault, now).await?;
            if let Some(held) = self.known().held.get_mut(&device) {
                held.station.ended.retain(|other| other != fault);
                held.edition += 1;
            }
        }
        Ok(())
    }

    /// Settles with another server that has written the station: who knows more goes on. If that is
    /// the other, the station is read anew with its next tray here.
    async fn settle(&self, device: DeviceId, now: Timestamp) -> Result<(), StorageError> {
        let stored = station_records::station(&*self.records, &device, now).await?;
        let mut known = self.known();
        let Some(held) = known.held.get_mut(&device) else { return Ok(()) };
        match stored {
            None => held.revision = None,
            Some((station, revision)) if held.station.is_newer_than(&station) => held.revision = Some(revision),
            Some(_) => {
                known.held.remove(&device);
                known.left.insert(device);
            }
        }
        Ok(())
    }

    /// Forgets stations without a tray for a minute of which another server knows more. Returns
    /// whether the store was asked.
    async fn hand_over(&self, now: Timestamp) -> Result<bool, StorageError> {
        let is_quiet = |held: &Held| between(held.station.received_at, now) > MAY_HAVE_MOVED;
        {
            let mut known = self.known();
            let was_asked = known.compared_at.is_some_and(|at| between(at, now) < WRITTEN_EVERY);
            if was_asked || !known.held.values().any(is_quiet) {
                return Ok(false);
            }
            known.compared_at = Some(now);
        }
        let stored = self.stored(now).await?;
        let mut known = self.known();
        let knows_more = |device: &DeviceId, held: &Held| {
            stored.get(device).is_some_and(|stored| stored.is_newer_than(&held.station))
        };
        let moved: Vec<_> = known
            .held
            .iter()
            .filter(|(device, held)| is_quiet(held) && knows_more(device, held))
            .map(|(device, _)| *device)
            .collect();
        for device in moved {
            known.held.remove(&device);
            known.left.insert(device);
        }
        Ok(true)
    }

    /// Every station that is stored and can be read.
    async fn stored(&self, now: Timestamp) -> Result<BTreeMap<DeviceId, StoredStation>, StorageError> {
        const PAGE: u16 = 200;
        let (mut all, mut after) = (BTreeMap::new(), None);
        loop {
            let page = station_records::page(&*self.records, after.as_ref(), PAGE, now).await?;
            let is_last = page.len() < usize::from(PAGE);
            after = page.last().map(|(device, _)| *device);
            all.extend(page.into_iter().filter_map(|(device, station)| Some((device, station?))));
            if is_last {
                return Ok(all);
            }
        }
    }

    /// The stations that all servers know, by the names of their devices. One that a newer program
    /// has stored is left out.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn page(
        &self,
        after: Option<&DeviceId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<StationPage, StorageError> {
        // One more, which shows that there is a next page.
        let mut stored = station_records::page(&*self.records, after, limit.saturating_add(1), now).await?;
        let has_next = stored.len() > usize::from(limit);
        stored.truncate(usize::from(limit));
        let next = stored.last().filter(|_| has_next).map(|(device, _)| *device);
        let items = stored.into_iter().filter_map(|(device, stored)| self.view(device, stored.as_ref())).collect();
        Ok(StationPage { items, next })
    }

    /// A station; `None` if no server knows it.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn station(&self, device: &DeviceId, now: Timestamp) -> Result<Option<StationView>, StorageError> {
        let stored = station_records::station(&*self.records, device, now).await?;
        Ok(self.view(*device, stored.as_ref().map(|(station, _)| station)))
    }

    /// What is shown of a station: what this server holds, or what is stored if that is newer.
    fn view(&self, device: DeviceId, stored: Option<&StoredStation>) -> Option<StationView> {
        let known = self.known();
        let own = known.held.get(&device).map(|held| &held.station);
        let newest = newest(own, stored)?;
        Some(StationView::of(device, newest))
    }

    /// The faults of a station, the newest first: those that last, and those that are over. `None`
    /// if no server knows the station.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn faults(&self, device: &DeviceId, now: Timestamp) -> Result<Option<Vec<StationFault>>, StorageError> {
        let stored = station_records::station(&*self.records, device, now).await?.map(|(station, _)| station);
        let kept = station_records::faults_of(&*self.records, device, now).await?;
        let known = self.known();
        let own = known.held.get(device).map(|held| &held.station);
        let newest = newest(own, stored.as_ref());
        let Some(station) = newest else { return Ok((!kept.is_empty()).then_some(kept)) };
        let mut all = kept;
        for fault in station.ended.iter().chain(station.watch.faults()) {
            let is_kept = all.iter().any(|kept| (kept.found, kept.cause) == (fault.found, fault.cause));
            if !is_kept {
                all.push(fault.clone());
            }
        }
        all.sort_by_key(|fault| std::cmp::Reverse(fault.found));
        Ok(Some(all))
    }

    /// Forgets what is usual at a station and learns it anew; `None` if no server knows it. All its
    /// faults end. If another server watches the station, it takes the decision over with its next
    /// writing.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the station cannot be read or written.
    pub async fn relearn(&self, device: &DeviceId, now: Timestamp) -> Result<Option<StationView>, StorageError> {
        for _ in 0..TRIES {
            let stored = station_records::station(&*self.records, device, now).await?;
            let own = self.known().held.get(device).map(|held| held.station.clone());
            let (base, revision) = match (own, stored) {
                (Some(own), Some((stored, revision))) if !stored.is_newer_than(&own) => (own, Some(revision)),
                (_, Some((stored, revision))) => (stored, Some(revision)),
                (Some(own), None) => (own, None),
                (None, None) => return Ok(None),
            };
            let mut station = base;
            let changes = station.watch.relearn(now);
            station.note(&changes);
            station.relearned = station.relearned.saturating_add(1);
            let Some(revision) = station_records::write(&*self.records, device, &station, revision, now).await? else {
                continue;
            };
            let view = StationView::of(*device, &station);
            if let Some(held) = self.known().held.get_mut(device) {
                *held = Held::new(station, Some(revision));
            }
            return Ok(Some(view));
        }
        Err(StorageError::new(BACKEND, StorageErrorKind::Busy))
    }

    /// The number of stations that this server watches.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.known().held.len()
    }
}

/// What is known best of a station: what this server holds, or what is stored if that is newer.
fn newest<'a>(own: Option<&'a StoredStation>, stored: Option<&'a StoredStation>) -> Option<&'a StoredStation> {
    match (own, stored) {
        (Some(own), Some(stored)) if stored.is_newer_than(own) => Some(stored),
        (own, stored) => own.or(stored),
    }
}
