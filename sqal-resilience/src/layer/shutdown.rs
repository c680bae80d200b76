//! [`ShutdownLayer`]: counts what is under way, and refuses once the end has begun.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{Refusable, release};
use crate::{Active, Rejected, Shutdown};

/// Counts every call as a request under way of one [`Shutdown`].
#[derive(Clone, Debug)]
pub struct ShutdownLayer(Shutdown);

impl ShutdownLayer {
    /// A layer for this process's end.
    #[must_use]
    pub const fn new(shutdown: Shutdown) -> Self {
        Self(shutdown)
    }
}

impl<S> Layer<S> for ShutdownLayer {
    type Service = ShutdownService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ShutdownService { inner, shutdown: self.0.clone() }
    }
}

/// The service of a [`ShutdownLayer`].
#[derive(Clone, Debug)]
pub struct ShutdownService<S> {
    inner: S,
    shutdown: Shutdown,
}

impl<S, Request> Service<Request> for ShutdownService<S>
where
    S: Service<Request> + Clone,
    S::Error: From<Rejected>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Refusable<S::Future, Active>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // What will be refused needs no service that is ready.
        if self.shutdown.is_draining() { Poll::Ready(Ok(())) } else { self.inner.poll_ready(context) }
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        // It never goes back from draining: whoever is let in here was asked for readiness.
        match self.shutdown.track() {
            Ok(active) => Refusable::called(self.inner.call(request), active),
            Err(refused) => {
                release(&mut self.inner);
                Refusable::refused(refused)
            }
        }
    }
}
