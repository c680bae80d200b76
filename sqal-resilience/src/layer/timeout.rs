//! [`TimeoutLayer`]: so long for being ready and answering together.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use crate::{TimedOut, Timeout, timeout};

/// Gives each call so long, counted from when its service was first found not ready.
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
        TimeoutService { inner, limit: self.0, waiting: None }
    }
}

/// The service of a [`TimeoutLayer`].
#[derive(Debug)]
pub struct TimeoutService<S> {
    inner: S,
    limit: Duration,
    /// Since when it waits for the service below, and what wakes it at the end of that.
    waiting: Option<(Instant, Option<Pin<Box<Sleep>>>)>,
}

impl<S: Clone> Clone for TimeoutService<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), limit: self.limit, waiting: None }
    }
}

impl<S, Request> Service<Request> for TimeoutService<S>
where
    S: Service<Request>,
    S::Error: From<TimedOut>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if let Poll::Ready(answer) = self.inner.poll_ready(context) {
            return Poll::Ready(answer);
        }
        let limit = self.limit;
        let (_, sleep) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            // A time that no clock reaches needs no timer.
            (now, now.checked_add(limit).map(|end| Box::pin(sleep_until(end))))
        });
        let over = sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
        if over {
            self.waiting = None;
            return Poll::Ready(Err(TimedOut { after: limit }.into()));
        }
        Poll::Pending
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let since = self.waiting.take().map(|(since, _)| since);
        TimeoutFuture { inner: timeout(self.limit, self.inner.call(request)).since(since) }
    }
}

pin_project! {
    /// The future of a [`TimeoutService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        #[pin]
        inner: Timeout<F>,
    }
}

impl<T, E: From<TimedOut>, F: Future<Output = Result<T, E>>> Future for TimeoutFuture<F> {
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().inner.poll(context)).unwrap_or_else(|late| Err(late.into())))
    }
}
