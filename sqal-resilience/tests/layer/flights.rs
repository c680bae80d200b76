//! Calls for the same thing that become one call.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqal_resilience::layer::{BulkheadLayer, CallErrors, RetryLayer, SingleFlightLayer};
use sqal_resilience::{Backoff, Bulkhead, RetryPolicy, TokioClock};
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::services::{MINUTE, SECOND, one_place};

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
async fn a_call_that_joins_a_flight_or_waits_in_line_holds_no_slot_that_others_need() {
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
    let mut line = one_place();
    line.max_queued = 9;
    line.max_wait = 60 * MINUTE;
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
