//! [`Deliveries`]: the log of deliveries to endpoints, and their replay.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::{Name, Timestamp};
use sqal_storage::labels::{LabelName, Labels};
use sqal_storage::queue::{JobId, NewJob};
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordQuery};
use sqal_storage::{Queue, Records, StorageError, StorageErrorKind};

use super::delivery::{Delivery, Written};
use super::endpoint::EndpointId;
use super::event::Posting;
use crate::outbox::destination::{Channel, hashed};
use crate::outbox::parcel::{Content, Parcel};
use crate::outbox::retry::ATTEMPTS;
use crate::outbox::stored::{BACKEND, collection, key, parsed, written};
use crate::traced::enqueue;
use crate::wall::later;

/// How long a delivery stays in the log after its last attempt.
const KEPT: Duration = Duration::from_hours(30 * 24);

fn deliveries() -> Collection {
    collection("webhook_deliveries")
}

/// A delivery cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The stores failed; the caller can repeat the call.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no such delivery to this endpoint, or the queue has forgotten its message.
    #[error("no delivery {0} to this endpoint, or its message is no longer kept")]
    Unknown(JobId),
}

/// The log of deliveries. It is kept for 30 days after the last attempt.
#[derive(Clone, Debug)]
pub struct Deliveries {
    records: Arc<dyn Records>,
    queue: Arc<dyn Queue>,
}

impl Deliveries {
    /// The log in these records, of the jobs of this queue.
    #[must_use]
    pub fn new(records: Arc<dyn Records>, queue: Arc<dyn Queue>) -> Self {
        Self { records, queue }
    }

    /// Deliveries to an endpoint, the newest first, of those before `before` at most `limit`. A
    /// page is shorter than the limit only if none follows.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail.
    pub async fn newest(
        &self,
        endpoint: &EndpointId,
        before: Option<JobId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StorageError> {
        let (name, value) = label(endpoint)?;
        let mut query = RecordQuery::of(deliveries(), limit).labelled(name, value);
        if let Some(before) = before {
            query = query.after(place(endpoint, before)?);
        }
        self.records.find(&query, now).await?.iter().map(read).collect()
    }

    /// One delivery; `None` if it is not in the log, or no attempt has ended yet.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail.
    pub async fn one(
        &self,
        endpoint: &EndpointId,
        job: JobId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StorageError> {
        let record = self.records.record(&deliveries(), &place(endpoint, job)?, now).await?;
        record.as_ref().map(read).transpose()
    }

    /// Delivers the message of a delivery again, with the same `webhook-id`, and returns the job of
    /// the new delivery. The same `once` replays it once, however often it is asked for. Limits do
    /// not hold it back, because an operator asks for it.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] if there is no such message, or if the stores fail.
    pub async fn replay(
        &self,
        endpoint: &EndpointId,
        job: JobId,
        once: &Name<200>,
        now: Timestamp,
    ) -> Result<JobId, ReplayError> {
        let earlier = self.queue.job(job).await?.filter(|earlier| earlier.kind == Channel::Webhook.kind());
        let parcel = earlier.and_then(|earlier| Parcel::<Posting>::read(&earlier.body).ok());
        let parcel = parcel.filter(|parcel| parcel.to == endpoint.as_str());
        let mut parcel = parcel.ok_or(ReplayError::Unknown(job))?;
        if let Content::Digest { replayed, .. } = &mut parcel.content {
            *replayed = true;
        }
        let new_job = NewJob::new(Channel::Webhook.kind(), written(&parcel)?, now);
        let once = hashed(&["replay", &job.to_string(), once.as_str()]);
        Ok(enqueue(&*self.queue, &new_job.once(key(&once)?).attempts(ATTEMPTS)).await?.id())
    }

    /// Writes down a delivery after an attempt. One worker at a time has the job, so nothing is
    /// overwritten.
    pub(super) async fn note(&self, delivery: Delivery, now: Timestamp) -> Result<(), StorageError> {
        let place = place(&delivery.endpoint, delivery.job)?;
        let labels = Labels::of([label(&delivery.endpoint)?])
            .map_err(|_| StorageError::new(BACKEND, StorageErrorKind::Refused))?;
        let body = written(&Written::from(delivery))?;
        let draft = RecordDraft::new(deliveries(), place, body).labelled(labels).until(later(now, KEPT));
        self.records.write(&draft, ExpectedRecord::Any, now).await.map(drop)
    }
}

fn read(record: &Record) -> Result<Delivery, StorageError> {
    parsed::<Written>("a delivery", &record.body).map(Delivery::from)
}

/// The label by which the deliveries to an endpoint are found.
fn label(endpoint: &EndpointId) -> Result<(LabelName, Name<100>), StorageError> {
    let refused = || StorageError::new(BACKEND, StorageErrorKind::Refused);
    let name = LabelName::new("endpoint").map_err(|_| refused())?;
    Ok((name, Name::new(endpoint.as_str()).map_err(|_| refused())?))
}

/// The key of a delivery. Records are found in the order of their keys, so the key counts down: the
/// newest delivery comes first.
fn place(endpoint: &EndpointId, job: JobId) -> Result<Name<200>, StorageError> {
    key(&format!("{endpoint} {:020}", u64::MAX - job.number()))
}
