//! What the log says of a destination that fails: one line at the beginning, one at the end.

use fixtures::logged::LoggedLines;
use sqal_storage::queue::{Job, JobState};
use tracing_subscriber::util::SubscriberInitExt;

use crate::receiver::{ok, status};
use crate::webhooks::{Hook, SECRET};
use crate::worker::{begin, jobs_once};

#[tokio::test]
async fn an_outage_is_one_line_at_its_beginning_and_one_at_its_end() {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = subscriber.set_default();
    let mut script = vec![status(500, ""); 4];
    script.push(ok());
    let hook = Hook::on(crate::line::Line::new(), script).await;
    for k in 0..10 {
        hook.send(&format!("event {k}")).await;
    }
    hook.line.drain(&hook.work).await;
    assert_eq!(hook.receiver.received().len(), 14);
    let text = lines.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("deliveries to this destination")).collect();
    assert_eq!(told.len(), 2, "{text}");
    for part in ["WARN", "fail; they are tried again", "host=\"127.0.0.1\"", "127.0.0.1: answered 500"] {
        assert!(told[0].contains(part), "{part}: {}", told[0]);
    }
    for part in ["INFO", "succeed again", "failures=4", "host=\"127.0.0.1\""] {
        assert!(told[1].contains(part), "{part}: {}", told[1]);
    }
    assert!(!text.contains("hunter2") && !text.contains(SECRET.trim_start_matches("whsec_")), "{text}");
}

/// With a real worker, and with every line of the log: ten messages wait, and one of them was
/// posted.
#[tokio::test]
async fn messages_that_wait_for_a_destination_that_fails_add_no_line() {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = subscriber.set_default();
    let hook = Hook::on(crate::line::Line::new(), [status(500, "")]).await;
    let (_shutdown, worker) = begin(&hook.line, hook.another_work());
    hook.send("one").await;
    worker.look();
    jobs_once(&hook.line, |jobs| jobs[0].failure.is_some()).await;
    for k in 0..9 {
        hook.send(&format!("event {k}")).await;
    }
    worker.look();
    let is_postponed = |job: &Job| job.state == JobState::Enqueued && job.due > job.created_at;
    let jobs = jobs_once(&hook.line, |jobs| jobs.iter().all(is_postponed)).await;
    assert_eq!((jobs.len(), hook.receiver.received().len()), (10, 1));
    let text = lines.text();
    let told: Vec<_> = text.lines().collect();
    assert!(told[0].contains("deliveries to this destination fail"), "{text}");
    assert!(told[1].contains("a job is tried again") && told.len() == 2, "{text}");
}

#[tokio::test]
async fn an_endpoint_that_is_disabled_is_told_with_its_reason() {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = subscriber.set_default();
    let hook = Hook::on(crate::line::Line::new(), [status(410, "")]).await;
    hook.send("one").await;
    hook.line.drain(&hook.work).await;
    let text = lines.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("an endpoint was disabled")).collect();
    assert!(matches!(told[..], [line] if line.contains("endpoint=erp") && line.contains("410 Gone")), "{text}");
}
