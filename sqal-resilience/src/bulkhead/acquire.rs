//! [`AcquireOwned`]: the wait for a place, as types with names.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::line::Waiting;
use super::{Bulkhead, OwnedBulkheadPermit};
use crate::{Clock, Rejected, deadline::Timeout, rejected::Reason, timeout};

pin_project! {
    /// Enters the bulkhead, or waits in the queue for at most the time that the settings allow. It
    /// looks for a place when it is first polled. A caller that gets a place must give it back.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub(super) struct Enter<B: Deref<Target = Bulkhead<C>>, C: Clock> {
        bulkhead: B,
        #[pin]
        waiting: Option<Timeout<Waiting<B, C>>>,
    }
}

impl<B: Deref<Target = Bulkhead<C>>, C: Clock> Enter<B, C> {
    pub(super) const fn new(bulkhead: B) -> Self {
        Self { bulkhead, waiting: None }
    }
}

impl<B: Deref<Target = Bulkhead<C>> + Clone + Unpin, C: Clock> Future for Enter<B, C> {
    type Output = Result<(), Rejected>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.waiting.is_none() {
            match this.bulkhead.enter() {
                Err(_) if this.bulkhead.has_line() => {
                    let waiting = Bulkhead::stand_in_line(this.bulkhead.clone())?;
                    this.waiting.set(Some(timeout(this.bulkhead.config.max_wait, waiting)));
                }
                entered => return Poll::Ready(entered),
            }
        }
        let Some(waiting) = this.waiting.as_mut().as_pin_mut() else { return Poll::Pending };
        let served = ready!(waiting.poll(context));
        this.waiting.set(None);
        Poll::Ready(served.unwrap_or_else(|_| Err(Rejected::because(Reason::QueueTimeout))))
    }
}

pin_project! {
    /// The future of [`Bulkhead::acquire_owned`]. It looks for a place when it is first polled.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct AcquireOwned<C: Clock> {
        #[pin]
        enter: Enter<Arc<Bulkhead<C>>, C>,
    }
}

impl<C: Clock> AcquireOwned<C> {
    pub(super) const fn new(bulkhead: Arc<Bulkhead<C>>) -> Self {
        Self { enter: Enter::new(bulkhead) }
    }
}

impl<C: Clock> Future for AcquireOwned<C> {
    type Output = Result<OwnedBulkheadPermit<C>, Rejected>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut enter = self.project().enter;
        let entered = ready!(enter.as_mut().poll(context));
        Poll::Ready(entered.map(|()| OwnedBulkheadPermit { bulkhead: Arc::clone(&enter.bulkhead) }))
    }
}
