//! One run of one job: the work goes on while the lease is held, and its end is stored.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sqal_core::Timestamp;
use sqal_resilience::shutdown::Phase;
use sqal_resilience::timeout;
use sqal_storage::queue::{Job, JobEnd, JobProgress, Lease, Leased};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{Instrument, Span, debug, info, warn};

use super::desk::Desk;
use super::meter::Outcome;
use super::running::Running;
use super::work::WorkError;
use crate::held::while_held;
use crate::traced::{failed, span_of};
use crate::wall::{Moment, later};

/// The longest text of a failure that is stored, in bytes.
const LONGEST_FAILURE: usize = 8 * 1024;

/// How the work of a run ended, or why it was stopped before.
enum Ended {
    Work(Result<String, WorkError>),
    Panicked(Box<dyn Any + Send>),
    /// The process drains, and the run had its time to finish.
    Draining,
    /// The run took longer than its work may.
    TooLong(Duration),
    /// The job was cancelled, or has passed to another worker.
    Lost,
}

/// Does a leased job and stores its end; `asked` is the moment before the call that leased it.
pub(super) async fn run(desk: Arc<Desk>, Leased { lease, job }: Leased, asked: Moment) {
    let _under_way = desk.meter.under_way();
    let leased = (desk.config.lease, Arc::clone(&desk.now));
    let running = Running::new(asked, Arc::clone(&desk.clock), Some(leased));
    let span = span_of(&job);
    let ended = done(&desk, &lease, &job, &running, &span).await;
    finish(&desk, &lease, &job, &running, ended).instrument(span).await;
}

/// Stores the end of a run and notes it.
async fn finish(desk: &Desk, lease: &Lease, job: &Job, running: &Running, ended: Ended) {
    let Some((end, later_by)) = end_of(desk, job, ended, running) else {
        return lost(desk, job, running, "it was cancelled, or has passed to another worker");
    };
    if matches!(end, JobEnd::Failed(_) | JobEnd::Again { .. }) {
        failed();
    }
    // A job that is returned is due at the time of its end. After a step of the wall clock, the
    // earlier of the two times is due at once for every server.
    let at = || match end {
        JobEnd::Returned => later(running.now().min((desk.now)()), later_by),
        _ => running.now(),
    };
    match stored(desk, lease, running, &end, at).await {
        Stored::Yes => note(desk, job, &end, running),
        Stored::Lost => lost(desk, job, running, "its end came too late: it has passed to another worker"),
        Stored::Unknown => lost(desk, job, running, "its end could not be stored: it is done again"),
    }
}

/// Works on a job until the work ends or has to stop.
///
/// A run that cannot renew its lease stands still from the end of the lease on. It goes on as soon
/// as the queue says that the lease is still held, so two workers never work on a job at once
/// within the lease of one of them.
///
/// The work is within the span of the run. The heartbeats are not: a long run has many, and they
/// would fill its trace.
async fn done(desk: &Desk, lease: &Lease, job: &Job, running: &Running, span: &Span) -> Ended {
    if desk.shutdown.is_draining() {
        return Ended::Draining;
    }
    let mut draining = pin!(drained(desk));
    let work = desk.work.run(job, running).instrument(span.clone());
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let mut too_long = pin!(longest(desk.config.longest_run));
    let mut changed = desk.changed.clone();
    // The changes before the lease are known.
    changed.mark_unchanged();
    let mut beat = pin!(beat(desk, lease, running, changed));
    loop {
        let is_held = || !running.lease_left().is_zero();
        tokio::select! {
            biased;
            () = &mut draining => return Ended::Draining,
            ended = while_held(work.as_mut(), is_held), if is_held() => {
                // At the end of its lease the work is not polled once more: the next heartbeat says
                // whether it goes on.
                if let Some(ended) = ended {
                    return ended.map_or_else(Ended::Panicked, Ended::Work);
                }
            }
            limit = &mut too_long => return Ended::TooLong(limit),
            (held, changed) = &mut beat => {
                if !held {
                    return Ended::Lost;
                }
                beat.set(self::beat(desk, lease, running, changed));
            }
        }
    }
}

/// Ends when the process drains and a run has had its time to finish.
async fn drained(desk: &Desk) {
    desk.shutdown.reached(Phase::Draining).await;
    if !desk.config.finish_within.is_zero() {
        sleep(desk.config.finish_within).await;
    }
}

/// Ends after the longest run, with its duration; never if there is none.
async fn longest(limit: Option<Duration>) -> Duration {
    let Some(limit) = limit else { return std::future::pending().await };
    sleep(limit).await;
    limit
}

/// Waits for a heartbeat and renews the lease; `false` if it is no longer held. If the queue does
/// not answer, the lease counts as held: [`done`] looks at its end.
async fn beat(
    desk: &Desk,
    lease: &Lease,
    running: &Running,
    mut changed: watch::Receiver<u64>,
) -> (bool, watch::Receiver<u64>) {
    tokio::select! {
        () = sleep(desk.config.heartbeat) => {}
        // The worker was dropped if there is an error: the heartbeat goes on without it.
        Ok(()) = changed.changed() => {}
    }
    (renewed(desk, lease, running).await != Some(false), changed)
}

/// Renews a lease; returns whether it is held, and `None` if the queue does not answer.
async fn renewed(desk: &Desk, lease: &Lease, running: &Running) -> Option<bool> {
    let asked = running.moment();
    let until = later(asked.wall, desk.config.lease);
    // A call that hangs is given up after a lease, so that the next one gets its turn.
    let renewal = timeout(desk.config.lease, desk.queue.renew(lease, until, running.progress())).await;
    if let Ok(answer) = &renewal {
        desk.called(answer);
    }
    match renewal {
        Ok(Ok(held)) => {
            if held {
                running.renewed(asked, desk.config.lease);
            }
            Some(held)
        }
        // It is tried again. The queue that does not answer has a line in the log.
        Ok(Err(_)) | Err(_) => None,
    }
}

/// The end of a run, with the wait before the job is due again if it is returned; `None` if the run
/// has lost its job.
fn end_of(desk: &Desk, job: &Job, ended: Ended, running: &Running) -> Option<(JobEnd, Duration)> {
    let again = |failure: String, at_least: Duration| {
        let due = later(running.now(), desk.wait_after(job).max(at_least));
        (JobEnd::Again { failure: shown(&failure), due }, Duration::ZERO)
    };
    Some(match ended {
        Ended::Work(Ok(result)) if result.contains('\0') => {
            (JobEnd::Failed("the result has the character U+0000, which is not stored".to_owned()), Duration::ZERO)
        }
        Ended::Work(Ok(result)) => (JobEnd::Succeeded(result), Duration::ZERO),
        Ended::Work(Err(WorkError::Transient { why, retry_after })) => again(why, retry_after.unwrap_or_default()),
        Ended::Work(Err(WorkError::Permanent { why })) => (JobEnd::Failed(shown(&why)), Duration::ZERO),
        Ended::Work(Err(error @ WorkError::Newer { .. })) => {
            warn!(kind = %job.kind, job = %job.id, %error, "a job waits for a server that runs the newer program");
            (JobEnd::Returned, desk.config.newer_after)
        }
        Ended::Work(Err(WorkError::Postponed { why, retry_after })) => {
            debug!(kind = %job.kind, job = %job.id, %why, "a job was not begun and waits");
            (JobEnd::Returned, retry_after)
        }
        Ended::Panicked(panic) => again(format!("the work panicked: {}", text_of(&*panic)), Duration::ZERO),
        Ended::TooLong(limit) => again(format!("the work took longer than {} s", limit.as_secs_f64()), Duration::ZERO),
        Ended::Draining => (JobEnd::Returned, Duration::ZERO),
        Ended::Lost => return None,
    })
}

/// The text of a panic, if it has one.
fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

/// A failure as it is stored: bounded, and without the character that no queue stores.
fn shown(why: &str) -> String {
    why[..why.floor_char_boundary(LONGEST_FAILURE)].replace('\0', "\u{FFFD}")
}

/// Whether the end of a run is stored.
enum Stored {
    Yes,
    /// The lease is no longer held.
    Lost,
    /// The queue has not answered until the process drained, or refuses the end.
    Unknown,
}

/// Stores the end of a run. While the queue does not answer, the call is repeated until the process
/// drains.
async fn stored(desk: &Desk, lease: &Lease, running: &Running, end: &JobEnd, at: impl Fn() -> Timestamp) -> Stored {
    let shows_progress = running.progress() != JobProgress::default();
    let mut renews = shows_progress && *end != JobEnd::Returned;
    loop {
        // The last progress is stored with a renewal; a repeated call keeps the lease with one.
        let held = if renews { renewed(desk, lease, running).await } else { Some(true) };
        if held == Some(false) {
            return Stored::Lost;
        }
        if held.is_some() {
            match desk.ends.end(lease, at(), end).await {
                Ok(true) => return Stored::Yes,
                Ok(false) => return Stored::Lost,
                Err(error) if !error.is_transient() => {
                    warn!(kind = %desk.work.kind(), job = %lease.job, %error, "the end of a job is refused");
                    return Stored::Unknown;
                }
                Err(_) => {}
            }
        }
        if !desk.pause(desk.config.look_every).await {
            return Stored::Unknown;
        }
        renews = true;
    }
}

/// Counts and logs a stored end.
fn note(desk: &Desk, job: &Job, end: &JobEnd, running: &Running) {
    let took = running.took();
    let outcome = match end {
        JobEnd::Succeeded(_) => Outcome::Succeeded,
        JobEnd::Again { failure, .. } if !job.is_last_attempt() => {
            info!(kind = %job.kind, job = %job.id, attempt = job.attempts, %failure, "a job is tried again");
            Outcome::Again
        }
        JobEnd::Again { failure, .. } | JobEnd::Failed(failure) => {
            warn!(kind = %job.kind, job = %job.id, attempts = job.attempts, %failure, "a job has failed for good");
            Outcome::Failed
        }
        _ => Outcome::Returned,
    };
    desk.meter.ended(outcome, took);
}

fn lost(desk: &Desk, job: &Job, running: &Running, why: &'static str) {
    info!(kind = %job.kind, job = %job.id, why, "a run has lost its job");
    desk.meter.ended(Outcome::Lost, running.took());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_failure_is_bounded_at_a_character() {
        assert_eq!(shown("a\0b"), "a\u{FFFD}b");
        let long = format!("x{}", "é".repeat(LONGEST_FAILURE));
        let stored = shown(&long);
        assert!(stored.len() <= LONGEST_FAILURE && stored.len() >= LONGEST_FAILURE - 1 && long.starts_with(&stored));
    }

    #[test]
    fn the_text_of_a_panic_is_read() {
        assert_eq!(text_of(&"static"), "static");
        assert_eq!(text_of(&"owned".to_owned()), "owned");
        assert_eq!(text_of(&5_u8), "without a text");
    }
}
