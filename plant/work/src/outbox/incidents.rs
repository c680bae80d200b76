//! [`Incidents`]: lets the limits treat the trigger of an incident and its end as one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_storage::queue::JobId;
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, RecordKey};
use sqal_storage::{Queue, Records, StorageError};

use super::destination::{Destination, hashed};
use super::gate::{Fate, REMEMBERED, Rule};
use super::notify::{Incident, IncidentAction};
use super::stored::{collection, key, parsed, written};
use crate::wall::later;

fn incidents() -> Collection {
    collection("outbox_incidents")
}

/// What became of the last trigger of an incident at a destination.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Triggered {
    collected: bool,
    job: Option<u64>,
}

/// The incidents of all destinations.
#[derive(Clone, Debug)]
pub(super) struct Incidents {
    records: Arc<dyn Records>,
    queue: Arc<dyn Queue>,
}

impl Incidents {
    pub(super) fn new(records: Arc<dyn Records>, queue: Arc<dyn Queue>) -> Self {
        Self { records, queue }
    }

    /// The rule for a notice of an incident. If its trigger was collected, the rest is collected as
    /// well; if it was sent, the resolution passes. The limits decide about a resolution without a
    /// trigger, and about acknowledgements, of which there can be any number.
    ///
    /// If the incident is over before its trigger was delivered, the trigger is canceled: delivered
    /// after the resolution it would open the incident for ever. A notice that is `repeated`
    /// cancels nothing: the incident may have begun again since.
    pub(super) async fn rule(
        &self,
        destination: &Destination,
        incident: &Incident,
        repeated: bool,
        now: Timestamp,
    ) -> Result<Rule, StorageError> {
        if repeated || incident.action() == IncidentAction::Trigger {
            return Ok(Rule::Limited);
        }
        let record = self.records.record(&incidents(), &place(destination, incident)?, now).await?;
        let triggered = record.map(|record| parsed::<Triggered>("an incident", &record.body)).transpose()?;
        let is_over = incident.action() == IncidentAction::Resolve;
        if let Some(job) = triggered.and_then(|triggered| triggered.job).filter(|_| is_over) {
            self.queue.cancel(JobId::from_number(job), now).await?;
        }
        Ok(match triggered {
            Some(Triggered { collected: true, .. }) => Rule::Collected,
            Some(_) if is_over => Rule::Passes,
            _ => Rule::Limited,
        })
    }

    /// Writes down what became of a notice of an incident.
    pub(super) async fn note(
        &self,
        destination: &Destination,
        incident: &Incident,
        fate: Fate,
        job: Option<JobId>,
        repeated: bool,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let place = place(destination, incident)?;
        match incident.action() {
            IncidentAction::Acknowledge => Ok(()),
            // The incident may have begun again since.
            IncidentAction::Resolve if repeated => Ok(()),
            IncidentAction::Resolve => {
                self.records.remove(&incidents(), &place, ExpectedRecord::Any, now).await.map(drop)
            }
            IncidentAction::Trigger => {
                let triggered = Triggered { collected: fate != Fate::Sent, job: job.map(JobId::number) };
                let draft = RecordDraft::new(incidents(), place, written(&triggered)?).until(later(now, REMEMBERED));
                // A repeated trigger must not hide what became of a later one.
                let expected = if repeated { ExpectedRecord::Absent } else { ExpectedRecord::Any };
                self.records.write(&draft, expected, now).await.map(drop)
            }
        }
    }
}

/// The key of an incident at a destination: a hash, because the incident's own key may be longer.
fn place(destination: &Destination, incident: &Incident) -> Result<RecordKey, StorageError> {
    key(&hashed(&["incident", &destination.key(), incident.key()]))
}
