//! Settings that are refused, and settings that change while calls are under way.

use std::time::Duration;

use sqal_resilience::breaker::{Abandoned, Breakers, InvalidBreaker, OpenFor, State, Window};
use sqal_resilience::{Breaker, BreakerConfig, ManualClock, Outcome};

use crate::breakers::{MINUTE, breaker, fail, left, n, rates, slow, succeed, with};

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
