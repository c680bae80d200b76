//! One breaker per target: the table is bounded and forgets no trouble.

use sqal_resilience::breaker::{Breakers, State};
use sqal_resilience::{BreakerConfig, ManualClock};

use crate::breakers::{MINUTE, doubling, fail, succeed};

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
