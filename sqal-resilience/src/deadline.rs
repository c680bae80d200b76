//! [`timeout`] and [`Deadline`]: time limits, for one call or for all that it calls.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::TimeoutError;
use crate::alarm::Alarm;

/// Waits for a future, at most for `limit` after the first poll that found it not ready.
///
/// If the future is ready at once, the clock is not read and no timer is set. If the result and the
/// end of the time come together, the result wins. On a timeout the future is dropped before the
/// error is returned. A future that computes without ever yielding cannot be interrupted: the error
/// comes when it yields.
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
    /// Counts the limit from an earlier instant, such as the beginning of a wait for the target to
    /// be ready.
    pub(crate) fn since(self, began: Option<Instant>) -> Self {
        Self { alarm: self.alarm.since(began), ..self }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimeoutError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let late = Err(TimeoutError { after: this.alarm.limit() });
        // After a timeout, every further poll returns the timeout again.
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

/// The instant by which an answer is of use, carried through everything that a task calls. An inner
/// limit shortens it and never extends it.
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
    /// No deadline.
    pub const NEVER: Self = Self(None);

    /// The deadline after `limit` from now. If no clock reaches that time, there is no deadline.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// The deadline of the current task; [`Deadline::NEVER`] outside [`Deadline::within`].
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_get().unwrap_or(Self::NEVER)
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// The time left. Zero if the deadline is over, `None` if there is no deadline. An outgoing
    /// request may give it to its target.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Waits for a future, at most until the earlier of this deadline and that of the task. The
    /// future and all that it calls see the earlier one as [`Deadline::current`].
    ///
    /// # Errors
    ///
    /// [`TimeoutError`] if the deadline comes first, with the time that was left at the beginning.
    pub async fn within<F: Future>(self, future: F) -> Result<F::Output, TimeoutError> {
        let deadline = self.earlier(Self::current());
        let limit = deadline.remaining().unwrap_or(Duration::MAX);
        // The limit counts from now on, not from the first poll that finds the future not ready.
        let now = deadline.0.map(|_| Instant::now());
        timeout(limit, CURRENT.scope(deadline, future)).since(now).await
    }
}
