//! How workers end: runs that may finish while the process drains, and workers without a task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqal_storage::Queue;
use sqal_storage::queue::JobState;
use sqal_work::{Work, WorkConfig};
use tokio::time::sleep;

use super::bench::{Bench, Line, done, seconds};

/// A work that takes a time, and the number of its runs.
fn slow(takes: Duration) -> (Arc<dyn Work>, Arc<AtomicU32>) {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let work = done(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(takes).await;
            Ok("done".to_owned())
        }
    });
    (work, runs)
}

fn finishing(finish_within: Duration) -> WorkConfig {
    WorkConfig { finish_within, ..WorkConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_may_finish_ends_while_the_process_drains_and_is_not_done_twice() {
    let bench = Bench::new();
    let (work, runs) = slow(seconds(15));
    let first = bench.worker("server 1", work, finishing(seconds(20)));
    let id = bench.enqueue("", 3).await;
    sleep(seconds(10)).await;
    first.shutdown.begin("SIGTERM");
    let (again, repeated) = slow(seconds(15));
    let _second = bench.worker("server 2", again, finishing(seconds(20)));
    let report = first.shutdown.run().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts, job.result.as_deref()), (JobState::Succeeded, 1, Some("done")));
    let counted = [&runs, &repeated].map(|runs| runs.load(Ordering::Relaxed));
    assert_eq!((counted, bench.elapsed() < seconds(18)), ([1, 0], true));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_does_not_finish_in_time_is_returned_then_and_not_earlier() {
    let bench = Bench::new();
    let (work, _) = slow(seconds(100));
    let process = bench.worker("server 1", work, finishing(seconds(20)));
    let id = bench.enqueue("", 1).await;
    sleep(seconds(10)).await;
    process.shutdown.begin("SIGTERM");
    sleep(seconds(19)).await;
    assert_eq!(bench.job(id).await.state, JobState::Running);
    let report = process.shutdown.run().await;
    assert_eq!((report.exit_code(), bench.elapsed() < seconds(32)), (0, true), "{report:?}");
    let job = bench.job(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Enqueued, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_finishes_keeps_its_lease_and_can_still_be_canceled() {
    for cancels in [false, true] {
        let bench = Bench::new();
        let (work, _) = slow(seconds(100));
        let process = bench.worker("server 1", work, finishing(seconds(200)));
        let id = bench.enqueue("", 3).await;
        sleep(seconds(5)).await;
        process.shutdown.begin("SIGTERM");
        let (again, repeated) = slow(seconds(100));
        let _second = bench.worker("server 2", again, finishing(seconds(200)));
        sleep(seconds(60)).await;
        if cancels {
            bench.queue.cancel(id, bench.now()).await.unwrap();
            sleep(seconds(6)).await;
            assert!(process.handle.has_ended(), "the canceled run is dropped by the next heartbeat");
        }
        let job = bench.ended(id).await;
        let expected = if cancels { JobState::Canceled } else { JobState::Succeeded };
        assert_eq!((job.state, job.attempts, repeated.load(Ordering::Relaxed)), (expected, 1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_has_ended_when_its_last_run_has_and_not_earlier() {
    let bench = Bench::new();
    let (work, _) = slow(seconds(15));
    let process = bench.worker("server 1", work, finishing(seconds(20)));
    bench.enqueue("", 1).await;
    sleep(seconds(10)).await;
    assert!(!process.handle.has_ended());
    process.shutdown.begin("SIGTERM");
    sleep(seconds(2)).await;
    assert!(!process.handle.has_ended(), "a run is under way");
    sleep(seconds(10)).await;
    assert!(process.handle.has_ended());
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_queue_has_panicked_has_ended_and_another_one_goes_on() {
    let bench = Bench::new();
    let (work, _) = slow(seconds(5));
    let process = bench.worker("server 1", work, WorkConfig::default());
    sleep(seconds(5)).await;
    assert!(!process.handle.has_ended());
    process.wire.set(Line::Broken);
    sleep(seconds(2)).await;
    assert!(process.handle.has_ended(), "also before the next minute of its upkeep");
    let (again, _) = slow(seconds(5));
    let _other = bench.worker("server 1", again, WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    assert_eq!(bench.ended(id).await.state, JobState::Succeeded);
}
