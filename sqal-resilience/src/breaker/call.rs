//! Calls through a breaker: acquire, call, classify and report in one step.

use super::Breaker;
use crate::{
    CallError, Clock,
    classify::{Classify, ErrorIsFailure},
};

impl<C: Clock> Breaker<C> {
    /// Calls `f` if the breaker admits the call. An error counts as a failure. So does a panic,
    /// which is passed on.
    ///
    /// ```
    /// use sqal_resilience::{Breaker, BreakerConfig, CallError, SystemClock};
    ///
    /// let breaker = Breaker::new(BreakerConfig::default(), SystemClock)?;
    /// let number = breaker.call_sync(|| "42".parse::<u8>());
    /// assert_eq!(number, Ok(42));
    /// assert!(matches!(breaker.call_sync(|| "many".parse::<u8>()), Err(CallError::Inner(_))));
    /// # Ok::<(), sqal_resilience::breaker::InvalidBreaker>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CallError::Rejected`] if the breaker refuses, [`CallError::Inner`] with the error of `f`.
    pub fn call_sync<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_sync_with(&ErrorIsFailure, f)
    }

    /// Calls `f` if the breaker admits the call; `classify` decides what counts as a failure. A
    /// request that was itself wrong is a success of the target, because the target answered.
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

    /// Calls an asynchronous `f` if the breaker admits the call. A future that is dropped before
    /// its end frees its permit at once.
    ///
    /// # Errors
    ///
    /// As [`Breaker::call_sync`].
    pub async fn call<T, E, F: Future<Output = Result<T, E>>>(&self, f: impl FnOnce() -> F) -> Result<T, CallError<E>> {
        self.call_with(&ErrorIsFailure, f).await
    }

    /// Calls an asynchronous `f` if the breaker admits the call; `classify` decides what counts as
    /// a failure.
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
