//! Calls that are made again.

use std::future::ready;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqal_resilience::classify::Again;
use sqal_resilience::layer::{BreakerLayer, CallErrors, RetryLayer};
use sqal_resilience::{
    Backoff, Breaker, BreakerConfig, CallError, ManualClock, Outcome, Rejected, RetryBudget, RetryPolicy, TokioClock,
};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::services::{Failure, MINUTE, SECOND, n, one_slot};

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
    let policy = |deadline| {
        let mut policy = RetryPolicy::new(1, Backoff::new(SECOND, SECOND).unwrap());
        policy.deadline = Some(deadline);
        policy.max_retry_after = 2 * MINUTE;
        policy
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
