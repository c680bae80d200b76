//! The whole way with a real worker: what is sent arrives, and what fails is tried again.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::{Name, Timestamp};
use sqal_resilience::{Shutdown, ShutdownConfig, TokioClock};
use sqal_storage::queue::{Job, JobState};
use sqal_work::outbox::delivery_config;
use sqal_work::{WallClock, Work, Worker, WorkerHandle};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::line::Line;
use crate::receiver::{Step, ok, status};
use crate::webhooks::Hook;

/// A worker whose wall clock begins at the time of a line, and goes with the machine's.
pub(crate) fn begin(line: &Line, work: impl Work) -> (Shutdown, WorkerHandle) {
    let began = tokio::time::Instant::now();
    let wall = line.now();
    let now: WallClock = Arc::new(move || {
        let micros = i64::try_from(began.elapsed().as_micros()).unwrap();
        Timestamp::from_micros(wall.micros() + micros).unwrap()
    });
    let shutdown = Shutdown::new(ShutdownConfig::default());
    let worker = Worker::new(line.queue(), Name::new("server 1").unwrap(), now, Arc::new(TokioClock));
    let handle = worker.add(Arc::new(work), delivery_config()).unwrap().begin(&shutdown).unwrap();
    (shutdown, handle)
}

/// Waits until the jobs are as expected, and returns them, the oldest first.
pub(crate) async fn jobs_once(line: &Line, are_expected: impl Fn(&[Job]) -> bool) -> Vec<Job> {
    let found = async {
        loop {
            let jobs = line.jobs().await;
            if are_expected(&jobs) {
                return jobs;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), found).await.unwrap()
}

/// The second message fails once. Its next attempt is 5 seconds later, by the machine's clock, so
/// the test only sees that it waits for it.
#[tokio::test]
async fn a_worker_delivers_what_was_sent() {
    let mut hook = Hook::on(Line::new(), [ok(), status(500, ""), ok()]).await;
    let wall = hook.line.now();
    let (_shutdown, worker) = begin(&hook.line, hook.another_work());
    for (name, state) in [("one", JobState::Succeeded), ("two", JobState::Enqueued)] {
        hook.send(name).await;
        worker.look();
        let ended = |jobs: &[Job]| jobs.last().is_some_and(|job| job.state == state && job.attempts == 1);
        let job = jobs_once(&hook.line, ended).await.pop().unwrap();
        if state == JobState::Enqueued {
            assert_eq!(job.failure.as_deref(), Some("127.0.0.1: answered 500"));
            let wait = Duration::from_micros(u64::try_from(job.due.micros() - wall.micros()).unwrap());
            assert!((Duration::from_secs(5)..Duration::from_secs(30)).contains(&wait), "{wait:?}");
        }
    }
    hook.receiver.wait_for(2).await;
    assert_eq!(hook.receiver.received().len(), 2);
}

/// The process ends while the answer to a delivery is under way.
#[tokio::test]
async fn a_delivery_under_way_ends_before_the_process_does() {
    let permits = Arc::new(Semaphore::new(0));
    let hook = Hook::on(Line::new(), [Step::After(permits.clone())]).await;
    let (shutdown, worker) = begin(&hook.line, hook.another_work());
    hook.send("one").await;
    worker.look();
    jobs_once(&hook.line, |_| !hook.receiver.received().is_empty()).await;
    shutdown.begin("SIGTERM");
    permits.add_permits(1);
    let report = shutdown.run().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    assert_eq!(hook.line.jobs().await[0].state, JobState::Succeeded);
}
