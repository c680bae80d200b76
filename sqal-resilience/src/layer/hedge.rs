//! [`HedgeLayer`]: a second call before the first has failed, against slow outliers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_layer::Layer;
use tower_service::Service;

use super::{Replay, ReplayClone, take_ready};
use crate::budget::Call;
use crate::{Clock, RetryBudget, SystemClock};

/// Calls a service once more if there is no answer after a delay, and takes the first success, as
/// [`hedge`](crate::hedge()) does for closures.
///
/// Use it only for requests that may be made twice. If [`replayed_by`](Self::replayed_by) gives no
/// second request, the call is not hedged. The second call is paid from the budget, and made when
/// the service below is ready again. A first call that fails is not hedged.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
/// use sqal_resilience::layer::HedgeLayer;
/// use sqal_resilience::{RetryBudget, SystemClock};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let budget = Arc::new(RetryBudget::new(0.2, NonZeroU32::MIN, NonZeroU32::MIN, SystemClock)?);
/// let calls = Arc::new(AtomicU32::new(0));
/// let target = service_fn(|key: u32| {
///     let slow = calls.fetch_add(1, Ordering::SeqCst) == 0;
///     async move {
///         tokio::time::sleep(Duration::from_millis(if slow { 9_000 } else { 10 })).await;
///         Ok::<_, std::io::Error>(key * 2)
///     }
/// });
/// let begun = tokio::time::Instant::now();
/// assert_eq!(HedgeLayer::new(Duration::from_millis(100), budget).layer(target).oneshot(21).await?, 42);
/// assert!(begun.elapsed() < Duration::from_millis(200));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HedgeLayer<C = SystemClock, P = ReplayClone> {
    delay: Duration,
    budget: Arc<RetryBudget<C>>,
    replay: P,
}

impl<C> HedgeLayer<C> {
    /// A layer that clones requests and calls again after this delay.
    pub const fn new(delay: Duration, budget: Arc<RetryBudget<C>>) -> Self {
        Self { delay, budget, replay: ReplayClone }
    }

    /// Sets how a request is made again, and which request is not.
    pub fn replayed_by<Q>(self, replay: Q) -> HedgeLayer<C, Q> {
        HedgeLayer { delay: self.delay, budget: self.budget, replay }
    }
}

impl<C, P: Clone> Clone for HedgeLayer<C, P> {
    fn clone(&self) -> Self {
        Self { delay: self.delay, budget: Arc::clone(&self.budget), replay: self.replay.clone() }
    }
}

impl<S, C, P: Clone> Layer<S> for HedgeLayer<C, P> {
    type Service = HedgeService<S, C, P>;

    fn layer(&self, inner: S) -> Self::Service {
        HedgeService { inner, of: self.clone() }
    }
}

/// The service of a [`HedgeLayer`].
#[derive(Debug)]
pub struct HedgeService<S, C = SystemClock, P = ReplayClone> {
    inner: S,
    of: HedgeLayer<C, P>,
}

impl<S: Clone, C, P: Clone> Clone for HedgeService<S, C, P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), of: self.of.clone() }
    }
}

impl<S, Request, C, P> Service<Request> for HedgeService<S, C, P>
where
    S: Service<Request> + Clone,
    C: Clock,
    P: Replay<Request>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = HedgeFuture<S, Request, C>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let again = self.of.replay.replay(&request);
        let call = Arc::clone(&self.of.budget).begin_owned();
        // The service that is ready makes the first call, and is kept for the second.
        let mut inner = take_ready(&mut self.inner);
        let first = inner.call(request);
        let second = match again {
            Some(request) => Second::Delayed { delay: sleep(self.of.delay), then: Some((inner, request)) },
            None => Second::None,
        };
        HedgeFuture { first: Some(first), second, call, failed: None }
    }
}

pin_project! {
    /// The future of a [`HedgeService`]. It ends with the first success, or with the last error.
    /// The call that lost is dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct HedgeFuture<S: Service<R>, R, C: Clock> {
        // `None` once the first call has ended.
        #[pin]
        first: Option<S::Future>,
        #[pin]
        second: Second<S, R>,
        call: Call<Arc<RetryBudget<C>>, C>,
        failed: Option<S::Error>,
    }
}

pin_project! {
    #[project = SecondNow]
    enum Second<S: Service<R>, R> {
        Delayed { #[pin] delay: Sleep, then: Option<(S, R)> },
        Readying { then: Option<(S, R)> },
        Running { #[pin] inner: S::Future },
        // There is no second call, or it has failed.
        None,
    }
}

impl<S: Service<R>, R, C: Clock> std::fmt::Debug for HedgeFuture<S, R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HedgeFuture").finish_non_exhaustive()
    }
}

impl<S: Service<R>, R, C: Clock> Future for HedgeFuture<S, R, C> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let first = this.first.as_mut().as_pin_mut().map(|first| first.poll(context));
        if let Some(Poll::Ready(result)) = first {
            this.first.set(None);
            match result {
                // If the second call has been paid for, its result counts.
                Err(error) if matches!(*this.second, Second::Readying { .. } | Second::Running { .. }) => {
                    *this.failed = Some(error);
                }
                result => {
                    this.second.set(Second::None);
                    return Poll::Ready(result);
                }
            }
        }
        loop {
            let next = match this.second.as_mut().project() {
                SecondNow::Delayed { delay, then } => {
                    if delay.poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    if this.call.retry() { Second::Readying { then: then.take() } } else { Second::None }
                }
                SecondNow::Readying { then } => {
                    let Some((service, _)) = then else { return Poll::Pending };
                    match service.poll_ready(context) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Err(error)) => {
                            *this.failed = Some(error);
                            Second::None
                        }
                        Poll::Ready(Ok(())) => {
                            let Some((mut service, request)) = then.take() else { return Poll::Pending };
                            Second::Running { inner: service.call(request) }
                        }
                    }
                }
                SecondNow::Running { inner } => match inner.poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => {
                        *this.failed = Some(error);
                        Second::None
                    }
                    Poll::Ready(Ok(response)) => {
                        this.first.set(None);
                        this.second.set(Second::None);
                        return Poll::Ready(Ok(response));
                    }
                },
                SecondNow::None => {
                    // The first call goes on, or both have failed.
                    return match this.failed.take() {
                        Some(error) if this.first.is_none() => Poll::Ready(Err(error)),
                        _ => Poll::Pending,
                    };
                }
            };
            this.second.set(next);
        }
    }
}
