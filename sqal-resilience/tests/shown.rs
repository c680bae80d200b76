//! The `Debug` output of primitives and layers: each shows its name and its state.
//!
//! Closures and wakers inside do not prevent it.
#![cfg(all(feature = "metrics", feature = "tower"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;
use std::future::{Ready, pending, ready};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sqal_resilience::layer::{BreakerLayer, BulkheadLayer, RetryLayer, ShutdownLayer, SingleFlightLayer};
use sqal_resilience::{
    AdaptiveBulkhead, Backoff, Breaker, BreakerConfig, Bulkhead, BulkheadConfig, CallError, HealthRegistry,
    ManualClock, Outcome, Quota, Rejected, RetryBudget, RetryPolicy, Shutdown, ShutdownConfig, SingleFlight,
    SystemClock, TokenBucket, TokioClock,
    breaker::{Breakers, Event, Observer, Rates, State, Window},
    budget::InvalidBudget,
    health::Status,
    limit::{Aimd, Range},
    metered::{MeteredBreaker, StateGauge},
    rejected::Reason,
    shutdown::Stage,
};
use tower::{Layer, Service};

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
    let quota = Quota::new(NonZeroU32::new(100).unwrap(), Duration::from_secs(60));
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

/// A share of retries at a time is above 0 and at most 1, and a call that has ended is not under
/// way.
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

#[test]
fn every_state_of_health_has_a_name_of_its_own() {
    let names = [Status::Up, Status::Degraded, Status::Unknown, Status::Down].map(Status::as_str);
    assert_eq!(names, ["up", "degraded", "unknown", "down"]);
}

/// A closed adaptive bulkhead admits no call, and reports that the process ends.
#[test]
fn a_closed_adaptive_bulkhead_admits_no_call() {
    let bulkhead = AdaptiveBulkhead::new(BulkheadConfig::default(), Aimd::new(Range::default()), SystemClock).unwrap();
    assert!(bulkhead.try_acquire().is_ok());
    bulkhead.close();
    assert_eq!(bulkhead.try_acquire().unwrap_err().reason, Reason::ShuttingDown);
    assert!(bulkhead.occupancy().closed);
}

/// A registry returns all its breakers, and an observer receives each change with the key of the
/// breaker.
#[test]
fn a_registry_gives_all_and_tells_whose_breaker_it_was() {
    let told: Arc<Mutex<Vec<&str>>> = Arc::default();
    let observe = {
        let told = Arc::clone(&told);
        move |key: &&'static str| -> Arc<dyn Observer> {
            let (told, key) = (Arc::clone(&told), *key);
            Arc::new(move |_: &Event| told.lock().unwrap().push(key))
        }
    };
    let breakers = Breakers::new(BreakerConfig::default(), SystemClock, 10).unwrap().observed_by(observe);
    for key in ["a", "b"] {
        breakers.get(key).unwrap();
    }
    let mut all: Vec<_> = breakers.all().into_iter().map(|(key, _)| key).collect();
    all.sort_unstable();
    assert_eq!(all, ["a", "b"]);
    let b = breakers.get("b").unwrap();
    for _ in 0..5 {
        b.acquire().unwrap().report(Outcome::Failure);
    }
    assert_eq!(*told.lock().unwrap(), ["b"]);
    shows(&breakers, &["Breakers"]);
}

/// A window begins anew when the breaker closes: the failures that opened the breaker do not open
/// it again at the first new failure.
#[test]
fn a_breaker_that_closes_again_has_an_empty_window() {
    let clock = ManualClock::new();
    let ten = NonZeroU32::new(10).unwrap();
    let rates = Rates { window: Window::Calls(ten), min_calls: ten, failure_rate: 0.5, slow: None };
    let config = BreakerConfig { failure_threshold: None, rates: Some(rates), ..BreakerConfig::default() };
    let breaker = Breaker::new(config, clock.clone()).unwrap();
    for _ in 0..10 {
        if let Ok(permit) = breaker.acquire() {
            permit.report(Outcome::Failure);
        }
    }
    assert_eq!(breaker.state(), State::Open);
    clock.advance(Duration::from_secs(120));
    for _ in 0..2 {
        breaker.acquire().unwrap().report(Outcome::Success);
    }
    assert_eq!(breaker.state(), State::Closed);
    let counts = breaker.snapshot().window.unwrap();
    assert_eq!(counts.failures, 0, "{counts:?}");
}

/// A service that is always ready and does nothing.
#[derive(Clone, Debug)]
struct Idle;

impl Service<()> for Idle {
    type Response = ();
    type Error = CallError<&'static str>;
    type Future = Ready<Result<(), Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

fn is_ready<S: Service<()>>(service: &mut S) -> bool {
    service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn every_future_and_layer_shows_its_name() {
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), TokioClock).unwrap());
    let mut service = BreakerLayer::new(breaker).layer(Idle);
    assert!(is_ready(&mut service));
    shows(&service.call(()), &["BreakerFuture"]);
    let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), TokioClock).unwrap());
    shows(&BulkheadLayer::new(bulkhead).layer(Idle).call(()), &["BulkheadFuture"]);
    let policy = RetryPolicy::new(2, Backoff::new(Duration::from_secs(1), Duration::from_secs(60)).unwrap());
    shows(&RetryLayer::new(policy).layer(Idle).call(()), &["RetryFuture"]);
    let shutdown = Shutdown::new(ShutdownConfig::default());
    shows(&ShutdownLayer::new(shutdown.clone()).layer(Idle), &["ShutdownService"]);
    let flights: SingleFlightLayer<u8, (), CallError<&'static str>, _> = SingleFlightLayer::by_key(|(): &()| Some(7));
    shows(&flights, &["SingleFlightLayer"]);
    let metered = MeteredBreaker::new("database", BreakerConfig::default(), TokioClock).unwrap();
    shows(&metered, &["MeteredBreaker"]);
    shows(&metered.acquire().unwrap(), &["MeteredPermit"]);
    let breakers: Breakers<&str, _> = Breakers::new(BreakerConfig::default(), TokioClock, 10).unwrap();
    shows(&breakers.observed_by(|_| Arc::new(StateGauge::new("one"))), &["Observe"]);
    shutdown.on_close(Stage::STORES, "database pool", || async { Ok::<_, String>(()) }).unwrap();
    shows(&shutdown, &["database pool"]);
    shows(&sqal_resilience::timeout(Duration::from_secs(1), pending::<()>()), &["Alarm"]);
}
