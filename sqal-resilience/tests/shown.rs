//! What a log sees of the primitives: each says its name and its state, and no closure or waker stands in the way.
#![cfg(all(feature = "metrics", feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sqal_resilience::{
    Breaker, BreakerConfig, Bulkhead, BulkheadConfig, CallError, HealthRegistry, InvalidBudget, Quota, Reason,
    Rejected, RetryBudget, Shutdown, ShutdownConfig, SingleFlight, StateGauge, SystemClock, TokenBucket,
};

fn shows(value: &dyn Debug, parts: &[&str]) {
    let shown = format!("{value:?}");
    for part in parts {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[tokio::test]
async fn every_primitive_shows_its_name_and_its_state() {
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), SystemClock).unwrap());
    shows(&breaker, &["Breaker", "Closed"]);
    shows(&breaker.acquire().unwrap(), &["Permit"]);
    shows(&Arc::clone(&breaker).acquire_owned().unwrap(), &["OwnedPermit"]);
    let quota = Quota::new(NonZeroU32::new(100).unwrap(), Duration::from_mins(1));
    shows(&TokenBucket::new(quota, SystemClock).unwrap(), &["TokenBucket"]);
    shows(&StateGauge::new("database"), &["StateGauge"]);
    shows(&SingleFlight::<u8, u8>::new(), &["SingleFlight"]);
    let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), SystemClock).unwrap());
    shows(&bulkhead, &["Bulkhead", "closed: false"]);
    shows(&bulkhead.try_acquire().unwrap(), &["BulkheadPermit"]);
    shows(&Arc::clone(&bulkhead).try_acquire_owned().unwrap(), &["OwnedBulkheadPermit"]);
    let shutdown = Shutdown::new(ShutdownConfig::default());
    shows(&HealthRegistry::new(SystemClock, shutdown), &["HealthRegistry"]);
    let occupancy = bulkhead.occupancy();
    assert_eq!((occupancy.running, occupancy.closed), (0, false));
    bulkhead.close();
    assert!(bulkhead.occupancy().closed);
    shows(&bulkhead, &["closed: true"]);
}

#[test]
fn names_of_reasons_are_their_own() {
    let all = [
        Reason::CircuitOpen,
        Reason::CircuitForcedOpen,
        Reason::ProbesExhausted,
        Reason::RateLimited,
        Reason::ExceedsCapacity,
        Reason::BulkheadFull,
        Reason::QueueTimeout,
        Reason::Overloaded,
        Reason::ShuttingDown,
    ];
    let mut names = all.map(Reason::as_str);
    assert_eq!((names[0], names[8]), ("circuit_open", "shutting_down"));
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

#[test]
fn the_targets_own_error_comes_out_and_a_refusal_has_none() {
    assert_eq!(CallError::Inner(7).into_inner(), Some(7));
    assert_eq!(CallError::<u8>::Rejected(Rejected::because(Reason::CircuitOpen)).into_inner(), None);
}

#[tokio::test]
async fn what_is_empty_and_what_is_draining_says_so() {
    let flights: SingleFlight<&str, u8> = SingleFlight::new();
    assert!(flights.is_empty());
    let landed = flights
        .run("a", || async {
            assert!(!flights.is_empty());
            7
        })
        .await;
    assert_eq!((landed.value, flights.is_empty()), (7, true));

    let shutdown = Shutdown::new(ShutdownConfig::default());
    assert!(!shutdown.is_draining());
    shutdown.begin("SIGTERM");
    assert!(shutdown.is_draining());
}

/// A share of retries at a time is a share, and a call that has ended is not under way.
#[test]
fn a_share_of_retries_at_a_time_counts_calls_under_way_only() {
    let n = |n| NonZeroU32::new(n).unwrap();
    let budget = || RetryBudget::new(1.0, n(1000), n(10), SystemClock).unwrap();
    for share in [0.0, -0.5, 1.5, f64::NAN] {
        assert!(matches!(budget().at_a_time(share, 0), Err(InvalidBudget::Ratio(_))), "{share}");
    }
    assert!(budget().at_a_time(1.0, 0).is_ok());
    let budget = budget().at_a_time(0.5, 0).unwrap();
    for _ in 0..10 {
        drop(budget.begin());
    }
    let mut call = budget.begin();
    assert!(!call.retry(), "half of one call under way is no retry");
}
