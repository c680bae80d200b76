//! What the log says of jobs, all lines of it.

use fixtures::logged::LoggedLines;
use sqal_storage::queue::JobState;
use sqal_work::{WorkConfig, WorkError};
use tracing_subscriber::util::SubscriberInitExt;

use super::bench::{Bench, Line, done, seconds};

#[tokio::test(start_paused = true)]
async fn a_job_that_is_postponed_many_times_fills_no_log() {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = subscriber.set_default();
    let bench = Bench::new();
    let begun = tokio::time::Instant::now();
    let work = done(move |job, _| async move {
        if begun.elapsed() < seconds(600) {
            return Err(WorkError::Postponed { why: "the breaker is open".to_owned(), retry_after: seconds(2) });
        }
        if job.attempts == 1 { Err(WorkError::transient("away")) } else { Ok(String::new()) }
    });
    let _process = bench.worker("server 1", work, WorkConfig::default());
    let id = bench.enqueue("", 2).await;
    assert_eq!(bench.ended(id).await.state, JobState::Succeeded);
    let text = lines.text();
    let told: Vec<_> = text.lines().collect();
    assert!(matches!(told[..], [line] if line.contains("a job is tried again") && line.contains("away")), "{text}");
}

/// Law 3: no run has seen the end of such a job, and the process that finds its lease ended says
/// it.
#[tokio::test(start_paused = true)]
async fn a_job_whose_last_worker_was_killed_is_told_as_failed_once() {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = subscriber.set_default();
    let bench = Bench::new();
    let work = || done(|_, _| async { std::future::pending().await });
    let killed = bench.worker("server 1", work(), WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    tokio::time::sleep(seconds(3)).await;
    killed.wire.set(Line::Dead);
    let _others = ["server 2", "server 3"].map(|name| bench.worker(name, work(), WorkConfig::default()));
    let job = bench.ended(id).await;
    assert_eq!(job.state, JobState::Failed);
    tokio::time::sleep(seconds(600)).await;
    let text = lines.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("a job has failed for good")).collect();
    let [line] = told[..] else { panic!("{text}") };
    let (of_kind, of_job) = ("kind=report", format!("job={id}"));
    assert!(line.contains("WARN") && line.contains(of_kind) && line.contains(&of_job), "{line}");
    assert!(line.contains("the lease of the last attempt has ended"), "{line}");
}

/// The looks for jobs and the heartbeats of a run fail for ten minutes: that is one line when it
/// begins and one when it ends.
#[tokio::test(start_paused = true)]
async fn a_queue_that_is_away_is_told_once_and_so_is_its_return() {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = subscriber.set_default();
    let bench = Bench::new();
    let work = done(|_, _| async { std::future::pending().await });
    let process = bench.worker("server 1", work, WorkConfig::default());
    bench.enqueue("", 1).await;
    tokio::time::sleep(seconds(3)).await;
    process.wire.set(Line::Down);
    tokio::time::sleep(seconds(600)).await;
    process.wire.set(Line::Up);
    tokio::time::sleep(seconds(60)).await;
    let text = lines.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("the queue ")).collect();
    let [begin, end] = told[..] else { panic!("{text}") };
    assert!(begin.contains("WARN") && begin.contains("jobs wait: the queue does not answer kind=report"), "{begin}");
    assert!(begin.contains("error=interposed: the store does not answer"), "{begin}");
    assert!(end.contains("INFO") && end.contains("the queue answers again kind=report failures="), "{end}");
}
