//! [`JobWorker`]: does the jobs of this service in this process, one after the other.
//!
//! A job that a process leaves behind when it ends is done by the next process, or by another
//! server of the same database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqal_core::Name;
use sqal_intake::WallClock;
use sqal_resilience::{Backoff, Shutdown, TokioClock};
use sqal_storage::Queue;
use sqal_storage::queue::WorkerName;
use sqal_work::{Work, WorkConfig, Worker, WorkerHandle};

use crate::door::problem::Problem;

/// How jobs are done. A cancellation by another server is noticed within a second. A lease of 30
/// seconds is the time after which another server does the job of a server that was killed.
fn config() -> WorkConfig {
    let backoff = Backoff::new(Duration::from_secs(10), Duration::from_mins(1));
    WorkConfig {
        heartbeat: Duration::from_secs(1),
        backoff: backoff.unwrap_or_else(|_| unreachable!("constants in order")),
        ..WorkConfig::default()
    }
}

/// What a worker needs of its process.
pub(crate) struct Workplace {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) now: WallClock,
    pub(crate) shutdown: Shutdown,
}

/// The worker of this process. It begins at the first job, and begins again if a panic of the queue
/// has ended it.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobWorker(Arc<Mutex<Option<WorkerHandle>>>);

impl JobWorker {
    fn handle(&self) -> MutexGuard<'_, Option<WorkerHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to do the jobs of a work, unless a worker that has begun is still there. It ends with
    /// the process; the job that it works on then goes back to the queue.
    ///
    /// # Errors
    ///
    /// 503 if the process is ending.
    pub(crate) fn begin(&self, place: Workplace, work: Arc<dyn Work>) -> Result<(), Problem> {
        let mut handle = self.handle();
        if handle.as_ref().is_some_and(|begun| !begun.has_ended()) {
            return Ok(());
        }
        let worker = Worker::new(place.queue, name(), place.now, Arc::new(TokioClock)).add(work, config());
        let worker = worker.unwrap_or_else(|_| unreachable!("one work, with values in their ranges"));
        *handle = Some(worker.begin(&place.shutdown).map_err(|_| Problem::shutting_down())?);
        Ok(())
    }

    /// Lets the worker look at the queue at once.
    pub(crate) fn changed(&self) {
        if let Some(handle) = &*self.handle() {
            handle.look();
        }
    }
}

/// The name that the queue shows with the jobs of this process.
fn name() -> WorkerName {
    Name::new(&format!("process {}", std::process::id())).unwrap_or_else(|_| unreachable!("at most 18 characters"))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use sqal_core::Timestamp;
    use sqal_resilience::ShutdownConfig;
    use sqal_storage::MemoryStore;
    use sqal_storage::queue::{Job, JobId, JobKind, JobState, NewJob};
    use sqal_work::{Running, WorkError};
    use tokio::time::sleep;

    use super::*;

    #[derive(Debug)]
    struct Echo(JobKind);

    #[async_trait]
    impl Work for Echo {
        fn kind(&self) -> &JobKind {
            &self.0
        }

        async fn run(&self, job: &Job, _: &Running) -> Result<String, WorkError> {
            Ok(job.body.clone())
        }
    }

    fn kind() -> JobKind {
        Name::new("echo").unwrap()
    }

    /// A process whose worker panics while its clock is broken.
    struct Process {
        queue: Arc<MemoryStore>,
        shutdown: Shutdown,
        is_broken: Arc<AtomicBool>,
        jobs: JobWorker,
    }

    impl Process {
        fn new() -> Self {
            let (queue, shutdown) = (Arc::new(MemoryStore::new()), Shutdown::new(ShutdownConfig::default()));
            Self { queue, shutdown, is_broken: Arc::default(), jobs: JobWorker::default() }
        }

        fn begin(&self) -> Result<(), Problem> {
            let is_broken = Arc::clone(&self.is_broken);
            let now: WallClock = Arc::new(move || {
                assert!(!is_broken.load(Ordering::Relaxed), "the worker panics");
                at()
            });
            let place = Workplace { queue: self.queue.clone(), now, shutdown: self.shutdown.clone() };
            self.jobs.begin(place, Arc::new(Echo(kind())))
        }

        /// Enqueues a job and returns its state after a minute.
        async fn job(&self) -> JobState {
            let job = NewJob::new(kind(), "x".to_owned(), at()).attempts(NonZeroU16::MIN);
            let id: JobId = self.queue.enqueue(&job).await.unwrap().id();
            self.jobs.changed();
            sleep(Duration::from_mins(1)).await;
            self.queue.job(id).await.unwrap().unwrap().state
        }
    }

    fn at() -> Timestamp {
        Timestamp::from_micros(1_795_910_400_000_000).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_a_panic_has_ended_begins_again_with_the_next_job() {
        let process = Process::new();
        process.begin().unwrap();
        assert_eq!(process.job().await, JobState::Succeeded);
        process.is_broken.store(true, Ordering::Relaxed);
        assert_eq!(process.job().await, JobState::Enqueued);
        process.is_broken.store(false, Ordering::Relaxed);
        assert_eq!(process.job().await, JobState::Enqueued, "the worker has ended");
        process.begin().unwrap();
        assert_eq!(process.job().await, JobState::Succeeded);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_is_there_is_begun_once_and_none_begins_while_the_process_ends() {
        let process = Process::new();
        process.begin().unwrap();
        sleep(Duration::from_millis(100)).await;
        // A second worker would read the broken clock at once; the first one looks once a second.
        process.is_broken.store(true, Ordering::Relaxed);
        process.begin().unwrap();
        sleep(Duration::from_millis(100)).await;
        process.is_broken.store(false, Ordering::Relaxed);
        assert_eq!(process.job().await, JobState::Succeeded);
        process.shutdown.begin("test");
        let report = process.shutdown.run().await;
        assert_eq!((report.exit_code(), report.panicked.len()), (0, 0), "{report:?}");
        assert!(process.begin().is_err());
    }

    #[test]
    fn the_values_of_the_worker_are_in_their_ranges() {
        config().check().unwrap();
    }
}
