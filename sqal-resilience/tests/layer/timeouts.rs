//! The time of a call, which begins when the service below is not ready.

use std::future::Ready;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use sqal_resilience::layer::TimeoutLayer;
use sqal_resilience::{CallError, TimeoutError};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::services::{Failure, MINUTE, NeverReady, SECOND, one_slot, polled};

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
    assert!(polled(&mut service).is_pending(), "a minute later another call asks");
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
async fn a_wait_that_was_over_for_one_call_is_not_over_for_the_next() {
    let slot = one_slot();
    let mut holder = slot.clone();
    holder.ready().await.unwrap();
    let mut service = TimeoutLayer::new(SECOND).layer(slot);
    service.ready().await.unwrap(); // too late, and the caller goes away without a call
    sleep(MINUTE).await;
    assert!(polled(&mut service).is_pending(), "the next call has a second of its own");
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
