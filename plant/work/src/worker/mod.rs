//! [`Worker`]: does the jobs of a queue in this process.
//!
//! ```text
//!              lease                    result                    end
//!  ENQUEUED ----------> RUN ------------------------------> SUCCEEDED
//!     ^                  | \-- permanent failure ---------> FAILED
//!     |                  |  \- canceled, or leased by another worker: the run is dropped
//!     |  backoff         |
//!     +---- transient failure, panic, too long (while attempts are left; then FAILED)
//!     +---- process drains (after `finish_within`), newer body, postponed (no attempt is lost)
//! ```
//!
//! If a worker is killed, its leases end, and other workers do its jobs again.

mod config;
mod desk;
mod ends;
mod meter;
mod places;
mod run;
mod running;
mod upkeep;
mod work;

use std::fmt;
use std::sync::Arc;

use sqal_resilience::outage::Outage;
use sqal_resilience::{Clock, Rejected, Shutdown};
use sqal_storage::Queue;
use sqal_storage::queue::WorkerName;
use tokio::sync::watch;

use crate::wall::WallClock;
use desk::Desk;
use ends::Ends;
use meter::Meter;

pub use config::{InvalidWork, LEAST_KEPT, WorkConfig};
pub use running::Running;
pub use work::{Work, WorkError};

/// Does the jobs of a queue in this process, each kind with the [`Work`] that was added for it.
///
/// # Laws
///
/// 1. *A run never outlives its lease*: while the lease cannot be renewed, the work is not polled;
///    if the job was cancelled or has passed to another worker, it is dropped. So two workers whose
///    clocks agree never work on a job at once. That also holds for a machine that was suspended:
///    its wall clock shows that the lease has ended, and the work is polled again only if the lease
///    could be renewed.
/// 2. *Nothing is lost*: a job whose run has no stored end is done again.
/// 3. *A failure is visible*: a job that has failed for good keeps why, counts in the gauge `jobs`,
///    and is a line of the log, also if the worker of its last attempt was killed. The process that
///    finds its lease ended then writes the line. `job_runs_total` counts only runs whose end a
///    process has seen.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use async_trait::async_trait;
/// use sqal_core::{Name, Timestamp};
/// use sqal_resilience::{Shutdown, ShutdownConfig, TokioClock};
/// use sqal_storage::queue::{Job, JobKind, JobState, NewJob};
/// use sqal_storage::{MemoryStore, Queue};
/// use sqal_work::worker::{Running, Work, WorkConfig, WorkError, Worker};
///
/// #[derive(Debug)]
/// struct Length(JobKind);
///
/// #[async_trait]
/// impl Work for Length {
///     fn kind(&self) -> &JobKind {
///         &self.0
///     }
///     async fn run(&self, job: &Job, _: &Running) -> Result<String, WorkError> {
///         Ok(job.body.len().to_string())
///     }
/// }
///
/// let (queue, shutdown) = (Arc::new(MemoryStore::new()), Shutdown::new(ShutdownConfig::default()));
/// let kind = Name::new("length")?;
/// // A service passes its wall clock.
/// let now = Timestamp::from_micros(1_794_000_000_000_000)?;
/// let worker = Worker::new(queue.clone(), Name::new("server 1")?, Arc::new(move || now), Arc::new(TokioClock));
/// let handle = worker.add(Arc::new(Length(kind)), WorkConfig::default())?.begin(&shutdown)?;
///
/// let id = queue.enqueue(&NewJob::new(kind, "foie gras".to_owned(), now)).await?.id();
/// handle.look();
/// let job = loop {
///     match queue.job(id).await?.filter(|job| !job.state.is_open()) {
///         Some(job) => break job,
///         None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
///     }
/// };
/// assert_eq!((job.state, job.result.as_deref()), (JobState::Succeeded, Some("9")));
/// # Ok(()) }
/// ```
pub struct Worker {
    queue: Arc<dyn Queue>,
    name: WorkerName,
    now: WallClock,
    clock: Arc<dyn Clock>,
    works: Vec<(Arc<dyn Work>, WorkConfig)>,
}

impl Worker {
    /// A worker without a work. The queue shows the name with the jobs that it leases. Leases last
    /// by the wall clock in the queue, and by the monotonic clock in this process. Waits use
    /// tokio's clock.
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>, name: WorkerName, now: WallClock, clock: Arc<dyn Clock>) -> Self {
        Self { queue, name, now, clock, works: Vec::new() }
    }

    /// Adds the work for one kind.
    ///
    /// # Errors
    ///
    /// [`InvalidWork`] if a value of the configuration is out of its range, or if the worker has a
    /// work of this kind.
    pub fn add(mut self, work: Arc<dyn Work>, config: WorkConfig) -> Result<Self, InvalidWork> {
        config.check()?;
        if self.works.iter().any(|(known, _)| known.kind() == work.kind()) {
            return Err(InvalidWork::Twice(*work.kind()));
        }
        self.works.push((work, config));
        Ok(self)
    }

    /// Begins to work. The tasks end when the process drains: a run that does not end within
    /// [`WorkConfig::finish_within`] is dropped, and its job goes back to the queue.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the process drains already.
    ///
    /// # Panics
    ///
    /// If there is no tokio runtime.
    pub fn begin(self, shutdown: &Shutdown) -> Result<WorkerHandle, Rejected> {
        let Self { queue, name, now, clock, works } = self;
        let (handle, changed) = watch::channel(0);
        let ends = Arc::new(Ends::new(Arc::clone(&queue)));
        let desk = |(work, config): (Arc<dyn Work>, WorkConfig)| {
            let meter = Meter::new(work.kind());
            let (queue, now, clock) = (Arc::clone(&queue), Arc::clone(&now), Arc::clone(&clock));
            let (ends, shutdown, changed) = (Arc::clone(&ends), shutdown.clone(), changed.clone());
            let outage = Outage::calm_after(Outage::CALM);
            Arc::new(Desk { queue, ends, name, now, clock, work, config, meter, shutdown, changed, outage })
        };
        let desks: Vec<_> = works.into_iter().map(desk).collect();
        for desk in &desks {
            drop(shutdown.spawn(format!("jobs of the kind {}", desk.work.kind()), places::attend(Arc::clone(desk)))?);
        }
        let desks = desks.iter().map(Arc::downgrade).collect();
        drop(shutdown.spawn("upkeep of jobs", upkeep::keep_up(desks, shutdown.clone()))?);
        Ok(WorkerHandle(Arc::new(handle)))
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("name", &self.name).field("works", &self.works).finish_non_exhaustive()
    }
}

/// Wakes a worker that has begun, and knows whether it has ended. Clones are of one worker.
/// Dropping it stops nothing.
#[derive(Clone, Debug)]
pub struct WorkerHandle(Arc<watch::Sender<u64>>);

impl WorkerHandle {
    /// Lets the worker look at the queue at once: for due jobs, and for cancellations of the jobs
    /// under way. To be called after a job was enqueued or canceled by this process.
    pub fn look(&self) {
        self.0.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Whether no task of the worker is left that does jobs: the process drains and all runs have
    /// ended, or a panic of the queue or of a clock has ended the tasks. A new worker may then be
    /// begun.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.is_closed()
    }
}
