//! [`ScheduleStatus`]: how a schedule is doing, as people read it.

use std::collections::BTreeMap;
use std::time::Duration;

use sqal_core::Timestamp;
use sqal_storage::queue::{Job, JobId, JobState};

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
    /// How every schedule is doing, in the order in which they were given. The number of reads does
    /// not grow with the number of schedules, up to 200 of them.
    ///
    /// # Errors
    ///
    /// [`SchedulerError::Storage`] if the queue or the records cannot be read. A record that is
    /// damaged or newer is the trouble of its schedule.
    pub async fn status(&self) -> Result<Vec<ScheduleStatus>, SchedulerError> {
        let now = self.ports.now();
        let mut states: BTreeMap<_, _> = self.ports.all().await?.into_iter().collect();
        let mut logs = RunLog::all(&*self.ports.records, now).await?;
        let mut all = Vec::with_capacity(self.schedules.len());
        for schedule in &self.schedules {
            let name = schedule.name().as_str();
            let state = states.remove(name).unwrap_or_else(|| Ok(ScheduleState::begun(now)));
            let state = state.map_err(|error| SchedulerError::from(error).to_string());
            all.push(Sources { schedule, state, log: logs.remove(name) });
        }
        let newest: Vec<_> = all.iter().filter_map(|sources| sources.newest().map(|(_, job)| job)).collect();
        let jobs = self.ports.queue.jobs_by_id(&newest).await?;
        Ok(all.into_iter().map(|sources| sources.status(&jobs, now)).collect())
    }

    /// How a schedule is doing.
    ///
    /// # Errors
    ///
    /// As [`Scheduler::status`].
    pub async fn status_of(&self, schedule: &Schedule) -> Result<ScheduleStatus, SchedulerError> {
        let now = self.ports.now();
        let state = match self.ports.read(schedule.name()).await {
            Ok(kept) => Ok(kept.state),
            Err(error @ SchedulerError::Storage(_)) => return Err(error),
            Err(error) => Err(error.to_string()),
        };
        let log = RunLog::read(&*self.ports.records, schedule.name(), now).await?;
        let sources = Sources { schedule, state, log };
        let job = match sources.newest() {
            Some((_, job)) => self.ports.queue.job(job).await?,
            None => None,
        };
        Ok(sources.status(job.as_slice(), now))
    }
}

/// What the status of a schedule is drawn from.
struct Sources<'s> {
    schedule: &'s Schedule,
    /// The state, or why its record cannot be read.
    state: Result<ScheduleState, String>,
    log: Option<RunLog>,
}

impl Sources<'_> {
    /// The newest due time that was enqueued, or a later one that a person has asked for, and its
    /// job.
    fn newest(&self) -> Option<(Timestamp, JobId)> {
        let last = self.state.as_ref().ok().and_then(|state| state.last);
        let enqueued = last.map(|last| (last.due, JobId::from_number(last.job)));
        let logged = self.log.as_ref().map(|log| (log.due, log.job));
        [enqueued, logged].into_iter().flatten().max_by_key(|(due, _)| *due)
    }

    /// The status; the job of the newest run is among these, unless it is forgotten.
    fn status(self, jobs: &[Job], now: Timestamp) -> ScheduleStatus {
        let last = self.newest().map(|(due, id)| last_run(due, id, self.log.as_ref(), jobs));
        let (state, trouble) = match self.state {
            Ok(state) => (state, None),
            Err(trouble) => (ScheduleState::begun(now), Some(trouble)),
        };
        let trouble = trouble.or_else(|| trouble_of(&state, now));
        let is_waiting = state.paused.is_some() || trouble.is_some();
        let next = if is_waiting { None } else { self.schedule.next_after(state.looked_until) };
        let ScheduleState { paused, missed, skipped, .. } = state;
        ScheduleStatus { schedule: self.schedule.clone(), paused, last, next, missed, skipped, trouble }
    }
}

/// A run, as its job and its log show it.
fn last_run(due: Timestamp, id: JobId, log: Option<&RunLog>, jobs: &[Job]) -> LastRun {
    let log = log.filter(|log| log.job == id);
    let (began_at, took) = log.map(|log| (log.began_at, log.took)).unzip();
    let job = jobs.iter().find(|job| job.id == id);
    let error = match job {
        Some(job) => job.failure.clone(),
        None => log.and_then(|log| log.error.clone()),
    };
    LastRun { due, job: id, state: job.map(|job| job.state), began_at, took, error }
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
