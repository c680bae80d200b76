//! [`Digest`]: stands for the messages that were collected for one destination.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_storage::queue::JobId;
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, RecordKey};
use sqal_storage::{Records, StorageError, StorageErrorKind};

use super::admission::{REMEMBERED, TRIES, read_gate, write_gate};
use super::{Batch, Language, Severity};
use crate::outbox::destination::Destination;
use crate::outbox::stored::{BACKEND, collection, key, parsed, written};
use crate::wall::later;

fn digests() -> Collection {
    collection("outbox_digests")
}

/// Messages that one delivery stands for. The count is exact: each message is sent by itself or
/// counted in one digest, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    /// The number of messages.
    pub(crate) count: u64,
    /// The time of the first message.
    pub(crate) since: Timestamp,
    /// The time of the last message.
    pub(crate) until: Timestamp,
    /// The greatest severity of the messages.
    pub(crate) worst: Severity,
    /// The titles of the first messages, at most 10.
    pub(crate) titles: Vec<String>,
    /// The language of the first message.
    pub(crate) language: Language,
}

impl Digest {
    fn of(batch: &Batch) -> Result<Self, StorageError> {
        let time = |micros| {
            let corrupt = |_| StorageErrorKind::Corrupt("a digest: a time outside the years 0 to 9999".to_owned());
            Timestamp::from_micros(micros).map_err(corrupt).map_err(|kind| StorageError::new(BACKEND, kind))
        };
        Ok(Self {
            count: batch.count,
            since: time(batch.since)?,
            until: time(batch.until)?,
            worst: batch.worst,
            titles: batch.titles.clone(),
            language: batch.language,
        })
    }
}

/// A batch as it was when its digest began to be delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Frozen {
    /// The job that delivers the digest.
    job: u64,
    batch: Batch,
    /// Whether the job has written this record since the gate was closed. Until then another job
    /// that has found the gate open may still write the record.
    #[serde(default)]
    settled: bool,
}

/// The digests of all destinations.
#[derive(Clone, Debug)]
pub(crate) struct Digests(Arc<dyn Records>);

impl Digests {
    pub(crate) fn new(records: Arc<dyn Records>) -> Self {
        Self(records)
    }

    /// The content of a digest, which is the same in all attempts of its job. The first attempt
    /// freezes the batch: later messages join the next one. `None` if another job delivers this
    /// digest; a replay delivers it all the same.
    ///
    /// If two jobs freeze a batch at once, the record of the frozen batch says which of them
    /// delivers it: the one that has written it again after the gate was closed.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail; the digest is then read again by the next attempt.
    pub(crate) async fn take(
        &self,
        destination: &Destination,
        number: u64,
        job: JobId,
        replayed: bool,
        now: Timestamp,
    ) -> Result<Option<Digest>, StorageError> {
        let gate_key = destination.key();
        let digest_key = key(&format!("{gate_key} {number:020}"))?;
        for _ in 0..TRIES {
            // The frozen batch is read before the gate. A gate that is still open was therefore
            // open when the frozen batch was written, and the batch is written again.
            let record = self.0.record(&digests(), &digest_key, now).await?;
            let expected =
                record.as_ref().map_or(ExpectedRecord::Absent, |record| ExpectedRecord::Revision(record.revision));
            let (mut gate, gate_expected) = read_gate(&*self.0, &gate_key, now).await?;
            let Some(batch) = gate.open_batch(number).cloned() else {
                let Some(record) = record else { return Ok(None) };
                let mut frozen: Frozen = parsed("a digest", &record.body)?;
                let is_ours = frozen.job == job.number();
                if replayed || (is_ours && frozen.settled) {
                    return Digest::of(&frozen.batch).map(Some);
                }
                if !is_ours {
                    return Ok(None);
                }
                frozen.settled = true;
                self.write(digest_key, &frozen, expected, now).await?;
                continue;
            };
            let frozen = Frozen { job: job.number(), batch, settled: false };
            if !self.write(digest_key, &frozen, expected, now).await? {
                continue;
            }
            gate.freeze(now);
            // The gate is closed now, unless a message was collected meanwhile: the next round
            // reads which job has the frozen batch.
            write_gate(&*self.0, &gate_key, &gate, gate_expected, now).await?;
        }
        Err(StorageError::new(BACKEND, StorageErrorKind::Busy))
    }

    /// Writes a frozen batch if its record is as expected, and returns whether it was.
    async fn write(
        &self,
        digest_key: RecordKey,
        frozen: &Frozen,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let draft = RecordDraft::new(digests(), digest_key, written(frozen)?).until(later(now, REMEMBERED));
        Ok(self.0.write(&draft, expected, now).await?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use proptest::prelude::*;
    use sqal_storage::MemoryStore;
    use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};

    use super::*;
    use crate::outbox::destination::Channel;
    use crate::outbox::gate::{Admissions, Applicant, Headline, Rule, StormLimits};

    /// Lets another task use the store before each call, as often as a list says.
    #[derive(Debug)]
    struct Pauses(Mutex<VecDeque<u8>>);

    #[async_trait]
    impl Interpose for Pauses {
        async fn turn(&self, call: Call) -> Turn {
            if matches!(call, Call::Write | Call::Record) {
                let pauses = self.0.lock().unwrap().pop_front();
                for _ in 0..pauses.unwrap_or(1) {
                    tokio::task::yield_now().await;
                }
            }
            Turn::Done
        }
    }

    /// Two jobs take one digest at once. Returns whether each of them delivers it, at first and
    /// when it is asked again.
    async fn taken(pauses: [Vec<u8>; 2]) -> ([bool; 2], [bool; 2]) {
        let (store, now) = (Arc::new(MemoryStore::new()), Timestamp::from_micros(0).unwrap());
        let destination = Destination::new(Channel::Notice, "people");
        let headline = Headline::new("title", Severity::Info, Language::English);
        let applicant = Applicant { destination: &destination, id: "id", rule: Rule::Collected, headline: &headline };
        Admissions::new(store.clone(), StormLimits::default()).admit(&applicant, now).await.unwrap();
        let [first, second] = pauses
            .map(|pauses| Digests::new(Arc::new(Interposed::new(store.clone(), Pauses(Mutex::new(pauses.into()))))));
        let take = async |digests: &Digests, job| {
            digests.take(&destination, 1, JobId::from_number(job), false, now).await.unwrap().is_some()
        };
        let at_once = tokio::join!(take(&first, 1), take(&second, 2));
        let again = [take(&first, 1).await, take(&second, 2).await];
        (at_once.into(), again)
    }

    proptest! {
        #[test]
        fn of_two_jobs_that_freeze_a_batch_at_once_exactly_one_delivers_it(
            first in prop::collection::vec(0_u8..8, 0..10), second in prop::collection::vec(0_u8..8, 0..10),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (at_once, again) = runtime.block_on(taken([first, second]));
            prop_assert!(at_once[0] != at_once[1], "{at_once:?}");
            prop_assert_eq!(at_once, again);
        }
    }

    /// The second job writes the frozen batch before the first one closes the gate, or tries to
    /// write it when the first one has settled that it delivers the digest.
    #[test]
    fn the_job_that_has_the_frozen_batch_when_the_gate_is_closed_delivers_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (pauses, expected) in [
            ([vec![0, 0, 0, 5], vec![1, 1, 1, 9]], [false, true]),
            ([vec![0, 0, 0, 3, 0, 0, 0, 0, 0], vec![1, 0, 9]], [true, false]),
        ] {
            let (at_once, _) = runtime.block_on(taken(pauses));
            assert_eq!(at_once, expected);
        }
    }
}
