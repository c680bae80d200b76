//! [`Breaker`]: stop calling what is down, and find out gently when it is back.
//!
//! ```text
//!              failure_threshold failures in a row
//!    +--------+ ----------------------------------> +------+
//!    | CLOSED |                                     | OPEN | <-----------+
//!    +--------+ <--------+                          +------+             |
//!        ^ |             | success_threshold           |  after open_for |  any failure
//!        +-+             | successes in a row          v                 |
//!      success:          |                        +-----------+          |
//!      forget failures   +----------------------- | HALF_OPEN | ---------+
//!                                                 +-----------+
//!                                    at most half_open_max_calls probes at a time
//! ```
//!
//! Ask ([`Breaker::acquire`]), act, report ([`Permit::report`]). A permit that is dropped is no evidence: it neither opens the breaker
//! nor leaks its place as a probe. A report from before a change of state is ignored: it speaks of another time.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Clock, Outcome, Rejected};

/// When a breaker opens and closes (CBR-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// So many failures in a row open it.
    pub failure_threshold: NonZeroU32,
    /// So many successes in a row close it when it is half open.
    pub success_threshold: NonZeroU32,
    /// How long it stays open.
    pub open_for: Duration,
    /// How many probes may be under way at a time when it is half open.
    pub half_open_max_calls: NonZeroU32,
}

impl Default for BreakerConfig {
    /// 5 failures, 2 successes, 60 seconds, 3 probes.
    fn default() -> Self {
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            failure_threshold: n(5),
            success_threshold: n(2),
            open_for: Duration::from_mins(1),
            half_open_max_calls: n(3),
        }
    }
}

/// The state of a breaker; the numbers are those of the metric `circuit_breaker_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls pass.
    Closed = 0,
    /// Calls are refused.
    Open = 1,
    /// A few probes pass.
    HalfOpen = 2,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { successes: u32, probes: u32 },
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Counts changes of phase; a report of an older one is ignored.
    epoch: u64,
}

/// A circuit breaker for one target; share it by reference or in an `Arc`.
#[derive(Debug)]
pub struct Breaker<C> {
    config: BreakerConfig,
    clock: C,
    inner: Mutex<Inner>,
}

impl<C: Clock> Breaker<C> {
    /// A closed breaker.
    #[must_use]
    pub const fn new(config: BreakerConfig, clock: C) -> Self {
        Self { config, clock, inner: Mutex::new(Inner { phase: Phase::Closed { failures: 0 }, epoch: 0 }) }
    }

    /// Asks for permission to call the target.
    ///
    /// # Errors
    ///
    /// [`Rejected`] while the breaker is open, with the time until it lets a probe through; while it is half open and all probes are
    /// under way, without a time.
    pub fn acquire(&self) -> Result<Permit<'_, C>, Rejected> {
        let mut inner = self.lock();
        self.settle(&mut inner);
        match &mut inner.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until } => {
                return Err(Rejected { retry_after: Some(until.saturating_duration_since(self.clock.now())) });
            }
            Phase::HalfOpen { probes, .. } => {
                if *probes >= self.config.half_open_max_calls.get() {
                    return Err(Rejected { retry_after: None });
                }
                *probes += 1;
            }
        }
        Ok(Permit { breaker: self, epoch: inner.epoch, reported: false })
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        let mut inner = self.lock();
        self.settle(&mut inner);
        match inner.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that can panic runs under the lock, so a poisoned lock still guards a whole state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An open breaker whose time is over is half open.
    fn settle(&self, inner: &mut Inner) {
        if let Phase::Open { until } = inner.phase
            && self.clock.now() >= until
        {
            change(inner, Phase::HalfOpen { successes: 0, probes: 0 });
        }
    }

    fn record(&self, epoch: u64, outcome: Outcome) {
        let mut inner = self.lock();
        if inner.epoch != epoch {
            return;
        }
        let open = || Phase::Open { until: self.clock.now() + self.config.open_for };
        match (&mut inner.phase, outcome) {
            (Phase::Closed { failures }, Outcome::Success) => *failures = 0,
            (Phase::Closed { failures }, Outcome::Failure) => {
                *failures += 1;
                if *failures >= self.config.failure_threshold.get() {
                    change(&mut inner, open());
                }
            }
            (Phase::HalfOpen { successes, probes }, Outcome::Success) => {
                *probes -= 1;
                *successes += 1;
                if *successes >= self.config.success_threshold.get() {
                    change(&mut inner, Phase::Closed { failures: 0 });
                }
            }
            (Phase::HalfOpen { .. }, Outcome::Failure) => change(&mut inner, open()),
            (Phase::HalfOpen { probes, .. }, Outcome::Ignored) => *probes -= 1,
            (Phase::Open { .. }, _) | (Phase::Closed { .. }, Outcome::Ignored) => {}
        }
    }
}

fn change(inner: &mut Inner, phase: Phase) {
    inner.phase = phase;
    inner.epoch += 1;
}

/// Permission for one call; report how it went, or drop it for "no evidence".
#[derive(Debug)]
#[must_use = "a permit that is dropped is no evidence; report how the call went"]
pub struct Permit<'a, C: Clock> {
    breaker: &'a Breaker<C>,
    epoch: u64,
    reported: bool,
}

impl<C: Clock> Permit<'_, C> {
    /// Reports how the call went.
    pub fn report(mut self, outcome: Outcome) {
        self.reported = true;
        self.breaker.record(self.epoch, outcome);
    }
}

impl<C: Clock> Drop for Permit<'_, C> {
    fn drop(&mut self) {
        if !self.reported {
            self.breaker.record(self.epoch, Outcome::Ignored);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    fn breaker() -> (Breaker<ManualClock>, ManualClock) {
        let clock = ManualClock::new();
        (Breaker::new(BreakerConfig::default(), clock.clone()), clock)
    }

    fn fail(breaker: &Breaker<ManualClock>, times: u32) {
        for _ in 0..times {
            breaker.acquire().unwrap().report(Outcome::Failure);
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_between_forgets_them() {
        let (breaker, _) = breaker();
        fail(&breaker, 4);
        breaker.acquire().unwrap().report(Outcome::Success);
        fail(&breaker, 4);
        assert_eq!(breaker.state(), State::Closed);
        fail(&breaker, 1);
        assert_eq!((breaker.state(), breaker.state() as u8), (State::Open, 1));
    }

    #[test]
    fn half_open_admits_three_probes_and_two_successes_close_it() {
        let (breaker, clock) = breaker();
        fail(&breaker, 5);
        clock.advance(Duration::from_mins(1));
        let probes: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
        assert_eq!(breaker.acquire().unwrap_err(), Rejected { retry_after: None });
        let mut probes = probes.into_iter();
        probes.next().unwrap().report(Outcome::Success);
        assert_eq!(breaker.state(), State::HalfOpen);
        probes.next().unwrap().report(Outcome::Success);
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn a_failed_probe_opens_it_again_for_the_whole_time() {
        let (breaker, clock) = breaker();
        fail(&breaker, 5);
        clock.advance(Duration::from_mins(1));
        fail(&breaker, 1);
        clock.advance(Duration::from_secs(59));
        assert_eq!(breaker.acquire().unwrap_err().retry_after, Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_cancelled_call_is_no_evidence_and_frees_its_probe() {
        let (breaker, clock) = breaker();
        fail(&breaker, 5);
        clock.advance(Duration::from_mins(1));
        for _ in 0..10 {
            drop(breaker.acquire().unwrap());
        }
        assert_eq!(breaker.state(), State::HalfOpen);
    }

    #[test]
    fn a_report_from_before_the_trip_is_ignored() {
        let (breaker, clock) = breaker();
        let late = breaker.acquire().unwrap();
        fail(&breaker, 5);
        clock.advance(Duration::from_mins(1));
        let probe = breaker.acquire().unwrap();
        late.report(Outcome::Failure);
        assert_eq!(breaker.state(), State::HalfOpen, "the late failure must not open a new era");
        probe.report(Outcome::Success);
        breaker.acquire().unwrap().report(Outcome::Success);
        assert_eq!(breaker.state(), State::Closed);
    }
}
