//! [`TimedBody`]: a body that ends in time, or breaks off.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Sleep, sleep};

use super::BodyError;
use crate::TimedOut;

pin_project! {
    /// A body that has so long for all of it, counted from when it was first found not ready. A time limit for a call ends with the head of the response;
    /// this one is for the rest.
    pub struct TimedBody<B> {
        #[pin]
        body: B,
        limit: Duration,
        #[pin]
        sleep: Option<Unconstrained<Sleep>>,
    }
}

impl<B> TimedBody<B> {
    /// A body with a limit.
    pub const fn new(body: B, limit: Duration) -> Self {
        Self { body, limit, sleep: None }
    }
}

impl<B: std::fmt::Debug> std::fmt::Debug for TimedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimedBody").field("body", &self.body).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<B: Body> Body for TimedBody<B> {
    type Data = B::Data;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Inner)));
        }
        if this.sleep.is_none() {
            this.sleep.set(Some(unconstrained(sleep(*this.limit))));
        }
        match this.sleep.as_mut().as_pin_mut().map(|sleep| sleep.poll(context)) {
            Some(Poll::Ready(())) => Poll::Ready(Some(Err(BodyError::TimedOut(TimedOut { after: *this.limit })))),
            _ => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
