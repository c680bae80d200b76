//! [`BulkheadLayer`]: a place for every call.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{AtResponse, FromRefusal, HandOver, release, told_once};
use crate::{
    Bulkhead, Clock, Rejected,
    bulkhead::{AcquireOwned, OwnedBulkheadPermit},
};

/// Gives every call a place in one [`Bulkhead`], with the queue that the bulkhead has.
#[derive(Debug)]
pub struct BulkheadLayer<C, H = AtResponse> {
    bulkhead: Arc<Bulkhead<C>>,
    hand_over: H,
}

impl<C> BulkheadLayer<C> {
    /// A layer that gives the place back when there is a response.
    pub const fn new(bulkhead: Arc<Bulkhead<C>>) -> Self {
        Self { bulkhead, hand_over: AtResponse }
    }
}

impl<C, H> BulkheadLayer<C, H> {
    /// The layer with another end of a call. A function that puts the permit into the body of the
    /// response holds the place until the body ends or is dropped.
    pub fn handing_over<J: Fn(T, OwnedBulkheadPermit<C>) -> R, T, R>(self, hand_over: J) -> BulkheadLayer<C, J>
    where
        C: Clock,
    {
        BulkheadLayer { bulkhead: self.bulkhead, hand_over }
    }
}

impl<C, H: Clone> Clone for BulkheadLayer<C, H> {
    fn clone(&self) -> Self {
        Self { bulkhead: Arc::clone(&self.bulkhead), hand_over: self.hand_over.clone() }
    }
}

impl<S, C, H: Clone> Layer<S> for BulkheadLayer<C, H> {
    type Service = BulkheadService<S, C, H>;

    fn layer(&self, inner: S) -> Self::Service {
        BulkheadService { inner, bulkhead: Arc::clone(&self.bulkhead), hand_over: self.hand_over.clone() }
    }
}

/// The service of a [`BulkheadLayer`].
#[derive(Debug)]
pub struct BulkheadService<S, C, H = AtResponse> {
    inner: S,
    bulkhead: Arc<Bulkhead<C>>,
    hand_over: H,
}

impl<S: Clone, C, H: Clone> Clone for BulkheadService<S, C, H> {
    fn clone(&self) -> Self {
        let (inner, bulkhead) = (self.inner.clone(), Arc::clone(&self.bulkhead));
        Self { inner, bulkhead, hand_over: self.hand_over.clone() }
    }
}

impl<S, Request, C, H> Service<Request> for BulkheadService<S, C, H>
where
    S: Service<Request> + Clone,
    S::Error: FromRefusal,
    C: Clock,
    H: HandOver<S::Response, OwnedBulkheadPermit<C>> + Clone,
{
    type Response = H::Response;
    type Error = S::Error;
    type Future = BulkheadFuture<S, Request, C, H>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let state = match self.bulkhead.try_acquire_owned() {
            Ok(permit) => State::Running { permit: Some(permit), inner: self.inner.call(request) },
            Err(_) if self.bulkhead.has_line() => {
                // A call that waits for a place must not hold the slot that the calls inside need.
                // It asks for a slot when it has a place.
                release(&mut self.inner);
                let then = Some((self.inner.clone(), request));
                State::Waiting { place: Arc::clone(&self.bulkhead).acquire_owned(), then }
            }
            Err(refused) => {
                release(&mut self.inner);
                State::Refused { refused: Some(refused) }
            }
        };
        BulkheadFuture { state, hand_over: self.hand_over.clone() }
    }
}

pin_project! {
    /// The future of a [`BulkheadService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BulkheadFuture<S: Service<R>, R, C: Clock, H> {
        #[pin]
        state: State<S, R, C>,
        hand_over: H,
    }
}

pin_project! {
    #[project = StateNow]
    enum State<S: Service<R>, R, C: Clock> {
        Waiting { #[pin] place: AcquireOwned<C>, then: Option<(S, R)> },
        Readying { permit: Option<OwnedBulkheadPermit<C>>, then: Option<(S, R)> },
        Running { permit: Option<OwnedBulkheadPermit<C>>, #[pin] inner: S::Future },
        Refused { refused: Option<Rejected> },
    }
}

impl<S: Service<R>, R, C: Clock, H> std::fmt::Debug for BulkheadFuture<S, R, C, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BulkheadFuture").finish_non_exhaustive()
    }
}

impl<S, R, C, H> Future for BulkheadFuture<S, R, C, H>
where
    S: Service<R>,
    S::Error: FromRefusal,
    C: Clock,
    H: HandOver<S::Response, OwnedBulkheadPermit<C>>,
{
    type Output = Result<H::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateNow::Waiting { place, then } => {
                    let permit = match ready!(place.poll(context)) {
                        Ok(permit) => permit,
                        Err(refused) => {
                            this.state.set(State::Refused { refused: None });
                            return Poll::Ready(Err(refused.into()));
                        }
                    };
                    State::Readying { permit: Some(permit), then: then.take() }
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
                    // An error gives the place back at once, a response as configured.
                    let permit = permit.take();
                    return match (result, permit) {
                        (Ok(response), Some(permit)) => Poll::Ready(Ok(this.hand_over.hand_over(response, permit))),
                        (Err(error), _) => Poll::Ready(Err(error)),
                        // The future was polled after its end, and its service answered again:
                        // there is no place to hand over.
                        (Ok(_), None) => Poll::Pending,
                    };
                }
                StateNow::Refused { refused } => return told_once(refused),
            };
            this.state.set(next);
        }
    }
}
