//! Clones of a layer and of its services share one limit; layers in a stack, and their futures.

use std::error::Error as _;
use std::future::{Ready, pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use sqal_resilience::breaker::State;
use sqal_resilience::classify::{Again, ErrorIsFailure};
use sqal_resilience::layer::{
    BreakerFuture, BreakerLayer, BulkheadFuture, BulkheadLayer, CallErrors, LoadShedLayer, RateLimitLayer, Refusable,
    RetryFuture, RetryLayer, TimeoutFuture, TimeoutLayer,
};
use sqal_resilience::rejected::Reason;
use sqal_resilience::{
    Backoff, Bulkhead, BulkheadConfig, CallError, ManualClock, Outcome, Quota, Rejected, RetryPolicy, TimeoutError,
    TokenBucket, TokioClock,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::services::{Failure, MINUTE, Repeats, SECOND, breaker_of, n, one_place, polled};

#[tokio::test]
async fn tw_01_every_service_of_a_layer_shares_its_state() {
    let layer = BreakerLayer::new(breaker_of(5).0);
    let calls = Arc::new(AtomicU32::new(0));
    for _ in 0..50 {
        let calls = Arc::clone(&calls);
        let target = service_fn(move |()| {
            calls.fetch_add(1, Ordering::SeqCst);
            ready(Err::<(), _>("down"))
        });
        // As in a web framework, the layer is applied anew for each request.
        let mut service = layer.clone().layer(CallErrors.layer(target));
        assert!(service.ready().await.unwrap().call(()).await.is_err());
    }
    assert_eq!(calls.load(Ordering::SeqCst), 5);
    let bucket = Arc::new(TokenBucket::new(Quota::new(n(2), MINUTE), ManualClock::new()).unwrap());
    let limit = RateLimitLayer::new(bucket);
    for k in 0..4 {
        let mut service = limit.layer(CallErrors.layer(service_fn(|()| ready(Ok::<_, &str>(())))));
        assert_eq!(service.ready().await.unwrap().call(()).await.is_ok(), k < 2);
    }
}

#[tokio::test]
async fn tw_07_cb_10_a_response_that_is_dropped_gives_its_permit_back() {
    let (breaker, clock) = breaker_of(1);
    breaker.acquire().unwrap().report(Outcome::Failure);
    clock.advance(MINUTE);
    let bulkhead = Arc::new(Bulkhead::new(one_place(), TokioClock).unwrap());
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)))
        .layer(BreakerLayer::new(Arc::clone(&breaker)))
        .layer(CallErrors)
        .service(service_fn(|(): ()| pending::<Result<(), &str>>()));
    let mut service = service;
    let never_polled = service.ready().await.unwrap().call(());
    assert_eq!((breaker.snapshot().probes, bulkhead.occupancy().running), (1, 1));
    drop(never_polled);
    assert_eq!((breaker.snapshot().probes, bulkhead.occupancy().running), (0, 0));
    {
        let mut half_way = pin!(service.ready().await.unwrap().call(()));
        assert!(half_way.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let seen = breaker.snapshot();
    assert_eq!((seen.state, seen.probes, bulkhead.occupancy().running), (State::HalfOpen, 0, 0));
}

#[tokio::test]
async fn tw_08_a_response_that_is_polled_again_counts_once() {
    let (breaker, _) = breaker_of(2);
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(Repeats);
    let mut response = pin!(service.ready().await.unwrap().call(()));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..5 {
        assert!(response.as_mut().poll(&mut context).is_ready());
    }
    assert_eq!(breaker.snapshot().failures_in_a_row, 1);
    breaker.force_open();
    let mut refused = pin!(service.ready().await.unwrap().call(()));
    assert!(refused.as_mut().poll(&mut context).is_ready());
    assert!(refused.as_mut().poll(&mut context).is_pending(), "a refusal is told once");
}

/// TW-09: the futures can be named, and are small.
#[test]
fn tw_09_futures_have_names_and_no_box() {
    type Target = tower::util::ServiceFn<fn(u64) -> Ready<Result<u64, Failure>>>;
    type Inner = Ready<Result<u64, Failure>>;
    type Broken = BreakerFuture<Inner, TokioClock, ErrorIsFailure>;
    type Placed = BulkheadFuture<Target, u64, TokioClock, sqal_resilience::layer::AtResponse>;
    type Retried = RetryFuture<
        Target,
        u64,
        sqal_resilience::classify::EveryError,
        sqal_resilience::layer::ReplayClone,
        TokioClock,
    >;
    fn sent<T: Send>() {}
    sent::<(Broken, Placed, Retried)>();
    sent::<(Refusable<Inner>, TimeoutFuture<Inner>)>();
    // A permit of three words, a refusal and the future below: nothing is on the heap, and nothing
    // is large.
    assert!(size_of::<Broken>() <= size_of::<Inner>() + 64, "{}", size_of::<Broken>());
    assert!(size_of::<Refusable<Inner>>() <= size_of::<Inner>() + 40, "{}", size_of::<Refusable<Inner>>());
}

#[tokio::test(start_paused = true)]
async fn tw_10_the_standard_order_counts_every_try_and_bounds_all_of_them() {
    let (breaker, _) = breaker_of(3);
    let tries = Arc::new(AtomicU32::new(0));
    let target = {
        let tries = Arc::clone(&tries);
        service_fn(move |(): ()| {
            tries.fetch_add(1, Ordering::SeqCst);
            pending::<Result<(), &str>>()
        })
    };
    let worth_it = |result: &Result<(), Failure>| match result {
        Err(CallError::TimedOut(_) | CallError::Inner(_)) => Again::Yes,
        _ => Again::Never,
    };
    let policy = RetryPolicy::new(9, Backoff::new(SECOND, SECOND).unwrap());
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(Arc::new(Bulkhead::new(BulkheadConfig::default(), TokioClock).unwrap())))
        .layer(TimeoutLayer::new(30 * SECOND))
        .layer(RetryLayer::new(policy).when(worth_it))
        .layer(BreakerLayer::new(Arc::clone(&breaker)))
        .layer(TimeoutLayer::new(2 * SECOND))
        .layer(CallErrors)
        .service(target);
    let begun = Instant::now();
    let refused = service.clone().oneshot(()).await.unwrap_err();
    assert_eq!(
        refused,
        CallError::Rejected(Rejected::until(Reason::CircuitOpen, MINUTE)),
        "RT-20: no try into an open breaker"
    );
    assert_eq!(
        (tries.load(Ordering::SeqCst), breaker.state()),
        (3, State::Open),
        "each try that times out is a failure"
    );
    assert!(begun.elapsed() < 30 * SECOND);
    let policy = RetryPolicy::new(99, Backoff::new(SECOND, SECOND).unwrap());
    let patient = ServiceBuilder::new()
        .layer(TimeoutLayer::new(30 * SECOND))
        .layer(RetryLayer::new(policy).when(worth_it))
        .layer(TimeoutLayer::new(2 * SECOND))
        .layer(CallErrors)
        .service(service_fn(|(): ()| pending::<Result<(), &str>>()));
    let begun = Instant::now();
    assert_eq!(patient.oneshot(()).await, Err(CallError::TimedOut(TimeoutError { after: 30 * SECOND })));
    assert_eq!(begun.elapsed(), 30 * SECOND);
}

#[tokio::test]
async fn tw_11_errors_keep_their_cause_and_name_a_status() {
    let (breaker, _) = breaker_of(1);
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::new(breaker))
        .layer(CallErrors)
        .service(service_fn(|text: &'static str| ready(text.parse::<u8>())));
    let failed = service.ready().await.unwrap().call("many").await.unwrap_err();
    assert!(failed.source().unwrap().downcast_ref::<std::num::ParseIntError>().is_some());
    assert_eq!(failed.http_status(), None);
    let refused = service.ready().await.unwrap().call("1").await.unwrap_err();
    assert_eq!(refused.http_status(), Some(503));
    let CallError::Rejected(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.retry_after_seconds(), Some(60));
    assert_eq!(CallError::<()>::TimedOut(TimeoutError { after: SECOND }).http_status(), Some(504));
    assert_eq!(CallError::<()>::Rejected(Rejected::because(Reason::RateLimited)).http_status(), Some(429));

    // Tower's own error can hold a refusal too, and gives it back.
    let (breaker, _) = breaker_of(1);
    breaker.force_open();
    let boxed = service_fn(|(): ()| ready(Ok::<(), tower::BoxError>(())));
    let refused = BreakerLayer::new(breaker).layer(boxed).oneshot(()).await.unwrap_err();
    assert_eq!(refused.downcast_ref::<Rejected>().unwrap().reason, Reason::CircuitForcedOpen);
}

#[test]
fn tw_12_outside_a_runtime_everything_works_that_does_not_wait() {
    let (breaker, _) = breaker_of(1);
    let bucket = Arc::new(TokenBucket::new(Quota::new(n(2), MINUTE), ManualClock::new()).unwrap());
    let bulkhead = Arc::new(Bulkhead::new(one_place(), ManualClock::new()).unwrap());
    let mut service = ServiceBuilder::new()
        .layer(LoadShedLayer)
        .layer(BulkheadLayer::new(bulkhead))
        .layer(RateLimitLayer::new(bucket))
        .layer(TimeoutLayer::new(SECOND))
        .layer(BreakerLayer::new(breaker))
        .layer(CallErrors)
        .service(service_fn(|k: u32| ready(if k == 0 { Err("zero") } else { Ok(k) })));
    let mut call = |k| {
        assert!(polled(&mut service).is_ready());
        match pin!(service.call(k)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("it waits"),
        }
    };
    assert_eq!(call(1), Ok(1));
    assert_eq!(call(0), Err(CallError::Inner("zero")));
    assert!(matches!(call(1), Err(CallError::Rejected(refused)) if refused.reason == Reason::RateLimited));
}
