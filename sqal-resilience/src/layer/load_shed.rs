//! [`LoadShedLayer`]: refuses calls while the service below is not ready, instead of waiting.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{AtResponse, FromRefusal, Refusable, release};
use crate::{Rejected, rejected::Reason};

/// Refuses calls that cannot begin at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadShedLayer;

impl<S> Layer<S> for LoadShedLayer {
    type Service = LoadShedService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LoadShedService { inner, ready: false }
    }
}

/// The service of a [`LoadShedLayer`]; it is always ready.
#[derive(Debug)]
pub struct LoadShedService<S> {
    inner: S,
    ready: bool,
}

impl<S: Clone> Clone for LoadShedService<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), ready: false }
    }
}

impl<S, Request> Service<Request> for LoadShedService<S>
where
    S: Service<Request> + Clone,
    S::Error: FromRefusal,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Refusable<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if !self.ready {
            match self.inner.poll_ready(context) {
                Poll::Ready(Ok(())) => self.ready = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        if std::mem::take(&mut self.ready) {
            Refusable::called(self.inner.call(request), (), AtResponse)
        } else {
            // The service below may wait in a queue for this call, and would be given a place that
            // is not used.
            release(&mut self.inner);
            Refusable::refused(Rejected::because(Reason::Overloaded), AtResponse)
        }
    }
}
