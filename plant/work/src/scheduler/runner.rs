//! [`Scheduler`]: enqueues the jobs of schedules when they are due, once, however many servers run
//! it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqal_core::Timestamp;
use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_resilience::shutdown::Phase;
use sqal_resilience::{Clock, Rejected, Shutdown};
use sqal_storage::{Queue, Records};
use tokio::time::sleep;
use tracing::{info, warn};

use super::advance::{LOOK_AT_LEAST, advance, count};
use super::error::SchedulerError;
use super::forget::{forget, sweep};
use super::ports::Ports;
use super::state::ScheduleState;
use crate::schedule::{Schedule, ScheduleName};
use crate::wall::{WallClock, between, later};
use crate::worker::LEAST_KEPT;

/// The pause after a schedule could not be looked at.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The interval at which ended jobs are forgotten and expired records are removed.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// The intervals of a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// The longest wait between two looks at the wall clock; 10 seconds by default, at most 1 hour.
    /// A clock that steps forward is noticed after that. No database is asked before a schedule is
    /// due.
    pub look_every: Duration,
    /// How long ended jobs of schedules are kept; 30 days by default, at least
    /// [`LEAST_KEPT`].
    pub kept_for: Duration,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self { look_every: Duration::from_secs(10), kept_for: Duration::from_hours(30 * 24) }
    }
}

/// A scheduler cannot run as it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidScheduler {
    /// Two schedules have one name.
    #[error("two schedules have the name {0}: expected one")]
    Twice(ScheduleName),
    /// The wall clock would be looked at without a pause, or too rarely.
    #[error("the clock is looked at every {0:?}: expected above 0 and at most 1 hour")]
    LookEvery(Duration),
    /// Ended jobs would be forgotten while their due times could be enqueued again.
    #[error("ended jobs are kept for {0:?}: expected at least 1 day")]
    KeptFor(Duration),
}

/// Enqueues the jobs of schedules when they are due. Every server runs one, over one queue and one
/// store of records.
///
/// # Laws
///
/// 1. *Each due time is decided once*, by one of all servers: it is enqueued, or noted as missed or
///    as paused. So it is also when servers stop at any moment, and when their clocks step.
/// 2. *What is decided is enqueued once*: the key of a job is its schedule and its due time, and a
///    key is not forgotten while its due time could be enqueued again.
/// 3. *A clock that was ahead repeats nothing*: if the clock of a server steps back, the due times
///    until the latest look are not decided again. Those that had expired by the wrong clock stay
///    missed. If the clock was ahead by more than 5 minutes, [`Scheduler::status`] shows it as the
///    trouble of the schedule, and [`Scheduler::resume`] lets the due times count from the present
///    on.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) ports: Ports,
    pub(super) schedules: Vec<Schedule>,
    config: SchedulerConfig,
}

/// When a schedule is looked at next.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    /// By the wall clock, after a look.
    at: Option<Timestamp>,
    /// By the monotonic clock, after a failure.
    retry: Option<Instant>,
    /// The number of failures in a row.
    failures: u64,
}

impl Scheduler {
    /// A scheduler of these schedules.
    ///
    /// # Errors
    ///
    /// [`InvalidScheduler`] if two schedules have one name or a value is out of its range.
    pub fn new(
        queue: Arc<dyn Queue>,
        records: Arc<dyn Records>,
        now: WallClock,
        clock: Arc<dyn Clock>,
        schedules: Vec<Schedule>,
        config: SchedulerConfig,
    ) -> Result<Self, InvalidScheduler> {
        let mut names = BTreeSet::new();
        if let Some(twice) = schedules.iter().find(|schedule| !names.insert(*schedule.name())) {
            return Err(InvalidScheduler::Twice(*twice.name()));
        }
        if config.look_every.is_zero() || config.look_every > Duration::from_hours(1) {
            return Err(InvalidScheduler::LookEvery(config.look_every));
        }
        if config.kept_for < LEAST_KEPT {
            return Err(InvalidScheduler::KeptFor(config.kept_for));
        }
        Ok(Self { ports: Ports { queue, records, now, clock }, schedules, config })
    }

    /// The schedules.
    #[must_use]
    pub fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }

    /// Begins to look at the schedules, until the process drains.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the process drains already.
    ///
    /// # Panics
    ///
    /// If there is no tokio runtime.
    pub fn begin(self: &Arc<Self>, shutdown: &Shutdown) -> Result<(), Rejected> {
        for schedule in &self.schedules {
            count(schedule.name(), [0; 3]);
        }
        let (scheduler, ends) = (Arc::clone(self), shutdown.clone());
        shutdown.spawn("schedules", async move { scheduler.look(&ends).await }).map(drop)
    }

    /// Looks once at every schedule: enqueues what is due.
    ///
    /// # Errors
    ///
    /// The first [`SchedulerError`]; the other schedules are looked at all the same.
    pub async fn look_once(&self) -> Result<(), SchedulerError> {
        let mut looked = Ok(());
        for schedule in &self.schedules {
            let advanced = advance(&self.ports, schedule).await;
            looked = looked.and(advanced.map(drop));
        }
        looked
    }

    /// Forgets the jobs of schedules that ended longer ago than they are kept, at most 1000 of a
    /// kind; returns their number. Also removes records of all collections that have expired at
    /// least 5 minutes ago, at most 100000.
    ///
    /// # Errors
    ///
    /// [`SchedulerError`] if the queue or the records fail, or if the record of a schedule cannot
    /// be read: it may hold a run that still needs its key.
    pub async fn forget_once(&self) -> Result<u64, SchedulerError> {
        // A record of a schedule that cannot be read keeps jobs, and not the expired records.
        let swept = sweep(&self.ports).await;
        let forgotten = forget(&self.ports, &self.schedules, self.config.kept_for).await?;
        swept.map(|()| forgotten)
    }

    async fn look(&self, shutdown: &Shutdown) {
        let mut next = vec![Next::default(); self.schedules.len()];
        let (mut forgets_at, outage) = (self.ports.clock.now(), Outage::default());
        while !shutdown.is_draining() {
            for (schedule, next) in self.schedules.iter().zip(&mut next) {
                if next.is_due(self.ports.now(), self.ports.clock.now()) {
                    // Awaited to its end: what a database commits must not be dropped.
                    let looked = advance(&self.ports, schedule).await;
                    *next = self.after(schedule, *next, looked);
                }
            }
            if self.ports.clock.now() >= forgets_at {
                forgets_at = later_by(self.ports.clock.now(), FORGET_EVERY);
                tell_forgetting(&outage, &self.forget_once().await, self.ports.clock.now());
            }
            let wait = next.iter().map(|next| next.wait(self.ports.now())).fold(self.config.look_every, Duration::min);
            tokio::select! {
                biased;
                () = shutdown.reached(Phase::Draining) => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// When a schedule is looked at after a look.
    fn after(&self, schedule: &Schedule, before: Next, looked: Result<ScheduleState, SchedulerError>) -> Next {
        match looked {
            Ok(state) => {
                if before.failures > 0 {
                    info!(schedule = %schedule.name(), failures = before.failures, "the schedule is looked at again");
                }
                let at_least = later(state.looked_until, LOOK_AT_LEAST);
                let due = schedule.next_after(state.looked_until).map_or(at_least, |due| due.min(at_least));
                Next { at: Some(due), retry: None, failures: 0 }
            }
            Err(error) => {
                if before.failures == 0 {
                    warn!(schedule = %schedule.name(), error = %Causes::of(&error), "the schedule waits");
                }
                let retry = later_by(self.ports.clock.now(), TRY_AGAIN_AFTER);
                Next { at: None, retry: Some(retry), failures: before.failures.saturating_add(1) }
            }
        }
    }
}

impl Next {
    fn is_due(self, now: Timestamp, monotonic: Instant) -> bool {
        self.retry.is_none_or(|retry| retry <= monotonic) && self.at.is_none_or(|at| at <= now)
    }

    /// The time until the schedule is due by the wall clock. A failed one is looked at when the
    /// clock is.
    fn wait(self, now: Timestamp) -> Duration {
        self.at.map_or(TRY_AGAIN_AFTER, |at| between(now, at))
    }
}

/// Logs when old jobs and records can no longer be removed, and when they can again.
fn tell_forgetting<T, E: std::error::Error + 'static>(outage: &Outage, forgotten: &Result<T, E>, now: Instant) {
    match forgotten {
        Ok(_) => {
            if let Some(recovery) = outage.succeeded(now) {
                let (failures, seconds) = (recovery.failures, recovery.seconds());
                info!(failures, seconds, "ended jobs of schedules and expired records are removed again");
            }
        }
        Err(error) => {
            if outage.failed(now) {
                let error = Causes::of(error);
                warn!(%error, "ended jobs of schedules or expired records are kept; each hour is another try");
            }
        }
    }
}

fn later_by(time: Instant, by: Duration) -> Instant {
    time.checked_add(by).unwrap_or(time)
}
