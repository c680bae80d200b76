//! [`AdaptiveBulkheadLayer`]: a place for every call, in a bulkhead that finds its own limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{FromRefusal, release, told_once};
use crate::{
    AdaptiveBulkhead, Clock, Rejected,
    bulkhead::{AcquireOwned, OwnedAdaptivePermit},
    classify::{Classify, ErrorIsFailure},
    limit::Limit,
};

/// Gives every call a place in one [`AdaptiveBulkhead`], and reports to it how each call went.
///
/// A [`Classify`] judges what a result says about the load: a failure is a drop for overload. By
/// default every error is a failure. With [`ByCallError`](crate::classify::ByCallError), a refusal
/// of a layer below leaves the limit as it is.
#[derive(Debug)]
pub struct AdaptiveBulkheadLayer<L, C, K = ErrorIsFailure> {
    bulkhead: Arc<AdaptiveBulkhead<L, C>>,
    classify: K,
}

impl<L, C> AdaptiveBulkheadLayer<L, C> {
    /// A layer that takes an error for a drop and everything else for a success.
    pub const fn new(bulkhead: Arc<AdaptiveBulkhead<L, C>>) -> Self {
        Self { bulkhead, classify: ErrorIsFailure }
    }

    /// The layer with another judgement of results.
    pub fn judged_by<J>(self, classify: J) -> AdaptiveBulkheadLayer<L, C, J> {
        AdaptiveBulkheadLayer { bulkhead: self.bulkhead, classify }
    }
}

impl<L, C, K: Clone> Clone for AdaptiveBulkheadLayer<L, C, K> {
    fn clone(&self) -> Self {
        Self { bulkhead: Arc::clone(&self.bulkhead), classify: self.classify.clone() }
    }
}

impl<S, L, C, K: Clone> Layer<S> for AdaptiveBulkheadLayer<L, C, K> {
    type Service = AdaptiveBulkheadService<S, L, C, K>;

    fn layer(&self, inner: S) -> Self::Service {
        AdaptiveBulkheadService { inner, of: self.clone() }
    }
}

/// The service of an [`AdaptiveBulkheadLayer`].
#[derive(Debug)]
pub struct AdaptiveBulkheadService<S, L, C, K = ErrorIsFailure> {
    inner: S,
    of: AdaptiveBulkheadLayer<L, C, K>,
}

impl<S: Clone, L, C, K: Clone> Clone for AdaptiveBulkheadService<S, L, C, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), of: self.of.clone() }
    }
}

impl<S, Request, L, C, K> Service<Request> for AdaptiveBulkheadService<S, L, C, K>
where
    S: Service<Request> + Clone,
    S::Error: FromRefusal,
    L: Limit,
    C: Clock + Clone,
    K: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AdaptiveBulkheadFuture<S, Request, L, C, K>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let bulkhead = &self.of.bulkhead;
        let state = match bulkhead.try_acquire_owned() {
            Ok(permit) => State::Running { permit: Some(permit), inner: self.inner.call(request) },
            Err(_) if bulkhead.has_line() => {
                // A call that waits for a place must not hold the slot that the calls inside need.
                // It asks for a slot when it has a place.
                release(&mut self.inner);
                State::Waiting { place: bulkhead.line(), then: Some((self.inner.clone(), request)) }
            }
            Err(refused) => {
                release(&mut self.inner);
                State::Refused { refused: Some(refused) }
            }
        };
        AdaptiveBulkheadFuture { state, of: self.of.clone() }
    }
}

pin_project! {
    /// The future of an [`AdaptiveBulkheadService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct AdaptiveBulkheadFuture<S: Service<R>, R, L: Limit, C, K>
    where
        C: Clock,
        C: Clone,
    {
        #[pin]
        state: State<S, R, L, C>,
        of: AdaptiveBulkheadLayer<L, C, K>,
    }
}

pin_project! {
    #[project = StateNow]
    enum State<S: Service<R>, R, L: Limit, C>
    where
        C: Clock,
        C: Clone,
    {
        Waiting { #[pin] place: AcquireOwned<C>, then: Option<(S, R)> },
        Readying { permit: Option<OwnedAdaptivePermit<L, C>>, then: Option<(S, R)> },
        Running { permit: Option<OwnedAdaptivePermit<L, C>>, #[pin] inner: S::Future },
        Refused { refused: Option<Rejected> },
    }
}

impl<S: Service<R>, R, L: Limit, C: Clock + Clone, K> std::fmt::Debug for AdaptiveBulkheadFuture<S, R, L, C, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdaptiveBulkheadFuture").finish_non_exhaustive()
    }
}

impl<S, R, L, C, K> Future for AdaptiveBulkheadFuture<S, R, L, C, K>
where
    S: Service<R>,
    S::Error: FromRefusal,
    L: Limit,
    C: Clock + Clone,
    K: Classify<S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateNow::Waiting { place, then } => {
                    let place = match ready!(place.poll(context)) {
                        Ok(place) => place,
                        Err(refused) => {
                            this.state.set(State::Refused { refused: None });
                            return Poll::Ready(Err(refused.into()));
                        }
                    };
                    State::Readying { permit: Some(this.of.bulkhead.owned(place)), then: then.take() }
                }
                StateNow::Readying { permit, then } => {
                    let Some((inner, _)) = then else { return Poll::Pending };
                    if let Err(error) = ready!(inner.poll_ready(context)) {
                        this.state.set(State::Refused { refused: None });
                        return Poll::Ready(Err(error));
                    }
                    let Some((mut inner, request)) = then.take() else { return Poll::Pending };
                    State::Running { permit: permit.take(), inner: inner.call(request) }
                }
                StateNow::Running { permit, inner } => {
                    let result = ready!(inner.poll(context));
                    if let Some(permit) = permit.take() {
                        permit.report(this.of.classify.classify(&result));
                    }
                    return Poll::Ready(result);
                }
                StateNow::Refused { refused } => return told_once(refused),
            };
            this.state.set(next);
        }
    }
}
