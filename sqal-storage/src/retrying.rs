//! [`RetryingStore`]: a store whose reads are tried again when they fail for a moment, as writes are by the writer (RTY-02).

use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_resilience::{Again, Deadline, RetryError, RetryPolicy, Retryable};
use tracing::info;

use crate::{
    DeviceTally, Hourly, HourlyQuery, Inserted, Page, SampleQuery, SampleStore, StorageError, StorageErrorKind,
};

/// How long a read takes at most with all its tries.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest that a breaker may make a read wait for its next try.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A decorator: reads that fail with a [transient](StorageError::is_transient) error are tried again.
///
/// All tries together end within the policy's deadline and within the [deadline](Deadline::current) of the task, whichever is earlier. An open
/// breaker says when it can be tried again: a read does not wait for it longer than the policy allows. Writes are not tried again here: the
/// [writer](crate::BatchWriter) does that.
#[derive(Debug)]
pub struct RetryingStore<S> {
    store: S,
    policy: RetryPolicy,
}

impl<S> RetryingStore<S> {
    /// A store whose reads are tried as the policy says.
    #[must_use]
    pub const fn new(store: S, policy: RetryPolicy) -> Self {
        Self { store, policy }
    }

    /// A store whose reads are tried at most three times more, first after 250 ms, for 10 s all in all.
    #[must_use]
    pub fn usual(store: S) -> Self {
        let policy = RetryPolicy::default();
        Self::new(store, RetryPolicy { deadline: Some(PATIENCE), max_retry_after: LONGEST_WAIT, ..policy })
    }
}

/// Reads, and reads again while the store is away for a moment.
///
/// # Errors
///
/// The error of the last try; [`Busy`](StorageErrorKind::Busy) if the deadline passed during a try.
pub async fn retry_read<T, F>(policy: RetryPolicy, read: impl FnMut() -> F) -> Result<T, StorageError>
where
    F: Future<Output = Result<T, StorageError>>,
{
    let deadline = [policy.deadline, Deadline::current().remaining()].into_iter().flatten().min();
    let again = |error: &StorageError| match error.retry_after {
        _ if !error.is_transient() => Again::Never,
        Some(after) => Again::After(after),
        None => Again::Yes,
    };
    let tell = |attempt: u32, error: &StorageError, delay: Duration| {
        info!(attempt, ?error, ?delay, "a read failed and is tried again");
    };
    let policy = RetryPolicy { deadline, ..policy };
    match read.retry(policy).when(again).notify(tell).run().await {
        Ok(value) => Ok(value),
        Err(RetryError::Failed { error, .. }) => Err(error),
        Err(RetryError::DeadlinePassed { .. }) => Err(StorageError::new("retry", StorageErrorKind::Busy)),
    }
}

#[async_trait]
impl<S: SampleStore> SampleStore for RetryingStore<S> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.store.insert(batch).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        retry_read(self.policy, || self.store.get(id)).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        retry_read(self.policy, || self.store.query(query)).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        retry_read(self.policy, || self.store.hourly(query)).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        retry_read(self.policy, || self.store.by_device(query)).await
    }

    /// Asks once: a probe says how the store is now.
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}
