//! States that are set by hand.

use std::time::Duration;

use sqal_resilience::breaker::{State, Window};
use sqal_resilience::rejected::Reason;
use sqal_resilience::{BreakerConfig, Outcome, Rejected};

use crate::breakers::{MINUTE, breaker, doubling, fail, half_open, n, rates, with};

#[test]
fn cb_41_forced_open_refuses_until_another_state_is_set() {
    let (breaker, clock) = breaker();
    let under_way = breaker.acquire().unwrap();
    breaker.force_open();
    assert_eq!(breaker.acquire().unwrap_err(), Rejected::because(Reason::CircuitForcedOpen));
    under_way.report(Outcome::Success);
    clock.advance(Duration::from_hours(1_000));
    assert_eq!((breaker.state(), breaker.state() as u8), (State::ForcedOpen, 4));
    assert!(breaker.acquire().is_err());
    breaker.reset();
    assert!(breaker.acquire().is_ok());
    breaker.force_half_open();
    assert!(breaker.acquire().unwrap().is_probe());
}

#[test]
fn cb_42_disabled_admits_all_and_counts_nothing() {
    let (breaker, _) = with(BreakerConfig { failure_threshold: Some(n(5)), ..rates(Window::Calls(n(10)), 10, 0.5) });
    breaker.disable();
    fail(&breaker, 100);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.state as u8, snapshot.window.unwrap().calls), (State::Disabled, 3, 0));
    assert_eq!(snapshot.failures_in_a_row, 0);
}

#[test]
fn cb_43_metrics_only_admits_and_counts_all_and_never_opens() {
    let (breaker, _) = with(BreakerConfig { failure_threshold: Some(n(5)), ..rates(Window::Calls(n(10)), 10, 0.5) });
    breaker.metrics_only();
    fail(&breaker, 100);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.state as u8), (State::MetricsOnly, 5));
    assert_eq!((snapshot.window.unwrap().failures, snapshot.failures_in_a_row), (10, 100));
}

#[test]
fn cb_44_a_reset_ignores_the_probes_that_are_under_way() {
    let (breaker, _) = half_open();
    let probes: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    breaker.reset();
    for probe in probes {
        probe.report(Outcome::Failure);
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.failures_in_a_row, snapshot.level), (State::Closed, 0, 0));
    // A reset forgets failed recoveries; nothing else does.
    let (breaker, clock) = with(doubling());
    fail(&breaker, 5);
    clock.advance(MINUTE);
    fail(&breaker, 1);
    breaker.force_half_open();
    assert_eq!(breaker.snapshot().level, 1);
    breaker.reset();
    assert_eq!(breaker.snapshot().level, 0);
}
