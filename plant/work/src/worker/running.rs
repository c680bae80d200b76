//! [`Running`]: what the work on a job knows while it runs: its progress, the time, its lease.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqal_core::Timestamp;
use sqal_resilience::Clock;
use sqal_storage::queue::JobProgress;

use crate::wall::{Moment, WallClock, later};

/// The run of one job. Clones share it.
///
/// The wall time of a run is the wall time of its begin and the monotonic time since. A step of the
/// wall clock does not change it.
///
/// The lease of a run ends by the first of both clocks. If the wall clock has stepped forward past
/// its end, the work stands still until the lease is renewed: the machine may have been suspended,
/// and another worker may have the job.
#[derive(Clone, Debug)]
pub struct Running(Arc<Shared>);

/// What the clones of a run share.
struct Shared {
    clock: Arc<dyn Clock>,
    /// The wall clock of the process; `None` if the run has no lease.
    wall: Option<WallClock>,
    began: Moment,
    progress: Mutex<JobProgress>,
    /// The begin of the lease, or of its last renewal, and its duration; `None` if the run has no
    /// lease.
    lease: Mutex<Option<(Moment, Duration)>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { began, progress, lease, .. } = self;
        let mut shown = f.debug_struct("Shared");
        shown.field("began", began).field("progress", progress).field("lease", lease).finish_non_exhaustive()
    }
}

impl Running {
    /// A run without a lease, which tests of a work use.
    #[must_use]
    pub fn detached(now: Timestamp, clock: Arc<dyn Clock>) -> Self {
        let began = Moment { wall: now, monotonic: clock.now() };
        Self::new(began, clock, None)
    }

    /// A run that began at a moment, with a lease of this duration from then on, which ends by this
    /// wall clock too.
    pub(super) fn new(began: Moment, clock: Arc<dyn Clock>, lease: Option<(Duration, WallClock)>) -> Self {
        let (lease, wall) = lease.unzip();
        let lease = Mutex::new(lease.map(|lease| (began, lease)));
        Self(Arc::new(Shared { clock, wall, began, progress: Mutex::default(), lease }))
    }

    /// The present wall time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        later(self.0.began.wall, self.took())
    }

    /// The time since the run began.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.0.clock.now().saturating_duration_since(self.0.began.monotonic)
    }

    /// The present by both clocks. The wall time is that of the wall clock, or that of the run if
    /// the wall clock has stepped back behind it.
    pub(crate) fn moment(&self) -> Moment {
        let monotonic = self.0.clock.now();
        let of_run = later(self.0.began.wall, monotonic.saturating_duration_since(self.0.began.monotonic));
        let wall = self.0.wall.as_ref().map_or(of_run, |wall| wall().max(of_run));
        Moment { wall, monotonic }
    }

    /// The monotonic clock of the worker.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Sets the number of units that are to be done.
    pub fn total(&self, units: u64) {
        self.change(|progress| progress.total = Some(units));
    }

    /// Adds to the number of units that are done.
    pub fn more(&self, units: u64) {
        self.change(|progress| progress.done = progress.done.saturating_add(units));
    }

    /// The progress of the run.
    #[must_use]
    pub fn progress(&self) -> JobProgress {
        *self.0.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut JobProgress)) {
        change(&mut self.0.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The time until the lease ends, if it is not renewed; the longest duration if the run has no
    /// lease.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        let lease = *self.0.lease.lock().unwrap_or_else(PoisonError::into_inner);
        lease.map_or(Duration::MAX, |(since, lease)| held_for(lease).saturating_sub(since.until(self.moment())))
    }

    /// Notes that the lease was renewed by a call that began at this time.
    pub(super) fn renewed(&self, asked: Moment, lease: Duration) {
        *self.0.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, lease));
    }
}

/// How long a run relies on a lease: a fiftieth less than it lasts, because timers fire late, and
/// the clocks of two machines do not go equally fast.
fn held_for(lease: Duration) -> Duration {
    lease.saturating_sub(lease / 50)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use sqal_resilience::ManualClock;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    /// A run with a lease of 50 seconds, and how far its wall clock is ahead, in microseconds.
    fn run(clock: &ManualClock) -> (Running, Arc<AtomicI64>) {
        let began = Moment { wall: at(5), monotonic: clock.now() };
        let (wall, ahead) = (clock.clone(), Arc::new(AtomicI64::new(0)));
        let steps = Arc::clone(&ahead);
        let wall: WallClock = Arc::new(move || {
            let shown = later(began.wall, wall.now().saturating_duration_since(began.monotonic));
            at(shown.micros() + steps.load(Ordering::Relaxed))
        });
        (Running::new(began, Arc::new(clock.clone()), Some((Duration::from_secs(50), wall))), ahead)
    }

    #[test]
    fn the_time_of_a_run_goes_with_the_monotonic_clock() {
        let clock = ManualClock::new();
        let (running, _) = run(&clock);
        clock.advance(Duration::from_secs(10));
        assert_eq!((running.now(), running.took()), (at(10_000_005), Duration::from_secs(10)));
        assert_eq!(running.lease_left(), Duration::from_secs(39), "49 seconds of the 50 are relied on");
        running.renewed(running.moment(), Duration::from_secs(50));
        assert_eq!(running.lease_left(), Duration::from_secs(49));
        clock.advance(Duration::from_secs(49));
        assert_eq!(running.lease_left(), Duration::ZERO);
        assert_eq!(Running::detached(at(0), Arc::new(clock)).lease_left(), Duration::MAX);
    }

    #[test]
    fn a_lease_ends_by_the_first_of_both_clocks() {
        let clock = ManualClock::new();
        let (running, ahead) = run(&clock);
        clock.advance(Duration::from_secs(10));
        for (step, left) in [(-86_400, 39), (-1, 39), (0, 39), (19, 20), (39, 0), (86_400, 0)] {
            ahead.store(step * 1_000_000, Ordering::Relaxed);
            assert_eq!(running.lease_left(), Duration::from_secs(left), "a step of {step} seconds");
            assert_eq!(running.now(), at(10_000_005), "a step of {step} seconds");
        }
        running.renewed(running.moment(), Duration::from_secs(50));
        assert_eq!(running.lease_left(), Duration::from_secs(49), "the renewal knows of the step");
        clock.advance(Duration::from_secs(9));
        assert_eq!(running.lease_left(), Duration::from_secs(40));
    }

    #[test]
    fn progress_is_summed_and_does_not_overflow() {
        let running = Running::detached(Timestamp::from_micros(0).unwrap(), Arc::new(ManualClock::new()));
        running.total(9);
        running.more(2);
        running.clone().more(u64::MAX);
        assert_eq!(running.progress(), JobProgress { done: u64::MAX, total: Some(9) });
    }
}
