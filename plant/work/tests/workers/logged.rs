//! What the log says of jobs, all lines of it.

use fixtures::logged::LoggedLines;
use sqal_storage::queue::JobState;
use sqal_work::{WorkConfig, WorkError};
use tracing_subscriber::util::SubscriberInitExt;

use super::bench::{Bench, done, seconds};

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
