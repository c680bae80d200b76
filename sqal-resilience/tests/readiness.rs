//! When a layer polls the service below, how long it waits, and how often it copies a request.
#![cfg(feature = "tower")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{Ready, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sqal_resilience::layer::{BreakerLayer, RetryLayer, TimeoutLayer};
use sqal_resilience::{Backoff, Breaker, BreakerConfig, CallError, ManualClock, Outcome, RetryPolicy, breaker::State};
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

type Failure = CallError<&'static str>;

fn asked<S: Service<()>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

fn tripped(breaker: &Breaker<ManualClock>) {
    while breaker.state() == State::Closed {
        breaker.acquire().unwrap().report(Outcome::Failure);
    }
}

/// A service that is ready when the test says so, and counts how often it was asked.
#[derive(Clone, Debug, Default)]
struct Gate {
    ready: Arc<AtomicU32>,
    asked: Arc<AtomicU32>,
}

impl Service<()> for Gate {
    type Response = ();
    type Error = Failure;
    type Future = Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.ready.load(Ordering::Relaxed) == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[test]
fn a_service_behind_an_open_breaker_is_not_asked_whether_it_is_ready() {
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), ManualClock::new()).unwrap());
    let gate = Gate::default();
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(gate.clone());
    tripped(&breaker);
    assert!(matches!(asked(&mut service), Poll::Ready(Ok(()))));
    assert_eq!(gate.asked.load(Ordering::Relaxed), 0);
}

/// A service that opens the breaker above it when it is polled for readiness.
#[derive(Clone)]
struct Trips(Arc<Breaker<ManualClock>>);

impl Service<()> for Trips {
    type Response = ();
    type Error = Failure;
    type Future = Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        tripped(&self.0);
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[test]
fn a_breaker_that_opens_while_it_is_asked_refuses_at_once() {
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), ManualClock::new()).unwrap());
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(Trips(breaker));
    assert!(matches!(asked(&mut service), Poll::Ready(Ok(()))));
}

/// Another caller asks long after the caller that waited gave up: the wait begins anew, also for
/// the call.
#[tokio::test(start_paused = true)]
async fn an_abandoned_wait_costs_the_next_call_nothing() {
    // If less than the limit has passed, the wait counts. If the limit or more has passed, it was
    // another caller's wait.
    for (passed, left) in [(SECOND / 2, SECOND / 2), (SECOND, SECOND), (3 * SECOND, SECOND)] {
        let gate = Gate::default();
        let slow = service_fn(|()| async {
            tokio::time::sleep(MINUTE).await;
            Ok::<_, Failure>(())
        });
        let mut service = TimeoutLayer::new(SECOND).layer(Behind(gate.clone(), slow));
        assert!(asked(&mut service).is_pending());
        tokio::time::advance(passed).await;
        gate.ready.store(1, Ordering::Relaxed);
        assert!(matches!(asked(&mut service), Poll::Ready(Ok(()))));
        let begun = Instant::now();
        assert!(service.call(()).await.is_err());
        assert_eq!(begun.elapsed(), left, "{passed:?}");
    }
}

/// A gate before another service.
#[derive(Clone)]
struct Behind<S>(Gate, S);

impl<S: Service<(), Error = Failure>> Service<()> for Behind<S> {
    type Response = S::Response;
    type Error = Failure;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.1.call(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_belongs_to_another_call_after_twice_its_limit() {
    let service = || TimeoutLayer::new(SECOND).layer(Gate::default());
    // Up to twice the limit it is still one wait, and it is over. After that a new wait begins.
    for (passed, over) in [(2 * SECOND, true), (2 * SECOND + Duration::from_millis(1), false)] {
        let mut service = service();
        assert!(asked(&mut service).is_pending());
        tokio::time::advance(passed).await;
        assert_eq!(asked(&mut service).is_ready(), over, "{passed:?}");
    }
    // Once a wait is over, it stays over for as long as the limit.
    for (passed, over) in [(SECOND, true), (SECOND + Duration::from_millis(1), false)] {
        let mut service = service();
        poll_fn(|context| service.poll_ready(context)).await.unwrap();
        tokio::time::advance(passed).await;
        assert_eq!(asked(&mut service).is_ready(), over, "{passed:?}");
    }
}

/// The last try needs no copy of its request: the service below gets the request itself.
#[tokio::test(start_paused = true)]
async fn no_copy_is_made_of_a_request_that_is_tried_for_the_last_time() {
    #[derive(Debug)]
    struct Counted(Arc<AtomicU32>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(&self.0))
        }
    }
    let copies = Arc::new(AtomicU32::new(0));
    let policy = RetryPolicy::new(2, Backoff::new(SECOND, MINUTE).unwrap());
    let mut service = RetryLayer::new(policy).layer(service_fn(|_: Counted| async { Err::<(), _>("away") }));
    assert!(service.call(Counted(Arc::clone(&copies))).await.is_err());
    assert_eq!(copies.load(Ordering::Relaxed), 2);
}
