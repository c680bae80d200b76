//! The probes of a half-open breaker: how many, dropped, hung, slow to answer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use sqal_resilience::breaker::{InvalidBreaker, OpenFor, State};
use sqal_resilience::rejected::Reason;
use sqal_resilience::{BreakerConfig, Outcome, Rejected};

use crate::breakers::{MINUTE, breaker, doubling, fail, half_open, with};

#[test]
fn cb_05_of_fifty_calls_at_once_three_are_probes() {
    let (breaker, _) = half_open();
    let start = Barrier::new(50);
    let admitted = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                start.wait();
                let permit = breaker.acquire();
                admitted.fetch_add(u32::from(permit.is_ok()), Ordering::Relaxed);
                // Held until all threads have asked.
                start.wait();
                drop(permit);
            });
        }
    });
    assert_eq!(admitted.load(Ordering::Relaxed), 3);
}

#[test]
fn cb_08_a_dropped_probe_frees_its_place_at_once() {
    let (breaker, _) = half_open();
    let mut probes: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    assert_eq!(breaker.acquire().unwrap_err(), Rejected::because(Reason::ProbesExhausted));
    drop(probes.pop());
    assert_eq!((breaker.state(), breaker.snapshot().probes), (State::HalfOpen, 2));
    assert!(breaker.acquire().is_ok());
}

#[test]
fn cb_09_all_probes_dropped_decide_nothing() {
    let (breaker, _) = half_open();
    let probes: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    drop(probes);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.probes, snapshot.successes), (State::HalfOpen, 0, 0));
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn cb_10_a_probe_that_is_dropped_while_it_waits_frees_its_place() {
    let (breaker, _) = half_open();
    let mut waiting = Box::pin(breaker.call(std::future::pending::<Result<(), ()>>));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(breaker.snapshot().probes, 1);
    drop(waiting);
    assert_eq!(breaker.snapshot().probes, 0);
    // A future that was never polled has asked for nothing.
    drop(breaker.call(std::future::pending::<Result<(), ()>>));
    assert_eq!(breaker.snapshot().probes, 0);
}

#[test]
fn cb_11_probes_that_hang_cannot_block_it() {
    let (breaker, clock) = half_open();
    let hung: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    clock.advance(MINUTE - Duration::from_nanos(1));
    assert!(breaker.acquire().is_err());
    clock.advance(Duration::from_nanos(1));
    let fresh: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    assert!(breaker.acquire().is_err());
    for permit in hung {
        permit.report(Outcome::Success);
    }
    assert_eq!((breaker.state(), breaker.snapshot().successes), (State::HalfOpen, 0));
    drop(fresh);
}

#[test]
fn cb_12_a_hung_probe_of_an_older_period_gives_no_place_back() {
    let (breaker, clock) = half_open();
    let hung = breaker.acquire().unwrap();
    clock.advance(MINUTE);
    let fresh: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    drop(hung);
    assert_eq!(breaker.snapshot().probes, 3);
    assert!(breaker.acquire().is_err(), "no fourth probe");
    drop(fresh);
}

#[test]
fn probes_have_time_and_hanging_ones_make_it_longer() {
    let none = BreakerConfig { half_open_max_wait: Some(Duration::ZERO), ..BreakerConfig::default() };
    assert_eq!(none.check(), Err(InvalidBreaker::NoTimeForProbes));
    // The breaker is open for 100 ms, and the target takes longer than that to answer: its answer
    // still counts.
    let (blink, clock) =
        with(BreakerConfig { open_for: OpenFor::always(Duration::from_millis(100)), ..BreakerConfig::default() });
    fail(&blink, 5);
    clock.advance(Duration::from_millis(100));
    let probes: Vec<_> = (0..2).map(|_| blink.acquire().unwrap()).collect();
    clock.advance(Duration::from_millis(200));
    for probe in probes {
        probe.report(Outcome::Success);
    }
    assert_eq!(blink.state(), State::Closed);
    let (growing, clock) = with(doubling());
    fail(&growing, 5);
    clock.advance(MINUTE);
    let hung = growing.acquire().unwrap();
    clock.advance(MINUTE);
    assert_eq!((growing.state(), growing.snapshot().level), (State::HalfOpen, 1));
    drop(hung);
}

#[test]
fn cb_50_an_owned_permit_lives_as_long_as_its_stream() {
    let (breaker, clock) = breaker();
    let breaker = Arc::new(breaker);
    fail(&breaker, 5);
    clock.advance(MINUTE);
    let mut streams: Vec<_> = (0..3).map(|_| breaker.acquire_owned().unwrap()).collect();
    assert!(streams[0].is_probe() && breaker.acquire_owned().is_err());
    thread::spawn(move || {
        streams.pop().unwrap().report(Outcome::Success);
        // One is dropped half-way, and the last one reports a failure.
        drop(streams.pop());
        streams.pop().unwrap().report(Outcome::Failure);
    })
    .join()
    .unwrap();
    assert_eq!(breaker.state(), State::Open);
}
