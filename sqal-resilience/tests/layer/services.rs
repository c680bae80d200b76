//! Services and settings that these tests put under a layer.

use std::future::Ready;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sqal_resilience::layer::CallErrors;
use sqal_resilience::{Breaker, BreakerConfig, BulkheadConfig, CallError, ManualClock};
use tower::{Service, ServiceBuilder, service_fn};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) type Failure = CallError<&'static str>;

pub(crate) fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

pub(crate) fn breaker_of(failures: u32) -> (Arc<Breaker<ManualClock>>, ManualClock) {
    let clock = ManualClock::new();
    let config = BreakerConfig { failure_threshold: Some(n(failures)), ..BreakerConfig::default() };
    (Arc::new(Breaker::new(config, clock.clone()).unwrap()), clock)
}

pub(crate) fn one_place() -> BulkheadConfig {
    let mut config = BulkheadConfig::default();
    config.max_concurrent = n(1);
    config
}

pub(crate) fn polled<S: Service<R>, R>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

/// A service that is never ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeverReady;

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
pub(crate) struct Unreachable;

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
pub(crate) struct Repeats;

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
pub(crate) fn one_slot() -> impl Service<u32, Response = u32, Error = Failure, Future: Send> + Clone {
    ServiceBuilder::new()
        .layer(CallErrors)
        .concurrency_limit(1)
        .service(service_fn(|k: u32| async move { if k == 0 { Err("zero") } else { Ok(k) } }))
}
