//! [`RateLimitLayer`]: a token for every call.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{AtResponse, FromRefusal, Refusable, release};
use crate::{Clock, TokenBucket};

/// Takes one token of one [`TokenBucket`] for every call, whichever service makes it.
#[derive(Debug)]
pub struct RateLimitLayer<C>(Arc<TokenBucket<C>>);

impl<C> RateLimitLayer<C> {
    /// A layer before this bucket.
    pub const fn new(bucket: Arc<TokenBucket<C>>) -> Self {
        Self(bucket)
    }
}

impl<C> Clone for RateLimitLayer<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, C> Layer<S> for RateLimitLayer<C> {
    type Service = RateLimitService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService { inner, bucket: Arc::clone(&self.0) }
    }
}

/// The service of a [`RateLimitLayer`].
#[derive(Debug)]
pub struct RateLimitService<S, C> {
    inner: S,
    bucket: Arc<TokenBucket<C>>,
}

impl<S: Clone, C> Clone for RateLimitService<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), bucket: Arc::clone(&self.bucket) }
    }
}

impl<S, Request, C> Service<Request> for RateLimitService<S, C>
where
    S: Service<Request> + Clone,
    S::Error: FromRefusal,
    C: Clock,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Refusable<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        match self.bucket.take(1).into_result() {
            Ok(_) => Refusable::called(self.inner.call(request), (), AtResponse),
            Err(refused) => {
                release(&mut self.inner);
                Refusable::refused(refused, AtResponse)
            }
        }
    }
}
