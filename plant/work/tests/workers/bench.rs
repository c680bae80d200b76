//! Workers over one memory store in paused time, each with a wall clock and a switch of its own.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};
use sqal_resilience::{Clock, Shutdown, ShutdownConfig, TokioClock};
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::queue::{Job, JobId, JobKind, NewJob};
use sqal_storage::{MemoryStore, Queue, StorageErrorKind};
use sqal_work::{Running, Work, WorkConfig, WorkError, Worker, WorkerHandle};

/// 2026-11-29T00:00:00Z.
const BEGIN: i64 = 1_795_910_400_000_000;

pub(crate) fn kind() -> JobKind {
    Name::new("report").unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a worker can see of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Line {
    Up,
    /// Every call fails.
    Down,
    /// No call ever returns, as in a process that was killed.
    Dead,
    /// Every call panics: the adapter has a fault.
    Broken,
}

/// The way of one worker to the queue. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<AtomicU8>);

impl Wire {
    pub(crate) fn set(&self, line: Line) {
        self.0.store(line as u8, Ordering::Relaxed);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Line::Dead as u8
    }
}

#[async_trait]
impl Interpose for Wire {
    async fn turn(&self, _: Call) -> Turn {
        if self.is_dead() {
            return std::future::pending().await;
        }
        let line = self.0.load(Ordering::Relaxed);
        assert_ne!(line, Line::Broken as u8, "the adapter of the queue panics");
        if line == Line::Up as u8 { Turn::Done } else { Turn::FailsBefore(StorageErrorKind::Unavailable) }
    }
}

/// A work that is a function of the job and its run.
pub(crate) struct Done<F> {
    kind: JobKind,
    run: F,
}

impl<F> fmt::Debug for Done<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[async_trait]
impl<F, R> Work for Done<F>
where
    F: Fn(Job, Running) -> R + Send + Sync + 'static,
    R: Future<Output = Result<String, WorkError>> + Send + 'static,
{
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
        (self.run)(job.clone(), running.clone()).await
    }
}

/// A work that is a function.
pub(crate) fn done<F, R>(run: F) -> Arc<dyn Work>
where
    F: Fn(Job, Running) -> R + Send + Sync + 'static,
    R: Future<Output = Result<String, WorkError>> + Send + 'static,
{
    Arc::new(Done { kind: kind(), run })
}

/// One queue in simulated time.
pub(crate) struct Bench {
    begun: Instant,
    pub(crate) queue: Arc<MemoryStore>,
}

/// A process with a worker.
pub(crate) struct Process {
    pub(crate) wire: Wire,
    /// How far its wall clock is ahead, in microseconds.
    pub(crate) offset: Arc<AtomicI64>,
    pub(crate) shutdown: Shutdown,
    pub(crate) handle: WorkerHandle,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { begun: TokioClock.now(), queue: Arc::new(MemoryStore::new()) }
    }

    /// The time since the begin.
    pub(crate) fn elapsed(&self) -> Duration {
        TokioClock.now().saturating_duration_since(self.begun)
    }

    /// The true wall time.
    pub(crate) fn now(&self) -> Timestamp {
        wall(self.elapsed(), 0)
    }

    /// Begins a worker.
    pub(crate) fn worker(&self, name: &str, work: Arc<dyn Work>, config: WorkConfig) -> Process {
        self.worker_on(Wire::default(), name, work, config)
    }

    /// Begins a worker on a way to the queue.
    pub(crate) fn worker_on(&self, wire: Wire, name: &str, work: Arc<dyn Work>, config: WorkConfig) -> Process {
        let (begun, offset) = (self.begun, Arc::new(AtomicI64::new(0)));
        let ahead = Arc::clone(&offset);
        let now =
            Arc::new(move || wall(TokioClock.now().saturating_duration_since(begun), ahead.load(Ordering::Relaxed)));
        let shutdown = Shutdown::new(ShutdownConfig::default());
        let queue = Interposed::new(Arc::clone(&self.queue), wire.clone());
        let worker = Worker::new(Arc::new(queue), Name::new(name).unwrap(), now, Arc::new(TokioClock));
        let handle = worker.add(work, config).unwrap().begin(&shutdown).unwrap();
        Process { wire, offset, shutdown, handle }
    }

    /// Enqueues a job that is due now.
    pub(crate) async fn enqueue(&self, body: &str, attempts: u16) -> JobId {
        let job = NewJob::new(kind(), body.to_owned(), self.now()).attempts(NonZeroU16::new(attempts).unwrap());
        self.queue.enqueue(&job).await.unwrap().id()
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.queue.job(id).await.unwrap().unwrap()
    }

    /// Waits until a job has ended, for at most a day.
    pub(crate) async fn ended(&self, id: JobId) -> Job {
        for _ in 0..24 * 3_600 * 10 {
            let job = self.job(id).await;
            if !job.state.is_open() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the job has not ended in a day: {:?}", self.job(id).await);
    }
}

fn wall(elapsed: Duration, ahead: i64) -> Timestamp {
    Timestamp::from_micros(BEGIN + i64::try_from(elapsed.as_micros()).unwrap() + ahead).unwrap()
}
