//! A store that fails at random, before or after it has done its work, and that counts what is
//! added to its queue.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sqal_core::Timestamp;
use sqal_storage::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKind, JobProgress, JobQuery, Lease, Leased, NewJob, WorkerName,
};
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::{MemoryStore, Queue, Records, StorageError, StorageErrorKind};

/// Numbers that look like chance and are the same at each run.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) const fn of(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below a bound (Steele and others 2014, `SplitMix64`).
    pub(crate) fn below(&self, bound: u64) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A memory store that may fail.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) inner: MemoryStore,
    dice: Dice,
    /// Whether one call in thirty fails.
    pub(crate) is_shaky: AtomicBool,
    /// The writes of records that succeed before all others fail.
    pub(crate) writes_left: AtomicU64,
    /// The jobs that were added, by key, with the times that a job of the key was added.
    added: Mutex<BTreeMap<String, (NewJob, u32)>>,
}

impl Store {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            inner: MemoryStore::new(),
            dice: Dice::of(seed),
            is_shaky: AtomicBool::new(false),
            writes_left: AtomicU64::new(u64::MAX),
            added: Mutex::default(),
        }
    }

    /// The jobs with a key that were added, each with the times that a job of its key was added.
    pub(crate) fn added(&self) -> Vec<(NewJob, u32)> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Does a call, or fails before or after it.
    async fn call<T>(&self, call: impl Future<Output = Result<T, StorageError>> + Send) -> Result<T, StorageError> {
        let fails = self.is_shaky.load(Ordering::Relaxed) && self.dice.below(30) == 0;
        if fails && self.dice.below(2) == 0 {
            return Err(away());
        }
        let done = call.await;
        if fails { Err(away()) } else { done }
    }
}

fn away() -> StorageError {
    StorageError::new("test", StorageErrorKind::Unavailable)
}

#[async_trait]
impl Queue for Store {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        self.call(async {
            let enqueued = self.inner.enqueue(job).await?;
            if let (Enqueued::Added(_), Some(key)) = (enqueued, job.key) {
                let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
                added.entry(key.to_string()).or_insert((job.clone(), 0)).1 += 1;
            }
            Ok(enqueued)
        })
        .await
    }

    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError> {
        self.inner.lease(kind, worker, now, until, limit).await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        self.inner.renew(lease, until, progress).await
    }

    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        self.inner.end(lease, at, end).await
    }

    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        self.inner.cancel(id, at).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        self.inner.job(id).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        self.inner.jobs(query).await
    }

    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        self.inner.count_jobs().await
    }

    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.call(self.inner.forget_jobs(kind, ended_before, limit)).await
    }
}

#[async_trait]
impl Records for Store {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        let left = |left: u64| left.checked_sub(1);
        self.writes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).map_err(|_| away())?;
        self.call(self.inner.write(draft, expected, now)).await
    }

    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        self.call(self.inner.record(collection, key, now)).await
    }

    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        self.inner.remove(collection, key, expected, now).await
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        self.call(self.inner.find(query, now)).await
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.inner.sweep(now, limit).await
    }
}
