//! [`ScheduleStatus`]: how a schedule is doing, as people read it.

use std::time::Duration;

use sqal_core::Timestamp;
use sqal_storage::queue::{JobId, JobState};

use super::advance::SKEW;
use super::error::SchedulerError;
use super::run_log::RunLog;
use super::runner::Scheduler;
use super::state::{Noted, Pause, ScheduleState};
use crate::schedule::{LONGEST_GAP, PlanError, Schedule};
use crate::wall::between;

/// The newest run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastRun {
    /// The due time by the expression, without jitter.
    pub due: Timestamp,
    /// The job.
    pub job: JobId,
    /// The state of the job; `None` if it is forgotten.
    pub state: Option<JobState>,
    /// The time at which the last attempt that has ended began, if one has.
    pub began_at: Option<Timestamp>,
    /// How long the last attempt that has ended took, if one has.
    pub took: Option<Duration>,
    /// Why the last attempt has failed, if it has.
    pub error: Option<String>,
}

/// How a schedule is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleStatus {
    /// The schedule.
    pub schedule: Schedule,
    /// The pause, if the schedule is paused.
    pub paused: Option<Pause>,
    /// The newest run, if there was one.
    pub last: Option<LastRun>,
    /// The next due time, without jitter; `None` if the schedule is paused.
    pub next: Option<Timestamp>,
    /// The due times that no server looked at before they expired.
    pub missed: Noted,
    /// The due times while the schedule was paused.
    pub skipped: Noted,
    /// Why the schedule enqueues nothing, if a person has to do something about it.
    pub trouble: Option<String>,
}

impl Scheduler {
    /// How every schedule is doing, in the order in which they were given.
    ///
    /// # Errors
    ///
    /// [`SchedulerError::Storage`] if the queue or the records cannot be read. A record that is
    /// damaged or newer is the trouble of its schedule.
    pub async fn status(&self) -> Result<Vec<ScheduleStatus>, SchedulerError> {
        let mut all = Vec::with_capacity(self.schedules.len());
        for schedule in &self.schedules {
            all.push(self.status_of(schedule).await?);
        }
        Ok(all)
    }

    /// How a schedule is doing.
    ///
    /// # Errors
    ///
    /// As [`Scheduler::status`].
    pub async fn status_of(&self, schedule: &Schedule) -> Result<ScheduleStatus, SchedulerError> {
        let now = self.ports.now();
        let (state, mut trouble) = match self.ports.read(schedule.name()).await {
            Ok(kept) => (kept.state, None),
            Err(error @ SchedulerError::Storage(_)) => return Err(error),
            Err(error) => (ScheduleState::begun(now), Some(error.to_string())),
        };
        trouble = trouble.or_else(|| trouble_of(&state, now));
        let last = self.last_run(schedule, &state, now).await?;
        let next =
            if state.paused.is_some() || trouble.is_some() { None } else { schedule.next_after(state.looked_until) };
        let ScheduleState { paused, missed, skipped, .. } = state;
        Ok(ScheduleStatus { schedule: schedule.clone(), paused, last, next, missed, skipped, trouble })
    }

    /// The run of the newest due time that was enqueued, or a later one that a person has asked
    /// for.
    async fn last_run(
        &self,
        schedule: &Schedule,
        state: &ScheduleState,
        now: Timestamp,
    ) -> Result<Option<LastRun>, SchedulerError> {
        let log = RunLog::read(&*self.ports.records, schedule.name(), now).await?;
        let enqueued = state.last.map(|last| (last.due, JobId::from_number(last.job)));
        let logged = log.as_ref().map(|log| (log.due, log.job));
        let Some((due, id)) = [enqueued, logged].into_iter().flatten().max_by_key(|(due, _)| *due) else {
            return Ok(None);
        };
        let log = log.filter(|log| log.job == id);
        let (began_at, took) = log.as_ref().map(|log| (log.began_at, log.took)).unzip();
        let job = self.ports.queue.job(id).await?;
        let error = match &job {
            Some(job) => job.failure.clone(),
            None => log.and_then(|log| log.error),
        };
        Ok(Some(LastRun { due, job: id, state: job.map(|job| job.state), began_at, took, error }))
    }
}

/// Why a schedule waits for a person: a wrong clock has looked at it.
fn trouble_of(state: &ScheduleState, now: Timestamp) -> Option<String> {
    let looked_until = state.looked_until;
    if between(looked_until, now) > LONGEST_GAP {
        return Some(PlanError::Gap { looked_until, now }.to_string());
    }
    (between(now, looked_until) > SKEW).then(|| {
        let until = crate::wall::rfc3339(looked_until);
        format!("a clock that was ahead has looked at the schedule until {until}: resume it to begin again from now")
    })
}
