//! [`GuardedStore`]: a store behind a circuit breaker, so that calls to an unavailable database
//! fail at once.

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_resilience::{
    Breaker, BreakerConfig, Clock, Outcome,
    breaker::{InvalidBreaker, Observer, State},
};

use crate::{
    Inserted, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};

/// A decorator: calls pass while the breaker of their kind allows them.
///
/// Writing and reading have a breaker each: a full disk can still be read, and a storm of readers
/// must not stop the line. For writing, every transient error counts against the store. For
/// reading, [`StorageErrorKind::Busy`] does not count: it shows that many callers read, not that
/// the store is down. An error that is not transient, for example a refused content, counts against
/// neither breaker. If a write succeeds after the breaker for writing was open, the store is back,
/// and an open breaker for reading probes at once.
#[derive(Debug)]
pub struct GuardedStore<S, C> {
    store: S,
    writing: Breaker<C>,
    reading: Breaker<C>,
}

impl<S: SampleStore, C: Clock + Clone + 'static> GuardedStore<S, C> {
    /// A store behind closed breakers.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the setting that is not valid.
    pub fn new(store: S, writing: BreakerConfig, reading: BreakerConfig, clock: C) -> Result<Self, InvalidBreaker> {
        Ok(Self { store, writing: Breaker::new(writing, clock.clone())?, reading: Breaker::new(reading, clock)? })
    }

    /// Adds observers of the breaker for writing and of the breaker for reading, for example a
    /// gauge or a log.
    #[must_use]
    pub fn observed_by(self, writing: impl Observer + 'static, reading: impl Observer + 'static) -> Self {
        Self {
            writing: self.writing.observed_by(writing),
            reading: self.reading.observed_by(reading),
            store: self.store,
        }
    }

    /// The states of the breakers for writing and for reading.
    #[must_use]
    pub fn states(&self) -> [State; 2] {
        [self.writing.state(), self.reading.state()]
    }
}

/// Calls the store if its breaker allows, and reports the outcome to the breaker.
async fn call<T, C: Clock>(
    breaker: &Breaker<C>,
    counts: fn(&StorageError) -> Outcome,
    call: impl Future<Output = Result<T, StorageError>> + Send,
) -> Result<T, StorageError> {
    let permit = breaker.acquire().map_err(|refused| StorageError {
        retry_after: refused.retry_after,
        ..StorageError::new("breaker", StorageErrorKind::Unavailable)
    })?;
    let result = call.await;
    permit.report(result.as_ref().map_or_else(counts, |_| Outcome::Success));
    result
}

fn while_writing(error: &StorageError) -> Outcome {
    if error.is_transient() { Outcome::Failure } else { Outcome::Success }
}

fn while_reading(error: &StorageError) -> Outcome {
    if error.kind == StorageErrorKind::Busy { Outcome::Ignored } else { while_writing(error) }
}

#[async_trait]
impl<S: SampleStore, C: Clock + Clone + 'static> SampleStore for GuardedStore<S, C> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let was = self.writing.state();
        let result = call(&self.writing, while_writing, self.store.insert(batch)).await;
        if was != State::Closed && result.is_ok() && self.reading.state() == State::Open {
            self.reading.force_half_open();
        }
        result
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        call(&self.reading, while_reading, self.store.get(id)).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        call(&self.reading, while_reading, self.store.query(query)).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        call(&self.reading, while_reading, self.store.hourly(query)).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        call(&self.reading, while_reading, self.store.by_device(query)).await
    }

    /// Calls the store without the breaker: a health check must see a recovery that the breaker has
    /// not tried yet.
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}
