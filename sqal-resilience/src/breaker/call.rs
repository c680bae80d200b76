//! Calls through a breaker: ask, act, classify and report in one step.

use super::Breaker;
use crate::{CallError, Classify, Clock, ErrorIsFailure};

impl<C: Clock> Breaker<C> {
    /// Calls `f` if the breaker allows; an error counts as a failure, and so does a panic, which goes on.
    ///
    /// ```
    /// use sqal_resilience::{Breaker, BreakerConfig, CallError, SystemClock};
    ///
    /// let breaker = Breaker::new(BreakerConfig::default(), SystemClock)?;
    /// let number = breaker.call_sync(|| "42".parse::<u8>());
    /// assert_eq!(number, Ok(42));
    /// assert!(matches!(breaker.call_sync(|| "many".parse::<u8>()), Err(CallError::Inner(_))));
    /// # Ok::<(), sqal_resilience::InvalidBreaker>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CallError::Rejected`] if the breaker refuses, [`CallError::Inner`] with the error of `f`.
    pub fn call_sync<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_sync_with(&ErrorIsFailure, f)
    }

    /// The same with a say in what counts: a request that was itself wrong is a success of the target, for it answered.
    ///
    /// # Errors
    ///
    /// As [`Breaker::call_sync`].
    pub fn call_sync_with<T, E>(
        &self,
        classify: &impl Classify<T, E>,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        let permit = self.acquire()?;
        let result = f();
        permit.report(classify.classify(&result));
        result.map_err(CallError::Inner)
    }

    /// Calls an asynchronous `f` if the breaker allows; a future that is dropped before its end frees its permit at once.
    ///
    /// # Errors
    ///
    /// As [`Breaker::call_sync`].
    pub async fn call<T, E, F: Future<Output = Result<T, E>>>(&self, f: impl FnOnce() -> F) -> Result<T, CallError<E>> {
        self.call_with(&ErrorIsFailure, f).await
    }

    /// The same with a say in what counts.
    ///
    /// # Errors
    ///
    /// As [`Breaker::call_sync`].
    pub async fn call_with<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        classify: &impl Classify<T, E>,
        f: impl FnOnce() -> F,
    ) -> Result<T, CallError<E>> {
        let permit = self.acquire()?;
        let result = f().await;
        permit.report(classify.classify(&result));
        result.map_err(CallError::Inner)
    }
}
