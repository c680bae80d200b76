//! What people do with schedules: pause, resume, run now.

use sqal_core::{Name, Timestamp};
use sqal_storage::queue::{Enqueued, JobKey, NewJob};
use sqal_storage::records::ExpectedRecord;

use super::advance::{SKEW, advance};
use super::error::SchedulerError;
use super::ports::Kept;
use super::runner::Scheduler;
use super::state::{Pause, ScheduleState};
use crate::schedule::{LONGEST_GAP, Occasion, Schedule, ScheduleName};
use crate::traced::enqueue;
use crate::wall::{between, later};

/// The tries of a change that other servers get ahead of.
const TRIES: usize = 8;

/// A key under which a person's request is executed once.
pub type RequestKey = Name<100>;

impl Scheduler {
    /// The schedule with a name.
    ///
    /// # Errors
    ///
    /// [`SchedulerError::Unknown`] if there is none.
    pub fn schedule(&self, name: &str) -> Result<&Schedule, SchedulerError> {
        let found = self.schedules.iter().find(|schedule| schedule.name().as_str() == name);
        found.ok_or_else(|| SchedulerError::Unknown(name.chars().take(64).collect()))
    }

    /// Pauses a schedule on all servers, from the present time on: its due times are noted and not
    /// enqueued. Those before the pause are enqueued or noted as missed. Returns whether that
    /// changed anything.
    ///
    /// # Errors
    ///
    /// [`SchedulerError`] if there is no such schedule, or if its record cannot be changed.
    pub async fn pause(&self, name: &str, by: Option<Name<64>>) -> Result<bool, SchedulerError> {
        let schedule = self.schedule(name)?;
        // The due times before the pause are decided before it begins. If no plan can be made, the
        // schedule is paused all the same.
        match advance(&self.ports, schedule).await {
            Ok(_) | Err(SchedulerError::Plan(_)) => {}
            Err(error) => return Err(error),
        }
        self.change(schedule.name(), |state, now| ScheduleState {
            paused: state.paused.clone().or(Some(Pause { at: now, by })),
            ..state
        })
        .await
    }

    /// Resumes a schedule on all servers, from the present time on. Returns whether that changed
    /// anything.
    ///
    /// It also begins anew if the record of the schedule is damaged, or if a clock was wrong: if it
    /// was ahead, so that the schedule waits for a time in the future, or so far behind that no
    /// plan is made. Due times that were enqueued while the clock was ahead are not enqueued again
    /// as long as their jobs are kept.
    ///
    /// # Errors
    ///
    /// [`SchedulerError`] if there is no such schedule, or if its record cannot be changed.
    pub async fn resume(&self, name: &str) -> Result<bool, SchedulerError> {
        let schedule = self.schedule(name)?;
        // The due times of the pause are noted before it ends.
        match advance(&self.ports, schedule).await {
            Ok(_) | Err(SchedulerError::Plan(_) | SchedulerError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        let name = *schedule.name();
        match self.change(&name, resumed).await {
            Err(SchedulerError::Damaged(_)) => {
                let state = ScheduleState::begun(self.ports.now());
                let written = self.ports.write(&name, &state, ExpectedRecord::Any).await?;
                Ok(written.is_some())
            }
            changed => changed,
        }
    }

    /// Enqueues a run of a schedule that is due now, also while the schedule is paused. A request
    /// with a key is executed once.
    ///
    /// # Errors
    ///
    /// [`SchedulerError`] if there is no such schedule or the queue fails.
    pub async fn run_now(
        &self,
        name: &str,
        by: Option<Name<64>>,
        key: Option<RequestKey>,
    ) -> Result<Enqueued, SchedulerError> {
        let (schedule, now) = (self.schedule(name)?, self.ports.now());
        let expires_at = later(now, schedule.expires_after());
        let occasion = Occasion::new(*schedule.name(), now, expires_at, schedule.body());
        let mut job = NewJob::new(*schedule.kind(), occasion.to_body(), now).by(by).attempts(schedule.attempts());
        if let Some(key) = key {
            job = job.once(key_of(schedule.name(), &key));
        }
        Ok(enqueue(&*self.ports.queue, &job).await?)
    }

    /// Changes the state of a schedule; returns whether the change is one.
    async fn change(
        &self,
        name: &ScheduleName,
        change: impl Fn(ScheduleState, Timestamp) -> ScheduleState + Send + Sync,
    ) -> Result<bool, SchedulerError> {
        for _ in 0..TRIES {
            let Kept { state, expected, .. } = self.ports.read(name).await?;
            let changed = change(state.clone(), self.ports.now());
            if changed == state {
                return Ok(false);
            }
            if self.ports.write(name, &changed, expected).await?.is_some() {
                return Ok(true);
            }
        }
        Err(SchedulerError::Contended)
    }
}

/// A state without a pause. After a wrong clock, its due times count from now on.
fn resumed(state: ScheduleState, now: Timestamp) -> ScheduleState {
    let (behind, ahead) = (between(state.looked_until, now), between(now, state.looked_until));
    let looked_until = if behind > LONGEST_GAP || ahead > SKEW { now } else { state.looked_until };
    ScheduleState { paused: None, looked_until, ..state }
}

/// The key of the job of a request. The keys of due times begin with another word.
fn key_of(name: &ScheduleName, key: &RequestKey) -> JobKey {
    Name::stored(&format!("now {name} {key}")).unwrap_or_else(|_| unreachable!("at most 169 bytes"))
}
