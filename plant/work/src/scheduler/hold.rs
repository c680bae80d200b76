//! [`Hold`]: lets one job of a schedule run at a time, on all servers together.

use std::pin::pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqal_core::Name;
use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_resilience::timeout;
use sqal_storage::queue::JobId;
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, Revision};
use sqal_storage::{Records, StorageError, StorageErrorKind};
use tokio::time::sleep;
use tracing::info;

use super::advance::SKEW;
use super::ports::key_of;
use crate::held::while_held;
use crate::schedule::ScheduleName;
use crate::wall::{Moment, between, later};
use crate::worker::{Running, WorkError};

/// The version of the form that this program writes.
const VERSION: u32 = 1;

/// How long the record of a run lasts unless it is renewed.
const LASTS: Duration = Duration::from_mins(1);

/// How long a run relies on its record. The rest is left for clocks that differ.
const RELIED_ON_FOR: Duration = Duration::from_secs(30);

/// The interval at which the record is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(10);

/// The wait of a job whose schedule has a run under way.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The tries of a write that other jobs get ahead of.
const TRIES: usize = 4;

/// The stored form: the job whose run is under way. Its names are never changed.
#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    job: u64,
}

/// The collection of the runs under way.
fn under_way() -> Collection {
    Name::new("schedule_running").unwrap_or_else(|_| unreachable!("a short name"))
}

/// The right of a job to be the run of its schedule.
///
/// It is a record that expires. A server that was killed leaves it behind: the next attempt of its
/// job takes it over at once, and another job after a minute.
#[derive(Debug)]
pub(super) struct Hold<'r> {
    pub(super) records: &'r dyn Records,
    pub(super) schedule: &'r ScheduleName,
    pub(super) job: JobId,
    pub(super) running: &'r Running,
}

/// A record that was written.
#[derive(Clone, Copy, Debug)]
struct Claimed {
    /// The moment before the write.
    since: Moment,
    revision: Revision,
}

impl Hold<'_> {
    /// Does a run while no other job of its schedule runs. While the record cannot be renewed, the
    /// run is not polled.
    ///
    /// # Errors
    ///
    /// [`WorkError::Postponed`] without a poll of the run if another job runs or the records fail;
    /// [`WorkError::Transient`] if another job has begun while the record could not be renewed; or
    /// the error of the run.
    pub(super) async fn alone(
        &self,
        run: impl Future<Output = Result<String, WorkError>> + Send,
    ) -> Result<String, WorkError> {
        let mut kept = self.claim().await.map_err(not_begun)?.ok_or_else(|| {
            let why = "another run of the schedule is under way".to_owned();
            WorkError::Postponed { why, retry_after: AGAIN_AFTER }
        })?;
        let mut run = pin!(run);
        let mut renewal = pin!(self.renewal());
        let outage = Outage::default();
        let ended = loop {
            let is_held = || kept.since.until(self.running.moment()) < RELIED_ON_FOR;
            tokio::select! {
                biased;
                ended = while_held(run.as_mut(), is_held), if is_held() => {
                    if let Some(ended) = ended {
                        break ended;
                    }
                }
                renewed = &mut renewal => {
                    match renewed {
                        Ok(Some(renewed)) => {
                            kept = renewed;
                            self.goes_on(&outage);
                        }
                        Ok(None) => {
                            let why = "another run of the schedule began while the records did not answer this one";
                            return Err(WorkError::transient(why));
                        }
                        Err(error) => self.waits(&outage, &error),
                    }
                    renewal.set(self.renewal());
                }
            }
        };
        self.release(kept.revision).await;
        ended
    }

    /// Logs the first failure of the records.
    fn waits(&self, outage: &Outage, error: &StorageError) {
        if outage.failed(self.running.clock().now()) {
            info!(schedule = %self.schedule, error = %Causes::of(error), "a run waits for the records");
        }
    }

    /// Logs the first answer of the records after their failure.
    fn goes_on(&self, outage: &Outage) {
        if let Some(recovery) = outage.succeeded(self.running.clock().now()) {
            let (failures, seconds) = (recovery.failures, recovery.seconds());
            info!(schedule = %self.schedule, failures, seconds, "the records answer again; the run goes on");
        }
    }

    /// Waits until the record is to be renewed, and renews it.
    async fn renewal(&self) -> Result<Option<Claimed>, StorageError> {
        sleep(RENEWED_EVERY).await;
        // A call that hangs is given up, so that the next one gets its turn.
        let claimed = timeout(RELIED_ON_FOR, self.claim()).await;
        claimed.unwrap_or_else(|_| Err(StorageError::new("records", StorageErrorKind::Unavailable)))
    }

    /// Writes the record, or renews it; `None` if another job has it.
    async fn claim(&self) -> Result<Option<Claimed>, StorageError> {
        let (collection, key) = (under_way(), key_of(self.schedule));
        for _ in 0..TRIES {
            let since = self.running.moment();
            let known = self.records.record(&collection, &key, since.wall).await?;
            let expected = match &known {
                None => ExpectedRecord::Absent,
                // No run writes an end that lies further ahead, unless its clock is wrong.
                Some(record)
                    if job_of(&record.body) == Some(self.job)
                        || record.expires_at.is_none_or(|end| between(since.wall, end) > LASTS + SKEW) =>
                {
                    ExpectedRecord::Revision(record.revision)
                }
                Some(_) => return Ok(None),
            };
            let draft = RecordDraft::new(collection, key, body_of(self.job)).until(later(since.wall, LASTS));
            if let Some(revision) = self.records.write(&draft, expected, since.wall).await? {
                return Ok(Some(Claimed { since, revision }));
            }
        }
        Ok(None)
    }

    /// Removes the record, so that another job need not wait for its end.
    async fn release(&self, revision: Revision) {
        let (expected, now) = (ExpectedRecord::Revision(revision), self.running.moment().wall);
        if let Err(error) = self.records.remove(&under_way(), &key_of(self.schedule), expected, now).await {
            let error = Causes::of(&error);
            info!(schedule = %self.schedule, %error, "the next run of the schedule waits up to a minute");
        }
    }
}

/// A run that was not begun because the records fail loses no attempt.
fn not_begun(error: StorageError) -> WorkError {
    if error.is_transient() {
        WorkError::Postponed { why: error.to_string(), retry_after: error.retry_after.unwrap_or(AGAIN_AFTER) }
    } else {
        WorkError::from(error)
    }
}

fn body_of(job: JobId) -> String {
    // Two numbers: JSON writes them.
    serde_json::to_string(&Written { v: VERSION, job: job.number() }).unwrap_or_default()
}

/// The job of a record. One that cannot be read is that of another job until it expires.
fn job_of(body: &str) -> Option<JobId> {
    let Written { v, job } = serde_json::from_str(body).ok()?;
    (v <= VERSION).then_some(JobId::from_number(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers of two versions share the records: this line never changes.
    #[test]
    fn the_stored_form_is_kept_for_ever() {
        let golden = r#"{"v":1,"job":7}"#;
        assert_eq!((body_of(JobId::from_number(7)).as_str(), job_of(golden)), (golden, Some(JobId::from_number(7))));
        assert_eq!((job_of("{}"), job_of(r#"{"v":2,"job":7}"#)), (None, None));
    }
}
