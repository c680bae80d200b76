//! Readiness: what it takes, what it refuses, and what it gives back.

use std::future::ready;
use std::sync::Arc;
use std::task::Poll;

use sqal_resilience::breaker::State;
use sqal_resilience::layer::{
    BreakerLayer, BulkheadLayer, CallErrors, LoadShedLayer, RateLimitLayer, RetryLayer, ShutdownLayer, TimeoutLayer,
};
use sqal_resilience::rejected::Reason;
use sqal_resilience::{
    Backoff, Bulkhead, CallError, ManualClock, Outcome, Quota, Rejected, RetryPolicy, Shutdown, TokenBucket, TokioClock,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::services::{Failure, MINUTE, NeverReady, SECOND, Unreachable, breaker_of, n, one_place, one_slot, polled};

#[tokio::test]
async fn tw_02_an_open_breaker_refuses_though_its_service_is_not_ready() {
    let (breaker, clock) = breaker_of(1);
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(NeverReady);
    assert!(polled(&mut service).is_pending());
    breaker.acquire().unwrap().report(Outcome::Failure);
    assert!(polled(&mut service).is_ready());
    let refused = service.call(()).await.unwrap_err();
    assert_eq!(refused, CallError::Rejected(Rejected::until(Reason::CircuitOpen, MINUTE)));
    // The open time ends between the look and the call. The service below was not asked, so it is
    // not called.
    assert!(polled(&mut service).is_ready());
    clock.advance(MINUTE);
    assert!(matches!(service.call(()).await, Err(CallError::Rejected(_))));
    assert_eq!((breaker.state(), breaker.snapshot().probes), (State::HalfOpen, 0));
    assert!(polled(&mut service).is_pending(), "the next one is a probe, and waits for it");
}

#[tokio::test]
async fn tw_03_a_call_decides_again_and_gives_back_what_was_reserved() {
    let (breaker, _) = breaker_of(1);
    let slot = one_slot();
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(slot.clone());
    service.ready().await.unwrap();
    let mut other = slot.clone();
    assert!(polled(&mut other).is_pending(), "the slot is reserved");
    breaker.acquire().unwrap().report(Outcome::Failure);
    assert!(matches!(service.call(1).await, Err(CallError::Rejected(_))));
    assert_eq!(other.ready().await.unwrap().call(2).await, Ok(2), "the slot is free");

    let bucket = Arc::new(TokenBucket::new(Quota::new(n(1), MINUTE), ManualClock::new()).unwrap());
    let mut limited = RateLimitLayer::new(Arc::clone(&bucket)).layer(slot.clone());
    assert!(bucket.take(1).allowed);
    limited.ready().await.unwrap();
    assert!(matches!(limited.call(1).await, Err(CallError::Rejected(r)) if r.reason == Reason::RateLimited));
    assert_eq!(other.ready().await.unwrap().call(2).await, Ok(2));

    let bulkhead = Arc::new(Bulkhead::new(one_place(), TokioClock).unwrap());
    let mut full = BulkheadLayer::new(Arc::clone(&bulkhead)).layer(slot.clone());
    let _taken = bulkhead.try_acquire().unwrap();
    full.ready().await.unwrap();
    assert!(matches!(full.call(1).await, Err(CallError::Rejected(r)) if r.reason == Reason::BulkheadFull));
    assert_eq!(other.ready().await.unwrap().call(2).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn tw_04_the_one_that_was_ready_is_the_one_that_is_called() {
    // Each of these panics in the service below if it is called on a clone that was never ready.
    let policy = RetryPolicy::new(2, Backoff::new(SECOND, SECOND).unwrap());
    let bulkhead = Arc::new(
        Bulkhead::new(
            {
                let mut config = one_place();
                config.max_queued = 5;
                config.max_wait = MINUTE;
                config
            },
            TokioClock,
        )
        .unwrap(),
    );
    let bucket = Arc::new(TokenBucket::new(Quota::default(), TokioClock).unwrap());
    let service = ServiceBuilder::new()
        .layer(ShutdownLayer::new(Shutdown::default()))
        .layer(LoadShedLayer)
        .layer(BulkheadLayer::new(bulkhead))
        .layer(RateLimitLayer::new(bucket))
        .layer(TimeoutLayer::new(MINUTE))
        .layer(RetryLayer::new(policy))
        .layer(BreakerLayer::new(breaker_of(9).0))
        .layer(TimeoutLayer::new(SECOND))
        .service(one_slot());
    let calls = (1..=5).map(|k| service.clone().oneshot(k));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers, (1..=5).map(Ok).collect::<Vec<_>>());
    assert_eq!(service.clone().oneshot(0).await, Err(CallError::Inner("zero")), "after three tries");
}

#[tokio::test]
async fn tw_05_to_be_ready_takes_nothing() {
    let (breaker, clock) = breaker_of(1);
    breaker.acquire().unwrap().report(Outcome::Failure);
    clock.advance(MINUTE);
    let bucket = Arc::new(TokenBucket::new(Quota::default(), ManualClock::new()).unwrap());
    let bulkhead = Arc::new(Bulkhead::new(one_place(), TokioClock).unwrap());
    let shutdown = Shutdown::default();
    let mut service = ServiceBuilder::new()
        .layer(ShutdownLayer::new(shutdown.clone()))
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)))
        .layer(RateLimitLayer::new(Arc::clone(&bucket)))
        .layer(BreakerLayer::new(Arc::clone(&breaker)))
        .layer(CallErrors)
        .service(service_fn(|(): ()| ready(Ok::<_, &str>(()))));
    for _ in 0..3 {
        assert!(polled(&mut service).is_ready());
    }
    assert_eq!((breaker.snapshot().probes, bucket.usage().current), (0, 100));
    assert_eq!((bulkhead.occupancy().running, shutdown.active_requests()), (0, 0));
}

#[tokio::test]
async fn tw_06_a_service_that_cannot_be_made_ready_has_failed() {
    let (breaker, _) = breaker_of(2);
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(Unreachable);
    for _ in 0..2 {
        assert_eq!(polled(&mut service), Poll::Ready(Err(CallError::Inner("connection refused"))));
    }
    assert_eq!(breaker.state(), State::Open);
    let (lenient, _) = breaker_of(1);
    let ignored = |_: &Result<(), Failure>| Outcome::Ignored;
    let mut service = BreakerLayer::new(Arc::clone(&lenient)).classified_by(ignored).layer(Unreachable);
    assert!(matches!(polled(&mut service), Poll::Ready(Err(_))));
    assert_eq!(lenient.state(), State::Closed, "the classifier has its say");
}

#[tokio::test(start_paused = true)]
async fn tw_02_sd_26_a_call_that_waits_for_readiness_is_woken_by_an_opening_and_by_the_end() {
    let (breaker, _) = breaker_of(1);
    let mut waits = BreakerLayer::new(Arc::clone(&breaker)).layer(NeverReady);
    let waiting = tokio::spawn(async move { waits.ready().await.unwrap().call(()).await });
    tokio::task::yield_now().await;
    breaker.acquire().unwrap().report(Outcome::Failure);
    let refused = tokio::time::timeout(SECOND, waiting).await.unwrap().unwrap();
    assert!(matches!(refused, Err(CallError::Rejected(refused)) if refused.reason == Reason::CircuitOpen));

    let shutdown = Shutdown::default();
    let mut waits = ShutdownLayer::new(shutdown.clone()).layer(NeverReady);
    let waiting = tokio::spawn(async move { waits.ready().await.unwrap().call(()).await });
    tokio::task::yield_now().await;
    shutdown.begin("SIGTERM");
    let refused = tokio::time::timeout(SECOND, waiting).await.unwrap().unwrap();
    assert!(matches!(refused, Err(CallError::Rejected(refused)) if refused.reason == Reason::ShuttingDown));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_leaves_no_place_in_a_line_below() {
    let slot = one_slot();
    let mut holder = slot.clone();
    holder.ready().await.unwrap();
    let (mut a, mut b) = (LoadShedLayer.layer(slot.clone()), LoadShedLayer.layer(slot.clone()));
    for shed in [&mut a, &mut b] {
        assert!(polled(shed).is_ready());
        assert!(
            matches!(shed.call(1).await, Err(CallError::Rejected(refused)) if refused.reason == Reason::Overloaded)
        );
    }
    let (breaker, _) = breaker_of(1);
    let mut broken = BreakerLayer::new(Arc::clone(&breaker)).layer(slot.clone());
    assert!(polled(&mut broken).is_pending());
    breaker.force_open();
    assert!(polled(&mut broken).is_ready());
    assert!(broken.call(1).await.is_err());
    drop(holder);
    // None of the three services, which are idle now, was given the slot.
    assert_eq!(b.ready().await.unwrap().call(2).await, Ok(2));
    assert_eq!(a.ready().await.unwrap().call(3).await, Ok(3));
}
