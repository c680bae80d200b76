//! [`BreakerLayer`]: calls a service only while its breaker admits calls.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{FromRefusal, release, told_once};
use crate::{
    Breaker, Clock, Outcome, Rejected,
    breaker::{Opening, OwnedPermit},
    classify::{Classify, ErrorIsFailure},
};

/// Puts one [`Breaker`] before every service that it wraps.
#[derive(Debug)]
pub struct BreakerLayer<C, K = ErrorIsFailure> {
    breaker: Arc<Breaker<C>>,
    classify: K,
}

impl<C> BreakerLayer<C> {
    /// A layer that takes an error for a failure and everything else for a success.
    pub const fn new(breaker: Arc<Breaker<C>>) -> Self {
        Self { breaker, classify: ErrorIsFailure }
    }
}

impl<C, K> BreakerLayer<C, K> {
    /// The layer with a function that judges results.
    pub fn classified_by<T, E, J: Fn(&Result<T, E>) -> Outcome>(self, classify: J) -> BreakerLayer<C, J> {
        self.judged_by(classify)
    }

    /// The layer with another judgement of results.
    pub fn judged_by<J>(self, classify: J) -> BreakerLayer<C, J> {
        BreakerLayer { breaker: self.breaker, classify }
    }
}

impl<C, K: Clone> Clone for BreakerLayer<C, K> {
    fn clone(&self) -> Self {
        Self { breaker: Arc::clone(&self.breaker), classify: self.classify.clone() }
    }
}

impl<S, C, K: Clone> Layer<S> for BreakerLayer<C, K> {
    type Service = BreakerService<S, C, K>;

    fn layer(&self, inner: S) -> Self::Service {
        BreakerService {
            inner,
            asked: false,
            ready: false,
            opening: None,
            breaker: Arc::clone(&self.breaker),
            classify: self.classify.clone(),
        }
    }
}

/// The service of a [`BreakerLayer`].
#[derive(Debug)]
pub struct BreakerService<S, C, K = ErrorIsFailure> {
    inner: S,
    /// Whether the service below was asked, and (`ready`) whether it has answered that it is ready.
    asked: bool,
    ready: bool,
    /// Wakes the task that waits for the service below when the breaker opens.
    opening: Option<Opening<C>>,
    breaker: Arc<Breaker<C>>,
    classify: K,
}

impl<S: Clone, C, K: Clone> Clone for BreakerService<S, C, K> {
    fn clone(&self) -> Self {
        let (inner, breaker, classify) = (self.inner.clone(), Arc::clone(&self.breaker), self.classify.clone());
        // A clone has reserved nothing.
        Self { inner, asked: false, ready: false, opening: None, breaker, classify }
    }
}

impl<S, Request, C, K> Service<Request> for BreakerService<S, C, K>
where
    S: Service<Request> + Clone,
    S::Error: FromRefusal,
    C: Clock,
    K: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BreakerFuture<S::Future, C, K>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // A call that will be refused does not need a ready service.
        if self.ready || self.breaker.refuses() {
            self.opening = None;
            return Poll::Ready(Ok(()));
        }
        self.asked = true;
        let Poll::Ready(answer) = self.inner.poll_ready(context) else {
            let opening = self.opening.get_or_insert_with(|| self.breaker.opening());
            if Pin::new(opening).poll(context).is_ready() {
                self.opening = None;
                return Poll::Ready(Ok(()));
            }
            return Poll::Pending;
        };
        self.opening = None;
        self.ready = answer.is_ok();
        let Err(error) = answer else { return Poll::Ready(Ok(())) };
        // A target that cannot be made ready has failed.
        let failed = Err(error);
        if let Ok(permit) = self.breaker.acquire() {
            permit.report(self.classify.classify(&failed));
        }
        Poll::Ready(failed.map(|_: S::Response| ()))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let classify = self.classify.clone();
        match self.breaker.acquire_owned() {
            Ok(permit) if self.ready => {
                (self.asked, self.ready) = (false, false);
                BreakerFuture { inner: Some(self.inner.call(request)), permit: Some(permit), refused: None, classify }
            }
            Ok(permit) => {
                // The breaker would have refused a moment ago, so the service below was not made
                // ready. The next call is the probe.
                permit.report(Outcome::Ignored);
                self.forget();
                let refused = Rejected::until(crate::rejected::Reason::CircuitOpen, std::time::Duration::ZERO);
                BreakerFuture { inner: None, permit: None, refused: Some(refused), classify }
            }
            Err(refused) => {
                self.forget();
                BreakerFuture { inner: None, permit: None, refused: Some(refused), classify }
            }
        }
    }
}

impl<S: Clone, C, K> BreakerService<S, C, K> {
    /// Gives back what the service below has reserved, or still waits for.
    fn forget(&mut self) {
        if self.asked {
            release(&mut self.inner);
        }
        (self.asked, self.ready) = (false, false);
    }
}

pin_project! {
    /// The future of a [`BreakerService`]. If it is dropped before its end, it frees its permit at
    /// once.
    #[must_use = "futures do nothing unless polled"]
    pub struct BreakerFuture<F, C: Clock, K> {
        #[pin]
        inner: Option<F>,
        permit: Option<OwnedPermit<C>>,
        refused: Option<Rejected>,
        classify: K,
    }
}

impl<F, C: Clock, K> std::fmt::Debug for BreakerFuture<F, C, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BreakerFuture").field("refused", &self.refused).finish_non_exhaustive()
    }
}

impl<T, E, F, C, K> Future for BreakerFuture<F, C, K>
where
    E: From<Rejected>,
    F: Future<Output = Result<T, E>>,
    C: Clock,
    K: Classify<T, E>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(inner) = this.inner.as_pin_mut() {
            let result = ready!(inner.poll(context));
            if let Some(permit) = this.permit.take() {
                permit.report(this.classify.classify(&result));
            }
            return Poll::Ready(result);
        }
        told_once(this.refused)
    }
}
