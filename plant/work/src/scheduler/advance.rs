//! One step of a schedule: what was decided is enqueued, and what is due by now is decided.
//!
//! ```text
//!             compare-and-swap             unique key               compare-and-swap
//!   due time -----------------> PENDING -----------------> QUEUED -----------------> forgotten here
//!            \----------------> missed or paused, noted in the record
//! ```
//!
//! Each due time is decided by the one write that moves `looked_until` past it. A server that stops
//! after the write leaves a pending run, and any server enqueues it. Several servers that do so use
//! one key, and the queue adds one job.

use std::time::{Duration, Instant};

use metrics::counter;
use sqal_core::Name;
use sqal_storage::queue::{JobKey, NewJob};
use sqal_storage::records::ExpectedRecord;
use tracing::{debug, warn};

use super::error::SchedulerError;
use super::ports::{Kept, Ports};
use super::state::{LastEnqueued, Pending, ScheduleState};
use crate::schedule::{Decision, Occasion, Plan, Schedule, ScheduleName, plan};
use crate::traced::enqueue;
use crate::wall::{between, rfc3339};

/// How long a state that was read is acted on. A server that stood still for longer reads again, so
/// that it enqueues no run whose key may have been forgotten meanwhile.
pub(super) const FRESH: Duration = Duration::from_secs(30);

/// The longest time without a write of the state. The time of the last look tells a wrong clock
/// from a server that was stopped.
pub(super) const LOOK_AT_LEAST: Duration = Duration::from_hours(24);

/// How far the clocks of servers may lie apart before a schedule that was looked at until a time in
/// the future is taken for one that a wrong clock has looked at.
pub(super) const SKEW: Duration = Duration::from_mins(5);

/// The most writes of one step; a schedule that is further behind goes on in the next step.
const MOST_WRITES: usize = 100;

/// Enqueues what is pending and decides what is due; returns the state after that.
pub(super) async fn advance(ports: &Ports, schedule: &Schedule) -> Result<ScheduleState, SchedulerError> {
    let mut kept = ports.read(schedule.name()).await?;
    for _ in 0..MOST_WRITES {
        let Some(state) = enqueued(ports, schedule, &kept).await? else {
            kept = ports.read(schedule.name()).await?;
            continue;
        };
        let now = ports.now();
        let plan = plan(schedule, state.looked_until, state.paused.is_some(), now)?;
        let is_new = kept.expected == ExpectedRecord::Absent;
        let is_old = between(state.looked_until, now) >= LOOK_AT_LEAST;
        if plan.decisions.is_empty() && state == kept.state && !is_new && !is_old {
            return Ok(state);
        }
        let state = state.decided(&plan, schedule.kind(), now);
        let read_at = ports.clock.now();
        let Some(revision) = ports.write(schedule.name(), &state, kept.expected).await? else {
            // Another server was first: what it has decided counts.
            kept = ports.read(schedule.name()).await?;
            continue;
        };
        note(schedule, &plan);
        let is_done = plan.is_complete && state.pending.is_empty();
        kept = Kept { state, expected: ExpectedRecord::Revision(revision), read_at };
        if is_done {
            break;
        }
    }
    Ok(kept.state)
}

/// Enqueues the pending runs and returns the state without them; `None` if the state is no longer
/// fresh.
async fn enqueued(ports: &Ports, schedule: &Schedule, kept: &Kept) -> Result<Option<ScheduleState>, SchedulerError> {
    let mut last = None;
    for run in &kept.state.pending {
        if !is_fresh(kept.read_at, ports.clock.now()) {
            return Ok(None);
        }
        let occasion = Occasion::new(*schedule.name(), run.due, run.expires_at, schedule.body());
        let job = NewJob::new(run.kind, occasion.to_body(), ports.now())
            .once(key_of(schedule.name(), run))
            .due(run.run_at)
            .attempts(schedule.attempts());
        let id = enqueue(&*ports.queue, &job).await?.id();
        last = Some(LastEnqueued { due: run.due, job: id.number() });
    }
    Ok(Some(if kept.state.pending.is_empty() { kept.state.clone() } else { kept.state.clone().enqueued(last) }))
}

fn is_fresh(read_at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(read_at) <= FRESH
}

/// The key of the job of a due time. The time comes first and has a fixed length, so no two
/// schedules share a key.
fn key_of(name: &ScheduleName, run: &Pending) -> JobKey {
    Name::stored(&format!("due {} {name}", rfc3339(run.due))).unwrap_or_else(|_| unreachable!("at most 100 bytes"))
}

/// Counts due times; the series of a schedule exist from its first call on.
pub(super) fn count(name: &ScheduleName, [enqueued, missed, paused]: [usize; 3]) {
    for (outcome, number) in [("enqueued", enqueued), ("missed", missed), ("paused", paused)] {
        let counter = counter!("schedule_due_total", "schedule" => name.to_string(), "outcome" => outcome);
        counter.increment(u64::try_from(number).unwrap_or(u64::MAX));
    }
}

/// Counts and logs what a written plan has decided.
fn note(schedule: &Schedule, plan: &Plan) {
    let (name, decisions) = (schedule.name(), &plan.decisions);
    let enqueued = decisions.iter().filter(|decision| matches!(decision, Decision::Enqueue(_))).count();
    let missed: Vec<_> = decisions.iter().filter(|decision| matches!(decision, Decision::Missed(_))).collect();
    count(name, [enqueued, missed.len(), decisions.len() - enqueued - missed.len()]);
    if let Some(first) = missed.first() {
        let (first, number) = (rfc3339(first.due()), missed.len());
        warn!(schedule = %name, %first, number, "due times were missed: no server was looking");
    } else if !decisions.is_empty() {
        debug!(schedule = %name, decisions = decisions.len(), "due times were decided");
    }
}
