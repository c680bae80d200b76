//! [`Ports`]: the queue, the records and the clocks of a scheduler, and its records as values.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use sqal_core::{Name, Timestamp};
use sqal_resilience::Clock;
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::{Queue, Records, StorageError};

use super::error::SchedulerError;
use super::state::{RecordError, ScheduleState};
use crate::schedule::ScheduleName;
use crate::wall::WallClock;

/// The records that are read at once.
const PAGE: u16 = 200;

/// The queue, the records and the clocks of a scheduler.
pub(super) struct Ports {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) records: Arc<dyn Records>,
    pub(super) now: WallClock,
    pub(super) clock: Arc<dyn Clock>,
}

/// The state of a schedule as it was read.
pub(super) struct Kept {
    pub(super) state: ScheduleState,
    /// What a write of the next state expects.
    pub(super) expected: ExpectedRecord,
    /// The monotonic time before the read.
    pub(super) read_at: Instant,
}

/// The collection of the states of schedules.
fn states() -> Collection {
    Name::new("schedules").unwrap_or_else(|_| unreachable!("a short name"))
}

/// The key of the records of a schedule.
pub(super) fn key_of(name: &ScheduleName) -> RecordKey {
    Name::stored(name.as_str()).unwrap_or_else(|_| unreachable!("a name of at most 64 bytes"))
}

impl Ports {
    /// The present wall time.
    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// The state of a schedule. A schedule without a record begins now.
    pub(super) async fn read(&self, name: &ScheduleName) -> Result<Kept, SchedulerError> {
        let (read_at, now) = (self.clock.now(), self.now());
        let record = self.records.record(&states(), &key_of(name), now).await?;
        let (state, expected) = match record {
            Some(record) => (ScheduleState::of_body(&record.body)?, ExpectedRecord::Revision(record.revision)),
            None => (ScheduleState::begun(now), ExpectedRecord::Absent),
        };
        Ok(Kept { state, expected, read_at })
    }

    /// Writes the state of a schedule, unless another server has written it since it was read.
    pub(super) async fn write(
        &self,
        name: &ScheduleName,
        state: &ScheduleState,
        expected: ExpectedRecord,
    ) -> Result<Option<Revision>, SchedulerError> {
        let draft = RecordDraft::new(states(), key_of(name), state.to_body());
        Ok(self.records.write(&draft, expected, self.now()).await?)
    }

    /// The states of all schedules that have a record, also of those that this program does not
    /// know, by the texts of their names; an error for a record that cannot be read.
    pub(super) async fn all(&self) -> Result<Vec<(String, Result<ScheduleState, RecordError>)>, StorageError> {
        let records = every(&*self.records, states(), self.now()).await?;
        Ok(records.into_iter().map(|record| (record.key.to_string(), ScheduleState::of_body(&record.body))).collect())
    }
}

/// Every record of a collection, read page by page.
pub(super) async fn every(
    records: &dyn Records,
    collection: Collection,
    now: Timestamp,
) -> Result<Vec<Record>, StorageError> {
    let mut all: Vec<Record> = Vec::new();
    let mut query = RecordQuery::of(collection, PAGE);
    loop {
        let page = records.find(&query, now).await?;
        let is_last = page.len() < usize::from(PAGE);
        all.extend(page);
        match all.last() {
            Some(last) if !is_last => query = query.after(last.key),
            _ => return Ok(all),
        }
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("queue", &self.queue).field("records", &self.records).finish_non_exhaustive()
    }
}
