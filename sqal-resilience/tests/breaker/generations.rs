//! Reports that come after a change of state say nothing of the new state.

use sqal_resilience::Outcome;
use sqal_resilience::breaker::State;

use crate::breakers::{MINUTE, breaker, fail, half_open, succeed};

#[test]
fn cb_13_14_what_was_asked_while_closed_says_nothing_of_half_open() {
    for late in [Outcome::Success, Outcome::Failure] {
        let (breaker, clock) = breaker();
        let from_before: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
        fail(&breaker, 5);
        clock.advance(MINUTE);
        let probe = breaker.acquire().unwrap();
        for permit in from_before {
            permit.report(late);
        }
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.state, snapshot.successes, snapshot.probes), (State::HalfOpen, 0, 1));
        drop(probe);
    }
}

#[test]
fn cb_15_failures_from_before_the_outage_do_not_open_the_recovered_breaker() {
    let (breaker, clock) = breaker();
    let late: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    fail(&breaker, 5);
    clock.advance(MINUTE);
    succeed(&breaker, 2);
    for permit in late {
        permit.report(Outcome::Failure);
    }
    assert_eq!((breaker.state(), breaker.snapshot().failures_in_a_row), (State::Closed, 0));
}

#[test]
fn cb_16_a_probe_of_an_older_half_open_period_closes_no_newer_one() {
    let (breaker, clock) = half_open();
    let older: Vec<_> = (0..2).map(|_| breaker.acquire().unwrap()).collect();
    fail(&breaker, 1);
    clock.advance(MINUTE);
    let newer = breaker.acquire().unwrap();
    for permit in older {
        permit.report(Outcome::Success);
    }
    assert_eq!((breaker.state(), breaker.snapshot().successes), (State::HalfOpen, 0));
    drop(newer);
}
