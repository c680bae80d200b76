//! [`JobWorker`]: does the jobs of a queue in this process, one after the other.
//!
//! A job that a process leaves behind when it ends is done by the next process, or by another
//! server of the same database.

use std::num::NonZeroU16;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt;
use sqal_core::{Name, Timestamp};
use sqal_resilience::{Shutdown, shutdown::Phase};
use sqal_storage::queue::{Job, JobEnd, JobKind, JobProgress, Lease, Leased, WorkerName};
use sqal_storage::{Queue, StorageError};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{Problem, WallClock};

/// The duration of a lease. If this process dies, another one takes the job after that.
const LEASE: Duration = Duration::from_secs(30);

/// The interval at which the worker polls for a due job, and for the cancellation of the running
/// job by another server.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the work on a job reports how far it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<JobProgress>>);

impl Progress {
    fn change(&self, change: impl FnOnce(&mut JobProgress)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Sets the number of units that are to be done.
    pub(crate) fn total(&self, total: u64) {
        self.change(|progress| progress.total = Some(total));
    }

    /// Adds to the number of units that are done.
    pub(crate) fn more(&self, units: usize) {
        self.change(|progress| progress.done += units as u64);
    }

    fn get(&self) -> JobProgress {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause before a job is tried again after a failure that may pass.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Why the work on a job has not succeeded.
#[derive(Debug)]
pub(crate) enum JobFailure {
    /// Another attempt would fail too.
    Lasting(Problem),
    /// Another attempt, perhaps of another server, may succeed.
    Passing(Problem),
}

impl From<Problem> for JobFailure {
    fn from(problem: Problem) -> Self {
        if problem.status == StatusCode::SERVICE_UNAVAILABLE { Self::Passing(problem) } else { Self::Lasting(problem) }
    }
}

impl From<StorageError> for JobFailure {
    fn from(error: StorageError) -> Self {
        Problem::from(error).into()
    }
}

/// What a worker needs of its process.
#[derive(Clone)]
pub(crate) struct Workplace {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) now: WallClock,
    pub(crate) shutdown: Shutdown,
}

impl Workplace {
    /// The wall time after a duration.
    fn after(&self, duration: Duration) -> Timestamp {
        let now = (self.now)();
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.micros().saturating_add(micros)).unwrap_or(now)
    }
}

/// The worker of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobWorker {
    begun: Arc<AtomicBool>,
    /// Notified when this process has enqueued or cancelled a job.
    changed: Arc<Notify>,
}

impl JobWorker {
    /// Begins to work, unless the worker has begun. The task ends with the process; the job that it
    /// works on then goes back to the queue.
    ///
    /// # Errors
    ///
    /// 503 if the process is ending.
    pub(crate) fn begin<W>(
        &self,
        kind: JobKind,
        place: Workplace,
        work: impl Fn(Job, Progress) -> W + Send + Sync + 'static,
    ) -> Result<(), Problem>
    where
        W: Future<Output = Result<String, JobFailure>> + Send + 'static,
    {
        if self.begun.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let begun = Begun(Arc::clone(&self.begun));
        let (changed, shutdown) = (Arc::clone(&self.changed), place.shutdown.clone());
        let task = shutdown.spawn("jobs", async move {
            let _begun = begun;
            work_off(kind, &place, &changed, work).await;
        });
        task.map(drop).map_err(|_| Problem::shutting_down())
    }

    /// Lets the worker look at the queue at once.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Lets the next call begin the worker again when the task of the worker has ended, also by a
/// panic.
struct Begun(Arc<AtomicBool>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Does all jobs of a kind until the process ends.
async fn work_off<W>(kind: JobKind, place: &Workplace, changed: &Notify, work: impl Fn(Job, Progress) -> W)
where
    W: Future<Output = Result<String, JobFailure>>,
{
    let name: WorkerName = Name::new(&format!("process {}", std::process::id())).unwrap_or_else(|_| kind_name(&kind));
    let mut is_away = false;
    // A lease is awaited to its end: one that the database commits must not be dropped.
    while !place.shutdown.is_draining() {
        let leased = place.queue.lease(&kind, &name, (place.now)(), place.after(LEASE), NonZeroU16::MIN).await;
        match (&leased, is_away) {
            (Err(error), false) => warn!(%error, "jobs wait: their queue does not answer"),
            (Ok(_), true) => info!("the queue of jobs answers again"),
            _ => {}
        }
        is_away = leased.is_err();
        match leased.ok().and_then(|mut leased| leased.pop()) {
            Some(Leased { lease, job }) => {
                let progress = Progress::default();
                let work = work(job, progress.clone());
                one(lease, place, changed, &progress, work).await;
            }
            None => {
                tokio::select! {
                    biased;
                    () = place.shutdown.reached(Phase::Draining) => {}
                    () = changed.notified() => {}
                    () = sleep(LOOK_EVERY) => {}
                }
            }
        }
    }
}

fn kind_name(kind: &JobKind) -> WorkerName {
    Name::new(kind.as_str()).unwrap_or_else(|_| unreachable!("a kind is shorter than a worker's name"))
}

/// Does one job while its lease is held.
///
/// While the queue does not answer, the work goes on: if another worker takes the job meanwhile,
/// the number of its lease keeps this one from ending the job.
async fn one(
    lease: Lease,
    place: &Workplace,
    changed: &Notify,
    progress: &Progress,
    work: impl Future<Output = Result<String, JobFailure>>,
) {
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let end = loop {
        tokio::select! {
            biased;
            () = place.shutdown.reached(Phase::Draining) => break JobEnd::Returned,
            outcome = &mut work => break match outcome {
                Ok(Ok(result)) => JobEnd::Succeeded(result),
                Ok(Err(JobFailure::Lasting(problem))) => JobEnd::Failed(as_text(&problem)),
                Ok(Err(JobFailure::Passing(problem))) => {
                    JobEnd::Again { failure: as_text(&problem), due: place.after(TRY_AGAIN_AFTER) }
                }
                Err(_panic) => JobEnd::Failed(as_text(&Problem::broken("the job broke off; the log says why"))),
            },
            () = changed.notified() => {}
            () = sleep(LOOK_EVERY) => {}
        }
        // `false`: the job was cancelled, or has passed to another worker.
        if matches!(place.queue.renew(&lease, place.after(LEASE), progress.get()).await, Ok(false)) {
            return;
        }
    };
    if let Err(error) = ended(&lease, place, progress.get(), &end).await {
        warn!(job = %lease.job, %error, "the end of a job could not be kept; the job is done again");
    }
}

/// Keeps the end of a job, again while the queue does not answer, until the process ends.
async fn ended(lease: &Lease, place: &Workplace, progress: JobProgress, end: &JobEnd) -> Result<(), StorageError> {
    loop {
        let kept = async {
            place.queue.renew(lease, place.after(LEASE), progress).await?;
            place.queue.end(lease, (place.now)(), end).await
        };
        match kept.await {
            Err(error) if error.is_transient() && *end != JobEnd::Returned => {
                tokio::select! {
                    () = place.shutdown.reached(Phase::Draining) => return Err(error),
                    () = sleep(LOOK_EVERY) => {}
                }
            }
            kept => return kept.map(drop),
        }
    }
}

fn as_text(problem: &Problem) -> String {
    serde_json::to_string(problem).unwrap_or_default()
}
