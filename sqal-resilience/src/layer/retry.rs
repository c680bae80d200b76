//! [`RetryLayer`]: calls a service again, by a policy.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use super::take_ready;
use crate::budget::Call;
use crate::random::{Random, fresh_seed};
use crate::retry::Tries;
use crate::{
    Clock, RetryBudget, RetryPolicy, SystemClock,
    classify::{Again, ByRequest, EveryError, WorthIt},
};

/// How a request is made again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make a request of the type `{Request}` again",
    label = "this request cannot be copied by `{Self}`",
    note = "`ReplayClone`, the default, needs a request that is `Clone`; `RetryLayer::replayed_by` takes a function that copies it",
    note = "a request of HTTP with a body is made again with `sqal_resilience::body::ReplayBody` (feature `http-body`)"
)]
pub trait Replay<Request> {
    /// A copy of the request for another try. `None` if there is no copy, for example because the
    /// body was too large to keep. Called before each call that may be followed by another one.
    fn replay(&self, request: &Request) -> Option<Request>;

    /// Whether a request that was kept for another try can still be made: a body may have outgrown
    /// what is kept of it. Called before each further try.
    fn is_whole(&self, kept: &Request) -> bool {
        let _ = kept;
        true
    }
}

/// Clones the request for another try.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayClone;

impl<Request: Clone> Replay<Request> for ReplayClone {
    fn replay(&self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<Request, F: Fn(&Request) -> Option<Request>> Replay<Request> for F {
    fn replay(&self, request: &Request) -> Option<Request> {
        self(request)
    }
}

/// Calls again after a failure, by a [`RetryPolicy`], when the service below is ready again.
///
/// If several such layers are around each other in one task, only the outermost one that can try
/// again does so. Three tries at three levels are then three tries and not twenty-seven. Layers do
/// not know of each other over a spawned task or a `tower::buffer`.
///
/// After the deadline of the policy, no other try is begun. To cut a try that is under way, put a
/// [`TimeoutLayer`](super::TimeoutLayer) outside.
#[derive(Debug)]
pub struct RetryLayer<W = EveryError, P = ReplayClone, C = SystemClock> {
    policy: RetryPolicy,
    when: W,
    replay: P,
    budget: Option<Arc<RetryBudget<C>>>,
}

impl RetryLayer<EveryError> {
    /// A layer that takes every error for worth another try, and clones requests.
    #[must_use]
    pub const fn new(policy: RetryPolicy) -> Self {
        Self { policy, when: EveryError, replay: ReplayClone, budget: None }
    }
}

impl<W, P, C> RetryLayer<W, P, C> {
    /// Decides by a function which results are worth another try. A response can be worth one, too.
    pub fn when<T, E, V: Fn(&Result<T, E>) -> Again>(self, when: V) -> RetryLayer<V, P, C> {
        self.judged_by(when)
    }

    /// Decides by a function of the request and its result whether another try is worth it. For
    /// example, a POST may be made again if its connection was refused, and not if its answer was
    /// lost ([`Idempotency::may_repeat`](crate::Idempotency::may_repeat)). The request is the one
    /// that was kept for the next try.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sqal_resilience::layer::RetryLayer;
    /// use sqal_resilience::{classify::Again, Backoff, Idempotency, RetryPolicy, idempotency::Sent};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// #[derive(Debug, PartialEq)]
    /// enum Failed { ToConnect, ToAnswer }
    ///
    /// let tries = std::cell::Cell::new(0);
    /// let target = service_fn(|_: &str| {
    ///     tries.set(tries.get() + 1);
    ///     std::future::ready(if tries.get() == 1 { Err(Failed::ToConnect) } else { Err::<(), _>(Failed::ToAnswer) })
    /// });
    /// let policy = RetryPolicy::new(3, Backoff::new(Duration::from_millis(250), Duration::from_secs(30))?);
    /// let retry = RetryLayer::new(policy).when_request(|method: &&str, result: &Result<(), Failed>| {
    ///     let Err(failed) = result else { return Again::Never };
    ///     let sent = if *failed == Failed::ToConnect { Sent::No } else { Sent::Perhaps };
    ///     if Idempotency::of_method(method, None).may_repeat(sent) { Again::Yes } else { Again::Never }
    /// });
    /// assert_eq!(retry.layer(target).oneshot("POST").await, Err(Failed::ToAnswer));
    /// assert_eq!(tries.get(), 2); // the refused connection was tried again, the lost answer was not
    /// # Ok(())
    /// # }
    /// ```
    pub fn when_request<R, T, E, V>(self, when: V) -> RetryLayer<ByRequest<V>, P, C>
    where
        V: Fn(&R, &Result<T, E>) -> Again,
    {
        self.judged_by(ByRequest(when))
    }

    /// Sets what decides which results are worth another try.
    pub fn judged_by<V>(self, when: V) -> RetryLayer<V, P, C> {
        RetryLayer { policy: self.policy, when, replay: self.replay, budget: self.budget }
    }

    /// Sets how a request is made again.
    pub fn replayed_by<Q>(self, replay: Q) -> RetryLayer<W, Q, C> {
        RetryLayer { policy: self.policy, when: self.when, replay, budget: self.budget }
    }

    /// Pays for every retry from a budget.
    pub fn paid_from<D: Clock>(self, budget: Arc<RetryBudget<D>>) -> RetryLayer<W, P, D> {
        RetryLayer { policy: self.policy, when: self.when, replay: self.replay, budget: Some(budget) }
    }
}

impl<W: Clone, P: Clone, C> Clone for RetryLayer<W, P, C> {
    fn clone(&self) -> Self {
        let (when, replay) = (self.when.clone(), self.replay.clone());
        Self { policy: self.policy, when, replay, budget: self.budget.clone() }
    }
}

impl<S, W: Clone, P: Clone, C> Layer<S> for RetryLayer<W, P, C> {
    type Service = RetryService<S, W, P, C>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryService { inner, of: self.clone() }
    }
}

/// The service of a [`RetryLayer`].
#[derive(Debug)]
pub struct RetryService<S, W = EveryError, P = ReplayClone, C = SystemClock> {
    inner: S,
    of: RetryLayer<W, P, C>,
}

impl<S: Clone, W: Clone, P: Clone, C> Clone for RetryService<S, W, P, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), of: self.of.clone() }
    }
}

tokio::task_local! {
    /// Set while an outer layer tries again: the inner ones then do not.
    static TRYING: ();
}

/// Runs `f`. If this layer may try again, inner layers do not.
fn scoped<T>(trying: bool, f: impl FnOnce() -> T) -> T {
    if trying { TRYING.sync_scope((), f) } else { f() }
}

impl<S, Request, W, P, C> Service<Request> for RetryService<S, W, P, C>
where
    S: Service<Request> + Clone,
    W: WorthIt<S::Response, S::Error, Request> + Clone,
    P: Replay<Request> + Clone,
    C: Clock,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RetryFuture<S, Request, W, P, C>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let alone = TRYING.try_with(|()| ()).is_err();
        let again = if alone && self.of.policy.max_retries > 0 { self.of.replay.replay(&request) } else { None };
        // A call of an inner layer is a try of the outer one, so it earns nothing.
        let paying = if alone { self.of.budget.clone().map(RetryBudget::begin_owned) } else { None };
        // The service that is ready makes the call, and is kept for the next try.
        let mut inner = take_ready(&mut self.inner);
        let trying = again.is_some();
        let running = scoped(trying, || inner.call(request));
        let began = self.of.policy.deadline.map(|_| Instant::now());
        RetryFuture {
            state: State::Running { inner: running },
            inner,
            again,
            tries: None,
            began,
            paying,
            trying,
            of: self.of.clone(),
        }
    }
}

pin_project! {
    /// The future of a [`RetryService`]. It ends with the first result that is not worth another
    /// try, or with the last one.
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<S: Service<R>, R, W, P, C: Clock> {
        #[pin]
        state: State<S::Future>,
        inner: S,
        // The request for the next try, if there may be one.
        again: Option<R>,
        tries: Option<Tries>,
        // Whether inner layers leave the retries to this one.
        trying: bool,
        began: Option<Instant>,
        paying: Option<Call<Arc<RetryBudget<C>>, C>>,
        of: RetryLayer<W, P, C>,
    }
}

pin_project! {
    #[project = StateNow]
    enum State<F> {
        Running { #[pin] inner: F },
        Sleeping { #[pin] sleep: Sleep },
        Readying,
    }
}

impl<S: Service<R>, R, W, P, C: Clock> std::fmt::Debug for RetryFuture<S, R, W, P, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetryFuture").field("tries", &self.tries).finish_non_exhaustive()
    }
}

impl<S, R, W, P, C> Future for RetryFuture<S, R, W, P, C>
where
    S: Service<R>,
    W: WorthIt<S::Response, S::Error, R>,
    P: Replay<R>,
    C: Clock,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateNow::Running { inner } => {
                    let result = ready!(scoped(*this.trying, || inner.poll(context)));
                    let Some(kept) = this.again.as_ref() else { return Poll::Ready(result) };
                    let again = this.of.when.again_for(kept, &result);
                    if again == Again::Never || !this.of.replay.is_whole(kept) {
                        return Poll::Ready(result);
                    }
                    let tries = this.tries.get_or_insert_with(|| Tries::new(&this.of.policy, Random(fresh_seed())));
                    let end = this.began.zip(this.of.policy.deadline).and_then(|(began, time)| began.checked_add(time));
                    match tries.next(&this.of.policy, again, end, || this.paying.as_mut().is_none_or(Call::retry)) {
                        Ok((_, wake)) => State::Sleeping { sleep: sleep_until(wake) },
                        Err(_) => return Poll::Ready(result),
                    }
                }
                StateNow::Sleeping { sleep } => {
                    ready!(sleep.poll(context));
                    State::Readying
                }
                StateNow::Readying => {
                    ready!(scoped(*this.trying, || this.inner.poll_ready(context)))?;
                    let Some(request) = this.again.take() else { return Poll::Pending };
                    let last = this.tries.as_ref().is_some_and(|tries| tries.begun() >= this.of.policy.max_retries);
                    *this.again = if last { None } else { this.of.replay.replay(&request) };
                    State::Running { inner: scoped(*this.trying, || this.inner.call(request)) }
                }
            };
            this.state.set(next);
        }
    }
}
