//! Jobs of schedules that no program has any more: nothing else cancels or forgets them.
//!
//! A schedule that this program does not have may be one of a newer or an older program, whose
//! servers still do its jobs. Its jobs are therefore cancelled only after they have expired: no
//! server begins them any more.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use sqal_core::Timestamp;
use sqal_storage::queue::{Job, JobId, JobKind, JobQuery, JobState};
use tracing::warn;

use super::advance::SKEW;
use super::error::SchedulerError;
use super::ports::Ports;
use super::state::ScheduleState;
use crate::schedule::{Occasion, Schedule};
use crate::wall::earlier;

/// The most jobs of a kind and state that one call looks at.
const MOST: NonZeroU16 = NonZeroU16::new(1_000).unwrap();

/// The kinds of the jobs of schedules that are not among these. A kind is known as long as the
/// newest job of its schedule is kept.
pub(super) async fn kinds(
    ports: &Ports,
    schedules: &[Schedule],
    states: &[(String, ScheduleState)],
) -> Result<BTreeSet<JobKind>, SchedulerError> {
    let is_known = |name: &str| schedules.iter().any(|schedule| schedule.name().as_str() == name);
    let orphaned = states.iter().filter(|(name, _)| !is_known(name));
    let newest: Vec<_> =
        orphaned.filter_map(|(_, state)| state.last).map(|last| JobId::from_number(last.job)).collect();
    let jobs = ports.queue.jobs_by_id(&newest).await?;
    Ok(jobs.into_iter().map(|job| job.kind).collect())
}

/// Cancels the open jobs of these kinds that have expired and are of none of these schedules.
pub(super) async fn cancel(
    ports: &Ports,
    schedules: &[Schedule],
    kinds: &BTreeSet<JobKind>,
) -> Result<(), SchedulerError> {
    let now = ports.now();
    for kind in kinds {
        for state in [JobState::Enqueued, JobState::Running] {
            let query = JobQuery::newest(MOST).of(*kind).in_state(state);
            for job in ports.queue.jobs(&query).await? {
                let Some(occasion) = orphan(&job, schedules, now) else { continue };
                ports.queue.cancel(job.id, now).await?;
                let schedule = occasion.schedule;
                warn!(%schedule, job = %job.id, "a job was cancelled: it has expired, and no server here has its schedule");
            }
        }
    }
    Ok(())
}

/// The occasion of a job, if the job waits in vain: it has expired, no lease of it lasts, and its
/// schedule is none of these. The clocks of other servers may be behind.
fn orphan(job: &Job, schedules: &[Schedule], now: Timestamp) -> Option<Occasion> {
    let occasion = Occasion::of(job).ok()?;
    let is_known = schedules.iter().any(|schedule| *schedule.name() == occasion.schedule);
    let long_ago = earlier(now, SKEW);
    let is_over = occasion.expires_at <= long_ago && (job.state == JobState::Enqueued || job.due <= long_ago);
    (!is_known && is_over).then_some(occasion)
}
