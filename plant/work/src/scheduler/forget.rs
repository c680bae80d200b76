//! Forgets the ended jobs of schedules, and with them keys that no server can need any more;
//! removes expired records.
//!
//! A key keeps a due time from being enqueued twice. It may be forgotten only when no server can
//! enqueue that due time any more:
//!
//! 1. A due time is enqueued only while it is pending in the record of its schedule. The job of a
//!    pending run ended after the decision about it, so only jobs that ended before the oldest
//!    decision about a pending run are forgotten.
//! 2. A server acts on a record for at most 30 seconds after it has read it, and jobs are kept for
//!    at least a day.
//! 3. A record that cannot be read may hold a pending run: nothing is then forgotten.

use std::collections::BTreeSet;
use std::time::Duration;

use sqal_core::Timestamp;
use sqal_storage::queue::JobKind;

use super::advance::SKEW;
use super::error::SchedulerError;
use super::orphans;
use super::ports::Ports;
use crate::schedule::Schedule;
use crate::wall::earlier;

/// The most jobs of a kind that one call forgets.
const MOST: u16 = 1_000;

/// The most expired records that one statement removes, so that no writer waits for long, and the
/// most statements of one call, so that no schedule waits for long.
const MOST_SWEPT: u16 = 1_000;
const MOST_SWEEPS: usize = 100;

/// Removes expired records of all collections. The clock of this server may be ahead of the clocks
/// that the records were written by: a record is removed only after the skew that clocks may have.
pub(super) async fn sweep(ports: &Ports) -> Result<(), SchedulerError> {
    for _ in 0..MOST_SWEEPS {
        if ports.records.sweep(earlier(ports.now(), SKEW), MOST_SWEPT).await? < u64::from(MOST_SWEPT) {
            break;
        }
    }
    Ok(())
}

/// Forgets the jobs of schedules that ended longer ago than `kept_for`; returns their number. Jobs
/// of schedules that no server has any more are forgotten too, and those that wait in vain are
/// cancelled.
pub(super) async fn forget(ports: &Ports, schedules: &[Schedule], kept_for: Duration) -> Result<u64, SchedulerError> {
    let now = ports.now();
    let stale = earlier(now, kept_for);
    let is_known = |name: &str| schedules.iter().any(|schedule| schedule.name().as_str() == name);
    let mut states = Vec::new();
    for (name, state) in ports.all().await? {
        states.push((name, state?));
    }
    let orphaned = orphans::kinds(ports, schedules, &states).await?;
    orphans::cancel(ports, schedules, &orphaned).await?;
    let mut oldest = now;
    for (name, state) in &states {
        // A run stays pending for long only if no server knows its schedule any more.
        let decided_at = state.decided_at.filter(|decided_at| is_known(name) || *decided_at > stale);
        oldest = decided_at.map_or(oldest, |decided_at| oldest.min(decided_at));
    }
    let mut kinds: BTreeSet<JobKind> = schedules.iter().map(|schedule| *schedule.kind()).collect();
    kinds.extend(orphaned);
    forget_before(ports, &kinds, earlier(oldest, kept_for)).await
}

async fn forget_before(ports: &Ports, kinds: &BTreeSet<JobKind>, before: Timestamp) -> Result<u64, SchedulerError> {
    let mut forgotten = 0;
    for kind in kinds {
        forgotten += ports.queue.forget_jobs(kind, before, MOST).await?;
    }
    Ok(forgotten)
}
