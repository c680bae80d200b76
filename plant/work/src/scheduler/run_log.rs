//! [`RunLog`]: when the newest run of a schedule began, how long it took, and why it failed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqal_core::{Name, Timestamp};
use sqal_storage::queue::JobId;
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft};
use sqal_storage::{Records, StorageError};

use super::ports::{every, key_of};
use crate::schedule::ScheduleName;

/// The version of the form that this program writes.
const VERSION: u32 = 1;

/// The tries of a write that other runs get ahead of.
const TRIES: usize = 4;

/// The newest run of a schedule that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunLog {
    pub(super) job: JobId,
    pub(super) due: Timestamp,
    pub(super) began_at: Timestamp,
    pub(super) took: Duration,
    /// Why the run has failed, if it has.
    pub(super) error: Option<String>,
}

/// The stored form. Its names are never changed.
#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    job: u64,
    due: Timestamp,
    began_at: Timestamp,
    took_micros: u64,
    error: Option<String>,
}

/// The collection of the newest runs.
fn runs() -> Collection {
    Name::new("schedule_runs").unwrap_or_else(|_| unreachable!("a short name"))
}

impl RunLog {
    fn to_body(&self) -> String {
        let Self { job, due, began_at, took, error } = self.clone();
        let took_micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let written = Written { v: VERSION, job: job.number(), due, began_at, took_micros, error };
        // Names, numbers and texts: JSON writes every one of them.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// A record that cannot be read counts as none: it is only shown.
    fn of_body(body: &str) -> Option<Self> {
        let Written { v, job, due, began_at, took_micros, error } = serde_json::from_str(body).ok()?;
        let took = Duration::from_micros(took_micros);
        (v <= VERSION).then_some(Self { job: JobId::from_number(job), due, began_at, took, error })
    }

    /// The newest run of a schedule, if one has ended.
    pub(super) async fn read(
        records: &dyn Records,
        name: &ScheduleName,
        now: Timestamp,
    ) -> Result<Option<Self>, StorageError> {
        let record = records.record(&runs(), &key_of(name), now).await?;
        Ok(record.and_then(|record| Self::of_body(&record.body)))
    }

    /// The newest runs of all schedules that have one, by the texts of their names.
    pub(super) async fn all(records: &dyn Records, now: Timestamp) -> Result<BTreeMap<String, Self>, StorageError> {
        let records = every(records, runs(), now).await?.into_iter();
        Ok(records.filter_map(|record| Some((record.key.to_string(), Self::of_body(&record.body)?))).collect())
    }

    /// Writes a run, unless a run of a later due time is written already.
    pub(super) async fn write(
        &self,
        records: &dyn Records,
        name: &ScheduleName,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let draft = RecordDraft::new(runs(), key_of(name), self.to_body());
        for _ in 0..TRIES {
            let known = records.record(&runs(), &key_of(name), now).await?;
            let newer = known.as_ref().and_then(|record| Self::of_body(&record.body));
            if newer.is_some_and(|newer| newer.due > self.due) {
                return Ok(());
            }
            let expected = known.map_or(ExpectedRecord::Absent, |record| ExpectedRecord::Revision(record.revision));
            if records.write(&draft, expected, now).await?.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers of two versions share the records: this line never changes.
    #[test]
    fn the_stored_form_is_kept_for_ever() {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let golden = r#"{"v":1,"job":7,"due":60,"began_at":61,"took_micros":1500,"error":"spoiled"}"#;
        let log = RunLog {
            job: JobId::from_number(7),
            due: at(60),
            began_at: at(61),
            took: Duration::from_micros(1_500),
            error: Some("spoiled".to_owned()),
        };
        assert_eq!(log.to_body(), golden);
        assert_eq!(RunLog::of_body(golden), Some(log));
        assert_eq!((RunLog::of_body("{}"), RunLog::of_body(&golden.replace(r#""v":1"#, r#""v":2"#))), (None, None));
    }
}
