//! [`Alarm`]: a time limit that reads no clock and sets no timer before it is polled.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// Ends `limit` after its first poll, or `limit` after an earlier beginning. Before the first
    /// poll it neither reads the clock nor sets a timer.
    pub(crate) struct Alarm {
        limit: Duration,
        began: Option<Instant>,
        // Polled outside tokio's budget: a task that uses up its budget at every poll must still
        // reach its time limit.
        #[pin]
        sleep: Option<Unconstrained<Sleep>>,
    }
}

impl Alarm {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, began: None, sleep: None }
    }

    /// Sets when the wait began; `None`: at the first poll.
    pub(crate) fn since(self, began: Option<Instant>) -> Self {
        Self { began, ..self }
    }

    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }
}

impl Future for Alarm {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.limit.is_zero() {
            return Poll::Ready(());
        }
        if this.sleep.is_none() {
            // A time that no clock reaches needs no timer.
            let Some(end) = this.began.unwrap_or_else(Instant::now).checked_add(*this.limit) else {
                return Poll::Pending;
            };
            this.sleep.set(Some(unconstrained(sleep_until(end))));
        }
        this.sleep.as_pin_mut().map_or(Poll::Pending, |sleep| sleep.poll(context))
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alarm").field("limit", &self.limit).field("began", &self.began).finish_non_exhaustive()
    }
}
