//! Every interleaving of two or three threads at the breaker, by loom: `RUSTFLAGS="--cfg model_check" cargo test -p sqal-resilience --test
//! interleavings`.
#![cfg(model_check)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use loom::thread;
use sqal_resilience::{Breaker, BreakerConfig, ManualClock, OpenFor, Outcome, Quota, State, TokenBucket};

const SECOND: Duration = Duration::from_secs(1);

fn breaker(failures: u32, successes: u32, probes: u32) -> (Arc<Breaker<ManualClock>>, ManualClock) {
    let n = |n| NonZeroU32::new(n).unwrap();
    let config = BreakerConfig {
        failure_threshold: Some(n(failures)),
        success_threshold: n(successes),
        half_open_max_calls: n(probes),
        open_for: OpenFor::always(SECOND),
        ..BreakerConfig::default()
    };
    let clock = ManualClock::new();
    (Arc::new(Breaker::new(config, clock.clone()).unwrap()), clock)
}

/// CB-05, CB-17: two threads that see the open time end, one probe allowed: exactly one gets it, and its place comes back.
#[test]
fn one_probe_and_never_two() {
    loom::model(|| {
        let (breaker, clock) = breaker(1, 1, 1);
        breaker.acquire().unwrap().report(Outcome::Failure);
        clock.advance(SECOND);
        let inside = Arc::new(AtomicU32::new(0));
        let probe = |breaker: Arc<Breaker<ManualClock>>, inside: Arc<AtomicU32>| {
            move || {
                if let Ok(permit) = breaker.acquire() {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two probes at once");
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            }
        };
        let other = thread::spawn(probe(Arc::clone(&breaker), Arc::clone(&inside)));
        probe(Arc::clone(&breaker), inside)();
        other.join().unwrap();
        let seen = breaker.snapshot();
        assert_eq!((seen.state, seen.probes, seen.generation), (State::HalfOpen, 0, 2));
    });
}

/// CB-18: two failures that race for the threshold make one transition.
#[test]
fn one_transition_for_two_failures() {
    loom::model(|| {
        let (breaker, _) = breaker(1, 1, 1);
        let (a, b) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        let other = thread::spawn(move || a.report(Outcome::Failure));
        b.report(Outcome::Failure);
        other.join().unwrap();
        let seen = breaker.snapshot();
        assert_eq!((seen.state, seen.generation), (State::Open, 1));
    });
}

/// CB-13 to CB-16: a late result races with a reset; it counts before it or not at all.
#[test]
fn a_late_result_never_crosses_a_change() {
    loom::model(|| {
        let (breaker, _) = breaker(2, 1, 1);
        let late = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || late.report(Outcome::Failure));
        breaker.reset();
        let after = breaker.acquire_owned().unwrap();
        after.report(Outcome::Failure);
        other.join().unwrap();
        let seen = breaker.snapshot();
        assert_eq!((seen.state, seen.failures_in_a_row), (State::Closed, 1), "one failure of this era, never two");
    });
}

/// A success that races with a failure: the failure counts, or the success came after it and it is forgotten.
#[test]
fn a_success_beside_a_failure() {
    loom::model(|| {
        let (breaker, _) = breaker(3, 1, 1);
        let (good, bad) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        let other = thread::spawn(move || good.report(Outcome::Success));
        bad.report(Outcome::Failure);
        other.join().unwrap();
        assert!(breaker.snapshot().failures_in_a_row <= 1);
    });
}

/// RL-07: two threads that race for the last token; one gets it, and a refund beside a take loses nothing.
#[test]
fn the_last_token_is_taken_once() {
    loom::model(|| {
        let quota = Quota::new(NonZeroU32::new(2).unwrap(), SECOND);
        let bucket = Arc::new(TokenBucket::new(quota, ManualClock::new()).unwrap());
        assert!(bucket.take(1).allowed);
        let other = {
            let bucket = Arc::clone(&bucket);
            thread::spawn(move || u32::from(bucket.take(1).allowed))
        };
        let here = u32::from(bucket.take(1).allowed);
        assert_eq!(here + other.join().unwrap(), 1);
        let putting_back = {
            let bucket = Arc::clone(&bucket);
            thread::spawn(move || bucket.refund(1))
        };
        let taken = u32::from(bucket.take(1).allowed);
        putting_back.join().unwrap();
        assert_eq!(bucket.usage().current, 1 - taken);
    });
}
