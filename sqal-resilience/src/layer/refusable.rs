//! [`Refusable`]: the response of a service, or a refusal in its place.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::Rejected;

pin_project! {
    /// The future of a call that may have been refused; a guard lives as long as the call.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Refusable<F, G = ()> {
        #[pin]
        inner: Option<F>,
        refused: Option<Rejected>,
        guard: Option<G>,
    }
}

impl<F, G> Refusable<F, G> {
    pub(super) const fn called(inner: F, guard: G) -> Self {
        Self { inner: Some(inner), refused: None, guard: Some(guard) }
    }

    pub(super) const fn refused(refused: Rejected) -> Self {
        Self { inner: None, refused: Some(refused), guard: None }
    }
}

impl<T, E: From<Rejected>, F: Future<Output = Result<T, E>>, G> Future for Refusable<F, G> {
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(inner) = this.inner.as_pin_mut() {
            let result = ready!(inner.poll(context));
            *this.guard = None;
            return Poll::Ready(result);
        }
        // A refusal is told once; polled again, it has nothing more to say.
        this.refused.take().map_or(Poll::Pending, |refused| Poll::Ready(Err(refused.into())))
    }
}
