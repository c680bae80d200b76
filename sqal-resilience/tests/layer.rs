//! The scenarios of the layers (TW-01 to TW-12), and those that need a service below.
//!
//! The latter are TO-01, BH-05, BH-08, RT-15, RT-19, RT-20, RT-24, RT-26, SD-06 and CB-10.
#![cfg(feature = "tower")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error as _;
use std::future::{Ready, pending, ready};
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sqal_resilience::layer::{
    BreakerFuture, BreakerLayer, BulkheadFuture, BulkheadLayer, CallErrors, LoadShedLayer, RateLimitLayer, Refusable,
    RetryFuture, RetryLayer, ShutdownLayer, SingleFlightLayer, TimeoutFuture, TimeoutLayer,
};
use sqal_resilience::{
    Backoff, Breaker, BreakerConfig, Bulkhead, BulkheadConfig, CallError, ManualClock, Outcome, Quota, Rejected,
    RetryBudget, RetryPolicy, Shutdown, TimeoutError, TokenBucket, TokioClock,
    breaker::State,
    bulkhead::OwnedBulkheadPermit,
    classify::{Again, ErrorIsFailure},
    rejected::Reason,
};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

type Failure = CallError<&'static str>;

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn breaker_of(failures: u32) -> (Arc<Breaker<ManualClock>>, ManualClock) {
    let clock = ManualClock::new();
    let config = BreakerConfig { failure_threshold: Some(n(failures)), ..BreakerConfig::default() };
    (Arc::new(Breaker::new(config, clock.clone()).unwrap()), clock)
}

fn one_place() -> BulkheadConfig {
    BulkheadConfig { max_concurrent: n(1), ..BulkheadConfig::default() }
}

fn polled<S: Service<R>, R>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

/// A service that is never ready.
#[derive(Clone, Copy, Debug)]
struct NeverReady;

impl Service<()> for NeverReady {
    type Response = ();
    type Error = Failure;
    type Future = Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        panic!("called without being ready")
    }
}

/// A service that fails when it is polled for readiness.
#[derive(Clone, Copy, Debug)]
struct Unreachable;

impl Service<()> for Unreachable {
    type Response = ();
    type Error = Failure;
    type Future = Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Err(CallError::Inner("connection refused")))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        panic!("called without being ready")
    }
}

/// A service whose future answers at every poll.
#[derive(Clone)]
struct Repeats;
impl Service<()> for Repeats {
    type Response = ();
    type Error = Failure;
    type Future = std::future::PollFn<fn(&mut Context<'_>) -> Poll<Result<(), Failure>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        std::future::poll_fn(|_| Poll::Ready(Err(CallError::Inner("down"))))
    }
}

/// A service with one slot, which `poll_ready` reserves. It panics when it is called without the
/// slot.
fn one_slot() -> impl Service<u32, Response = u32, Error = Failure, Future: Send> + Clone {
    ServiceBuilder::new()
        .layer(CallErrors)
        .concurrency_limit(1)
        .service(service_fn(|k: u32| async move { if k == 0 { Err("zero") } else { Ok(k) } }))
}

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
    let bulkhead =
        Arc::new(Bulkhead::new(BulkheadConfig { max_queued: 5, max_wait: MINUTE, ..one_place() }, TokioClock).unwrap());
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

#[tokio::test(start_paused = true)]
async fn to_01_the_time_counts_from_when_the_service_was_not_ready() {
    let mut never = TimeoutLayer::new(SECOND).layer(NeverReady);
    let begun = Instant::now();
    // An error of `poll_ready` would mean that the service is broken for good. So this call fails,
    // and no other.
    let late = never.ready().await.unwrap().call(()).await;
    assert_eq!(late, Err(CallError::TimedOut(TimeoutError { after: SECOND })));
    assert_eq!(begun.elapsed(), SECOND);
    assert!(polled(&mut never).is_pending(), "the next call has its own second");

    let slot = one_slot();
    let mut holder = slot.clone();
    holder.ready().await.unwrap();
    let slow = ServiceBuilder::new().layer(TimeoutLayer::new(SECOND)).service(slot.and_then(|k| async move {
        sleep(SECOND / 2).await;
        Ok::<_, Failure>(k)
    }));
    let begun = Instant::now();
    let mut slow = slow;
    let (answer, ()) = tokio::join!(async { slow.ready().await?.call(1).await }, async {
        sleep(SECOND * 3 / 4).await;
        drop(holder); // ready after three quarters, and half a second to answer: too late
    });
    assert_eq!(answer, Err(CallError::TimedOut(TimeoutError { after: SECOND })));
    assert_eq!(begun.elapsed(), SECOND);
    let begun = Instant::now();
    assert_eq!(slow.ready().await.unwrap().call(1).await, Ok(1), "a new call has its own second");
    assert_eq!(begun.elapsed(), SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_given_up_does_not_count_for_the_next_call() {
    let slot = one_slot();
    let mut holder = slot.clone();
    holder.ready().await.unwrap();
    let slow = slot.and_then(|k| async move {
        sleep(SECOND * 3 / 4).await;
        Ok::<_, Failure>(k)
    });
    let mut service = TimeoutLayer::new(SECOND).layer(slow);
    assert!(polled(&mut service).is_pending()); // the caller then goes away
    sleep(MINUTE).await;
    assert!(polled(&mut service).is_pending(), "a minute later somebody else asks");
    sleep(SECOND / 8).await;
    drop(holder);
    assert_eq!(service.ready().await.unwrap().call(1).await, Ok(1));
    // Ready after an eighth of a second, and idle since: idle time is not counted as waiting.
    let mut holder = service.clone();
    holder.ready().await.unwrap();
    assert!(polled(&mut service).is_pending());
    sleep(SECOND / 8).await;
    drop(holder);
    service.ready().await.unwrap();
    sleep(MINUTE).await;
    assert_eq!(service.call(2).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn bh_05_a_clone_that_is_ready_and_idle_keeps_nobody_waiting() {
    let bulkhead = Arc::new(Bulkhead::new(one_place(), TokioClock).unwrap());
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(bulkhead))
        .layer(CallErrors)
        .service(service_fn(|k: u32| ready(Ok::<_, &str>(k))));
    let (mut idle, mut busy) = (service.clone(), service);
    idle.ready().await.unwrap();
    for k in 0..10 {
        assert_eq!(busy.ready().await.unwrap().call(k).await, Ok(k));
    }
    assert_eq!(idle.call(42).await, Ok(42));
}

/// A response whose body holds the place until it ends.
struct Streamed(u32, Option<OwnedBulkheadPermit<TokioClock>>);

#[tokio::test]
async fn bh_08_the_place_is_held_until_the_body_ends() {
    let bulkhead = Arc::new(Bulkhead::new(one_place(), TokioClock).unwrap());
    let until_body_end = |body: u32, permit| Streamed(body, Some(permit));
    let mut service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)).handing_over(until_body_end))
        .layer(CallErrors)
        .service(service_fn(|k: u32| ready(if k == 0 { Err("zero") } else { Ok(k) })));
    let mut response = service.ready().await.unwrap().call(3).await.unwrap();
    assert_eq!(bulkhead.occupancy().running, 1, "there is a response, and its body goes on");
    assert!(service.ready().await.unwrap().call(1).await.is_err());
    response.0 -= 3;
    response.1 = None; // the end of the body
    drop(service.ready().await.unwrap().call(1).await); // and a body that is dropped half-way
    assert!(service.ready().await.unwrap().call(0).await.is_err());
    assert_eq!(bulkhead.occupancy().running, 0, "an error has no body");
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_layer_waits_in_line() {
    let bulkhead =
        Arc::new(Bulkhead::new(BulkheadConfig { max_queued: 9, max_wait: MINUTE, ..one_place() }, TokioClock).unwrap());
    let service = ServiceBuilder::new().layer(BulkheadLayer::new(Arc::clone(&bulkhead))).layer(CallErrors).service(
        service_fn(|k: u32| async move {
            sleep(SECOND).await;
            Ok::<_, &str>(k)
        }),
    );
    let begun = Instant::now();
    let answers = futures_util::future::join_all((0..5).map(|k| service.clone().oneshot(k))).await;
    assert_eq!(answers, (0..5).map(Ok).collect::<Vec<_>>());
    assert_eq!((begun.elapsed(), bulkhead.occupancy().running), (5 * SECOND, 0), "one after the other");
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Post {
    key: Option<&'static str>,
    body: Vec<u8>,
}

#[tokio::test(start_paused = true)]
async fn rt_15_16_a_request_with_a_key_is_made_again_as_it_was_and_one_without_is_not() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let target = {
        let seen = Arc::clone(&seen);
        service_fn(move |mut post: Post| {
            seen.lock().unwrap().push(post.clone());
            post.body.clear(); // the body is consumed
            ready(Err::<(), _>("connection reset"))
        })
    };
    let policy = RetryPolicy::new(2, Backoff::new(SECOND, SECOND).unwrap());
    let only_with_key = |post: &Post| post.key.is_some().then(|| post.clone());
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(policy).replayed_by(only_with_key))
        .layer(CallErrors)
        .service(target);
    let keyed = Post { key: Some("4f2a"), body: b"a tray".to_vec() };
    assert!(service.clone().oneshot(keyed.clone()).await.is_err());
    assert_eq!(*seen.lock().unwrap(), [keyed.clone(), keyed.clone(), keyed]);
    seen.lock().unwrap().clear();
    assert!(service.oneshot(Post { key: None, body: vec![1] }).await.is_err());
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rt_19_every_try_waits_until_the_service_is_ready() {
    let policy = RetryPolicy::new(3, Backoff::new(SECOND, SECOND).unwrap());
    let mut service = RetryLayer::new(policy).layer(one_slot());
    // The service would panic without a slot, and would wait for ever if it kept the slot that it
    // had.
    assert_eq!(service.ready().await.unwrap().call(0).await, Err(CallError::Inner("zero")));
    assert_eq!(service.ready().await.unwrap().call(1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn rt_20_an_open_breaker_is_waited_for_if_there_is_time() {
    let breaker = Arc::new(
        Breaker::new(
            BreakerConfig { failure_threshold: Some(n(1)), success_threshold: n(1), ..BreakerConfig::default() },
            TokioClock,
        )
        .unwrap(),
    );
    breaker.acquire().unwrap().report(Outcome::Failure);
    let obeys = |result: &Result<(), Failure>| match result {
        Err(CallError::Rejected(Rejected { retry_after: Some(time), .. })) => Again::After(*time),
        Err(_) => Again::Yes,
        Ok(()) => Again::Never,
    };
    let policy = |deadline| RetryPolicy {
        deadline: Some(deadline),
        max_retry_after: 2 * MINUTE,
        ..RetryPolicy::new(1, Backoff::new(SECOND, SECOND).unwrap())
    };
    let service = |deadline| {
        ServiceBuilder::new()
            .layer(RetryLayer::new(policy(deadline)).when(obeys))
            .layer(BreakerLayer::new(Arc::clone(&breaker)))
            .layer(CallErrors)
            .service(service_fn(|(): ()| ready(Ok::<_, &str>(()))))
    };
    let begun = Instant::now();
    assert!(service(30 * SECOND).oneshot(()).await.is_err());
    assert_eq!(begun.elapsed(), Duration::ZERO, "half a minute is not enough");
    assert_eq!(service(2 * MINUTE).oneshot(()).await, Ok(()));
    assert!((MINUTE..=MINUTE + SECOND).contains(&begun.elapsed()), "and a little, for not all come back at once");
}

#[tokio::test(start_paused = true)]
async fn rt_24_those_who_wait_for_their_delay_are_under_way() {
    let budget = RetryBudget::new(1.0, n(10_000), n(10_000), ManualClock::new()).unwrap().at_a_time(0.2, 3).unwrap();
    let budget = Arc::new(budget);
    let tries = Arc::new(AtomicU32::new(0));
    let policy = RetryPolicy::new(1, Backoff::new(MINUTE, MINUTE).unwrap());
    let target = {
        let tries = Arc::clone(&tries);
        service_fn(move |(): ()| {
            tries.fetch_add(1, Ordering::SeqCst);
            async {
                sleep(SECOND).await;
                Err::<(), _>("down")
            }
        })
    };
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(policy).paid_from(Arc::clone(&budget)))
        .layer(CallErrors)
        .service(target);
    let calls = futures_util::future::join_all((0..1000).map(|_| service.clone().oneshot(())));
    let answers = calls.await;
    assert!(answers.iter().all(Result::is_err));
    // As calls end, fewer retries are allowed at a time; there are never more than a fifth of all
    // calls.
    let retries = tries.load(Ordering::SeqCst) - 1000;
    assert!((3..=200).contains(&retries), "{retries}");
    tries.store(0, Ordering::SeqCst);
    let alone = service.oneshot(()).await;
    assert!(alone.is_err());
    assert_eq!(tries.load(Ordering::SeqCst), 2, "all of it came back, and three may always be");
}

#[tokio::test(start_paused = true)]
async fn rt_26_of_three_layers_the_outermost_tries_again() {
    let tries = Arc::new(AtomicU32::new(0));
    let policy = RetryPolicy::new(3, Backoff::new(SECOND, SECOND).unwrap());
    let target = {
        let tries = Arc::clone(&tries);
        service_fn(move |(): ()| {
            tries.fetch_add(1, Ordering::SeqCst);
            ready(Err::<(), _>("down"))
        })
    };
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .layer(RetryLayer::new(policy))
        .layer(RetryLayer::new(policy))
        .layer(CallErrors)
        .service(target);
    assert!(service.oneshot(()).await.is_err());
    assert_eq!(tries.load(Ordering::SeqCst), 4, "and not 64");
}

#[tokio::test]
async fn sd_06_once_the_end_has_begun_calls_are_refused_and_those_under_way_finish() {
    let shutdown = Shutdown::default();
    let (answer, wait) = tokio::sync::oneshot::channel::<u32>();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let mut service = ServiceBuilder::new().layer(ShutdownLayer::new(shutdown.clone())).layer(CallErrors).service(
        service_fn(move |(): ()| {
            let wait = wait.lock().unwrap().take();
            async move { wait.ok_or("called again")?.await.map_err(|_| "gone") }
        }),
    );
    let under_way = service.ready().await.unwrap().call(());
    assert_eq!(shutdown.active_requests(), 1);
    shutdown.begin("SIGTERM");
    let refused = service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!(
        (refused.http_status(), refused),
        (Some(503), CallError::Rejected(Rejected::because(Reason::ShuttingDown)))
    );
    let ending = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.run().await }
    });
    answer.send(42).unwrap();
    assert_eq!(under_way.await, Ok(42));
    assert_eq!(ending.await.unwrap().exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_for_the_same_thing_are_one_call() {
    let calls = Arc::new(AtomicU32::new(0));
    let target = {
        let calls = Arc::clone(&calls);
        service_fn(move |k: u32| {
            calls.fetch_add(1, Ordering::SeqCst);
            async move {
                sleep(SECOND).await;
                Ok::<_, &'static str>(k * 2)
            }
        })
    };
    let layer = SingleFlightLayer::by_key(|k: &u32| (*k < 100).then_some(*k));
    let service = ServiceBuilder::new().layer(layer).service(target);
    let answers = futures_util::future::join_all((0..50).map(|k| service.clone().oneshot(k % 2))).await;
    assert_eq!(answers, (0..50).map(|k| Ok(k % 2 * 2)).collect::<Vec<_>>());
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let alone = futures_util::future::join_all((0..5).map(|_| service.clone().oneshot(100))).await;
    assert_eq!((alone.len(), calls.load(Ordering::SeqCst)), (5, 7), "without a key everybody flies alone");
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_a_flight_or_stands_in_line_holds_no_slot_that_others_need() {
    // One slot below the retries: the first try frees it, and the second try needs it again.
    let tries = Arc::new(AtomicU32::new(0));
    let target = {
        let tries = Arc::clone(&tries);
        ServiceBuilder::new().concurrency_limit(1).service(service_fn(move |k: u32| {
            let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
            ready(if first { Err("not yet") } else { Ok(k) })
        }))
    };
    let policy = RetryPolicy::new(3, Backoff::new(SECOND, SECOND).unwrap());
    let flights = SingleFlightLayer::by_key(|k: &u32| Some(*k));
    let service = ServiceBuilder::new().layer(flights).layer(RetryLayer::new(policy)).service(target.clone());
    let both = futures_util::future::join(service.clone().oneshot(7), async {
        sleep(SECOND / 4).await; // the first waits for its second try
        service.clone().oneshot(7).await
    });
    assert_eq!(tokio::time::timeout(MINUTE, both).await.unwrap(), (Ok(7), Ok(7)));

    tries.store(0, Ordering::SeqCst);
    let line = BulkheadConfig { max_queued: 9, max_wait: 60 * MINUTE, ..one_place() };
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(Arc::new(Bulkhead::new(line, TokioClock).unwrap())))
        .layer(RetryLayer::new(policy))
        .layer(CallErrors)
        .service(target);
    let both = futures_util::future::join(service.clone().oneshot(7), async {
        sleep(SECOND / 4).await;
        service.clone().oneshot(8).await
    });
    assert_eq!(tokio::time::timeout(MINUTE, both).await.unwrap(), (Ok(7), Ok(8)));
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

#[tokio::test(start_paused = true)]
async fn tw_02_sd_26_whoever_waits_for_readiness_is_woken_by_an_opening_and_by_the_end() {
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
async fn a_body_that_goes_on_is_waited_for_if_the_call_is_handed_over() {
    let shutdown = Shutdown::default();
    let layer = ShutdownLayer::new(shutdown.clone()).handing_over(|body: u32, active| (body, active));
    let (body, active) =
        layer.layer(CallErrors.layer(service_fn(|k: u32| ready(Ok::<_, &str>(k))))).oneshot(7).await.unwrap();
    assert_eq!((body, shutdown.active_requests()), (7, 1));
    drop(active);
    assert_eq!(shutdown.active_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_outer_layer_that_cannot_try_again_leaves_it_to_the_inner_one() {
    let tries = Arc::new(AtomicU32::new(0));
    let policy = |retries| RetryPolicy::new(retries, Backoff::new(SECOND, SECOND).unwrap());
    let target = {
        let tries = Arc::clone(&tries);
        service_fn(move |(): ()| {
            tries.fetch_add(1, Ordering::SeqCst);
            ready(Err::<(), _>("down"))
        })
    };
    let never = |(): &()| None::<()>;
    let inner = RetryLayer::new(policy(2)).layer(target.clone());
    assert!(RetryLayer::new(policy(0)).layer(inner.clone()).oneshot(()).await.is_err());
    assert_eq!(tries.swap(0, Ordering::SeqCst), 3);
    assert!(RetryLayer::new(policy(9)).replayed_by(never).layer(inner).oneshot(()).await.is_err());
    assert_eq!(tries.swap(0, Ordering::SeqCst), 3);
    // A call of an inner layer is a try of the outer one. It earns nothing, or retries would pay
    // for themselves.
    let shared = Arc::new(RetryBudget::new(1.0, n(100), n(1), ManualClock::new()).unwrap());
    let inner = RetryLayer::new(policy(9)).paid_from(Arc::clone(&shared)).layer(target);
    let outer = RetryLayer::new(policy(9)).paid_from(shared).layer(inner);
    assert!(outer.oneshot(()).await.is_err());
    assert_eq!(tries.load(Ordering::SeqCst), 3, "one earned, one from the reserve");
}

#[tokio::test(start_paused = true)]
async fn a_readiness_that_came_too_late_leaves_no_place_in_a_line_below() {
    let slot = one_slot();
    let mut holder = slot.clone();
    holder.ready().await.unwrap();
    let mut late = TimeoutLayer::new(SECOND).layer(slot.clone());
    assert!(matches!(late.ready().await.unwrap().call(1).await, Err(CallError::TimedOut(_))));
    drop(holder);
    // The service is idle now, and the slot is not given to it.
    let mut other = slot.clone();
    assert_eq!(tokio::time::timeout(SECOND, other.ready()).await.unwrap().unwrap().call(2).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn calls_join_a_flight_though_the_service_below_is_not_ready() {
    let calls = Arc::new(AtomicU32::new(0));
    let target = {
        let calls = Arc::clone(&calls);
        ServiceBuilder::new().concurrency_limit(1).service(service_fn(move |k: u32| {
            calls.fetch_add(1, Ordering::SeqCst);
            async move {
                sleep(SECOND).await;
                Ok::<_, &'static str>(k)
            }
        }))
    };
    let service = ServiceBuilder::new().layer(SingleFlightLayer::by_key(|k: &u32| Some(*k))).service(target);
    let answers = futures_util::future::join_all((0..20).map(|_| service.clone().oneshot(7))).await;
    assert_eq!((answers, calls.load(Ordering::SeqCst)), (vec![Ok(7); 20], 1), "joined just when it is busy");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_was_over_for_somebody_else_is_not_over_for_the_next() {
    let slot = one_slot();
    let mut holder = slot.clone();
    holder.ready().await.unwrap();
    let mut service = TimeoutLayer::new(SECOND).layer(slot);
    service.ready().await.unwrap(); // too late, and the caller goes away without a call
    sleep(MINUTE).await;
    assert!(polled(&mut service).is_pending(), "whoever asks now has a second of its own");
    drop(holder);
    assert_eq!(service.ready().await.unwrap().call(1).await, Ok(1));
}

/// A service that uses up the budget of its task at every poll, and is never ready.
#[derive(Clone)]
struct Greedy(Arc<Mutex<tokio::sync::mpsc::UnboundedReceiver<()>>>, tokio::sync::mpsc::UnboundedSender<()>);

impl Service<()> for Greedy {
    type Response = ();
    type Error = Failure;
    type Future = Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        while self.0.lock().unwrap().poll_recv(context).is_ready() {
            self.1.send(()).unwrap();
        }
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        panic!("called without being ready")
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_uses_up_the_budget_is_waited_for_no_longer_either() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    sender.send(()).unwrap();
    let mut service = TimeoutLayer::new(SECOND).layer(Greedy(Arc::new(Mutex::new(receiver)), sender));
    assert!(polled(&mut service).is_pending());
    tokio::time::advance(SECOND).await;
    assert!(polled(&mut service).is_ready());
    assert_eq!(service.call(()).await, Err(CallError::TimedOut(TimeoutError { after: SECOND })));
}
