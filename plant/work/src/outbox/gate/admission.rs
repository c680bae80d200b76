//! [`Admissions`]: admits each message once, by compare-and-swap on the record of its destination.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_storage::queue::JobId;
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft};
use sqal_storage::{Records, StorageError, StorageErrorKind};
use tokio::sync::Mutex;

use super::{Fate, Gate, Headline, Rule, StormLimits};
use crate::outbox::destination::Destination;
use crate::outbox::stored::{BACKEND, collection, key, parsed, written};
use crate::wall::later;

/// How long a message is remembered after it was sent: a caller that sends it again within this
/// time sends nothing.
pub(crate) const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// The most attempts of a compare-and-swap. Each failed attempt means that another one succeeded.
pub(super) const TRIES: u32 = 1000;

/// The number of locks that destinations share in one process.
const TURNS: usize = 64;

pub(super) fn gates() -> Collection {
    collection("outbox_gates")
}

fn seen() -> Collection {
    collection("outbox_seen")
}

/// A message that asks to be admitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applicant<'a> {
    pub(crate) destination: &'a Destination,
    pub(crate) id: &'a str,
    pub(crate) rule: Rule,
    pub(crate) headline: &'a Headline,
}

/// The answer of the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) fate: Fate,
    /// Whether the message was admitted before.
    pub(crate) repeated: bool,
    /// The job of a message that is sent by itself, if it is known.
    pub(crate) job: Option<JobId>,
    /// The batch of a collected message, while the batch is open.
    pub(crate) open: Option<OpenBatch>,
}

/// A batch that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenBatch {
    pub(crate) number: u64,
    pub(crate) due: Timestamp,
    pub(crate) job: Option<JobId>,
}

/// What is remembered of a message.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Seen {
    fate: Fate,
    #[serde(default)]
    job: Option<u64>,
}

/// The gates of all destinations.
#[derive(Clone, Debug)]
pub(crate) struct Admissions {
    records: Arc<dyn Records>,
    limits: StormLimits,
    /// Senders of one process take turns, so that they do not fail each other's compare-and-swap.
    turns: Arc<[Mutex<()>; TURNS]>,
}

impl Admissions {
    pub(crate) fn new(records: Arc<dyn Records>, limits: StormLimits) -> Self {
        Self { records, limits, turns: Arc::new(std::array::from_fn(|_| Mutex::new(()))) }
    }

    /// Admits a message, unless it was admitted before. When this returns, the decision is durable.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail. Whether the message was admitted may then be unknown;
    /// the caller can repeat the call.
    pub(crate) async fn admit(&self, applicant: &Applicant<'_>, now: Timestamp) -> Result<Admission, StorageError> {
        let gate_key = applicant.destination.key();
        let _turn = self.turn(&gate_key).lock().await;
        for _ in 0..TRIES {
            let (mut gate, expected) = read_gate(&*self.records, &gate_key, now).await?;
            if let Some(known) = self.known(&gate, applicant.id, now).await? {
                return Ok(known);
            }
            // The last message stands in the gate alone until its own record is written. If its
            // sender died before that, it is written here, before the gate forgets the message.
            if let Some(last) = &gate.last {
                let seen = Seen { fate: last.fate, job: None };
                self.remember(&last.id, seen, ExpectedRecord::Absent, now).await?;
            }
            let fate = gate.admit(applicant.id, applicant.rule, applicant.headline, &self.limits, now);
            if write_gate(&*self.records, &gate_key, &gate, expected, now).await? {
                if matches!(fate, Fate::Collected(_)) {
                    self.remember(applicant.id, Seen { fate, job: None }, ExpectedRecord::Absent, now).await?;
                }
                return Ok(Admission { fate, repeated: false, job: None, open: open_of(&gate, fate) });
            }
        }
        Err(StorageError::new(BACKEND, StorageErrorKind::Busy))
    }

    /// Whether a message was admitted before.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail.
    pub(crate) async fn is_known(
        &self,
        destination: &Destination,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let (gate, _) = read_gate(&*self.records, &destination.key(), now).await?;
        Ok(self.known(&gate, id, now).await?.is_some())
    }

    /// The earlier admission of a message, if it was admitted.
    async fn known(&self, gate: &Gate, id: &str, now: Timestamp) -> Result<Option<Admission>, StorageError> {
        let record = self.records.record(&seen(), &key(id)?, now).await?;
        let remembered = record.map(|record| parsed::<Seen>("a sent message", &record.body)).transpose()?;
        let last = gate.last.as_ref().filter(|last| last.id == id).map(|last| Seen { fate: last.fate, job: None });
        Ok(remembered.or(last).map(|Seen { fate, job }| Admission {
            fate,
            repeated: true,
            job: job.map(JobId::from_number),
            open: open_of(gate, fate),
        }))
    }

    /// Remembers the job of a message that is sent by itself.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail. If the message is sent again, its job is found by its
    /// key.
    pub(crate) async fn sent_as(&self, id: &str, job: JobId, now: Timestamp) -> Result<(), StorageError> {
        let seen = Seen { fate: Fate::Sent, job: Some(job.number()) };
        self.remember(id, seen, ExpectedRecord::Any, now).await
    }

    async fn remember(
        &self,
        id: &str,
        what: Seen,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let draft = RecordDraft::new(seen(), key(id)?, written(&what)?).until(later(now, REMEMBERED));
        // `None`: another sender has written it.
        self.records.write(&draft, expected, now).await.map(drop)
    }

    /// Writes down the job of an open batch, so that later messages need not look for it. If
    /// another sender changes the gate at this moment, nothing is written, and the next sender
    /// looks again.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail.
    pub(crate) async fn digest_is(
        &self,
        destination: &Destination,
        batch: u64,
        job: JobId,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let gate_key = destination.key();
        let _turn = self.turn(&gate_key).lock().await;
        let (mut gate, expected) = read_gate(&*self.records, &gate_key, now).await?;
        if gate.batch == batch
            && let Some(open) = &mut gate.open
        {
            open.job = Some(job.number());
            write_gate(&*self.records, &gate_key, &gate, expected, now).await?;
        }
        Ok(())
    }

    /// The lock of a destination; its key is hexadecimal.
    fn turn(&self, gate_key: &str) -> &Mutex<()> {
        let place = gate_key.get(..2).and_then(|digits| usize::from_str_radix(digits, 16).ok()).unwrap_or(0);
        &self.turns[place % TURNS]
    }
}

/// The batch of a collected message, while it is open.
fn open_of(gate: &Gate, fate: Fate) -> Option<OpenBatch> {
    let Fate::Collected(number) = fate else { return None };
    let batch = gate.open_batch(number)?;
    let due = Timestamp::from_micros(batch.due).ok()?;
    Some(OpenBatch { number, due, job: batch.job.map(JobId::from_number) })
}

/// The gate of a destination, and what is expected when it is written back.
pub(super) async fn read_gate(
    records: &dyn Records,
    gate_key: &str,
    now: Timestamp,
) -> Result<(Gate, ExpectedRecord), StorageError> {
    match records.record(&gates(), &key(gate_key)?, now).await? {
        Some(record) => Ok((parsed("a gate", &record.body)?, ExpectedRecord::Revision(record.revision))),
        None => Ok((Gate::default(), ExpectedRecord::Absent)),
    }
}

/// Writes a gate if it is as expected, and returns whether it was.
pub(super) async fn write_gate(
    records: &dyn Records,
    gate_key: &str,
    gate: &Gate,
    expected: ExpectedRecord,
    now: Timestamp,
) -> Result<bool, StorageError> {
    // A gate never expires: the numbers of batches must not begin again.
    let draft = RecordDraft::new(gates(), key(gate_key)?, written(gate)?);
    Ok(records.write(&draft, expected, now).await?.is_some())
}
