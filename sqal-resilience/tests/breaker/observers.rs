//! What an observer of changes receives, and what it may do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use sqal_resilience::breaker::{Cause, Event, State};
use sqal_resilience::{Breaker, BreakerConfig, ManualClock, Outcome};

use crate::breakers::{MINUTE, Manual, Told, fail, observed, succeed};

#[test]
fn cb_17_two_threads_that_see_the_time_end_make_one_transition() {
    for _ in 0..200 {
        let (breaker, clock, told) = observed(BreakerConfig::default());
        fail(&breaker, 5);
        clock.advance(MINUTE);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    drop(breaker.acquire());
                });
            }
        });
        let causes: Vec<_> = told.lock().unwrap().iter().map(|event| event.cause).collect();
        assert_eq!(causes, [Cause::Failures, Cause::OpenTimeOver]);
    }
}

#[test]
fn cb_18_six_failures_at_once_make_one_transition() {
    for _ in 0..200 {
        let (breaker, _, told) = observed(BreakerConfig::default());
        let permits: Vec<_> = (0..6).map(|_| breaker.acquire().unwrap()).collect();
        let start = Barrier::new(6);
        let start = &start;
        thread::scope(|scope| {
            for permit in permits {
                scope.spawn(move || {
                    start.wait();
                    permit.report(Outcome::Failure);
                });
            }
        });
        assert_eq!((told.lock().unwrap().len(), breaker.state()), (1, State::Open));
    }
}

#[test]
fn cb_20_a_probe_that_panics_opens_it_and_leaks_nothing() {
    let (breaker, clock, told) = observed(BreakerConfig::default());
    fail(&breaker, 5);
    clock.advance(MINUTE);
    let during = catch_unwind(AssertUnwindSafe(|| {
        let _probe = breaker.acquire().unwrap();
        panic!("on purpose");
    }));
    assert!(during.is_err());
    assert_eq!(told.lock().unwrap().len(), 2, "no observer is told while a thread unwinds");
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(told.lock().unwrap().len(), 3, "and then it is");
    clock.advance(MINUTE);
    succeed(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn cb_21_an_observer_that_panics_breaks_nothing() {
    let clock = ManualClock::new();
    let angry = Arc::new(AtomicU32::new(1));
    let told = Told::default();
    let seen = Arc::clone(&told);
    let breaker = Breaker::new(BreakerConfig::default(), clock.clone()).unwrap().observed_by(move |event: &Event| {
        assert_eq!(angry.swap(0, Ordering::Relaxed), 0, "on purpose");
        seen.lock().unwrap().push(*event);
    });
    fail(&breaker, 4);
    assert!(catch_unwind(AssertUnwindSafe(|| fail(&breaker, 1))).is_err(), "the panic reaches the caller");
    assert_eq!(breaker.state(), State::Open);
    clock.advance(MINUTE);
    succeed(&breaker, 2);
    let states: Vec<_> = told.lock().unwrap().iter().map(|event| event.to).collect();
    assert_eq!(states, [State::HalfOpen, State::Closed]);
}

#[test]
fn cb_22_an_observer_may_ask_and_change_the_breaker() {
    let slot: Arc<Mutex<Option<std::sync::Weak<Manual>>>> = Arc::default();
    let told = Told::default();
    let (inside, seen) = (Arc::clone(&slot), Arc::clone(&told));
    let breaker =
        Breaker::new(BreakerConfig::default(), ManualClock::new()).unwrap().observed_by(move |event: &Event| {
            seen.lock().unwrap().push(*event);
            let breaker = inside.lock().unwrap().as_ref().and_then(std::sync::Weak::upgrade).unwrap();
            if event.to == State::Open {
                assert_eq!(breaker.snapshot().state, State::Open);
                breaker.reset();
            }
        });
    let breaker = Arc::new(breaker);
    *slot.lock().unwrap() = Some(Arc::downgrade(&breaker));
    fail(&breaker, 5);
    assert_eq!(breaker.state(), State::Closed);
    let generations: Vec<_> = told.lock().unwrap().iter().map(|event| (event.to, event.generation)).collect();
    assert_eq!(generations, [(State::Open, 1), (State::Closed, 2)], "in order, none lost");
}

/// Events in the terms of the metric: codes, order, and each change reported once.
#[test]
fn ev_01_03_codes_and_order() {
    let codes = [State::Closed, State::Open, State::HalfOpen, State::Disabled, State::ForcedOpen, State::MetricsOnly];
    assert_eq!(codes.map(|state| state as u8), [0, 1, 2, 3, 4, 5]);
    let (breaker, clock, told) = observed(BreakerConfig::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    while let Ok(permit) = breaker.acquire() {
                        permit.report(Outcome::Failure);
                    }
                    clock.advance(MINUTE);
                }
            });
        }
    });
    let generation = breaker.snapshot().generation;
    let told = told.lock().unwrap();
    let generations: Vec<_> = told.iter().map(|event| event.generation).collect();
    assert_eq!(generations, (1..=generation).collect::<Vec<_>>());
    assert!(told.windows(2).all(|pair| pair[0].to == pair[1].from));
}
