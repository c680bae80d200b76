//! [`JobWorker`]: does the jobs of a queue in this process, one after the other.
//!
//! A job that a process leaves behind when it ends is done by the next process, or by another
//! server of the same database.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use sqal_core::{Name, Timestamp};
use sqal_resilience::{Phase, Shutdown};
use sqal_storage::{Job, JobEnd, JobKind, JobProgress, Lease, Leased, Queue, StorageError, WorkerName};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{Problem, WallClock};

/// The duration of a lease. If this process dies, another one takes the job after that.
const LEASE: Duration = Duration::from_secs(30);

/// The pause between two looks: whether a job is due, and whether the running job was canceled by
/// another server.
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

/// What a worker needs of its process.
#[derive(Clone)]
pub(crate) struct Workplace {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) now: WallClock,
    pub(crate) shutdown: Shutdown,
}

impl Workplace {
    fn lease_end(&self) -> Timestamp {
        let now = (self.now)();
        let micros = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.micros().saturating_add(micros)).unwrap_or(now)
    }
}

/// The worker of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobWorker {
    begun: Arc<AtomicBool>,
    /// Notified when a job was enqueued or canceled by this process.
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
        W: Future<Output = Result<String, Problem>> + Send + 'static,
    {
        if self.begun.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let (changed, shutdown) = (Arc::clone(&self.changed), place.shutdown.clone());
        let task = shutdown.spawn("jobs", async move { work_off(kind, &place, &changed, work).await });
        task.map(drop).map_err(|_| Problem::shutting_down())
    }

    /// Lets the worker look at the queue at once.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Does all jobs of a kind until the process ends.
async fn work_off<W>(kind: JobKind, place: &Workplace, changed: &Notify, work: impl Fn(Job, Progress) -> W)
where
    W: Future<Output = Result<String, Problem>>,
{
    let name: WorkerName = Name::new(&format!("process {}", std::process::id())).unwrap_or_else(|_| kind_name(&kind));
    let mut is_away = false;
    loop {
        let leasing = place.queue.lease(&kind, &name, (place.now)(), place.lease_end(), std::num::NonZeroU16::MIN);
        let leased = tokio::select! {
            biased;
            () = place.shutdown.reached(Phase::Draining) => return,
            leased = leasing => leased,
        };
        if let Err(error) = &leased
            && !is_away
        {
            warn!(%error, "jobs wait: their queue does not answer");
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
                    () = place.shutdown.reached(Phase::Draining) => return,
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
async fn one(
    lease: Lease,
    place: &Workplace,
    changed: &Notify,
    progress: &Progress,
    work: impl Future<Output = Result<String, Problem>>,
) {
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let mut held = Instant::now();
    let end = loop {
        tokio::select! {
            biased;
            () = place.shutdown.reached(Phase::Draining) => break JobEnd::Returned,
            outcome = &mut work => break match outcome {
                Ok(Ok(result)) => JobEnd::Succeeded(result),
                Ok(Err(problem)) => JobEnd::Failed(as_text(&problem)),
                Err(_panic) => JobEnd::Failed(as_text(&Problem::broken("the job broke off; the log says why"))),
            },
            () = changed.notified() => {}
            () = sleep(LOOK_EVERY) => {}
        }
        match place.queue.renew(&lease, place.lease_end(), progress.get()).await {
            Ok(true) => held = Instant::now(),
            // The job was canceled, or has passed to another worker.
            Ok(false) => return,
            Err(_) if held.elapsed() < LEASE => {}
            Err(error) => {
                warn!(job = %lease.job, %error, "a job is left to another worker: its lease could not be renewed");
                return;
            }
        }
    };
    if let Err(error) = ended(&lease, place, progress.get(), &end, held).await {
        warn!(job = %lease.job, %error, "the end of a job could not be kept; the job is done again");
    }
}

/// Keeps the end of a job, again while the queue does not answer, as long as the lease lasts.
async fn ended(
    lease: &Lease,
    place: &Workplace,
    progress: JobProgress,
    end: &JobEnd,
    held: Instant,
) -> Result<(), StorageError> {
    loop {
        let kept = async {
            place.queue.renew(lease, place.lease_end(), progress).await?;
            place.queue.end(lease, (place.now)(), end).await
        };
        match kept.await {
            Err(error) if error.is_transient() && held.elapsed() < LEASE && *end != JobEnd::Returned => {
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
