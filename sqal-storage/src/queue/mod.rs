//! [`Queue`]: work that is done at least once, and by one worker at a time.

mod job;
mod new_job;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::num::NonZeroU16;

use async_trait::async_trait;
use sqal_core::Timestamp;
use tracing::warn;

use crate::StorageError;

pub use job::{
    InvalidJobId, InvalidJobState, Job, JobCount, JobEnd, JobId, JobKey, JobKind, JobProgress, JobQuery, JobState,
    Lease, LeaseEnd, Leased, WorkerName,
};
pub(crate) use new_job::check_text;
pub use new_job::{Enqueued, NewJob};

/// Why a job has failed whose worker has not ended its last attempt: the worker was killed, or lost
/// its database.
pub(crate) const LEASE_ENDED: &str = "the lease of the last attempt has ended, and the worker has not ended the job";

/// Logs that a job has failed by the end of its last lease. No run has seen that end, so every
/// queue logs it for each such job.
pub(crate) fn log_lease_ended(kind: &JobKind, job: JobId, attempts: i64) {
    warn!(%kind, %job, attempts, failure = LEASE_ENDED, "a job has failed for good");
}

/// Keeps work until a worker has done it; the memory store, SQLite and PostgreSQL implement it.
///
/// A worker leases a job for a time, renews the lease while it works, and ends the job. If the
/// worker dies, the lease ends and another worker takes the job: a job may be worked on more than
/// once, and its work must bear that. Each lease has its own number, so a worker whose lease has
/// passed to another changes nothing any more.
///
/// Times are arguments, read from the clocks of the servers. A server whose clock runs ahead takes
/// over leases too early: two workers then work at once, and only one of them can end the job.
///
/// # Laws
///
/// Each is a test in `conformance` that every queue runs.
///
/// 1. *What was enqueued is there*, equal in every field, until it is forgotten; a lease gives it
///    to its worker, with the trace that the job follows.
/// 2. *A key is unique in its kind*: enqueuing a known key again, also that of an ended job, adds
///    and changes nothing, and returns the job that is there. Of callers that enqueue one key at
///    once, one adds it. Jobs without a key are all different.
/// 3. *One worker at a time*: a due job is leased to one of all workers that ask, and to no other
///    before the lease ends. A job is leased from its due time on and not earlier, the job that is
///    due longest first, and only for its own kind.
/// 4. *A lease that has ended passes on*: at its end another worker may lease the job, with a new
///    lease and one more attempt. The earlier lease then renews and ends nothing.
/// 5. *A renewed lease lasts* until its new end, and the progress that it reports is read. A lease
///    that has ended and was not taken over can still be renewed, and can still end its job.
/// 6. *Attempts are counted and bounded*: a job that is to be tried again waits for its new due
///    time. After the last attempt it has failed, also if the lease of that attempt has just
///    ended. A returned job has lost no attempt.
/// 7. *An ended job stays as it ended*: a canceled, failed or succeeded job is never leased, and
///    neither a worker nor a cancellation changes it.
/// 8. *Jobs are listed newest first*, page by page, by kind and state, with their bodies or
///   without, and the counts are those of the list.
/// 9. *Only ended jobs are forgotten*, those of a kind that ended before a time, and their keys
///   with them. The number of a job is never used again.
/// 10. *A refused text changes nothing*: a body, a result or a failure with the character U+0000,
///     which a text of PostgreSQL cannot hold, or a `traceparent` of more than 55 characters, is an
///     error of the kind [`StorageErrorKind::Refused`](crate::StorageErrorKind::Refused).
/// 11. *Several at once are as one after the other*: [`enqueue_all`](Self::enqueue_all) and
///     [`end_all`](Self::end_all) change what the single calls change in that order, and return
///     their outcomes. If one of them is refused, none changes anything.
///     [`jobs_by_id`](Self::jobs_by_id) returns what the single reads return.
#[async_trait]
pub trait Queue: Debug + Send + Sync + 'static {
    /// Adds a job, unless its key is known.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails. Whether the job was added may then be unknown; a job
    /// with a key can be enqueued again.
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError>;

    /// Adds several jobs, each unless its key is known, and returns an outcome for each, in their
    /// order. A store that waits for a disk waits once for all of them.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails. Which of the jobs were added may then be unknown; jobs
    /// with keys can be enqueued again.
    async fn enqueue_all(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StorageError> {
        for job in jobs {
            job.check("queue")?;
        }
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            outcomes.push(self.enqueue(job).await?);
        }
        Ok(outcomes)
    }

    /// Leases due jobs of a kind to a worker until a time, at most `limit`, those that are due
    /// longest first.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails. Jobs may then be leased to no worker until `until`.
    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError>;

    /// Extends a lease and reports progress; returns whether the worker still holds the lease. If
    /// it does not, the job was cancelled or has passed to another worker, and the work must stop.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails; the lease may then be extended or not.
    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError>;

    /// Ends the work of a lease; returns whether the worker still held the lease.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails. Whether the end was kept may then be unknown; the same
    /// call can be repeated, and is `false` if it was kept.
    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError>;

    /// Ends the work of several leases, and returns for each whether the worker still held it, in
    /// their order. A store that waits for a disk waits once for all of them.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails. Which of the ends were kept may then be unknown; each
    /// can be repeated, and is `false` if it was kept.
    async fn end_all(&self, ends: &[LeaseEnd]) -> Result<Vec<bool>, StorageError> {
        for ended in ends {
            check_text(ended.end.text().unwrap_or_default(), "queue")?;
        }
        let mut held = Vec::with_capacity(ends.len());
        for LeaseEnd { lease, at, end } in ends {
            held.push(self.end(lease, *at, end).await?);
        }
        Ok(held)
    }

    /// Cancels a job and returns it as it is then; a job that has ended stays as it is. `None` if
    /// there is no such job.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails.
    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError>;

    /// One job; `None` if there is no such job.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue cannot be read.
    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError>;

    /// Several jobs in the order of their numbers, each once. A job that is not there, or that
    /// cannot be read, is left out.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue cannot be read.
    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StorageError> {
        let ids: BTreeSet<JobId> = ids.iter().copied().collect();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.job(id).await?);
        }
        Ok(found)
    }

    /// Jobs, the newest first.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue cannot be read.
    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError>;

    /// The number of jobs of each kind and state that has any, in the order of kinds and states.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue cannot be read.
    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError>;

    /// Forgets jobs of a kind that ended before a time, at most `limit`, those that ended first,
    /// and returns how many they were.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the queue fails; nothing is then forgotten.
    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError>;
}

#[async_trait]
impl<Q: Queue + ?Sized> Queue for std::sync::Arc<Q> {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        (**self).enqueue(job).await
    }

    async fn enqueue_all(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StorageError> {
        (**self).enqueue_all(jobs).await
    }

    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError> {
        (**self).lease(kind, worker, now, until, limit).await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        (**self).renew(lease, until, progress).await
    }

    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        (**self).end(lease, at, end).await
    }

    async fn end_all(&self, ends: &[LeaseEnd]) -> Result<Vec<bool>, StorageError> {
        (**self).end_all(ends).await
    }

    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        (**self).cancel(id, at).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        (**self).job(id).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StorageError> {
        (**self).jobs_by_id(ids).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        (**self).jobs(query).await
    }

    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        (**self).count_jobs().await
    }

    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        (**self).forget_jobs(kind, ended_before, limit).await
    }
}
