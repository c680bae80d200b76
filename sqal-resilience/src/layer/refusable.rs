//! [`Refusable`]: the response of a service, or a refusal in its place.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{AtResponse, HandOver, told_once};
use crate::Rejected;

pin_project! {
    /// The future of a call that may have been refused. A guard lives as long as the call.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Refusable<F, G = (), H = AtResponse> {
        #[pin]
        inner: Option<F>,
        refused: Option<Rejected>,
        guard: Option<G>,
        hand_over: H,
    }
}

impl<F, G, H> Refusable<F, G, H> {
    pub(super) const fn called(inner: F, guard: G, hand_over: H) -> Self {
        Self { inner: Some(inner), refused: None, guard: Some(guard), hand_over }
    }

    pub(super) const fn refused(refused: Rejected, hand_over: H) -> Self {
        Self { inner: None, refused: Some(refused), guard: None, hand_over }
    }
}

impl<T, E, F, G, H> Future for Refusable<F, G, H>
where
    E: From<Rejected>,
    F: Future<Output = Result<T, E>>,
    H: HandOver<T, G>,
{
    type Output = Result<H::Response, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return told_once(this.refused);
        };
        let result = ready!(inner.poll(context));
        this.inner.set(None);
        // An error ends the call at once, a response as configured.
        let guard = this.guard.take();
        match (result, guard) {
            (Ok(response), Some(guard)) => Poll::Ready(Ok(this.hand_over.hand_over(response, guard))),
            (Err(error), _) => Poll::Ready(Err(error)),
            // There is a guard as long as there is a call.
            (Ok(_), None) => Poll::Pending,
        }
    }
}
