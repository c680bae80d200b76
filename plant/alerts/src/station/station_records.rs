//! The records of stations: what is known of each, and the faults that are over.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqal_core::{DeviceId, Name, Timestamp};
use sqal_storage::labels::{LabelName, LabelValue, Labels};
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::{Records, StorageError, StorageErrorKind};

use super::fault::StationFault;
use super::watch::StationWatch;
use crate::times::later;

/// The name of these records in a storage error.
const BACKEND: &str = "stations";

/// The newest form of a body that this program knows.
const VERSION: u32 = 1;

/// How long a fault that is over is remembered: longer than a season.
const REMEMBERED: Duration = Duration::from_hours(400 * 24);

/// A stored value with the version of its form.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    content: T,
}

/// A station as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredStation {
    pub(super) watch: StationWatch,
    /// When the newest tray was received.
    pub(super) received_at: Timestamp,
    /// The usual time between two trays in seconds.
    pub(super) interval_seconds: Option<f64>,
}

fn collection(text: &'static str) -> Collection {
    Name::new(text).unwrap_or_else(|_| unreachable!("each collection has a valid name"))
}

fn stations() -> Collection {
    collection("stations")
}

fn ended() -> Collection {
    collection("station_faults")
}

fn device_label() -> LabelName {
    LabelName::new("device").unwrap_or_else(|_| unreachable!("a valid name"))
}

fn refused<E>(_: E) -> StorageError {
    StorageError::new(BACKEND, StorageErrorKind::Refused)
}

fn written(content: &impl Serialize) -> Result<String, StorageError> {
    serde_json::to_string(&Versioned { v: VERSION, content })
        .map_err(|_| StorageError::new(BACKEND, StorageErrorKind::Internal))
}

fn parsed<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, StorageError> {
    let corrupt = |why: String| StorageError::new(BACKEND, StorageErrorKind::Corrupt(format!("{what}: {why}")));
    let Versioned { v, content } = serde_json::from_str(body).map_err(|error| corrupt(error.to_string()))?;
    if v > VERSION {
        return Err(corrupt(format!("version {v}, known up to {VERSION}")));
    }
    Ok(content)
}

/// Reads a station.
pub(super) async fn station(
    records: &dyn Records,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Option<(StoredStation, Revision)>, StorageError> {
    let key = RecordKey::new(device.as_str()).map_err(refused)?;
    let record = records.record(&stations(), &key, now).await?;
    record.map(|record| Ok((parsed("a station", &record.body)?, record.revision))).transpose()
}

/// A page of the stations, by the names of their devices.
pub(super) async fn page(
    records: &dyn Records,
    after: Option<&DeviceId>,
    limit: u16,
    now: Timestamp,
) -> Result<Vec<(DeviceId, StoredStation)>, StorageError> {
    let mut query = RecordQuery::of(stations(), limit);
    if let Some(device) = after {
        query = query.after(RecordKey::new(device.as_str()).map_err(refused)?);
    }
    let found = records.find(&query, now).await?;
    found
        .into_iter()
        .map(|record| {
            let device = DeviceId::stored(record.key.as_str()).map_err(refused)?;
            Ok((device, parsed("a station", &record.body)?))
        })
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
    records.write(&RecordDraft::new(stations(), key, written(station)?), expected, now).await
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
    let labels = Labels::of([(device_label(), LabelValue::new(device.as_str()).map_err(refused)?)]).map_err(refused)?;
    let draft = RecordDraft::new(ended(), RecordKey::new(&key).map_err(refused)?, written(fault)?);
    let draft = draft.labelled(labels).until(later(now, REMEMBERED));
    records.write(&draft, ExpectedRecord::Absent, now).await.map(drop)
}

/// The faults of a device that are over, the oldest first.
pub(super) async fn faults_of(
    records: &dyn Records,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Vec<StationFault>, StorageError> {
    const PAGE: u16 = 200;
    let value = LabelValue::new(device.as_str()).map_err(refused)?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let mut query = RecordQuery::of(ended(), PAGE).labelled(device_label(), value);
        if let Some(key) = after {
            query = query.after(key);
        }
        let found = records.find(&query, now).await?;
        let is_last = found.len() < usize::from(PAGE);
        after = found.last().map(|record| record.key);
        for record in found {
            all.push(parsed("a fault of a station", &record.body)?);
        }
        if is_last {
            return Ok(all);
        }
    }
}
