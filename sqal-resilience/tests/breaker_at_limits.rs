//! What a breaker does exactly at a limit.
//!
//! The limits are those of its window, of its settings, of a clock's step back, and of the room in
//! a registry.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::time::Duration;

use sqal_resilience::{
    Breaker, BreakerConfig, ManualClock, Outcome,
    breaker::{Abandoned, Breakers, OpenFor, Rates, SlowCalls, State, Window},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn windowed(window: Window, abandoned: Abandoned) -> BreakerConfig {
    let slow = Some(SlowCalls { from: SECOND, rate: 0.9 });
    let rates = Rates { window, min_calls: n(5), failure_rate: 0.9, slow };
    BreakerConfig { failure_threshold: None, rates: Some(rates), abandoned, ..BreakerConfig::default() }
}

fn tripped(breaker: &Breaker<ManualClock>) {
    while breaker.state() == State::Closed {
        breaker.acquire().unwrap().report(Outcome::Failure);
    }
}

#[test]
fn a_second_back_is_no_step_of_the_clock_and_more_is_one() {
    let last = Duration::from_millis(1);
    for (back, still_open) in [(SECOND, true), (SECOND + Duration::from_nanos(1), false)] {
        let clock = ManualClock::new();
        let breaker = Breaker::new(BreakerConfig::default(), clock.clone()).unwrap();
        clock.advance(MINUTE);
        tripped(&breaker);
        clock.rewind(back);
        assert!(breaker.acquire().is_err());
        clock.advance(MINUTE.abs_diff(last));
        assert!(breaker.acquire().is_err());
        clock.advance(last);
        assert_eq!(breaker.acquire().is_err(), still_open, "{back:?}");
    }
}

#[test]
fn what_is_done_by_hand_is_no_recovery_that_failed() {
    let clock = ManualClock::new();
    let open_for = OpenFor::doubling(MINUTE, 8 * MINUTE);
    let breaker = Breaker::new(BreakerConfig { open_for, ..BreakerConfig::default() }, clock.clone()).unwrap();
    tripped(&breaker);
    clock.advance(MINUTE);
    let probe = breaker.acquire().unwrap();
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.force_half_open();
    drop(probe);
    assert_eq!(breaker.snapshot().level, 0);
}

#[test]
fn an_abandoned_call_is_in_the_window_only_if_the_settings_say_so() {
    let window = Window::Calls(n(10));
    let calls = |abandoned, act: fn(&Breaker<ManualClock>)| {
        let breaker = Breaker::new(windowed(window, abandoned), ManualClock::new()).unwrap();
        act(&breaker);
        breaker.snapshot().window.unwrap().calls
    };
    let dropped: fn(&Breaker<ManualClock>) = |breaker| drop(breaker.acquire().unwrap());
    let ignored: fn(&Breaker<ManualClock>) = |breaker| breaker.acquire().unwrap().report(Outcome::Ignored);
    assert_eq!(calls(Abandoned::Ignore, dropped), 0);
    assert_eq!(calls(Abandoned::RateAbove(0.5), dropped), 1);
    assert_eq!(calls(Abandoned::RateAbove(0.5), ignored), 0);
}

#[test]
fn a_call_leaves_the_window_when_it_is_as_old_as_the_window_is_long() {
    let clock = ManualClock::new();
    let breaker = Breaker::new(windowed(Window::Time(16 * SECOND), Abandoned::Ignore), clock.clone()).unwrap();
    breaker.acquire().unwrap().report(Outcome::Failure);
    let calls = || breaker.snapshot().window.unwrap().calls;
    // The window forgets in steps of a sixteenth: not before fifteen steps, and never after
    // sixteen.
    clock.advance(15 * SECOND);
    assert_eq!(calls(), 1);
    clock.advance(SECOND);
    assert_eq!(calls(), 0);
}

#[test]
fn the_largest_settings_are_settings() {
    let largest = BreakerConfig { failure_threshold: Some(n(65_535)), ..BreakerConfig::default() };
    assert!(largest.check().is_ok());
    assert!(BreakerConfig { failure_threshold: Some(n(65_536)), ..largest }.check().is_err());
    assert!(BreakerConfig { success_threshold: n(3), half_open_max_calls: n(3), ..largest }.check().is_ok());
}

/// Without a seed each breaker draws its own. Equal seeds give equal times, and another time at the
/// next opening.
#[test]
fn open_times_vary_from_breaker_to_breaker_and_from_opening_to_opening() {
    let waits = |seed: Option<u64>| {
        let open_for = OpenFor { jitter: 0.5, seed, max: 2 * MINUTE, ..OpenFor::always(MINUTE) };
        let clock = ManualClock::new();
        let breaker = Breaker::new(BreakerConfig { open_for, ..BreakerConfig::default() }, clock.clone()).unwrap();
        let mut waits = [Duration::ZERO; 3];
        for wait in &mut waits {
            tripped(&breaker);
            *wait = breaker.acquire().unwrap_err().retry_after.unwrap();
            breaker.reset();
        }
        waits
    };
    assert_eq!(waits(Some(7)), waits(Some(7)));
    assert_ne!(waits(None), waits(None));
    let [first, second, third] = waits(Some(0));
    assert!(first != second && second != third, "{first:?} {second:?} {third:?}");
    for wait in waits(None) {
        assert!(wait >= MINUTE / 2 && wait <= MINUTE * 3 / 2, "{wait:?}");
    }
}

type Act = fn(&Breaker<ManualClock>, &ManualClock);

/// A breaker that counts anything but successes is not forgotten to make room.
#[test]
fn a_registry_forgets_only_breakers_that_are_like_new() {
    let config = windowed(Window::Calls(n(20)), Abandoned::RateAbove(0.9));
    let history: [(&str, Act); 5] = [
        ("a failure", |breaker, _| breaker.acquire().unwrap().report(Outcome::Failure)),
        ("a slow call", |breaker, clock| {
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            call.report(Outcome::Success);
        }),
        ("an abandoned call", |breaker, _| drop(breaker.acquire().unwrap())),
        ("a slow failure", |breaker, clock| {
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            call.report(Outcome::Failure);
        }),
        ("a slow abandoned call", |breaker, clock| {
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            drop(call);
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            call.report(Outcome::Success);
        }),
    ];
    for (what, act) in history {
        let clock = ManualClock::new();
        let breakers = Breakers::new(config, clock.clone(), 1).unwrap();
        let breaker = breakers.get("a").unwrap();
        act(&breaker, &clock);
        breaker.acquire().unwrap().report(Outcome::Success);
        assert_eq!(breaker.snapshot().failures_in_a_row, 0);
        drop(breaker);
        assert!(breakers.get("b").is_err(), "{what} was forgotten");
    }
    let breakers = Breakers::new(config, ManualClock::new(), 1).unwrap();
    breakers.get("a").unwrap().acquire().unwrap().report(Outcome::Success);
    assert!(breakers.get("b").is_ok(), "nothing but a success is like new");
}
