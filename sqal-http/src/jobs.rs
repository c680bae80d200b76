//! [`Jobs`]: work that takes longer than a client waits.
//!
//! One call begins a job, and other calls read its progress. A job that is no longer wanted can be
//! stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use sqal_core::Timestamp;
use sqal_resilience::{Phase, Shutdown, fresh_seed};
use tokio::sync::{Semaphore, watch};

use crate::trial::DryRun;
use crate::wire::rfc3339;
use crate::{Holder, Problem};

/// The most jobs that may wait or run at a time. One of them runs.
const MOST_OPEN: usize = 16;

/// The most jobs that are remembered after they have ended.
const MOST_ENDED: usize = 100;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) enum JobState {
    /// The job waits for the one before it.
    Enqueued,
    /// The job runs.
    Running,
    /// The job has a result.
    Succeeded,
    /// The job has a problem.
    Failed,
    /// A caller stopped the job, or the server ended.
    Canceled,
}

/// A job as clients read it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Job {
    /// The id under which the job is read and stopped.
    pub(crate) id: String,
    /// What the job does.
    pub(crate) kind: &'static str,
    pub(crate) state: JobState,
    /// The number of samples that the job has read.
    pub(crate) done: u64,
    /// The most samples that the job will read: those of whole hours, including purged ones. After
    /// the job has succeeded, the number of samples that it has read.
    pub(crate) total: Option<u64>,
    created_at: String,
    /// The name of the caller that began the job; null on a server that does not authenticate
    /// callers.
    created_by: Option<String>,
    finished_at: Option<String>,
    /// The result of the job, if it has succeeded.
    result: Option<DryRun>,
    /// Why the job has failed.
    problem: Option<Problem>,
}

struct Known {
    job: Job,
    stop: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// In the order in which the jobs were begun.
    jobs: BTreeMap<u64, Known>,
    count: u64,
}

impl State {
    fn by_id(&mut self, id: &str) -> Option<&mut Known> {
        let number = id.rsplit_once('-').and_then(|(_, number)| number.parse().ok())?;
        self.jobs.get_mut(&number).filter(|known| known.job.id == id)
    }

    fn is_open(job: &Job) -> bool {
        matches!(job.state, JobState::Enqueued | JobState::Running)
    }

    /// Forgets the oldest ended jobs above the limit.
    fn forget(&mut self) {
        let ended: Vec<u64> =
            self.jobs.iter().filter(|(_, known)| !Self::is_open(&known.job)).map(|(number, _)| *number).collect();
        for number in ended.iter().take(ended.len().saturating_sub(MOST_ENDED)) {
            self.jobs.remove(number);
        }
    }
}

/// Records how a job ended when it is dropped, also if the job broke off.
struct Ended<N: Fn() -> Timestamp> {
    jobs: Jobs,
    number: u64,
    now: N,
    outcome: Outcome,
}

type Outcome = (JobState, Option<DryRun>, Option<Problem>);

impl<N: Fn() -> Timestamp> Ended<N> {
    /// Records the outcome of a job that did not break off.
    fn with(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl<N: Fn() -> Timestamp> Drop for Ended<N> {
    fn drop(&mut self) {
        let (state, result, problem) = std::mem::replace(&mut self.outcome, (JobState::Canceled, None, None));
        let finished_at = rfc3339((self.now)());
        self.jobs.change(self.number, |job| {
            // A job that was reported as cancelled stays cancelled.
            if job.state != JobState::Canceled {
                (job.state, job.result, job.problem) = (state, result, problem);
            }
            if job.state == JobState::Succeeded {
                job.total = Some(job.done);
            }
            job.finished_at.get_or_insert(finished_at);
        });
        self.jobs.state().forget();
    }
}

/// The jobs of this process.
#[derive(Clone)]
pub(crate) struct Jobs {
    state: Arc<Mutex<State>>,
    turn: Arc<Semaphore>,
    /// Distinguishes the jobs of this process from those of another.
    epoch: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { state: Arc::default(), turn: Arc::new(Semaphore::new(1)), epoch: fresh_seed() }
    }
}

/// Where a job reports its progress.
#[derive(Clone)]
pub(crate) struct Progress {
    jobs: Jobs,
    number: u64,
}

impl Progress {
    /// Sets the number of samples that are to be read.
    pub(crate) fn total(&self, total: u64) {
        self.jobs.change(self.number, |job| job.total = Some(total));
    }

    /// Adds to the number of samples that were read.
    pub(crate) fn more(&self, samples: usize) {
        self.jobs.change(self.number, |job| job.done += samples as u64);
    }
}

impl Jobs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Job)) {
        if let Some(known) = self.state().jobs.get_mut(&number) {
            change(&mut known.job);
        }
    }

    /// Begins a job. Its work is dropped if the job is stopped or the server ends.
    ///
    /// # Errors
    ///
    /// 503 if too many jobs are open, or the server is ending.
    pub(crate) fn begin<W>(
        &self,
        kind: &'static str,
        by: Option<Holder>,
        shutdown: &Shutdown,
        now: impl Fn() -> Timestamp + Send + 'static,
        work: impl FnOnce(Progress) -> W,
    ) -> Result<Job, Problem>
    where
        W: Future<Output = Result<DryRun, Problem>> + Send + 'static,
    {
        let (stop, mut stopped) = watch::channel(false);
        let (number, job) = {
            let mut state = self.state();
            if state.jobs.values().filter(|known| State::is_open(&known.job)).count() >= MOST_OPEN {
                return Err(Problem::busy("as many jobs as may wait are waiting"));
            }
            state.count += 1;
            let number = state.count;
            let job = Job {
                id: format!("{:016x}-{number}", self.epoch),
                kind,
                state: JobState::Enqueued,
                done: 0,
                total: None,
                created_at: rfc3339(now()),
                created_by: by.map(|by| by.to_string()),
                finished_at: None,
                result: None,
                problem: None,
            };
            state.jobs.insert(number, Known { job: job.clone(), stop });
            (number, job)
        };
        let (jobs, ending) = (self.clone(), shutdown.clone());
        let work = work(Progress { jobs: self.clone(), number });
        let ended = Ended {
            jobs: self.clone(),
            number,
            now,
            outcome: (JobState::Failed, None, Some(Problem::broken("the job broke off; the log says why"))),
        };
        let running = shutdown.spawn("job", async move {
            let turn = async {
                let _turn = Arc::clone(&jobs.turn).acquire_owned().await;
                jobs.change(number, |job| {
                    if job.state == JobState::Enqueued {
                        job.state = JobState::Running;
                    }
                });
                work.await
            };
            let outcome = tokio::select! {
                biased;
                () = ending.reached(Phase::Draining) => None,
                _ = stopped.wait_for(|stopped| *stopped) => None,
                outcome = turn => Some(outcome),
            };
            ended.with(match outcome {
                None => (JobState::Canceled, None, None),
                Some(Ok(result)) => (JobState::Succeeded, Some(result), None),
                Some(Err(problem)) => (JobState::Failed, None, Some(problem)),
            });
        });
        if running.is_err() {
            self.state().jobs.remove(&number);
            return Err(Problem::shutting_down());
        }
        Ok(job)
    }

    /// All jobs, the newest first.
    pub(crate) fn all(&self) -> Vec<Job> {
        self.state().jobs.values().rev().map(|known| known.job.clone()).collect()
    }

    /// The job with this id.
    pub(crate) fn get(&self, id: &str) -> Option<Job> {
        self.state().by_id(id).map(|known| known.job.clone())
    }

    /// Stops a job, and returns its state. A job that has ended stays as it is.
    pub(crate) fn stop(&self, id: &str, now: Timestamp) -> Option<Job> {
        let mut state = self.state();
        let known = state.by_id(id)?;
        if State::is_open(&known.job) {
            (known.job.state, known.job.finished_at) = (JobState::Canceled, Some(rfc3339(now)));
            // The job may have ended at this very moment.
            let _ = known.stop.send(true);
        }
        Some(known.job.clone())
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "Jobs({} known, {} begun)", state.jobs.len(), state.count)
    }
}
