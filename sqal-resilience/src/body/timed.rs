//! [`TimedBody`]: a body that fails if it does not end within its time limit.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::BodyError;
use crate::TimeoutError;
use crate::alarm::Alarm;

pin_project! {
    /// A body with one time limit for all of it, counted from the first poll that found it not
    /// ready. A time limit for a call ends with the head of the response; this limit is for the
    /// rest.
    #[derive(Debug)]
    pub struct TimedBody<B> {
        #[pin]
        body: B,
        #[pin]
        alarm: Alarm,
    }
}

impl<B> TimedBody<B> {
    /// A body with this time limit.
    pub const fn new(body: B, limit: Duration) -> Self {
        Self { body, alarm: Alarm::new(limit) }
    }
}

impl<B: Body> Body for TimedBody<B> {
    type Data = B::Data;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Inner)));
        }
        let late = TimeoutError { after: this.alarm.limit() };
        this.alarm.poll(context).map(|()| Some(Err(BodyError::TimedOut(late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
