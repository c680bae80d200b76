//! [`CpuProfiler`]: profiles of where the CPU time of the process goes, one at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sqal_core::Timestamp;
use sqal_resilience::Clock;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::debug;

use crate::cpu_profile_error::CpuProfileError;
use crate::plan::ProfilePlan;
use crate::profile::CpuProfile;
#[cfg(feature = "sample")]
use crate::sampling::{Sampling, is_supported};
#[cfg(not(feature = "sample"))]
use crate::unsampled::{Sampling, is_supported};

/// Takes profiles of where the CPU time of the process goes. Clones share their turn: one profile
/// is taken at a time.
///
/// The process is interrupted while its CPU works, by the signal SIGPROF, and the stack of the
/// thread that ran is noted. A sample takes some tens of microseconds: at 100 samples for each
/// second of CPU time, about 1 % of it. The first profile allocates tables of about 20 MiB, which
/// the process keeps. Between profiles nothing runs, and the signal is ignored.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use sqal_core::Timestamp;
/// use sqal_profiling::{CpuProfiler, ProfilePlan};
/// use sqal_resilience::SystemClock;
///
/// let profiler = CpuProfiler::new(Arc::new(SystemClock));
/// let at = Timestamp::from_micros(1_794_002_400_000_000)?; // the wall clock of the caller
/// let profile = profiler.profile(ProfilePlan::new(5, 100)?, at).await?;
/// std::fs::write("cpu.pb.gz", profile.to_pprof())?; // go tool pprof -top cpu.pb.gz
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct CpuProfiler {
    state: Arc<TurnState>,
    clock: Arc<dyn Clock>,
}

/// What the clones of a profiler share.
#[derive(Debug, Default)]
struct TurnState {
    /// When the profile under way ends; `None` if none is taken.
    until: Mutex<Option<Instant>>,
    /// Whether the sampler is prepared.
    is_prepared: AtomicBool,
}

/// The turn of one profile; the next one may begin when this is dropped.
#[derive(Debug)]
#[must_use = "without a use the turn ends at once"]
pub struct ProfileTurn {
    state: Arc<TurnState>,
    plan: ProfilePlan,
}

impl Drop for ProfileTurn {
    fn drop(&mut self) {
        *self.state.until.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A profile under way. Its fields are dropped in their order: the sampler ends before the turn.
struct UnderWay {
    sampling: Sampling,
    turn: ProfileTurn,
}

impl CpuProfiler {
    /// A profiler that counts its time by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Arc::default(), clock }
    }

    /// Whether this program can be sampled: on Linux with glibc, on x86-64 and ARM64, if this crate
    /// has its feature `sample`.
    #[must_use]
    pub const fn is_supported() -> bool {
        is_supported()
    }

    /// Takes a profile; `at` is the present wall time.
    ///
    /// # Errors
    ///
    /// Those of [`reserve`](Self::reserve) and of [`ProfileTurn::take`].
    pub async fn profile(&self, plan: ProfilePlan, at: Timestamp) -> Result<CpuProfile, CpuProfileError> {
        self.reserve(plan)?.take(at).await
    }

    /// Takes the turn for a profile, which counts from now on, if no profile is being taken.
    ///
    /// # Errors
    ///
    /// [`CpuProfileError::Busy`] if another profile is being taken, and
    /// [`CpuProfileError::Unsupported`] if this program cannot be sampled.
    pub fn reserve(&self, plan: ProfilePlan) -> Result<ProfileTurn, CpuProfileError> {
        if is_supported() { self.turn(plan) } else { Err(CpuProfileError::Unsupported) }
    }

    fn turn(&self, plan: ProfilePlan) -> Result<ProfileTurn, CpuProfileError> {
        let mut until = self.state.until.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: a time from before would make the other profile seem to last longer.
        let now = self.clock.now();
        if let Some(until) = *until {
            return Err(CpuProfileError::busy(until.saturating_duration_since(now)));
        }
        *until = now.checked_add(plan.duration()).or(Some(now));
        Ok(ProfileTurn { state: Arc::clone(&self.state), plan })
    }
}

impl ProfileTurn {
    /// Takes the profile; `at` is the present wall time. It returns after the planned duration and
    /// the time in which the functions are named, which may be seconds.
    ///
    /// If the future is dropped, the profile ends and has no result.
    ///
    /// # Errors
    ///
    /// [`CpuProfileError::Busy`] if another part of the process is sampling it, and
    /// [`CpuProfileError::Failed`] if the sampler fails, for example because the folder of
    /// temporary files cannot be written.
    pub async fn take(self, at: Timestamp) -> Result<CpuProfile, CpuProfileError> {
        let plan = self.plan;
        let under_way = apart(move || {
            if !self.state.is_prepared.load(Ordering::Acquire) {
                Sampling::prepare()?;
                self.state.is_prepared.store(true, Ordering::Release);
            }
            Ok(UnderWay { sampling: Sampling::begin(plan)?, turn: self })
        });
        let under_way = under_way.await?;
        sleep(plan.duration()).await;
        let profile = apart(move || {
            let UnderWay { sampling, turn } = under_way;
            let profile = sampling.end(at);
            drop(turn);
            profile
        });
        let profile = profile.await?;
        debug!(samples = profile.samples(), "a CPU profile was taken");
        Ok(profile)
    }
}

/// Does work that would block, on a thread for such work.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CpuProfileError> + Send + 'static,
) -> Result<T, CpuProfileError> {
    spawn_blocking(work).await.unwrap_or_else(|ended| Err(CpuProfileError::Failed(ended.to_string())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqal_resilience::ManualClock;

    use super::*;

    #[test]
    fn a_second_caller_is_told_when_the_turn_ends_and_the_next_turn_begins_after_it() {
        let clock = ManualClock::new();
        let profiler = CpuProfiler::new(Arc::new(clock.clone()));
        let plan = ProfilePlan::new(30, 100).unwrap();
        let told = |profiler: &CpuProfiler| match profiler.turn(plan) {
            Err(CpuProfileError::Busy { free_after }) => Some(free_after.as_secs()),
            _ => None,
        };
        let turn = profiler.turn(plan).unwrap();
        let clone = profiler.clone();
        assert_eq!((told(&profiler), told(&clone)), (Some(30), Some(30)), "clones share the turn");
        clock.advance(Duration::from_millis(10_500));
        assert_eq!(told(&profiler), Some(20), "whole seconds, rounded up");
        // The functions are being named: that has no known end.
        clock.advance(Duration::from_mins(1));
        assert_eq!(told(&profiler), Some(1));
        drop(turn);
        assert_eq!(told(&profiler), None, "the refused callers hold no turn");
    }
}
