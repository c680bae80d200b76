//! [`GuardedStore`]: a store behind a circuit breaker, so that a dead database costs nothing but an error.

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_resilience::{Breaker, BreakerConfig, Clock, Outcome, State};

use crate::{Inserted, Page, SampleQuery, SampleStore, StorageError, StorageErrorKind};

/// A decorator: calls pass while the breaker allows them; transient errors count against the store, refused content does not.
#[derive(Debug)]
pub struct GuardedStore<S, C> {
    store: S,
    breaker: Breaker<C>,
}

impl<S: SampleStore, C: Clock + 'static> GuardedStore<S, C> {
    /// A store behind a closed breaker.
    #[must_use]
    pub const fn new(store: S, config: BreakerConfig, clock: C) -> Self {
        Self { store, breaker: Breaker::new(config, clock) }
    }

    /// The breaker's state, for a metric.
    #[must_use]
    pub fn state(&self) -> State {
        self.breaker.state()
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, StorageError>> + Send) -> Result<T, StorageError> {
        let Ok(permit) = self.breaker.acquire() else {
            return Err(StorageError::new("breaker", StorageErrorKind::Unavailable));
        };
        let result = call.await;
        permit.report(match &result {
            Err(error) if error.is_transient() => Outcome::Failure,
            _ => Outcome::Success,
        });
        result
    }
}

#[async_trait]
impl<S: SampleStore, C: Clock + 'static> SampleStore for GuardedStore<S, C> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.call(self.store.insert(batch)).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.call(self.store.get(id)).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.call(self.store.query(query)).await
    }

    /// Asks the store itself: a health check must see a recovery that the breaker has not tried yet.
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}
