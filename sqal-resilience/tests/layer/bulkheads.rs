//! Places: who holds one, and who waits for one.

use std::future::ready;
use std::sync::Arc;

use sqal_resilience::bulkhead::OwnedBulkheadPermit;
use sqal_resilience::layer::{BulkheadLayer, CallErrors};
use sqal_resilience::{Bulkhead, TokioClock};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::services::{MINUTE, SECOND, one_place};

#[tokio::test(start_paused = true)]
async fn bh_05_a_clone_that_is_ready_and_idle_keeps_no_other_waiting() {
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
    let bulkhead = Arc::new(
        Bulkhead::new(
            {
                let mut config = one_place();
                config.max_queued = 9;
                config.max_wait = MINUTE;
                config
            },
            TokioClock,
        )
        .unwrap(),
    );
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
