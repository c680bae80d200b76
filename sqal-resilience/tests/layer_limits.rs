//! The layers for limits per client, adaptive bulkheads and hedging.
//!
//! Also judges that see the request, and keyed buckets with a clock.
#![cfg(all(feature = "tower", feature = "http-body"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::future::ready;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use proptest::prelude::*;
use sqal_resilience::layer::{
    AdaptiveBulkheadLayer, BulkheadLayer, CallErrors, HedgeLayer, KeyedRateLimitLayer, RetryLayer,
};
use sqal_resilience::{
    AdaptiveBulkhead, Backoff, Bulkhead, BulkheadConfig, CallError, Clock, Idempotency, KeyedBuckets, ManualClock,
    Quota, Rejected, RetryBudget, RetryPolicy, TokioClock,
    bucket::{Answer, ClockedBuckets},
    classify::{Again, ByCallError},
    idempotency::Sent,
    limit::{Limit, Observation},
    rejected::Reason,
};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A request of this client; without a name, of an unknown client.
fn of(client: &str) -> Request<()> {
    let request = Request::new(());
    if client.is_empty() {
        return request;
    }
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(client.to_owned());
    Request::from_parts(parts, body)
}

fn by_client(request: &Request<()>) -> Option<String> {
    request.extensions().get::<String>().cloned()
}

#[tokio::test]
async fn each_client_has_a_limit_of_its_own_and_every_answer_says_what_is_left() {
    let clock = ManualClock::new();
    let buckets = Arc::new(ClockedBuckets::new(Quota::new(n(2), 10 * SECOND), 100, clock.clone()).unwrap());
    let calls = Arc::new(AtomicU32::new(0));
    let target = {
        let calls = Arc::clone(&calls);
        service_fn(move |_: Request<()>| {
            calls.fetch_add(1, Ordering::SeqCst);
            ready(Ok::<_, Infallible>(Response::new("a tray".to_owned())))
        })
    };
    // As in an axum router, the layer is applied anew for each request, and the service never
    // fails.
    let limit = KeyedRateLimitLayer::new(Arc::clone(&buckets), "orders", by_client);
    let ask = async |client: &str| limit.layer(target.clone()).oneshot(of(client)).await.unwrap();
    for left in [1, 0] {
        let answer = ask("ben").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers()["ratelimit"].to_str().unwrap().starts_with(&format!("\"orders\";r={left};t=")));
        assert_eq!(answer.headers()["ratelimit-policy"], "\"orders\";q=2;w=10");
        assert!(!answer.headers().contains_key("retry-after"));
    }
    let refused = ask("ben").await;
    assert_eq!((refused.status(), refused.body().as_str()), (StatusCode::TOO_MANY_REQUESTS, ""));
    assert_eq!(refused.headers()["ratelimit"], "\"orders\";r=0;t=10");
    assert_eq!(refused.headers()["retry-after"], "5");
    assert_eq!(calls.load(Ordering::SeqCst), 2, "a refused request does not reach the service");
    assert_eq!(ask("marie").await.status(), StatusCode::OK, "another client");
    clock.advance(5 * SECOND);
    assert_eq!(ask("ben").await.status(), StatusCode::OK);
    for _ in 0..10 {
        let free = ask("").await;
        assert_eq!(free.status(), StatusCode::OK);
        assert!(free.headers().is_empty(), "without a key there is no limit to tell of");
    }
    assert_eq!(buckets.len(), 2);
}

#[tokio::test]
async fn a_refused_request_is_answered_as_the_service_says_and_gives_back_what_was_reserved() {
    let buckets = Arc::new(ClockedBuckets::new(Quota::new(n(1), SECOND), 100, ManualClock::new()).unwrap());
    let refused = |answer: &Answer| Response::new(format!("{} left", answer.remaining));
    let limit = KeyedRateLimitLayer::new(buckets, "orders", by_client).refused_with(refused);
    let target = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(String::new()))));
    let slot = ServiceBuilder::new().concurrency_limit(1).service(target);
    let service = limit.layer(slot.clone());
    assert_eq!(service.clone().oneshot(of("ben")).await.unwrap().status(), StatusCode::OK);
    let mut ready_one = service.clone();
    let reserved = ready_one.ready().await.unwrap();
    let answer = tower::Service::call(reserved, of("ben")).await.unwrap();
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::TOO_MANY_REQUESTS, "0 left"));
    assert_eq!(slot.oneshot(of("marie")).await.unwrap().status(), StatusCode::OK, "the slot is free");
}

/// Two limits around each other are members of one list (RFC 9651).
#[tokio::test]
async fn two_limits_are_both_told() {
    let limit = |name: &str, tokens| {
        let buckets = ClockedBuckets::new(Quota::new(n(tokens), SECOND), 100, ManualClock::new()).unwrap();
        KeyedRateLimitLayer::new(Arc::new(buckets), name, by_client)
    };
    let target = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(String::new()))));
    let answer = limit("a", 9).layer(limit("b", 5).layer(target)).oneshot(of("ben")).await.unwrap();
    let told: Vec<_> = answer.headers().get_all("ratelimit").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("\"b\";r=4") && told[1].starts_with("\"a\";r=8"), "{told:?}");
}

proptest! {
    /// Buckets with a clock of their own answer like buckets that are given the time.
    #[test]
    fn buckets_with_a_clock_answer_as_those_without(
        tokens in 1_u32..5, asked in prop::collection::vec((0_u8..3, 1_u32..4, 0_u64..900), 1..60),
    ) {
        let clock = ManualClock::new();
        let quota = Quota::new(n(tokens), SECOND);
        let clocked = ClockedBuckets::new(quota, 2, clock.clone()).unwrap();
        let keyed = KeyedBuckets::new(quota, 2).unwrap();
        for (key, takes, later) in asked {
            clock.advance(millis(later));
            prop_assert_eq!(clocked.take(key, takes).answer(), keyed.take(key, takes, clock.now()).answer());
            prop_assert_eq!((clocked.len(), clocked.is_empty()), (keyed.len(), keyed.is_empty()));
        }
        prop_assert_eq!(*clocked.quota(), quota);
    }

    /// The seconds are whole, at least the time to wait, and never 0.
    #[test]
    fn a_refusal_says_whole_seconds(nanos: u64) {
        let time = Duration::from_nanos(nanos);
        let text = Rejected::until(Reason::RateLimited, time).to_string();
        let said = text.rsplit_once("try again in ").and_then(|(_, rest)| rest.strip_suffix(" s")).map(str::parse::<u64>);
        let said = said.unwrap().unwrap();
        prop_assert!(Duration::from_secs(said) >= time && said >= 1, "{}", text);
        prop_assert!(said == 1 || Duration::from_secs(said - 1) < time, "{}", text);
    }
}

/// Adds one place for each call that succeeds, and goes to one place after a drop.
#[derive(Debug)]
struct Steps(NonZeroU32);

impl Limit for Steps {
    fn current(&self) -> NonZeroU32 {
        self.0
    }

    fn learn(&mut self, sample: &Observation) {
        self.0 = if sample.dropped { NonZeroU32::MIN } else { self.0.saturating_add(1) };
    }
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_bulkhead_learns_from_each_call_and_lets_others_wait_in_line() {
    let mut config = BulkheadConfig::default();
    config.max_queued = 5;
    config.max_wait = 60 * SECOND;
    let bulkhead = Arc::new(AdaptiveBulkhead::new(config, Steps(n(2)), TokioClock).unwrap());
    let target = service_fn(|works: bool| async move {
        sleep(SECOND).await;
        if works { Ok(()) } else { Err("overloaded") }
    });
    let service = ServiceBuilder::new()
        .layer(AdaptiveBulkheadLayer::new(Arc::clone(&bulkhead)).judged_by(ByCallError))
        .layer(CallErrors)
        .concurrency_limit(2)
        .service(target);
    let begun = Instant::now();
    let answers = futures_util::future::join_all((0..4).map(|_| service.clone().oneshot(true))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(begun.elapsed() >= 2 * SECOND, "two at a time at first: {:?}", begun.elapsed());
    let learnt = bulkhead.occupancy();
    assert_eq!((learnt.running, learnt.waiting, learnt.limit), (0, 0, 6), "every place was given back");
    assert_eq!(service.clone().oneshot(false).await, Err(CallError::Inner("overloaded")));
    assert_eq!(bulkhead.occupancy().limit, 1, "a drop");
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_bulkhead_that_is_full_refuses_and_a_call_that_is_dropped_teaches_nothing() {
    let bulkhead = Arc::new(AdaptiveBulkhead::new(BulkheadConfig::default(), Steps(n(1)), TokioClock).unwrap());
    let target = service_fn(|(): ()| std::future::pending::<Result<(), &str>>());
    let service = ServiceBuilder::new()
        .layer(AdaptiveBulkheadLayer::new(Arc::clone(&bulkhead)))
        .layer(CallErrors)
        .service(target);
    let first = tokio::spawn(service.clone().oneshot(()));
    tokio::task::yield_now().await;
    let refused = service.oneshot(()).await.unwrap_err();
    assert_eq!(refused, CallError::Rejected(Rejected::because(Reason::BulkheadFull)));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let left = bulkhead.occupancy();
    assert_eq!((left.running, left.limit), (0, 1));
}

/// A target whose calls take these times in turn, and fail if their turn is an error.
fn takes(
    turns: Vec<(u64, Result<u32, &'static str>)>,
) -> (Arc<AtomicU32>, impl tower::Service<(), Response = u32, Error = &'static str, Future: Send> + Clone) {
    let (calls, turns) = (Arc::new(AtomicU32::new(0)), Arc::new(turns));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |()| {
        let turn = usize::try_from(counted.fetch_add(1, Ordering::SeqCst)).unwrap();
        let (time, result) = turns[turn];
        async move {
            sleep(millis(time)).await;
            result
        }
    });
    (calls, service)
}

fn budget() -> Arc<RetryBudget<TokioClock>> {
    Arc::new(RetryBudget::new(1.0, n(100), n(1), TokioClock).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_hedged_and_the_first_success_wins() {
    // The times of the first and the second call, the result, after how long it comes, and how many
    // calls were made.
    type Case = (Vec<(u64, Result<u32, &'static str>)>, Result<u32, &'static str>, u64, u32);
    let cases: [Case; 6] = [
        (vec![(50, Ok(1))], Ok(1), 50, 1),
        (vec![(50, Err("down"))], Err("down"), 50, 1),
        (vec![(9_000, Ok(1)), (10, Ok(2))], Ok(2), 110, 2),
        (vec![(150, Ok(1)), (9_000, Ok(2))], Ok(1), 150, 2),
        (vec![(150, Err("first")), (100, Ok(2))], Ok(2), 200, 2),
        (vec![(300, Ok(1)), (100, Err("second"))], Ok(1), 300, 2),
    ];
    for (turns, result, after, made) in cases {
        let (calls, target) = takes(turns);
        let begun = Instant::now();
        assert_eq!(HedgeLayer::new(millis(100), budget()).layer(target).oneshot(()).await, result);
        assert_eq!((begun.elapsed(), calls.load(Ordering::SeqCst)), (millis(after), made), "{result:?}");
    }
    let (calls, target) = takes(vec![(150, Err("first")), (100, Err("second"))]);
    assert_eq!(HedgeLayer::new(millis(100), budget()).layer(target).oneshot(()).await, Err("second"));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_hedged_without_a_budget_or_without_a_second_request() {
    let (calls, target) = takes(vec![(9_000, Ok(1)), (9_000, Ok(2)), (9_000, Ok(3))]);
    let poor = Arc::new(RetryBudget::new(0.01, n(1), n(1), TokioClock).unwrap());
    assert!(poor.spend(), "the reserve is gone");
    assert_eq!(HedgeLayer::new(millis(100), poor).layer(target.clone()).oneshot(()).await, Ok(1));
    let never = HedgeLayer::new(millis(100), budget()).replayed_by(|(): &()| None::<()>);
    assert_eq!(never.layer(target).oneshot(()).await, Ok(2));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_call_waits_until_the_service_is_ready() {
    let (calls, target) = takes(vec![(500, Ok(1)), (10, Ok(2))]);
    // One call at a time: the second call has no slot before the first one has ended.
    let service =
        HedgeLayer::new(millis(100), budget()).layer(ServiceBuilder::new().concurrency_limit(1).service(target));
    let begun = Instant::now();
    assert_eq!(service.oneshot(()).await, Ok(1));
    assert_eq!((begun.elapsed(), calls.load(Ordering::SeqCst)), (millis(500), 1));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// The connection was refused.
    ToConnect,
    /// The answer was lost.
    ToAnswer,
}

/// As in a client: what may be repeated depends on the request and on how it failed.
#[tokio::test(start_paused = true)]
async fn a_request_is_repeated_as_its_method_and_its_failure_allow() {
    for (method, key, failed, tries) in [
        ("GET", None, Failed::ToAnswer, 3),
        ("POST", None, Failed::ToAnswer, 1),
        ("POST", None, Failed::ToConnect, 3),
        ("POST", Some("4f2a"), Failed::ToAnswer, 3),
    ] {
        let calls = Arc::new(AtomicU32::new(0));
        let target = {
            let calls = Arc::clone(&calls);
            service_fn(move |_: (&str, Option<&str>)| {
                calls.fetch_add(1, Ordering::SeqCst);
                ready(Err::<(), _>(failed))
            })
        };
        let judge = |request: &(&str, Option<&str>), result: &Result<(), Failed>| {
            let sent = match result {
                Ok(()) => return Again::Never,
                Err(Failed::ToConnect) => Sent::No,
                Err(Failed::ToAnswer) => Sent::Perhaps,
            };
            let may = Idempotency::of_method(request.0, request.1).may_repeat(sent);
            if may { Again::Yes } else { Again::Never }
        };
        let policy = RetryPolicy::new(2, Backoff::new(SECOND, SECOND).unwrap());
        let retry = RetryLayer::new(policy).when_request(judge);
        assert_eq!(retry.layer(target).oneshot((method, key)).await, Err(failed));
        assert_eq!(calls.load(Ordering::SeqCst), tries, "{method} {key:?} {failed:?}");
    }
}

/// A body that holds its place, with the layer that gives places.
#[tokio::test]
async fn a_place_is_held_until_the_body_of_the_response_is_dropped() {
    use http_body_util::Full;
    use sqal_resilience::body::HeldBody;

    let mut one = BulkheadConfig::default();
    one.max_concurrent = n(1);
    let bulkhead = Arc::new(Bulkhead::new(one, TokioClock).unwrap());
    let target = service_fn(|(): ()| ready(Ok::<_, &str>(Response::new(Full::new(bytes::Bytes::from("a tray"))))));
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)).handing_over(HeldBody::of_response))
        .layer(CallErrors)
        .service(target);
    let response = service.clone().oneshot(()).await.unwrap();
    assert!(matches!(service.clone().oneshot(()).await, Err(CallError::Rejected(_))), "its body goes on");
    drop(response);
    assert!(service.oneshot(()).await.is_ok());
}
