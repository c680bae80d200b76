//! [`timeout`] and [`Deadline`]: an end to waiting, for one call or for all that it calls.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::TimedOut;
use crate::alarm::Alarm;

/// Waits for a future, at most so long after it was first found not ready.
///
/// A future that is ready at once costs neither a look at the clock nor a timer. If result and end come together the result wins. On a timeout the
/// future is dropped before the error is returned. A future that computes without ever yielding cannot be interrupted: the error comes when it yields.
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::timeout;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// assert_eq!(timeout(Duration::from_secs(1), async { 42 }).await, Ok(42));
/// let never = timeout(Duration::from_secs(1), std::future::pending::<()>()).await;
/// assert_eq!(never.unwrap_err().after, Duration::from_secs(1));
/// # }
/// ```
#[inline]
pub const fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    Timeout { future: Some(future), alarm: Alarm::new(limit) }
}

pin_project! {
    /// The future of [`timeout`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<F> {
        #[pin]
        future: Option<F>,
        #[pin]
        alarm: Alarm,
    }
}

impl<F: Future> Timeout<F> {
    /// The same with a waiting that began earlier, such as for the target to be ready.
    pub(crate) fn since(self, began: Option<Instant>) -> Self {
        Self { alarm: self.alarm.since(began), ..self }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimedOut>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let late = Err(TimedOut { after: this.alarm.limit() });
        // After the end it goes on saying how it ended.
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(late) };
        if let Poll::Ready(result) = future.poll(context) {
            return Poll::Ready(Ok(result));
        }
        ready!(this.alarm.poll(context));
        this.future.set(None);
        Poll::Ready(late)
    }
}

tokio::task_local! {
    static CURRENT: Deadline;
}

/// The instant by which an answer is of use, carried through everything that a task calls: an inner limit shortens it and never extends it.
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::Deadline;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let answer = Deadline::after(Duration::from_secs(5)).within(async {
///     // Somewhere far below: ten seconds would be fine here, but five are left.
///     Deadline::after(Duration::from_secs(10)).within(async { Deadline::current().remaining() }).await
/// });
/// assert_eq!(answer.await.unwrap().unwrap(), Some(Duration::from_secs(5)));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// None.
    pub const NEVER: Self = Self(None);

    /// So long from now on; a time that no clock reaches is none.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// The deadline of the task that asks; none outside [`Deadline::within`].
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_get().unwrap_or(Self::NEVER)
    }

    /// The earlier of two.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// The time left, zero if it is over; `None` if there is no deadline. It is what an outgoing request may tell its target.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Waits for a future at most until this deadline and that of the task; the future and all that it calls see the earlier one as
    /// [`Deadline::current`].
    ///
    /// # Errors
    ///
    /// [`TimedOut`] with the time that was left at the beginning.
    pub async fn within<F: Future>(self, future: F) -> Result<F::Output, TimedOut> {
        let deadline = self.earlier(Self::current());
        let limit = deadline.remaining().unwrap_or(Duration::MAX);
        // From now on, not from the first poll that brings nothing.
        let now = deadline.0.map(|_| Instant::now());
        timeout(limit, CURRENT.scope(deadline, future)).since(now).await
    }
}
