//! [`AcquireOwned`]: the wait for a place that owns its bulkhead, as a type with a name.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::line::Waiting;
use super::{Bulkhead, OwnedBulkheadPermit};
use crate::{Clock, Reason, Rejected, Timeout, timeout};

pin_project! {
    /// The future of [`Bulkhead::acquire_owned`]: it looks for a place when it is polled first.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct AcquireOwned<C: Clock> {
        bulkhead: Arc<Bulkhead<C>>,
        #[pin]
        waiting: Option<Timeout<Waiting<Arc<Bulkhead<C>>, C>>>,
    }
}

impl<C: Clock> AcquireOwned<C> {
    pub(super) const fn new(bulkhead: Arc<Bulkhead<C>>) -> Self {
        Self { bulkhead, waiting: None }
    }
}

impl<C: Clock> Future for AcquireOwned<C> {
    type Output = Result<OwnedBulkheadPermit<C>, Rejected>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.waiting.is_none() {
            match this.bulkhead.enter() {
                Err(_) if this.bulkhead.has_line() => {
                    let waiting = Bulkhead::stand_in_line(Arc::clone(this.bulkhead))?;
                    this.waiting.set(Some(timeout(this.bulkhead.config.max_wait, waiting)));
                }
                entered => {
                    return Poll::Ready(entered.map(|()| OwnedBulkheadPermit { bulkhead: Arc::clone(this.bulkhead) }));
                }
            }
        }
        let Some(waiting) = this.waiting.as_mut().as_pin_mut() else { return Poll::Pending };
        let served = ready!(waiting.poll(context)).unwrap_or_else(|_| Err(Rejected::because(Reason::QueueTimeout)));
        this.waiting.set(None);
        Poll::Ready(served.map(|()| OwnedBulkheadPermit { bulkhead: Arc::clone(this.bulkhead) }))
    }
}
