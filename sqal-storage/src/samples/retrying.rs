//! [`RetryingStore`]: a store whose reads are retried after transient errors, as the writer retries
//! writes (RTY-02).

use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_resilience::{
    Deadline, RetryPolicy,
    classify::Again,
    log::Causes,
    outage::Outage,
    retry::{RetryError, Retryable},
};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::{
    Inserted, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};

/// The longest duration of a read with all its tries.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest that a breaker may make a read wait for its next try.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A decorator: reads that fail with a [transient](StorageError::is_transient) error are retried.
///
/// All tries together end within the policy's deadline and within the [deadline](Deadline::current)
/// of the task, whichever is earlier. An open breaker states when it can be tried again: a read
/// does not wait for it longer than the policy allows. Writes are not retried here: the
/// [writer](crate::BatchWriter) retries them.
///
/// While reads fail, the log has one line when that begins, and one when a read succeeds again.
/// Each try that is followed by another one is logged at level debug.
#[derive(Debug)]
pub struct RetryingStore<S> {
    store: S,
    policy: RetryPolicy,
    /// The name of the store in the lines of the log.
    name: Option<String>,
    outage: Outage,
}

impl<S> RetryingStore<S> {
    /// A store whose reads are retried by a policy.
    #[must_use]
    pub const fn new(store: S, policy: RetryPolicy) -> Self {
        Self { store, policy, name: None, outage: Outage::calm_after(Outage::CALM) }
    }

    /// Names the store in the lines of the log: its host, without a password.
    #[must_use]
    pub fn with_store_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// A store whose reads are retried at most three times, first after 250 ms, for at most 10 s in
    /// all.
    #[must_use]
    pub fn usual(store: S) -> Self {
        let mut policy = RetryPolicy::default();
        policy.deadline = Some(PATIENCE);
        policy.max_retry_after = LONGEST_WAIT;
        Self::new(store, policy)
    }

    /// Runs a read with its tries, and tells the log if reads begin to fail or succeed again.
    async fn read<T, F>(&self, read: impl FnMut() -> F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>>,
    {
        let result = retry_read(self.policy, read).await;
        let (store, now) = (self.name.as_deref(), Instant::now().into_std());
        match &result {
            Ok(_) => {
                if let Some(recovery) = self.outage.succeeded(now) {
                    let (failures, seconds) = (recovery.failures, recovery.seconds());
                    info!(store, failures, seconds, "the store answers reads again");
                }
            }
            Err(error) => {
                if self.outage.failed(now) {
                    warn!(store, error = %Causes::of(error), "the store does not answer reads");
                }
            }
        }
        result
    }
}

/// Runs a read, and retries it after transient errors.
///
/// # Errors
///
/// The error of the last try; [`Busy`](StorageErrorKind::Busy) if the deadline passed during a try.
pub async fn retry_read<T, F>(mut policy: RetryPolicy, read: impl FnMut() -> F) -> Result<T, StorageError>
where
    F: Future<Output = Result<T, StorageError>>,
{
    policy.deadline = [policy.deadline, Deadline::current().remaining()].into_iter().flatten().min();
    let again = |error: &StorageError| match error.retry_after {
        _ if !error.is_transient() => Again::Never,
        Some(after) => Again::After(after),
        None => Again::Yes,
    };
    let tell = |attempt: u32, error: &StorageError, delay: Duration| {
        let error = Causes::of(error);
        debug!(attempt, %error, "Retrying a read of the store in {:.1} seconds", delay.as_secs_f64());
    };
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
        self.read(|| self.store.get(id)).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.read(|| self.store.query(query)).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.read(|| self.store.hourly(query)).await
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.read(|| self.store.by_device(query)).await
    }

    /// Pings once, without a retry: a probe reports the present state of the store.
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A store whose first reads fail, and whose later reads succeed.
    #[derive(Debug)]
    struct Away {
        store: MemoryStore,
        failures: AtomicU32,
        asked: AtomicU32,
        kind: StorageErrorKind,
        retry_after: Option<Duration>,
    }

    impl Away {
        fn for_reads(failures: u32, kind: StorageErrorKind, retry_after: Option<Duration>) -> RetryingStore<Self> {
            let (failures, asked) = (AtomicU32::new(failures), AtomicU32::new(0));
            RetryingStore::usual(Self { store: MemoryStore::new(), failures, asked, kind, retry_after })
        }

        fn read(&self) -> Result<(), StorageError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => {
                    let error = StorageError::new("away", self.kind.clone());
                    Err(StorageError { retry_after: self.retry_after, ..error })
                }
                Err(_) => Ok(()),
            }
        }
    }

    #[async_trait]
    impl SampleStore for Away {
        async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
            self.read()?;
            self.store.insert(batch).await
        }
        async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
            self.read()?;
            self.store.get(id).await
        }
        async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
            self.read()?;
            self.store.query(query).await
        }
        async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
            self.read()?;
            self.store.hourly(query).await
        }
        async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
            self.read()?;
            self.store.by_device(query).await
        }
        async fn ping(&self) -> Result<(), StorageError> {
            self.read()
        }
    }

    fn newest() -> SampleQuery {
        SampleQuery::newest(std::num::NonZeroU16::MIN)
    }

    #[tokio::test(start_paused = true)]
    async fn rty_02_a_read_is_tried_four_times_from_250_ms_on() {
        for kind in [StorageErrorKind::Unavailable, StorageErrorKind::Busy] {
            let store = Away::for_reads(3, kind.clone(), None);
            let begun = Instant::now();
            store.query(&newest()).await.unwrap();
            assert_eq!(store.store.asked.load(Ordering::SeqCst), 4);
            let waited = begun.elapsed();
            // 250, 500 and 1 000 ms, each half as much more or less.
            assert!(waited >= Duration::from_millis(875) && waited <= Duration::from_millis(2628), "{waited:?}");
            let store = Away::for_reads(4, kind.clone(), None);
            assert_eq!(store.query(&newest()).await.unwrap_err().kind, kind, "the last error is the caller's");
            assert_eq!(store.store.asked.load(Ordering::SeqCst), 4);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rty_02_what_another_try_cannot_help_is_not_tried_again() {
        let begun = Instant::now();
        for kind in [StorageErrorKind::Corrupt("x".to_owned()), StorageErrorKind::Internal, StorageErrorKind::FileGone]
        {
            let store = Away::for_reads(1, kind.clone(), None);
            assert_eq!(store.query(&newest()).await.unwrap_err().kind, kind);
        }
        // The time that a breaker states is respected, and waited for only if it is short.
        let minute = Some(Duration::from_mins(1));
        let store = Away::for_reads(1, StorageErrorKind::Unavailable, minute);
        assert_eq!(store.query(&newest()).await.unwrap_err().retry_after, minute);
        // Probes report the present state, and the writer retries writes.
        let store = Away::for_reads(1, StorageErrorKind::Unavailable, None);
        assert!(store.ping().await.is_err());
        let store = Away::for_reads(1, StorageErrorKind::Unavailable, None);
        assert!(store.insert(&[]).await.is_err());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn rty_02_tries_end_within_the_deadline_of_the_task() {
        let store = Away::for_reads(u32::MAX, StorageErrorKind::Unavailable, None);
        let begun = Instant::now();
        let tried = Deadline::after(Duration::from_millis(600)).within(store.query(&newest())).await.unwrap();
        assert!(tried.unwrap_err().is_transient());
        assert!(begun.elapsed() <= Duration::from_millis(600), "{:?}", begun.elapsed());
    }
}
