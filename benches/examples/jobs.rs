//! Measures how many jobs a second a queue takes from the request to the stored end, with 1, 4 and
//! 16 workers of 16 places each.
//!
//! Usage: `jobs <SQLite file or URL of PostgreSQL> <jobs>`.
//!
//! The work of a job does nothing. The jobs are enqueued 100 by one call, and then one by one by 16
//! clients. The workers of a PostgreSQL have a pool each, as servers have; those of a file share
//! it.
#![allow(clippy::print_stdout, reason = "a program for people")]
#![allow(clippy::cast_precision_loss, reason = "counts of jobs")]

use std::error::Error;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};
use sqal_resilience::{Clock, Shutdown, ShutdownConfig, TokioClock};
use sqal_storage::postgres::PostgresConfig;
use sqal_storage::queue::{Job, JobKind, JobState, NewJob};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{PostgresStore, Queue, SqliteStore};
use sqal_work::{Running, Work, WorkConfig, WorkError, Worker, WorkerHandle};
use tokio::task::JoinSet;
use tokio::time::sleep;

type Failed = Box<dyn Error + Send + Sync>;

/// The jobs that one call enqueues.
const AT_ONCE: u64 = 100;

/// The clients that enqueue one by one.
const CLIENTS: u64 = 16;

/// The wall clock.
fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a program has a wall clock")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or_default();
    Timestamp::from_micros(micros).unwrap_or_else(|_| unreachable!("a time of this century"))
}

/// A work that does nothing and counts its runs.
#[derive(Debug)]
struct Nothing {
    kind: JobKind,
    runs: Arc<AtomicU64>,
}

#[async_trait]
impl Work for Nothing {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, _: &Job, _: &Running) -> Result<String, WorkError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(String::new())
    }
}

/// The workers of one measurement.
struct Workers {
    kind: JobKind,
    runs: Arc<AtomicU64>,
    handles: Vec<WorkerHandle>,
    shutdown: Shutdown,
}

impl Workers {
    fn begin(kind: JobKind, queues: &[Arc<dyn Queue>]) -> Result<Self, Failed> {
        let (runs, shutdown) = (Arc::new(AtomicU64::new(0)), Shutdown::new(ShutdownConfig::default()));
        let config = WorkConfig { at_once: NonZeroU16::new(16).ok_or("16 is not 0")?, ..WorkConfig::default() };
        let mut handles = Vec::new();
        for (number, queue) in queues.iter().enumerate() {
            let name = Name::new(&format!("worker {number}"))?;
            let worker = Worker::new(Arc::clone(queue), name, Arc::new(now), Arc::new(TokioClock));
            let work = Arc::new(Nothing { kind, runs: Arc::clone(&runs) });
            handles.push(worker.add(work, config)?.begin(&shutdown)?);
        }
        Ok(Self { kind, runs, handles, shutdown })
    }

    fn look(&self) {
        self.handles.iter().for_each(WorkerHandle::look);
    }

    /// Waits until this many jobs have succeeded.
    async fn finish(self, queue: &dyn Queue, jobs: u64) -> Result<(), Failed> {
        while self.runs.load(Ordering::Relaxed) < jobs {
            sleep(Duration::from_millis(1)).await;
        }
        let done = |counts: Vec<sqal_storage::queue::JobCount>| {
            counts
                .iter()
                .any(|count| count.kind == self.kind && count.state == JobState::Succeeded && count.jobs == jobs)
        };
        while !done(queue.count_jobs().await?) {
            sleep(Duration::from_millis(2)).await;
        }
        self.shutdown.begin("measured");
        drop(self.shutdown.run().await);
        Ok(())
    }
}

fn new(kind: JobKind, number: u64) -> Result<NewJob, Failed> {
    let body = format!("{{\"v\":1,\"n\":{number}}}");
    Ok(NewJob::new(kind, body, now()).once(Name::new(&format!("key {number}"))?))
}

/// Enqueues jobs, 100 by one call.
async fn many_at_once(queue: Arc<dyn Queue>, workers: &Workers, jobs: u64) -> Result<(), Failed> {
    for first in (0..jobs).step_by(usize::try_from(AT_ONCE)?) {
        let batch = (first..jobs.min(first + AT_ONCE)).map(|number| new(workers.kind, number));
        queue.enqueue_all(&batch.collect::<Result<Vec<_>, _>>()?).await?;
        workers.look();
    }
    Ok(())
}

/// Enqueues jobs one by one, by several clients.
async fn one_by_one(queue: Arc<dyn Queue>, workers: &Workers, jobs: u64) -> Result<(), Failed> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (queue, kind, handles) = (Arc::clone(&queue), workers.kind, workers.handles.clone());
        clients.spawn(async move {
            for number in (client..jobs).step_by(usize::try_from(CLIENTS)?) {
                queue.enqueue(&new(kind, number)?).await?;
                handles.iter().for_each(WorkerHandle::look);
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

/// Measures one number of workers; prints the jobs a second of both ways to enqueue.
async fn measure(queues: &[Arc<dyn Queue>], jobs: u64) -> Result<(), Failed> {
    let (count, client) = (queues.len(), queues.first().ok_or("no worker")?);
    let mut rates = [0.0; 2];
    for (way, rate) in ["many", "single"].into_iter().zip(&mut rates) {
        let workers = Workers::begin(Name::new(&format!("{way} {count}"))?, queues)?;
        let begun = TokioClock.now();
        if way == "many" {
            many_at_once(Arc::clone(client), &workers, jobs).await?;
        } else {
            one_by_one(Arc::clone(client), &workers, jobs).await?;
        }
        workers.finish(&**client, jobs).await?;
        *rate = jobs as f64 / TokioClock.now().saturating_duration_since(begun).as_secs_f64();
    }
    let [many, single] = rates;
    println!("  {count} workers: {many:.0} jobs/s; {single:.0} jobs/s if {CLIENTS} clients enqueue them one by one");
    Ok(())
}

fn main() -> Result<(), Failed> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [place, jobs] = arguments.as_slice() else { return Err("usage: jobs <database> <jobs>".into()) };
    let jobs: u64 = jobs.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for workers in [1, 4, 16] {
            let mut queues: Vec<Arc<dyn Queue>> = Vec::new();
            if place.contains("://") {
                for _ in 0..workers {
                    queues.push(Arc::new(PostgresStore::open(&PostgresConfig::new(place)?).await?));
                }
            } else {
                let store = Arc::new(SqliteStore::open(&SqliteConfig::at(place)).await?);
                queues.extend((0..workers).map(|_| Arc::clone(&store) as Arc<dyn Queue>));
            }
            measure(&queues, jobs).await?;
        }
        Ok(())
    })
}
