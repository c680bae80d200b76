//! [`ShutdownLayer`]: counts the calls under way, and refuses calls once draining has begun.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{AtResponse, FromRefusal, HandOver, Refusable, release};
use crate::{
    Shutdown,
    shutdown::{Active, Phase},
};

/// Counts every call as a request under way of one [`Shutdown`].
#[derive(Clone, Debug)]
pub struct ShutdownLayer<H = AtResponse> {
    shutdown: Shutdown,
    hand_over: H,
}

impl ShutdownLayer {
    /// A layer for the end of this process. A call ends when there is a response.
    #[must_use]
    pub const fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, hand_over: AtResponse }
    }
}

impl<H> ShutdownLayer<H> {
    /// The layer with another end of a call. If a function puts the [`Active`] into the body of the
    /// response, the process waits for downloads and streams too.
    pub fn handing_over<J: Fn(T, Active) -> R, T, R>(self, hand_over: J) -> ShutdownLayer<J> {
        ShutdownLayer { shutdown: self.shutdown, hand_over }
    }
}

impl<S, H: Clone> Layer<S> for ShutdownLayer<H> {
    type Service = ShutdownService<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        ShutdownService { inner, of: self.clone(), draining: None }
    }
}

/// The service of a [`ShutdownLayer`].
pub struct ShutdownService<S, H = AtResponse> {
    inner: S,
    of: ShutdownLayer<H>,
    /// Wakes the task that waits for the service below when draining begins. (The lock is never
    /// taken; it makes the service `Sync`.)
    draining: Option<Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl<S: Clone, H: Clone> Clone for ShutdownService<S, H> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), of: self.of.clone(), draining: None }
    }
}

impl<S: fmt::Debug, H> fmt::Debug for ShutdownService<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, Request, H> Service<Request> for ShutdownService<S, H>
where
    S: Service<Request> + Clone,
    S::Error: FromRefusal,
    H: HandOver<S::Response, Active> + Clone,
{
    type Response = H::Response;
    type Error = S::Error;
    type Future = Refusable<S::Future, Active, H>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // A call that will be refused does not need a ready service.
        if self.of.shutdown.is_draining() {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(answer) = self.inner.poll_ready(context) {
            self.draining = None;
            return Poll::Ready(answer);
        }
        let shutdown = &self.of.shutdown;
        let draining = self.draining.get_or_insert_with(|| {
            let shutdown = shutdown.clone();
            Mutex::new(Box::pin(async move { shutdown.reached(Phase::Draining).await }))
        });
        let draining = draining.get_mut().unwrap_or_else(PoisonError::into_inner);
        draining.as_mut().poll(context).map(Ok)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let hand_over = self.of.hand_over.clone();
        // Draining never goes back, so for a call that is admitted here the service below was asked
        // for readiness.
        match self.of.shutdown.track() {
            Ok(active) => Refusable::called(self.inner.call(request), active, hand_over),
            Err(refused) => {
                release(&mut self.inner);
                Refusable::refused(refused, hand_over)
            }
        }
    }
}
