//! Every interleaving of two or three threads at the state machines, by loom.
//!
//! Run it with `RUSTFLAGS="--cfg model_check" cargo test -p sqal-resilience --test interleavings`.
#![cfg(model_check)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::thread;
use sqal_resilience::{
    Breaker, BreakerConfig, ManualClock, Outcome, Quota, RetryBudget, SingleFlight, TokenBucket,
    breaker::{OpenFor, State},
};

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

/// CB-05, CB-17: two threads see the open time end, and one probe is allowed. Exactly one thread
/// gets it, and its place comes back.
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

/// CB-05, CB-49: a call after the open time is not refused because another thread makes the breaker
/// half open just then.
#[test]
fn the_first_probe_is_let_in_while_others_read_the_state() {
    loom::model(|| {
        let (breaker, clock) = breaker(1, 1, 1);
        breaker.acquire().unwrap().report(Outcome::Failure);
        clock.advance(SECOND);
        let other = thread::spawn({
            let breaker = Arc::clone(&breaker);
            move || drop(breaker.snapshot())
        });
        assert!(breaker.acquire().is_ok(), "the open time is over and there is room for a probe");
        other.join().unwrap();
    });
}

/// CB-18: two failures race for the threshold and make one transition.
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

/// CB-13 to CB-16: a late result races with a reset. It counts before the reset or not at all.
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

/// A success races with a failure. Either the failure counts, or the success came after it and the
/// failure is forgotten.
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

/// RL-07: two threads race for the last token. One gets it, and a refund beside a take loses
/// nothing.
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

/// RTL-03: a thread that reads a bucket while its quota is changed reads one quota or the other,
/// never the price of one and the size of the other.
#[test]
fn a_quota_is_never_read_in_halves() {
    loom::model(|| {
        let quota = |burst, seconds| Quota {
            burst: NonZeroU32::new(burst).unwrap(),
            refill: NonZeroU32::MIN,
            period: Duration::from_secs(seconds),
        };
        let bucket = Arc::new(TokenBucket::new(quota(2, 1), ManualClock::new()).unwrap());
        // Before the first change, the quota is read another way.
        bucket.set_quota(quota(4, 1)).unwrap();
        let other = Arc::clone(&bucket);
        let change = thread::spawn(move || other.set_quota(quota(3, 2)).unwrap());
        let look = thread::spawn(move || bucket.usage());
        let usage = look.join().unwrap();
        assert!([(4, 1.0), (3, 0.5)].contains(&(usage.max, usage.refill_rate)), "{usage:?}");
        change.join().unwrap();
    });
}

/// RT-22: two threads race for what one call has earned. The reserve is one token, so both get a
/// retry and no third one comes.
#[test]
fn a_retry_is_paid_for_once() {
    loom::model(|| {
        let one = NonZeroU32::MIN;
        let budget = Arc::new(RetryBudget::new(1.0, one, one, ManualClock::new()).unwrap());
        budget.earn();
        let other = {
            let budget = Arc::clone(&budget);
            thread::spawn(move || u32::from(budget.spend()))
        };
        let here = u32::from(budget.spend()) + u32::from(budget.spend());
        assert_eq!(here + other.join().unwrap(), 2);
    });
}

/// RT-24: two calls race for one retry at a time. One gets it, and all counts come back.
#[test]
fn one_retry_at_a_time() {
    loom::model(|| {
        let many = NonZeroU32::new(9).unwrap();
        let budget = RetryBudget::new(1.0, many, many, ManualClock::new()).unwrap().at_a_time(0.5, 1).unwrap();
        let budget = Arc::new(budget);
        let (mut a, mut b) = (Arc::clone(&budget).begin_owned(), Arc::clone(&budget).begin_owned());
        let other = thread::spawn(move || (a.retry(), a));
        let here = b.retry();
        let (there, a) = other.join().unwrap();
        assert!(here != there);
        drop((a, b));
        assert!(Arc::clone(&budget).begin_owned().retry(), "it came back");
    });
}

/// SF-07: a caller that comes while a flight lands shares it or begins a new one, and always gets a
/// value. Nothing stays in the table.
#[test]
fn a_joiner_at_the_landing_gets_a_value() {
    loom::model(|| {
        let flights = Arc::new(SingleFlight::<u8, u32>::new());
        let fly = |flights: Arc<SingleFlight<u8, u32>>| {
            move || {
                let mut flight = std::pin::pin!(flights.run(1, || async { 42 }));
                loop {
                    if let Poll::Ready(landed) = flight.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        return landed.value;
                    }
                    thread::yield_now();
                }
            }
        };
        let other = thread::spawn(fly(Arc::clone(&flights)));
        assert_eq!((fly(Arc::clone(&flights))(), other.join().unwrap()), (42, 42));
        assert!(flights.is_empty());
    });
}

/// SF-03: the leader gives up while another caller waits or comes. The other caller then fetches by
/// itself.
#[test]
fn a_leader_that_gives_up_leaves_no_waiter_behind() {
    loom::model(|| {
        let flights = Arc::new(SingleFlight::<u8, u32>::new());
        let other = {
            let flights = Arc::clone(&flights);
            thread::spawn(move || {
                let mut flight = std::pin::pin!(flights.run(1, || async { 42 }));
                loop {
                    if let Poll::Ready(landed) = flight.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        return landed.value;
                    }
                    thread::yield_now();
                }
            })
        };
        {
            let mut gives_up = std::pin::pin!(flights.run(1, || std::future::pending::<u32>()));
            let _ = gives_up.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        assert_eq!(other.join().unwrap(), 42);
        assert!(flights.is_empty());
    });
}
