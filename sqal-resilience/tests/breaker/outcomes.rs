//! What counts as a success, a failure, or neither.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqal_resilience::breaker::{Abandoned, Cause, State, Window};
use sqal_resilience::{BreakerConfig, CallError, Outcome};

use crate::breakers::{MINUTE, Manual, breaker, fail, n, observed, rates, report, succeed, with};

#[test]
fn cb_19_a_panic_goes_on_and_is_a_failure() {
    let (breaker, _) = breaker();
    for _ in 0..5 {
        let outcome =
            catch_unwind(AssertUnwindSafe(|| breaker.call_sync(|| -> Result<(), ()> { panic!("on purpose") })));
        assert!(outcome.is_err());
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn cb_23_24_what_says_nothing_counts_nothing() {
    let (breaker, clock) = breaker();
    fail(&breaker, 4);
    report(&breaker, Outcome::Ignored, 3);
    assert_eq!(breaker.snapshot().failures_in_a_row, 4, "neither counted nor forgotten");
    fail(&breaker, 1);
    clock.advance(MINUTE);
    report(&breaker, Outcome::Ignored, 20);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.probes, snapshot.successes), (State::HalfOpen, 0, 0));
}

#[test]
fn cb_25_the_caller_says_what_counts() {
    let (breaker, _) = breaker();
    // A client's own mistake is a success of the target.
    let by_status = |result: &Result<(), u16>| match result {
        Err(500..) => Outcome::Failure,
        _ => Outcome::Success,
    };
    for _ in 0..20 {
        assert_eq!(breaker.call_sync_with(&by_status, || Err::<(), _>(404)), Err(CallError::Inner(404)));
    }
    assert_eq!(breaker.state(), State::Closed);
    for _ in 0..5 {
        assert_eq!(breaker.call_sync_with(&by_status, || Err::<(), _>(503)), Err(CallError::Inner(503)));
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn cb_51_what_an_abandoned_call_means_is_a_setting() {
    let give_up = |breaker: &Manual, times: u32| (0..times).for_each(|_| drop(breaker.acquire()));
    let (ignoring, _) = breaker();
    give_up(&ignoring, 100);
    assert_eq!((ignoring.state(), ignoring.snapshot().failures_in_a_row), (State::Closed, 0));

    let (failing, _) = with(BreakerConfig { abandoned: Abandoned::AsFailure, ..BreakerConfig::default() });
    give_up(&failing, 5);
    assert_eq!(failing.state(), State::Open);

    let above = BreakerConfig { abandoned: Abandoned::RateAbove(0.5), ..rates(Window::Calls(n(10)), 10, 1.0) };
    let (by_rate, _, told) = observed(above);
    give_up(&by_rate, 5);
    succeed(&by_rate, 5);
    assert_eq!(by_rate.state(), State::Closed, "half is not above a half");
    give_up(&by_rate, 5);
    assert_eq!(by_rate.state(), State::Closed, "the first five have left the window");
    give_up(&by_rate, 1);
    assert_eq!((by_rate.state(), told.lock().unwrap()[0].cause), (State::Open, Cause::AbandonedRate));
}
