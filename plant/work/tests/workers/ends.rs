//! How runs end: results, failures, backoff, panics, newer bodies, limits of time, and shutdown.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqal_resilience::Backoff;
use sqal_storage::Queue;
use sqal_storage::queue::{JobProgress, JobQuery, JobState};
use sqal_work::worker::InvalidWork;
use sqal_work::{WorkConfig, WorkError, Worker};
use tokio::time::sleep;

use super::bench::{Bench, Line, done, kind, seconds};

#[tokio::test(start_paused = true)]
async fn a_job_has_the_result_and_the_progress_of_its_run() {
    let bench = Bench::new();
    let work = done(|job, running| async move {
        running.total(2);
        running.more(2);
        Ok(format!("{} done", job.body))
    });
    let config = WorkConfig { look_every: seconds(3_600), ..WorkConfig::default() };
    let process = bench.worker("server 1", work, config);
    sleep(seconds(60)).await;
    let id = bench.enqueue("report", 1).await;
    process.handle.look();
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.result.as_deref()), (JobState::Succeeded, Some("report done")));
    assert_eq!((job.progress, job.attempts), (JobProgress { done: 2, total: Some(2) }, 1));
    assert_eq!(job.worker.map(|name| name.to_string()).as_deref(), Some("server 1"));
    assert!(bench.elapsed() < seconds(61), "a handle wakes the worker before its next look");
}

/// The times of the attempts of a work that fails in each of them.
async fn attempts(attempts: u16, config: WorkConfig, error: fn() -> WorkError) -> (Vec<Duration>, JobState) {
    let bench = Bench::new();
    let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let noted = Arc::clone(&times);
    let begun = tokio::time::Instant::now();
    let work = done(move |_, _| {
        noted.lock().unwrap().push(begun.elapsed());
        async move { Err(error()) }
    });
    let _process = bench.worker("server 1", work, config);
    let id = bench.enqueue("", attempts).await;
    let job = bench.ended(id).await;
    assert_eq!(job.failure, Some(error().to_string()));
    let times = times.lock().unwrap().clone();
    (times, job.state)
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_again_by_the_backoff_until_the_last_attempt() {
    let (times, state) = attempts(4, WorkConfig::default(), || WorkError::transient("the target is away")).await;
    assert_eq!((times.len(), state), (4, JobState::Failed));
    for (pair, wait) in times.windows(2).zip([15, 30, 60]) {
        let waited = pair[1].saturating_sub(pair[0]);
        // Up to half more or less, and up to a second until the queue is looked at.
        assert!(waited >= seconds(wait) / 2 && waited <= seconds(wait) * 3 / 2 + seconds(2), "{waited:?} {wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_is_not_tried_again_before_the_time_that_its_failure_states() {
    let error = || WorkError::Transient { why: "429".to_owned(), retry_after: Some(Duration::from_mins(10)) };
    let (times, state) = attempts(2, WorkConfig::default(), error).await;
    assert_eq!((times.len(), state), (2, JobState::Failed));
    assert!(times[1].saturating_sub(times[0]) >= Duration::from_mins(10));
}

#[tokio::test(start_paused = true)]
async fn jobs_that_failed_together_are_not_tried_again_together() {
    let bench = Bench::new();
    let work = done(|_, _| async { Err(WorkError::transient("away")) });
    let config = WorkConfig { at_once: NonZeroU16::new(20).unwrap(), ..WorkConfig::default() };
    let _process = bench.worker("server 1", work, config);
    for _ in 0..20 {
        bench.enqueue("", 9).await;
    }
    sleep(seconds(3)).await;
    let jobs = bench.queue.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap();
    let due: std::collections::BTreeSet<_> = jobs.iter().map(|job| job.due.micros() / 1_000_000).collect();
    assert!(due.len() >= 8, "{due:?}");
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_tried_again() {
    let (times, state) = attempts(9, WorkConfig::default(), || WorkError::permanent("no such address")).await;
    assert_eq!((times.len(), state), (1, JobState::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_attempt_and_the_worker_goes_on() {
    let bench = Bench::new();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let work = done(move |job, _| {
        let run = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::task::yield_now().await;
            assert!(run > 0, "the first run of {} breaks off", job.body);
            Ok(String::new())
        }
    });
    let _process = bench.worker("server 1", work, WorkConfig::default());
    let id = bench.enqueue("the report", 2).await;
    sleep(seconds(2)).await;
    let failure = bench.job(id).await.failure;
    assert_eq!(failure.as_deref(), Some("the work panicked: the first run of the report breaks off"));
    assert_eq!((bench.ended(id).await.state, runs.load(Ordering::Relaxed)), (JobState::Succeeded, 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_is_a_failed_attempt() {
    let bench = Bench::new();
    let work = done(|_, _| async {
        sleep(seconds(3_600)).await;
        Ok(String::new())
    });
    let config = WorkConfig { longest_run: Some(seconds(100)), ..WorkConfig::default() };
    let _process = bench.worker("server 1", work, config);
    let id = bench.enqueue("", 1).await;
    let job = bench.ended(id).await;
    assert_eq!(job.failure.as_deref(), Some("the work took longer than 100 s"));
    assert!(bench.elapsed() >= seconds(100) && bench.elapsed() < seconds(103));
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_newer_program_waits_for_it_and_loses_no_attempt() {
    let bench = Bench::new();
    let old = done(|_, _| async { Err(WorkError::Newer { found: 2, known: 1 }) });
    let process = bench.worker("old server", old, WorkConfig::default());
    let id = bench.enqueue(r#"{"v":2}"#, 1).await;
    sleep(Duration::from_hours(10)).await;
    let job = bench.job(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Enqueued, 0));
    process.shutdown.begin("upgrade");
    let _new = bench.worker("new server", done(|_, _| async { Ok("done".to_owned()) }), WorkConfig::default());
    assert_eq!(bench.ended(id).await.state, JobState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_postponed_job_loses_no_attempt_and_waits_as_long_as_it_says() {
    let bench = Bench::new();
    let begun = tokio::time::Instant::now();
    let work = done(move |_, _| async move {
        if begun.elapsed() < seconds(600) {
            return Err(WorkError::Postponed { why: "the breaker is open".to_owned(), retry_after: seconds(200) });
        }
        Ok(String::new())
    });
    let _process = bench.worker("server 1", work, WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 1));
    assert!(bench.elapsed() >= seconds(600) && bench.elapsed() < seconds(610), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_returns_the_job_under_way_to_another_worker() {
    let bench = Bench::new();
    let slow = || {
        done(|_, _| async {
            sleep(seconds(100)).await;
            Ok("done".to_owned())
        })
    };
    let first = bench.worker("server 1", slow(), WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    sleep(seconds(50)).await;
    assert_eq!(bench.job(id).await.state, JobState::Running);
    first.shutdown.begin("SIGTERM");
    let report = first.shutdown.run().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    let job = bench.job(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Enqueued, 0));
    let _second = bench.worker("server 2", slow(), WorkConfig::default());
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 1));
    assert_eq!(job.worker.map(|name| name.to_string()).as_deref(), Some("server 2"));
}

#[tokio::test(start_paused = true)]
async fn an_end_is_stored_as_soon_as_the_queue_answers_again() {
    let bench = Bench::new();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let work = done(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            sleep(seconds(20)).await;
            Ok("done".to_owned())
        }
    });
    let process = bench.worker("server 1", work, WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    sleep(seconds(15)).await;
    process.wire.set(Line::Down);
    sleep(Duration::from_mins(30)).await;
    process.wire.set(Line::Up);
    let job = bench.ended(id).await;
    assert_eq!((job.state, runs.load(Ordering::Relaxed)), (JobState::Succeeded, 1));
}

#[tokio::test(start_paused = true)]
async fn a_text_that_no_queue_stores_is_told_or_replaced() {
    let bench = Bench::new();
    let work = done(|job, _| async move {
        if job.body == "fail" { Err(WorkError::permanent("a\0b")) } else { Ok("a\0b".to_owned()) }
    });
    let _process = bench.worker("server 1", work, WorkConfig::default());
    let [failed, strange] = [bench.enqueue("fail", 1).await, bench.enqueue("", 1).await];
    assert_eq!(bench.ended(failed).await.failure.as_deref(), Some("a\u{FFFD}b"));
    let job = bench.ended(strange).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.failure.unwrap().contains("U+0000"));
}

#[tokio::test(start_paused = true)]
async fn ended_jobs_are_forgotten_after_their_time_if_the_work_says_so() {
    let bench = Bench::new();
    let config = WorkConfig { kept_for: Some(Duration::from_hours(24)), ..WorkConfig::default() };
    let _process = bench.worker("server 1", done(|_, _| async { Ok(String::new()) }), config);
    let id = bench.enqueue("", 1).await;
    sleep(Duration::from_hours(23)).await;
    assert!(bench.queue.job(id).await.unwrap().is_some());
    sleep(Duration::from_hours(2)).await;
    assert!(bench.queue.job(id).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn two_works_of_one_kind_and_a_configuration_out_of_range_are_refused() {
    let bench = Bench::new();
    let new = || {
        let name = sqal_core::Name::new("server").unwrap();
        let (now, clock) = (bench.now(), Arc::new(sqal_resilience::TokioClock));
        Worker::new(bench.queue.clone(), name, Arc::new(move || now), clock)
    };
    let work = || done(|_, _| async { Ok(String::new()) });
    let config = WorkConfig { lease: seconds(0), ..WorkConfig::default() };
    assert!(matches!(new().add(work(), config), Err(InvalidWork::Lease { .. })));
    let one = new().add(work(), WorkConfig::default()).unwrap();
    assert_eq!(one.add(work(), WorkConfig::default()).unwrap_err(), InvalidWork::Twice(kind()));
    let backoff = Backoff::new(seconds(1), seconds(2)).unwrap();
    assert!(new().add(work(), WorkConfig { backoff, ..WorkConfig::default() }).is_ok());
}
