//! [`ExpiredRecords`]: the nightly removal of records that have expired.

use std::num::NonZeroU8;
use std::sync::Arc;

use async_trait::async_trait;
use sqal_core::Name;
use sqal_storage::queue::JobKind;
use sqal_storage::{Records, StorageError};
use sqal_work::schedule::{Cron, Missed, Occasion, Schedule, ScheduleName, Zone};
use sqal_work::scheduler::ScheduledTask;
use sqal_work::{Running, WorkError};

/// The most records that one statement removes, so that no writer waits for long.
const AT_ONCE: u16 = 1_000;

/// Removes the records that have expired.
///
/// An expired record is absent for its readers. It takes room until it is removed, and one server
/// of all that share a database removes it.
#[derive(Debug)]
pub(crate) struct ExpiredRecords {
    kind: JobKind,
    records: Arc<dyn Records>,
}

impl ExpiredRecords {
    /// The removal from these records.
    pub(crate) fn new(records: Arc<dyn Records>) -> Self {
        Self { kind: kind(), records }
    }

    /// Every day at 03:30 of a time zone, outside of the hours that summer time leaves out or
    /// repeats in most zones. A plant may switch its servers off at night: one missed removal is
    /// made up for when a server starts.
    pub(crate) fn schedule(zone: Zone) -> Schedule {
        let name = ScheduleName::new("expired-records").unwrap_or_else(|_| unreachable!("a short name"));
        let cron = Cron::new("30 3 * * *", zone).unwrap_or_else(|_| unreachable!("a constant expression"));
        Schedule::new(name, cron, kind()).on_missed(Missed::CatchUp { most: NonZeroU8::MIN })
    }

    /// Removes all records that have expired, and returns their number.
    async fn sweep(&self, running: &Running) -> Result<u64, StorageError> {
        let mut removed = 0;
        loop {
            let swept = self.records.sweep(running.now(), AT_ONCE).await?;
            running.more(swept);
            removed += swept;
            if swept < u64::from(AT_ONCE) {
                return Ok(removed);
            }
        }
    }
}

fn kind() -> JobKind {
    Name::new("expired_records").unwrap_or_else(|_| unreachable!("a short name"))
}

#[async_trait]
impl ScheduledTask for ExpiredRecords {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, _: &Occasion, running: &Running) -> Result<String, WorkError> {
        let removed = self.sweep(running).await?;
        Ok(format!("{removed} expired records were removed"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqal_core::Timestamp;
    use sqal_resilience::ManualClock;
    use sqal_storage::MemoryStore;
    use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, RecordQuery};

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn sessions() -> Collection {
        Name::new("sessions").unwrap()
    }

    /// Records of which the first ones expire at 1000 microseconds, and the others a microsecond
    /// later.
    async fn store(expired: u64, living: u64) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::new());
        for number in 0..expired + living {
            let end = if number < expired { 1_000 } else { 1_001 };
            let draft = RecordDraft::new(sessions(), Name::new(&number.to_string()).unwrap(), "x").until(at(end));
            store.write(&draft, ExpectedRecord::Absent, at(0)).await.unwrap().unwrap();
        }
        store
    }

    #[tokio::test]
    async fn every_expired_record_is_removed_and_no_other() {
        for (expired, living) in [(0, 0), (0, 2), (1, 1), (999, 0), (1_000, 0), (1_001, 1), (2_500, 3)] {
            let store = store(expired, living).await;
            let task = ExpiredRecords::new(Arc::clone(&store) as _);
            let running = Running::detached(at(1_000), Arc::new(ManualClock::new()));
            assert_eq!(task.sweep(&running).await.unwrap(), expired);
            assert_eq!(running.progress().done, expired);
            // At an earlier time no record has expired: those that are found are those that are
            // left.
            let left = store.find(&RecordQuery::of(sessions(), u16::MAX), at(0)).await.unwrap();
            assert_eq!(left.len() as u64, living, "{expired} expired");
        }
    }

    #[test]
    fn the_removal_is_due_at_night_in_the_zone_of_the_plant() {
        let schedule = ExpiredRecords::schedule("Europe/Paris".parse().unwrap());
        // 2026-03-28T12:00:00Z, before the night in which summer time begins.
        let noon = at(1_774_699_200_000_000);
        let due = schedule.next_after(noon).unwrap();
        assert_eq!(due, at(1_774_747_800_000_000), "03:30 of summer time is 01:30 in UTC");
        assert!(schedule.longest_jitter() <= Duration::from_mins(5));
        assert_eq!(schedule.kind(), ExpiredRecords::new(Arc::new(MemoryStore::new())).kind());
    }
}
