//! The records of stations: what is known of each, and the faults that are over.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqal_core::{DeviceId, Timestamp};
use sqal_storage::labels::{LabelValue, Labels};
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::{Records, StorageError, StorageErrorKind};

use super::fault::StationFault;
use super::watch::{Change, StationWatch};
use crate::stored::{UnreadableError, collection, label, parsed, written};
use crate::times::{between, later};

/// The name of these records in a storage error.
pub(super) const BACKEND: &str = "stations";

/// How long a station and a fault that is over are remembered: longer than a season.
const REMEMBERED: Duration = Duration::from_hours(400 * 24);

/// The receipts from which the usual pause between two is taken.
const PAUSES: usize = 15;

/// Trays that come in one delivery have no pause between them.
const LEAST_PAUSE: Duration = Duration::from_millis(500);

/// A station as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredStation {
    pub(super) watch: StationWatch,
    /// When the newest tray was received.
    pub(super) received_at: Timestamp,
    /// The last pauses between two receipts, in seconds.
    pauses: VecDeque<f64>,
    /// How often people have let it learn anew.
    pub(super) relearned: u32,
    /// Faults that are over and are not kept yet.
    pub(super) ended: Vec<StationFault>,
}

impl StoredStation {
    /// A station whose first tray was received at this time.
    pub(super) fn new(received_at: Timestamp) -> Self {
        Self { watch: StationWatch::new(), received_at, pauses: VecDeque::new(), relearned: 0, ended: Vec::new() }
    }

    /// Notes that a tray was received.
    pub(super) fn received(&mut self, at: Timestamp) {
        let pause = between(self.received_at, at);
        if pause >= LEAST_PAUSE {
            if self.pauses.len() == PAUSES {
                self.pauses.pop_front();
            }
            self.pauses.push_back(pause.as_secs_f64());
        }
        self.received_at = self.received_at.max(at);
    }

    /// The usual pause between two receipts; `None` before there were two.
    pub(super) fn usual_pause(&self) -> Option<Duration> {
        let mut pauses: Vec<f64> = self.pauses.iter().copied().collect();
        super::level::median(&mut pauses).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// Notes what a tray, or a person, has changed.
    pub(super) fn note(&mut self, changes: &[Change]) {
        self.ended.extend(changes.iter().filter_map(|change| match change {
            Change::Ended(fault) => Some(fault.clone()),
            _ => None,
        }));
    }

    /// Whether this knows more than what another server has stored: a person has decided since, or
    /// a newer tray was received.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        (self.relearned, self.received_at) > (other.relearned, other.received_at)
    }
}

fn stations() -> Collection {
    collection("stations")
}

fn ended() -> Collection {
    collection("station_faults")
}

fn refused<E>(_: E) -> StorageError {
    StorageError::new(BACKEND, StorageErrorKind::Refused)
}

fn unreadable(error: &UnreadableError) -> StorageError {
    StorageError::new(BACKEND, StorageErrorKind::Corrupt(error.to_string()))
}

/// Reads a station.
pub(super) async fn station(
    records: &dyn Records,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Option<(StoredStation, Revision)>, StorageError> {
    let key = RecordKey::new(device.as_str()).map_err(refused)?;
    let record = records.record(&stations(), &key, now).await?;
    record.map(|record| Ok((parsed(&record.body).map_err(|error| unreadable(&error))?, record.revision))).transpose()
}

/// A page of the stations, by the names of their devices. One that cannot be read is `None`.
pub(super) async fn page(
    records: &dyn Records,
    after: Option<&DeviceId>,
    limit: u16,
    now: Timestamp,
) -> Result<Vec<(DeviceId, Option<StoredStation>)>, StorageError> {
    let mut query = RecordQuery::of(stations(), limit);
    if let Some(device) = after {
        query = query.after(RecordKey::new(device.as_str()).map_err(refused)?);
    }
    let found = records.find(&query, now).await?;
    found
        .into_iter()
        .map(|record| Ok((DeviceId::stored(record.key.as_str()).map_err(refused)?, parsed(&record.body).ok())))
        .collect()
}

/// Writes a station over the revision that was read; `None` if another server has written it since.
pub(super) async fn write(
    records: &dyn Records,
    device: &DeviceId,
    station: &StoredStation,
    over: Option<Revision>,
    now: Timestamp,
) -> Result<Option<Revision>, StorageError> {
    let key = RecordKey::new(device.as_str()).map_err(refused)?;
    let expected = over.map_or(ExpectedRecord::Absent, ExpectedRecord::Revision);
    let draft = RecordDraft::new(stations(), key, written(BACKEND, station)?).until(later(now, REMEMBERED));
    records.write(&draft, expected, now).await
}

/// Keeps a fault that is over. A fault that is kept already stays as it is.
pub(super) async fn keep(
    records: &dyn Records,
    device: &DeviceId,
    fault: &StationFault,
    now: Timestamp,
) -> Result<(), StorageError> {
    // The key sorts the faults of a device by the time at which they were found.
    let key = format!("{device}/{:020}/{}", fault.found.micros().max(0), fault.cause);
    let labels =
        Labels::of([(label("device"), LabelValue::new(device.as_str()).map_err(refused)?)]).map_err(refused)?;
    let draft = RecordDraft::new(ended(), RecordKey::new(&key).map_err(refused)?, written(BACKEND, fault)?);
    let draft = draft.labelled(labels).until(later(now, REMEMBERED));
    records.write(&draft, ExpectedRecord::Absent, now).await.map(drop)
}

/// The faults of a device that are over and kept, the oldest first.
pub(super) async fn faults_of(
    records: &dyn Records,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Vec<StationFault>, StorageError> {
    const PAGE: u16 = 200;
    let value = LabelValue::new(device.as_str()).map_err(refused)?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let mut query = RecordQuery::of(ended(), PAGE).labelled(label("device"), value);
        if let Some(key) = after {
            query = query.after(key);
        }
        let found = records.find(&query, now).await?;
        let is_last = found.len() < usize::from(PAGE);
        after = found.last().map(|record| record.key);
        for record in found {
            all.push(parsed(&record.body).map_err(|error| unreadable(&error))?);
        }
        if is_last {
            return Ok(all);
        }
    }
}
