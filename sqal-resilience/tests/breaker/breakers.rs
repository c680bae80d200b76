//! Breakers with a clock that the test moves, and the steps of most tests.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqal_resilience::breaker::{Event, OpenFor, Rates, SlowCalls, State, Window};
use sqal_resilience::{Breaker, BreakerConfig, ManualClock, Outcome};

pub(crate) type Manual = Breaker<ManualClock>;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

pub(crate) fn with(config: BreakerConfig) -> (Manual, ManualClock) {
    let clock = ManualClock::new();
    (Breaker::new(config, clock.clone()).unwrap(), clock)
}

pub(crate) fn breaker() -> (Manual, ManualClock) {
    with(BreakerConfig::default())
}

pub(crate) fn report(breaker: &Manual, outcome: Outcome, times: u32) {
    for _ in 0..times {
        breaker.acquire().unwrap().report(outcome);
    }
}

pub(crate) fn fail(breaker: &Manual, times: u32) {
    report(breaker, Outcome::Failure, times);
}

pub(crate) fn succeed(breaker: &Manual, times: u32) {
    report(breaker, Outcome::Success, times);
}

/// A breaker that has just become half open.
pub(crate) fn half_open() -> (Manual, ManualClock) {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    clock.advance(MINUTE);
    assert_eq!(breaker.state(), State::HalfOpen);
    (breaker, clock)
}

pub(crate) fn rates(window: Window, min_calls: u32, failure_rate: f64) -> BreakerConfig {
    let rates = Rates { window, min_calls: n(min_calls), failure_rate, slow: None };
    BreakerConfig { failure_threshold: None, rates: Some(rates), ..BreakerConfig::default() }
}

pub(crate) type Told = Arc<Mutex<Vec<Event>>>;

pub(crate) fn observed(config: BreakerConfig) -> (Manual, ManualClock, Told) {
    let clock = ManualClock::new();
    let told = Told::default();
    let seen = Arc::clone(&told);
    let breaker = Breaker::new(config, clock.clone()).unwrap();
    (breaker.observed_by(move |event: &Event| seen.lock().unwrap().push(*event)), clock, told)
}

pub(crate) fn slow(rate: f64) -> BreakerConfig {
    let slow = Some(SlowCalls { from: Duration::from_millis(100), rate });
    let rates = Rates { window: Window::Calls(n(10)), min_calls: n(10), failure_rate: 1.0, slow };
    BreakerConfig { failure_threshold: None, rates: Some(rates), ..BreakerConfig::default() }
}

pub(crate) fn takes(breaker: &Manual, clock: &ManualClock, millis: u64, outcome: Outcome) {
    let permit = breaker.acquire().unwrap();
    clock.advance(Duration::from_millis(millis));
    permit.report(outcome);
}

pub(crate) fn doubling() -> BreakerConfig {
    BreakerConfig { open_for: OpenFor::doubling(MINUTE, 10 * MINUTE), ..BreakerConfig::default() }
}

pub(crate) fn left(breaker: &Manual) -> Duration {
    breaker.acquire().unwrap_err().retry_after.unwrap()
}
