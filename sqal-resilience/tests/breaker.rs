//! The breaker's scenarios CB-01 to CB-53, each by its id: cases in which other breakers fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::duration_suboptimal_units,
    clippy::suboptimal_flops,
    clippy::unchecked_time_subtraction,
    reason = "times as the scenarios print them"
)]

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use sqal_resilience::{
    Breaker, BreakerConfig, CallError, Clock, ManualClock, Outcome, Rejected,
    breaker::{Abandoned, Breakers, Cause, Event, InvalidBreaker, OpenFor, Rates, SlowCalls, State, Window},
    rejected::Reason,
};

type Manual = Breaker<ManualClock>;

const MINUTE: Duration = Duration::from_mins(1);

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn with(config: BreakerConfig) -> (Manual, ManualClock) {
    let clock = ManualClock::new();
    (Breaker::new(config, clock.clone()).unwrap(), clock)
}

fn breaker() -> (Manual, ManualClock) {
    with(BreakerConfig::default())
}

fn report(breaker: &Manual, outcome: Outcome, times: u32) {
    for _ in 0..times {
        breaker.acquire().unwrap().report(outcome);
    }
}

fn fail(breaker: &Manual, times: u32) {
    report(breaker, Outcome::Failure, times);
}

fn succeed(breaker: &Manual, times: u32) {
    report(breaker, Outcome::Success, times);
}

/// A breaker that has just become half open.
fn half_open() -> (Manual, ManualClock) {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    clock.advance(MINUTE);
    assert_eq!(breaker.state(), State::HalfOpen);
    (breaker, clock)
}

fn rates(window: Window, min_calls: u32, failure_rate: f64) -> BreakerConfig {
    let rates = Rates { window, min_calls: n(min_calls), failure_rate, slow: None };
    BreakerConfig { failure_threshold: None, rates: Some(rates), ..BreakerConfig::default() }
}

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

type Told = Arc<Mutex<Vec<Event>>>;

fn observed(config: BreakerConfig) -> (Manual, ManualClock, Told) {
    let clock = ManualClock::new();
    let told = Told::default();
    let seen = Arc::clone(&told);
    let breaker = Breaker::new(config, clock.clone()).unwrap();
    (breaker.observed_by(move |event: &Event| seen.lock().unwrap().push(*event)), clock, told)
}

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
fn cb_20_a_probe_that_panics_opens_it_and_leaks_nothing() {
    let (breaker, clock, told) = observed(BreakerConfig::default());
    fail(&breaker, 5);
    clock.advance(MINUTE);
    let during = catch_unwind(AssertUnwindSafe(|| {
        let _probe = breaker.acquire().unwrap();
        panic!("on purpose");
    }));
    assert!(during.is_err());
    assert_eq!(told.lock().unwrap().len(), 2, "nobody is told while a thread unwinds");
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

fn slow(rate: f64) -> BreakerConfig {
    let slow = Some(SlowCalls { from: Duration::from_millis(100), rate });
    let rates = Rates { window: Window::Calls(n(10)), min_calls: n(10), failure_rate: 1.0, slow };
    BreakerConfig { failure_threshold: None, rates: Some(rates), ..BreakerConfig::default() }
}

fn takes(breaker: &Manual, clock: &ManualClock, millis: u64, outcome: Outcome) {
    let permit = breaker.acquire().unwrap();
    clock.advance(Duration::from_millis(millis));
    permit.report(outcome);
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

fn doubling() -> BreakerConfig {
    BreakerConfig { open_for: OpenFor::doubling(MINUTE, 10 * MINUTE), ..BreakerConfig::default() }
}

fn left(breaker: &Manual) -> Duration {
    breaker.acquire().unwrap_err().retry_after.unwrap()
}

#[test]
fn cb_36_the_open_time_grows_with_each_recovery_that_fails() {
    let (breaker, clock) = with(doubling());
    fail(&breaker, 5);
    for seconds in [60, 120, 240, 480, 600, 600] {
        assert_eq!(left(&breaker), Duration::from_secs(seconds));
        clock.advance(Duration::from_secs(seconds));
        fail(&breaker, 1);
    }
    // With jitter the open time varies within its share, and is never above the longest.
    let jitter = OpenFor { jitter: 0.5, seed: Some(7), ..OpenFor::doubling(MINUTE, 10 * MINUTE) };
    let (breaker, clock) = with(BreakerConfig { open_for: jitter, ..BreakerConfig::default() });
    fail(&breaker, 5);
    let mut times = Vec::new();
    for level in 0..8_i32 {
        let plain = 60.0 * 2.0_f64.powi(level);
        let time = left(&breaker);
        assert!(time.as_secs_f64() >= (0.5 * plain).min(600.0) - 1e-6 && time <= 10 * MINUTE, "{level}: {time:?}");
        assert!(time.as_secs_f64() <= 1.5 * plain + 1e-6);
        times.push(time);
        clock.advance(time);
        fail(&breaker, 1);
    }
    assert!(times[..3].windows(2).all(|pair| pair[0] * 2 != pair[1]), "it varies: {times:?}");
}

#[test]
fn cb_37_health_takes_the_open_time_back_step_by_step() {
    let (breaker, clock) = with(doubling());
    fail(&breaker, 5);
    for seconds in [60, 120, 240] {
        clock.advance(Duration::from_secs(seconds));
        fail(&breaker, 1);
    }
    assert_eq!(breaker.snapshot().level, 3);
    clock.advance(Duration::from_secs(480));
    succeed(&breaker, 2);
    fail(&breaker, 5);
    assert_eq!(left(&breaker), Duration::from_secs(480), "one lucky recovery forgets nothing");
    clock.advance(Duration::from_secs(480));
    succeed(&breaker, 2);
    clock.advance(2 * MINUTE);
    fail(&breaker, 5);
    assert_eq!(left(&breaker), Duration::from_secs(120), "two healthy minutes, two steps");
    clock.advance(Duration::from_secs(120));
    succeed(&breaker, 2);
    clock.advance(10 * MINUTE);
    fail(&breaker, 5);
    assert_eq!(left(&breaker), MINUTE);
}

#[test]
fn cb_38_no_number_of_failed_recoveries_overflows() {
    let (breaker, clock) = with(doubling());
    fail(&breaker, 5);
    for _ in 0..10_000 {
        clock.advance(10 * MINUTE);
        fail(&breaker, 1);
    }
    assert_eq!((left(&breaker), breaker.snapshot().level), (10 * MINUTE, 10_000));
}

#[test]
fn cb_39_open_times_of_any_size_are_taken() {
    let hours = Duration::from_hours(100_000);
    for time in [Duration::from_nanos(1), Duration::from_micros(3), Duration::from_millis(500), hours] {
        let (breaker, clock) = with(BreakerConfig { open_for: OpenFor::always(time), ..BreakerConfig::default() });
        fail(&breaker, 5);
        assert_eq!(left(&breaker), time);
        clock.advance(time);
        assert!(breaker.acquire().is_ok(), "{time:?}");
    }
}

#[test]
fn cb_40_settings_that_cannot_be_are_refused_and_named() {
    let refused = |config: BreakerConfig| config.check().unwrap_err();
    let plain = BreakerConfig::default();
    assert_eq!(
        refused(BreakerConfig { success_threshold: n(4), ..plain }),
        InvalidBreaker::NeverCloses { successes: 4, probes: 3 }
    );
    assert_eq!(refused(BreakerConfig { failure_threshold: None, ..plain }), InvalidBreaker::NoRule);
    assert_eq!(
        refused(BreakerConfig { failure_threshold: Some(n(65_536)), ..plain }),
        InvalidBreaker::Threshold(65_536)
    );
    let window = Window::Calls(n(10));
    for rate in [0.0, -0.1, 1.5, f64::NAN, f64::INFINITY] {
        let is = |refused: InvalidBreaker, it: &str| matches!(refused, InvalidBreaker::Rate { name, .. } if name == it);
        assert!(is(refused(rates(window, 10, rate)), "failure_rate"), "{rate}");
        assert!(is(refused(slow(rate)), "slow.rate"), "{rate}");
        let abandoned = BreakerConfig { abandoned: Abandoned::RateAbove(rate), ..rates(window, 10, 0.5) };
        assert!(is(refused(abandoned), "abandoned"), "{rate}");
    }
    assert_eq!(refused(rates(window, 11, 0.5)), InvalidBreaker::Window { window: 10, min_calls: 11 });
    let short = Window::Time(Duration::from_nanos(15));
    assert_eq!(refused(rates(short, 1, 0.5)), InvalidBreaker::Window { window: 15, min_calls: 1 });
    assert_eq!(
        refused(BreakerConfig { abandoned: Abandoned::RateAbove(0.5), ..plain }),
        InvalidBreaker::AbandonedWithoutWindow
    );
    let open = |open_for: OpenFor| match refused(BreakerConfig { open_for, ..plain }) {
        InvalidBreaker::OpenFor { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(open(OpenFor::always(Duration::ZERO)), "base");
    for factor in [0.9, f64::NAN, f64::INFINITY] {
        assert_eq!(open(OpenFor { factor, ..OpenFor::always(MINUTE) }), "factor");
    }
    assert_eq!(open(OpenFor::doubling(MINUTE, MINUTE / 2)), "max");
    assert_eq!(open(OpenFor { jitter: 1.1, ..OpenFor::always(MINUTE) }), "jitter");
    assert!(Breaker::new(BreakerConfig { success_threshold: n(4), ..plain }, ManualClock::new()).is_err());
    assert!(Breakers::<u8, _>::new(BreakerConfig { success_threshold: n(4), ..plain }, ManualClock::new(), 9).is_err());
    assert!(rates(window, 10, 1.0).check().is_ok());
}

#[test]
fn cb_41_forced_open_refuses_until_somebody_says_otherwise() {
    let (breaker, clock) = breaker();
    let under_way = breaker.acquire().unwrap();
    breaker.force_open();
    assert_eq!(breaker.acquire().unwrap_err(), Rejected::because(Reason::CircuitForcedOpen));
    under_way.report(Outcome::Success);
    clock.advance(Duration::from_hours(1000));
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

#[test]
fn cb_45_a_clock_that_steps_back_neither_admits_early_nor_waits_for_ever() {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    clock.advance(Duration::from_secs(40));
    assert!(breaker.acquire().is_err());
    clock.rewind(Duration::from_hours(1));
    // 20 seconds were left. At most one more is added, because a refusal looks at the time only now
    // and then.
    let remaining = left(&breaker);
    assert!(remaining >= Duration::from_secs(20) && remaining <= Duration::from_secs(21), "{remaining:?}");
    clock.advance(remaining - Duration::from_nanos(1));
    assert!(breaker.acquire().is_err());
    clock.advance(Duration::from_nanos(1));
    assert!(breaker.acquire().is_ok());
    // The clock steps far back, before the breaker was made, while it is half open: a hung period
    // still ends.
    let hung: Vec<_> = (0..2).map(|_| breaker.acquire().unwrap()).collect();
    clock.rewind(Duration::from_hours(1));
    assert!(breaker.acquire().is_ok());
    clock.advance(MINUTE);
    assert_eq!(breaker.snapshot().probes, 0, "a new period");
    drop(hung);
}

/// Two threads read the clock in one order and ask in the other: no call is admitted early, and no
/// period is cut short.
#[test]
fn times_out_of_order_shorten_nothing() {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    let begin = clock.now();
    let at = |millis: u64| breaker.acquire_at(begin + Duration::from_millis(millis)).is_ok();
    for k in 0..100 {
        assert!(!at(30_000 + k) && !at(29_500 + k), "{k}");
    }
    assert!(!at(59_999) && !at(59_500) && at(60_000));
    // Half open: refusals take the lock, and their times may be out of order too.
    let probes: Vec<_> = (0..3).map(|_| breaker.acquire_at(begin + MINUTE).unwrap()).collect();
    for k in 0..100 {
        assert!(!at(90_000 + k) && !at(89_500 + k), "{k}");
    }
    clock.advance(MINUTE + Duration::from_secs(31));
    assert_eq!(breaker.snapshot().probes, 3, "the period goes on");
    drop(probes);
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
fn new_settings_neither_misread_nor_block_what_is_under_way() {
    // Calls that were not timed are not slow.
    let (plain, clock) = breaker();
    let permits: Vec<_> = (0..20).map(|_| plain.acquire().unwrap()).collect();
    clock.advance(Duration::from_secs(1));
    plain.reconfigure(slow(0.5)).unwrap();
    for permit in permits {
        permit.report(Outcome::Success);
    }
    assert_eq!((plain.state(), plain.snapshot().window.unwrap().slow), (State::Closed, 0));
    // Successes under old settings take no place under new ones.
    let three = BreakerConfig { success_threshold: n(3), ..BreakerConfig::default() };
    let (half, clock) = with(BreakerConfig { half_open_max_wait: Some(Duration::MAX), ..three });
    fail(&half, 5);
    clock.advance(MINUTE);
    succeed(&half, 2);
    half.reconfigure(BreakerConfig { success_threshold: n(1), half_open_max_calls: n(1), ..three }).unwrap();
    succeed(&half, 1);
    assert_eq!(half.state(), State::Closed);
}

#[test]
fn a_registry_forgets_those_that_recovered_long_ago() {
    let clock = ManualClock::new();
    let registry = Breakers::new(doubling(), clock.clone(), 2).unwrap();
    for key in 0..2 {
        let breaker = registry.get(key).unwrap();
        fail(&breaker, 5);
        clock.advance(MINUTE);
        fail(&breaker, 1);
        clock.advance(2 * MINUTE);
        succeed(&breaker, 2);
        assert_eq!(breaker.snapshot().level, 1);
    }
    clock.advance(10 * MINUTE);
    assert_eq!(registry.get(0).unwrap().snapshot().level, 0);
    assert!(registry.get(7).is_ok(), "there is room again");
}

#[test]
fn cb_46_a_clock_that_leaps_ahead_ends_the_open_time_and_nothing_else() {
    let window = rates(Window::Time(Duration::from_secs(10)), 50, 0.5);
    let (breaker, clock) = with(BreakerConfig { failure_threshold: Some(n(5)), ..window });
    fail(&breaker, 5);
    clock.advance(Duration::from_hours(24 * 30));
    let probes: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    assert!(breaker.acquire().is_err());
    drop(probes);
    succeed(&breaker, 2);
    clock.advance(Duration::from_hours(24 * 365 * 100));
    fail(&breaker, 1);
    assert_eq!(breaker.snapshot().window.unwrap().calls, 1);
}

#[test]
fn cb_47_48_neither_calls_nor_cycles_allocate() {
    let (breaker, clock) = breaker();
    let cycle = || {
        succeed(&breaker, 3);
        fail(&breaker, 5);
        assert!(breaker.acquire().is_err());
        clock.advance(MINUTE);
        drop(breaker.acquire());
        succeed(&breaker, 2);
    };
    cycle();
    let allocated = allocation_counter::measure(|| (0..10_000).for_each(|_| cycle()));
    assert_eq!(allocated.count_total, 0);
    // A breaker frees all the memory that it allocated.
    let (config, clock) = (rates(Window::Calls(n(100)), 10, 0.5), ManualClock::new());
    let used = allocation_counter::measure(|| drop(Breaker::new(config, clock.clone())));
    assert_eq!((used.count_current, used.bytes_current), (0, 0));
}

#[test]
fn cb_49_a_snapshot_is_of_one_moment() {
    let (breaker, clock) = breaker();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..3000 {
                fail(&breaker, 5);
                clock.advance(MINUTE);
                succeed(&breaker, 2);
            }
        });
        // The loop also ends when the writer panics.
        while !writer.is_finished() {
            let s = breaker.snapshot();
            assert!(s.state == State::HalfOpen || (s.probes == 0 && s.successes == 0), "{s:?}");
            assert!(s.state == State::Closed || s.failures_in_a_row == 0, "{s:?}");
            assert_eq!(s.retry_after.is_some(), s.state == State::Open, "{s:?}");
        }
    });
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

#[test]
fn cb_52_a_registry_is_bounded_and_forgets_no_trouble() {
    let registry = Breakers::new(BreakerConfig::default(), ManualClock::new(), 100).unwrap();
    assert!(registry.is_empty());
    let sick = registry.get(0).unwrap();
    fail(&sick, 5);
    drop(sick);
    fail(&registry.get(1).unwrap(), 1);
    for key in 2..100_000_u32 {
        drop(registry.get(key).unwrap());
    }
    assert!(registry.len() <= 100 && !registry.is_empty());
    assert_eq!(registry.get(0).unwrap().state(), State::Open);
    assert_eq!(registry.get(1).unwrap().snapshot().failures_in_a_row, 1);
    // Breakers that are held are not forgotten either. Then there is no room, and `get` reports it.
    let held: Vec<_> = (2_000_000..2_000_098_u32).map(|key| registry.get(key).unwrap()).collect();
    assert_eq!(registry.get(3_000_000).unwrap_err().most, 100);
    drop(held);
    assert!(registry.get(3_000_000).is_ok());
}

#[test]
fn cb_53_new_settings_take_effect_from_the_next_change_on() {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    let quick = BreakerConfig {
        open_for: OpenFor::always(Duration::from_secs(5)),
        failure_threshold: Some(n(2)),
        ..BreakerConfig::default()
    };
    breaker.reconfigure(quick).unwrap();
    assert_eq!(left(&breaker), MINUTE);
    clock.advance(MINUTE);
    fail(&breaker, 1);
    assert_eq!(left(&breaker), Duration::from_secs(5));
    clock.advance(Duration::from_secs(5));
    succeed(&breaker, 2);
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Open);
    assert!(breaker.reconfigure(BreakerConfig { success_threshold: n(9), ..quick }).is_err());
    // From settings without a window to settings with one: successes are counted from now on.
    breaker.reset();
    breaker.reconfigure(rates(Window::Calls(n(4)), 4, 0.5)).unwrap();
    succeed(&breaker, 3);
    assert_eq!(breaker.snapshot().window.unwrap().calls, 3);
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
