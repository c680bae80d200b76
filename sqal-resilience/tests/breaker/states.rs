//! From closed to open, half open and back, and what a refusal says.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqal_resilience::breaker::State;
use sqal_resilience::rejected::Reason;
use sqal_resilience::{CallError, Clock, Rejected};

use crate::breakers::{MINUTE, breaker, fail, half_open, succeed};

#[test]
fn cb_01_a_success_forgets_the_failures_before_it() {
    let (breaker, _) = breaker();
    fail(&breaker, 4);
    succeed(&breaker, 1);
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().failures_in_a_row, 4);
}

#[test]
fn cb_02_the_fifth_failure_opens_it_and_the_sixth_call_is_not_made() {
    let (breaker, _) = breaker();
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    let called = AtomicU32::new(0);
    let refused = breaker.call_sync(|| {
        called.fetch_add(1, Ordering::Relaxed);
        Ok::<_, ()>(())
    });
    assert!(matches!(refused, Err(CallError::Rejected(_))));
    assert_eq!(called.load(Ordering::Relaxed), 0);
}

#[test]
fn cb_03_the_open_time_ends_exactly_when_it_says() {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    clock.advance(MINUTE - Duration::from_nanos(1));
    assert!(breaker.acquire().is_err());
    clock.advance(Duration::from_nanos(1));
    assert!(breaker.acquire().unwrap().is_probe());
}

#[test]
fn cb_04_a_refusal_says_when_to_come_back() {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    clock.advance(Duration::from_millis(59_250));
    assert_eq!(breaker.acquire().unwrap_err(), Rejected::until(Reason::CircuitOpen, Duration::from_millis(750)));
    assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_millis(750)));
    let allocated = allocation_counter::measure(|| assert!(breaker.acquire().is_err()));
    assert_eq!(allocated.count_total, 0);
    // One reading of the clock for several primitives.
    let known = clock.now() + Duration::from_millis(50);
    assert_eq!(breaker.acquire_at(known).unwrap_err().retry_after, Some(Duration::from_millis(700)));
    assert!(breaker.acquire_at(known + Duration::from_millis(700)).unwrap().is_probe());
}

#[test]
fn cb_06_two_successes_of_three_probes_close_it_with_everything_forgotten() {
    let (breaker, _) = half_open();
    succeed(&breaker, 1);
    assert_eq!((breaker.state(), breaker.snapshot().successes), (State::HalfOpen, 1));
    succeed(&breaker, 1);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.failures_in_a_row, snapshot.probes), (State::Closed, 0, 0));
}

#[test]
fn cb_07_a_failed_probe_opens_it_for_a_whole_time() {
    let (breaker, clock) = half_open();
    succeed(&breaker, 1);
    fail(&breaker, 1);
    assert_eq!(breaker.acquire().unwrap_err().retry_after, Some(MINUTE));
    clock.advance(MINUTE);
    assert_eq!(breaker.snapshot().successes, 0, "the success of the period before does not count");
}
