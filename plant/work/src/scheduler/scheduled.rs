//! [`Scheduled`]: the work for the jobs of schedules, which do not begin after they have expired.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use sqal_resilience::log::Causes;
use sqal_storage::Records;
use sqal_storage::queue::{Job, JobKind};
use tracing::warn;

use super::hold::Hold;
use super::run_log::RunLog;
use crate::schedule::Occasion;
use crate::wall::rfc3339;
use crate::worker::{Running, Work, WorkError};

/// What is done at the due times of the schedules of one kind.
#[async_trait]
pub trait ScheduledTask: Debug + Send + Sync + 'static {
    /// The kind of the jobs.
    fn kind(&self) -> &JobKind;

    /// Does the run of a due time and returns its result, as [`Work::run`] does.
    ///
    /// # Errors
    ///
    /// [`WorkError`] if the run has no result.
    async fn run(&self, occasion: &Occasion, running: &Running) -> Result<String, WorkError>;
}

/// A [`ScheduledTask`] as the work of a [`Worker`](crate::worker::Worker).
///
/// A job that has expired before an attempt begins fails without it. The time and the end of each
/// run are written down, for [`Scheduler::status`](super::Scheduler::status).
///
/// One job of a schedule runs at a time, on all servers together, as long as their clocks are less
/// than 30 seconds apart. If a run is longer than the interval of its schedule, the next job waits
/// for its end, and fails if it expires before that. After a run that was broken off, for example
/// by a cancellation, another job waits for up to a minute.
#[derive(Debug)]
pub struct Scheduled<T> {
    task: T,
    records: Arc<dyn Records>,
}

impl<T: ScheduledTask> Scheduled<T> {
    /// The work of a task. The records are those of the scheduler.
    #[must_use]
    pub fn new(task: T, records: Arc<dyn Records>) -> Self {
        Self { task, records }
    }
}

#[async_trait]
impl<T: ScheduledTask> Work for Scheduled<T> {
    fn kind(&self) -> &JobKind {
        self.task.kind()
    }

    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
        let occasion = Occasion::of(job)?;
        let began_at = running.now();
        let result = if began_at < occasion.expires_at {
            let hold = Hold { records: &*self.records, schedule: &occasion.schedule, job: job.id, running };
            hold.alone(self.task.run(&occasion, running)).await
        } else {
            let expired = rfc3339(occasion.expires_at);
            Err(WorkError::permanent(format!("expired: the run was to begin before {expired}")))
        };
        let ended = !matches!(result, Err(WorkError::Newer { .. } | WorkError::Postponed { .. }));
        if ended {
            let error = result.as_ref().err().map(ToString::to_string);
            let log = RunLog { job: job.id, due: occasion.due, began_at, took: running.took(), error };
            // It is only shown: the run ends as it ended.
            if let Err(error) = log.write(&*self.records, &occasion.schedule, running.now()).await {
                let error = Causes::of(&error);
                warn!(schedule = %occasion.schedule, %error, "the time of a run was not written down");
            }
        }
        result
    }
}
