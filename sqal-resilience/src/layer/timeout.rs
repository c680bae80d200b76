//! [`TimeoutLayer`]: one time limit for being ready and answering together.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::{FromTimeout, release};
use crate::alarm::Alarm;
use crate::{TimeoutError, deadline::Timeout, timeout};

/// Limits the time of each call, counted from the first poll that found its service not ready.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer(Duration);

impl TimeoutLayer {
    /// A layer with this limit.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = TimeoutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeoutService { inner, limit: self.0, wait: Wait::None }
    }
}

/// The service of a [`TimeoutLayer`].
#[derive(Debug)]
pub struct TimeoutService<S> {
    inner: S,
    limit: Duration,
    wait: Wait,
}

/// What a service knows about the readiness of the service below.
#[derive(Debug)]
enum Wait {
    /// It was ready at once, or it was not asked.
    None,
    /// It was not ready at this time. The timer wakes the waiting task at the end.
    Since(Instant, Pin<Box<Alarm>>),
    /// It was ready after this time.
    Took(Duration),
    /// The limit was over at this time: the next call fails, and no other.
    Over(Instant),
}

impl<S: Clone> Clone for TimeoutService<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), limit: self.limit, wait: Wait::None }
    }
}

impl<S, Request> Service<Request> for TimeoutService<S>
where
    S: Service<Request> + Clone,
    S::Error: FromTimeout,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TimeoutFuture<S::Future>;

    /// An error of `poll_ready` would mean that the service is broken for good, so a readiness that
    /// comes too late is an error of the call.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let limit = self.limit;
        if let Poll::Ready(answer) = self.inner.poll_ready(context) {
            self.wait = match self.wait {
                Wait::Since(since, _) if since.elapsed() < limit => Wait::Took(since.elapsed()),
                Wait::Took(time) => Wait::Took(time),
                // It was ready at once. Or the limit is over: the caller that waited gave up, and
                // this is another one.
                Wait::None | Wait::Since(..) | Wait::Over(_) => Wait::None,
            };
            return Poll::Ready(answer);
        }
        let begins = match self.wait {
            Wait::None | Wait::Took(_) => true,
            // The end of the limit is long past, so this is another caller.
            Wait::Since(since, _) => since.elapsed() > limit.saturating_mul(2),
            Wait::Over(at) => at.elapsed() > limit,
        };
        if begins {
            self.wait = Wait::Since(Instant::now(), Box::pin(Alarm::new(limit)));
        }
        if let Wait::Since(_, alarm) = &mut self.wait {
            ready!(alarm.as_mut().poll(context));
            self.wait = Wait::Over(Instant::now());
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let late = TimeoutError { after: self.limit };
        let waited = match std::mem::replace(&mut self.wait, Wait::None) {
            Wait::Over(_) => {
                // The service below still waits in a queue for this call, and would be given a
                // place that is not used.
                release(&mut self.inner);
                return TimeoutFuture { inner: None, late };
            }
            Wait::None | Wait::Since(..) => Duration::ZERO,
            Wait::Took(time) => time,
        };
        let began = if waited.is_zero() { None } else { Instant::now().checked_sub(waited) };
        TimeoutFuture { inner: Some(timeout(self.limit, self.inner.call(request)).since(began)), late }
    }
}

pin_project! {
    /// The future of a [`TimeoutService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        // None if the service was not ready in time.
        #[pin]
        inner: Option<Timeout<F>>,
        late: TimeoutError,
    }
}

impl<T, E: From<TimeoutError>, F: Future<Output = Result<T, E>>> Future for TimeoutFuture<F> {
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else { return Poll::Ready(Err((*this.late).into())) };
        Poll::Ready(ready!(inner.poll(context)).unwrap_or_else(|late| Err(late.into())))
    }
}
