//! A process that does jobs until it is killed, and tells each step on its standard output.

use std::io::Write;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::Name;
use sqal_resilience::{Backoff, Shutdown, ShutdownConfig, TokioClock};
use sqal_storage::postgres::PostgresConfig;
use sqal_storage::queue::{Job, JobKind, NewJob};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{PostgresStore, Queue, SqliteStore};
use sqal_work::{Running, Work, WorkConfig, WorkError, Worker};
use tokio::time::sleep;

use super::process::now;
use super::runs::{Step, Told};

/// The begin of each line that a child tells; the test harness writes lines too.
pub(crate) const TELLS: &str = "kills: ";

/// The kinds of jobs and their most attempts: of short runs, of runs longer than a lease, of jobs
/// whose first attempt fails, and of jobs that have failed after two killed workers.
pub(crate) const KINDS: [(&str, u16); 4] = [("short", 1_000), ("long", 1_000), ("again", 1_000), ("fragile", 2)];

/// The n-th job.
pub(crate) fn nth(n: u64) -> NewJob {
    let (kind, attempts) = KINDS[usize::try_from(n % 4).unwrap()];
    let job = NewJob::new(Name::new(kind).unwrap(), format!("job {n}"), now());
    job.once(Name::new(&format!("key {n}")).unwrap()).attempts(NonZeroU16::new(attempts).unwrap())
}

fn tell(text: &str) {
    // One write for each line, so that a kill leaves whole lines.
    std::io::stdout().write_all(format!("\n{TELLS}{text}\n").as_bytes()).unwrap();
}

/// A work that tells the steps of its runs.
#[derive(Debug)]
struct Telling(JobKind);

#[async_trait]
impl Work for Telling {
    fn kind(&self) -> &JobKind {
        &self.0
    }

    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
        let step = |step: Step| tell(&Told::line(step, job, now().micros()));
        step(Step::Begin);
        let (steps, takes) = match self.0.as_str() {
            "long" => (15, Duration::from_millis(100)),
            _ => (job.id.number() % 5, Duration::from_millis(10)),
        };
        for _ in 0..steps {
            sleep(takes).await;
            step(Step::GoesOn);
            running.more(1);
        }
        step(Step::End);
        if self.0.as_str() == "again" && job.attempts == 1 {
            return Err(WorkError::transient("once more"));
        }
        Ok(job.attempts.to_string())
    }
}

/// A lease lasts one second, the shortest time: the jobs of a killed worker wait no longer.
fn config() -> WorkConfig {
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
    WorkConfig {
        lease: Duration::from_secs(1),
        heartbeat: Duration::from_millis(250),
        look_every: Duration::from_millis(50),
        at_once: NonZeroU16::new(16).unwrap(),
        backoff: backoff.unwrap(),
        ..WorkConfig::default()
    }
}

fn begin(queue: Arc<dyn Queue>, process: &str) -> Shutdown {
    let shutdown = Shutdown::new(ShutdownConfig::default());
    let name = Name::new(&format!("process {process}")).unwrap();
    let worker = Worker::new(queue, name, Arc::new(now), Arc::new(TokioClock));
    let add = |worker: Worker, (kind, _): (&str, u16)| {
        worker.add(Arc::new(Telling(Name::new(kind).unwrap())), config()).unwrap()
    };
    drop(KINDS.into_iter().fold(worker, add).begin(&shutdown).unwrap());
    shutdown
}

/// Does the jobs of a database until the process is killed: `told` is the number of the process and
/// the URL.
pub(crate) async fn work_on_postgres(told: &str) {
    let (process, url) = told.split_once(' ').unwrap();
    let store = PostgresStore::open(&PostgresConfig::new(url).unwrap()).await.unwrap();
    let _shutdown = begin(Arc::new(store), process);
    std::future::pending::<()>().await;
}

/// Enqueues jobs into a file and does them until the process is killed: `told` is the number of the
/// process, the number of the first job, and the path. Without a first job none is enqueued, and
/// the process tells when none is left.
pub(crate) async fn work_on_sqlite(told: &str) {
    let [process, first, path] = <[&str; 3]>::try_from(told.split(' ').collect::<Vec<_>>()).unwrap();
    let store = Arc::new(SqliteStore::open(&SqliteConfig::at(path)).await.unwrap());
    let _shutdown = begin(store.clone(), process);
    if let Ok(first) = first.parse::<u64>() {
        for n in first.. {
            let enqueued = store.enqueue(&nth(n)).await.unwrap();
            tell(&format!("acknowledged {n} {}", enqueued.id()));
            sleep(Duration::from_millis(20)).await;
        }
    }
    while store.count_jobs().await.unwrap().iter().any(|count| count.state.is_open()) {
        sleep(Duration::from_millis(50)).await;
    }
    tell("idle");
    std::future::pending::<()>().await;
}
