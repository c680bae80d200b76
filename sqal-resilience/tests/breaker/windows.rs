//! Rates of failed and of slow calls over a window of calls or of time.

use std::time::Duration;

use sqal_resilience::breaker::{Cause, State, Window};
use sqal_resilience::{BreakerConfig, Outcome};

use crate::breakers::{MINUTE, fail, n, observed, rates, report, slow, succeed, takes, with};

#[test]
fn cb_26_a_count_window_opens_at_the_call_that_fills_it() {
    for failing in [[0, 2, 4, 6, 8], [5, 6, 7, 8, 9], [0, 1, 2, 3, 4]] {
        let (breaker, _) = with(rates(Window::Calls(n(10)), 10, 0.5));
        for call in 0..10 {
            assert_eq!(breaker.state(), State::Closed, "before call {call}");
            report(&breaker, if failing.contains(&call) { Outcome::Failure } else { Outcome::Success }, 1);
        }
        assert_eq!(breaker.state(), State::Open);
    }
}

#[test]
fn cb_27_a_count_window_slides() {
    let (breaker, _) = with(rates(Window::Calls(n(100)), 100, 0.5));
    succeed(&breaker, 10_000);
    fail(&breaker, 49);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn cb_28_a_rate_is_judged_at_a_success_too() {
    let (breaker, _) = with(rates(Window::Calls(n(100)), 5, 0.5));
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Closed);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn cb_29_old_successes_leave_a_window_of_time() {
    let (breaker, clock, told) = observed(rates(Window::Time(Duration::from_secs(10)), 10, 0.5));
    succeed(&breaker, 100);
    for _ in 0..49 {
        clock.advance(Duration::from_millis(180));
        fail(&breaker, 1);
    }
    assert_eq!(breaker.state(), State::Closed, "49 of 149");
    clock.advance(Duration::from_secs(2));
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(told.lock().unwrap()[0].cause, Cause::FailureRate);
}

#[test]
fn cb_30_a_window_of_time_forgets_while_nothing_happens() {
    let (breaker, clock) = with(rates(Window::Time(Duration::from_secs(10)), 5, 0.5));
    fail(&breaker, 4);
    clock.advance(Duration::from_secs(30));
    fail(&breaker, 1);
    let counts = breaker.snapshot().window.unwrap();
    assert_eq!((breaker.state(), counts.calls, counts.failures), (State::Closed, 1, 1));
}

#[test]
fn cb_31_a_full_window_of_time_holds_no_more_than_an_empty_one() {
    let (breaker, _) = with(rates(Window::Time(Duration::from_secs(10)), 100, 0.9));
    let allocated = allocation_counter::measure(|| succeed(&breaker, 60_000));
    assert_eq!((allocated.count_total, breaker.snapshot().window.unwrap().calls), (0, 60_000));
}

#[test]
fn cb_32_slow_calls_open_it() {
    let (breaker, clock, told) = observed(slow(0.6));
    for millis in [99, 100, 101, 5, 200, 300, 0, 400, 7] {
        takes(&breaker, &clock, millis, Outcome::Success);
    }
    assert_eq!(breaker.state(), State::Closed);
    takes(&breaker, &clock, 150, Outcome::Success);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(told.lock().unwrap()[0].cause, Cause::SlowRate);
}

#[test]
fn cb_33_a_call_that_is_slow_and_fails_is_one_call_in_both_rates() {
    let (breaker, clock) = with(slow(0.6));
    takes(&breaker, &clock, 150, Outcome::Failure);
    takes(&breaker, &clock, 1, Outcome::Success);
    let counts = breaker.snapshot().window.unwrap();
    assert_eq!((counts.calls, counts.failures, counts.slow), (2, 1, 1));
}

#[test]
fn cb_34_a_slow_probe_is_no_sign_of_health() {
    let (breaker, clock) = with(BreakerConfig { failure_threshold: Some(n(5)), ..slow(0.6) });
    fail(&breaker, 5);
    clock.advance(MINUTE);
    for _ in 0..5 {
        takes(&breaker, &clock, 150, Outcome::Success);
    }
    assert_eq!((breaker.state(), breaker.snapshot().successes), (State::HalfOpen, 0));
    takes(&breaker, &clock, 5, Outcome::Success);
    takes(&breaker, &clock, 5, Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn cb_35_whichever_rule_is_met_first_opens_it() {
    let both = BreakerConfig { failure_threshold: Some(n(5)), ..rates(Window::Calls(n(100)), 20, 0.3) };
    let (in_a_row, _, told) = observed(both);
    fail(&in_a_row, 5);
    assert_eq!(told.lock().unwrap()[0].cause, Cause::Failures);
    let (by_rate, _, told) = observed(both);
    for _ in 0..10 {
        fail(&by_rate, 1);
        succeed(&by_rate, 1);
    }
    assert_eq!((by_rate.state(), told.lock().unwrap()[0].cause), (State::Open, Cause::FailureRate));
}
