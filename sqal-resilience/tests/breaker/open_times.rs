//! How long a breaker stays open, also when its clock steps or leaps.

use std::time::Duration;

use sqal_resilience::breaker::{OpenFor, Window};
use sqal_resilience::{BreakerConfig, Clock};

use crate::breakers::{MINUTE, breaker, doubling, fail, left, n, rates, succeed, with};

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
fn cb_45_a_clock_that_steps_back_neither_admits_early_nor_waits_for_ever() {
    let (breaker, clock) = breaker();
    fail(&breaker, 5);
    clock.advance(Duration::from_secs(40));
    assert!(breaker.acquire().is_err());
    clock.rewind(Duration::from_secs(3600));
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
    clock.rewind(Duration::from_secs(3600));
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
