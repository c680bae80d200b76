//! [`ProfileHistory`]: the records of the profiles of a year, and the reports that were made of
//! them.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::{Name, Timestamp};
use sqal_storage::labels::{LabelName, LabelValue, Labels};
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, RecordKey, RecordQuery};
use sqal_storage::{Records, StorageError, StorageErrorKind};
use tracing::warn;

use crate::record::ProfileRecord;
use crate::report::ProfilingReport;
use crate::wall_time::sortable;

/// How long a record is kept: 53 weeks, so that a week can be compared with that of the year
/// before.
pub const KEPT_FOR: Duration = Duration::from_hours(53 * 7 * 24);

/// The most records that one statement reads.
const AT_ONCE: u16 = 200;

/// The records of the profiles of a year, in a store that all servers share.
///
/// A record stands in the collection `profiling_metrics` under its due time, and the report that
/// was made with it in `profiling_reports` under the same key. Both have the label `week`.
#[derive(Clone, Debug)]
pub struct ProfileHistory {
    records: Arc<dyn Records>,
}

impl ProfileHistory {
    /// The history in a store.
    #[must_use]
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self { records }
    }

    /// Keeps the record of a profile that was due at a time. A record of the same due time is
    /// replaced, so a job that is done twice leaves one record.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; whether the record was written may then be unknown.
    pub async fn keep(&self, due: Timestamp, record: &ProfileRecord, now: Timestamp) -> Result<(), StorageError> {
        self.write(metrics(), due, &record.week, record.to_body(), now).await
    }

    /// Keeps the report that was made after the profile of a due time.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; whether the report was written may then be unknown.
    pub async fn keep_report(
        &self,
        due: Timestamp,
        record: &ProfileRecord,
        report: &ProfilingReport,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        self.write(reports(), due, &record.week, report.to_json().to_string(), now).await
    }

    /// Every record that has not expired, in the order of their due times. A record that a newer
    /// program has written, or that is damaged, is left out and named in the log.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn all(&self, now: Timestamp) -> Result<Vec<ProfileRecord>, StorageError> {
        Ok(self.read(now).await?.into_iter().map(|(_, record)| record).collect())
    }

    /// The newest record of a due time before this one.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn before(&self, due: Timestamp, now: Timestamp) -> Result<Option<ProfileRecord>, StorageError> {
        let (due, all) = (sortable(due), self.read(now).await?);
        Ok(all.into_iter().rev().find(|(key, _)| key.as_str() < due.as_str()).map(|(_, record)| record))
    }

    /// The records that can be read, in the order of their keys, which is that of their due times.
    async fn read(&self, now: Timestamp) -> Result<Vec<(RecordKey, ProfileRecord)>, StorageError> {
        let (mut all, mut query) = (Vec::new(), RecordQuery::of(metrics(), AT_ONCE));
        loop {
            let page = self.records.find(&query, now).await?;
            for found in &page {
                if let Some(record) = ProfileRecord::of_body(&found.body) {
                    all.push((found.key, record));
                } else {
                    warn!(
                        key = found.key.as_str(),
                        "the record of a profile is damaged, or was written by a newer program, and is left out"
                    );
                }
            }
            match page.last() {
                Some(last) if page.len() >= usize::from(AT_ONCE) => query = query.after(last.key),
                _ => return Ok(all),
            }
        }
    }

    async fn write(
        &self,
        collection: Collection,
        due: Timestamp,
        week: &str,
        body: String,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let refused = || StorageError::new("profiles", StorageErrorKind::Refused);
        let key = Name::new(&sortable(due)).map_err(|_| refused())?;
        let (name, value) = (LabelName::new("week").map_err(|_| refused())?, LabelValue::new(week));
        let labels = Labels::of([(name, value.map_err(|_| refused())?)]).map_err(|_| refused())?;
        let draft = RecordDraft::new(collection, key, body).labelled(labels);
        let kept = i64::try_from(KEPT_FOR.as_micros()).unwrap_or(i64::MAX);
        let draft = match Timestamp::from_micros(due.micros().saturating_add(kept)) {
            Ok(end) => draft.until(end),
            // After the last year that there is.
            Err(_) => draft,
        };
        self.records.write(&draft, ExpectedRecord::Any, now).await.map(drop)
    }
}

fn metrics() -> Collection {
    Name::new("profiling_metrics").unwrap_or_else(|_| unreachable!("a short name"))
}

fn reports() -> Collection {
    Name::new("profiling_reports").unwrap_or_else(|_| unreachable!("a short name"))
}

#[cfg(test)]
mod tests {
    use sqal_storage::MemoryStore;

    use super::*;
    use crate::plan::ProfilePlan;
    use crate::profile::{CpuProfile, Place};

    const WEEK: i64 = 7 * 86_400 * 1_000_000;
    /// 2026-11-24T10:00:00Z.
    const FIRST: i64 = 1_795_514_400_000_000;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn record(due: Timestamp, samples: u64) -> ProfileRecord {
        let mut profile = CpuProfile::new(due, Duration::from_secs(30), ProfilePlan::default());
        profile.add("t", [Place::of("a")], samples);
        ProfileRecord::of(due, &profile, None, None)
    }

    #[tokio::test]
    async fn a_record_is_kept_for_53_weeks_under_its_due_time() {
        let store = Arc::new(MemoryStore::new());
        let history = ProfileHistory::new(Arc::clone(&store) as _);
        // Later than one page holds, and out of order.
        for week in (0..250).rev() {
            let due = at(FIRST + week * WEEK);
            history.keep(due, &record(due, 1), at(FIRST)).await.unwrap();
        }
        let kept = |now: i64| {
            let history = history.clone();
            async move { history.all(at(now)).await.unwrap() }
        };
        let all = kept(FIRST).await;
        assert_eq!(all.len(), 250);
        assert!(all.is_sorted_by_key(|record| record.taken_at), "in the order of their due times");
        let end = FIRST + 53 * WEEK;
        assert_eq!((kept(end - 1).await.len(), kept(end).await.len()), (250, 249), "the first one has expired");
    }

    #[tokio::test]
    async fn a_record_of_the_same_due_time_is_replaced() {
        let history = ProfileHistory::new(Arc::new(MemoryStore::new()));
        for samples in [5, 7] {
            history.keep(at(FIRST), &record(at(FIRST), samples), at(FIRST)).await.unwrap();
        }
        let all = history.all(at(FIRST)).await.unwrap();
        assert_eq!(all.iter().map(|record| record.samples).collect::<Vec<_>>(), [7]);
    }

    #[tokio::test]
    async fn the_record_before_a_due_time_is_neither_its_own_nor_a_later_one() {
        let history = ProfileHistory::new(Arc::new(MemoryStore::new()));
        for week in [0, 1, 3] {
            let due = at(FIRST + week * WEEK);
            history.keep(due, &record(due, u64::try_from(week).unwrap() + 1), due).await.unwrap();
        }
        for (week, before) in [(0, None), (1, Some(1)), (2, Some(2)), (3, Some(2)), (4, Some(4))] {
            let due = at(FIRST + week * WEEK);
            let found = history.before(due, at(FIRST)).await.unwrap();
            assert_eq!(found.map(|record| record.samples), before, "{week}");
        }
    }

    #[tokio::test]
    async fn a_record_is_found_by_its_week_and_one_that_cannot_be_read_is_left_out() {
        let store = Arc::new(MemoryStore::new());
        let history = ProfileHistory::new(Arc::clone(&store) as _);
        history.keep(at(FIRST), &record(at(FIRST), 1), at(FIRST)).await.unwrap();
        let damaged = RecordDraft::new(metrics(), Name::new("2026-12-01T10:00:00Z").unwrap(), "{\"v\":2}");
        store.write(&damaged, ExpectedRecord::Any, at(FIRST)).await.unwrap();
        assert_eq!(history.all(at(FIRST)).await.unwrap().len(), 1);
        let week = (LabelName::new("week").unwrap(), LabelValue::new("2026-W48").unwrap());
        let found = store.find(&RecordQuery::of(metrics(), 9).labelled(week.0, week.1), at(FIRST)).await.unwrap();
        assert_eq!(found.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["2026-11-24T10:00:00Z"]);
    }
}
