//! [`Interposed`]: a queue and records whose calls wait or fail as a test decides.

use std::fmt::Debug;
use std::num::NonZeroU16;

use async_trait::async_trait;
use sqal_core::Timestamp;

use crate::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKind, JobProgress, JobQuery, Lease, LeaseEnd, Leased, NewJob, WorkerName,
};
use crate::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use crate::{Queue, Records, StorageError, StorageErrorKind};

/// A call of a queue or of records, by the name of its function. A call for several jobs has the
/// name of the call for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the function of that name")]
pub enum Call {
    Enqueue,
    Lease,
    Renew,
    End,
    Cancel,
    Job,
    Jobs,
    CountJobs,
    ForgetJobs,
    Write,
    Record,
    Remove,
    Find,
    Sweep,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The call is done, and its caller gets the result.
    Done,
    /// The call fails, and nothing is done.
    FailsBefore(StorageErrorKind),
    /// The call is done, and its caller gets an error, as if the connection had broken after the
    /// commit.
    FailsAfter(StorageErrorKind),
}

/// Decides what becomes of each call of an [`Interposed`] store.
#[async_trait]
pub trait Interpose: Debug + Send + Sync + 'static {
    /// What becomes of a call. The call waits for the answer: an answer that never comes is a
    /// process that was killed.
    async fn turn(&self, call: Call) -> Turn;

    /// Is called when the store has done a call, before its caller gets the result.
    async fn done(&self, _call: Call) {}

    /// Is called when the store has enqueued a job, or knew its key.
    fn enqueued(&self, _job: &NewJob, _enqueued: Enqueued) {}
}

/// A store whose calls wait or fail as [`Interpose`] decides, for tests of what uses a queue or
/// records.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use async_trait::async_trait;
/// use sqal_core::Timestamp;
/// use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
/// use sqal_storage::{MemoryStore, Records, StorageErrorKind};
///
/// /// Records that can be read and not written.
/// #[derive(Debug)]
/// struct ReadOnly;
///
/// #[async_trait]
/// impl Interpose for ReadOnly {
///     async fn turn(&self, call: Call) -> Turn {
///         if call == Call::Sweep { Turn::FailsBefore(StorageErrorKind::Full) } else { Turn::Done }
///     }
/// }
///
/// let records = Interposed::new(MemoryStore::new(), ReadOnly);
/// let now = Timestamp::from_micros(0).unwrap();
/// assert_eq!(records.sweep(now, 1).await.unwrap_err().kind, StorageErrorKind::Full);
/// # }
/// ```
#[derive(Debug)]
pub struct Interposed<S, I> {
    /// The store that does the calls.
    pub inner: S,
    /// What decides on each call.
    pub turns: I,
}

impl<S, I: Interpose> Interposed<S, I> {
    /// A store whose calls are decided on.
    #[must_use]
    pub const fn new(inner: S, turns: I) -> Self {
        Self { inner, turns }
    }

    async fn call<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        let failed = |kind| StorageError::new("interposed", kind);
        let hidden = match self.turns.turn(call).await {
            Turn::FailsBefore(kind) => return Err(failed(kind)),
            Turn::FailsAfter(kind) => Some(failed(kind)),
            Turn::Done => None,
        };
        let result = work.await;
        self.turns.done(call).await;
        hidden.map_or(result, Err)
    }
}

#[async_trait]
impl<S: Queue, I: Interpose> Queue for Interposed<S, I> {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        let work = async {
            let enqueued = self.inner.enqueue(job).await?;
            self.turns.enqueued(job, enqueued);
            Ok(enqueued)
        };
        self.call(Call::Enqueue, work).await
    }

    async fn enqueue_all(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StorageError> {
        let work = async {
            let outcomes = self.inner.enqueue_all(jobs).await?;
            for (job, enqueued) in jobs.iter().zip(&outcomes) {
                self.turns.enqueued(job, *enqueued);
            }
            Ok(outcomes)
        };
        self.call(Call::Enqueue, work).await
    }

    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError> {
        self.call(Call::Lease, self.inner.lease(kind, worker, now, until, limit)).await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        self.call(Call::Renew, self.inner.renew(lease, until, progress)).await
    }

    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        self.call(Call::End, self.inner.end(lease, at, end)).await
    }

    async fn end_all(&self, ends: &[LeaseEnd]) -> Result<Vec<bool>, StorageError> {
        self.call(Call::End, self.inner.end_all(ends)).await
    }

    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        self.call(Call::Cancel, self.inner.cancel(id, at)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        self.call(Call::Job, self.inner.job(id)).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StorageError> {
        self.call(Call::Job, self.inner.jobs_by_id(ids)).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        self.call(Call::Jobs, self.inner.jobs(query)).await
    }

    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        self.call(Call::CountJobs, self.inner.count_jobs()).await
    }

    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.call(Call::ForgetJobs, self.inner.forget_jobs(kind, ended_before, limit)).await
    }
}

#[async_trait]
impl<S: Records, I: Interpose> Records for Interposed<S, I> {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        self.call(Call::Write, self.inner.write(draft, expected, now)).await
    }

    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        self.call(Call::Record, self.inner.record(collection, key, now)).await
    }

    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        self.call(Call::Remove, self.inner.remove(collection, key, expected, now)).await
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        self.call(Call::Find, self.inner.find(query, now)).await
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.call(Call::Sweep, self.inner.sweep(now, limit)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use sqal_core::Name;

    /// One turn for every call, and the calls that the store has done.
    #[derive(Debug)]
    struct Always(Turn, std::sync::Mutex<Vec<Call>>);

    #[async_trait]
    impl Interpose for Always {
        async fn turn(&self, _: Call) -> Turn {
            self.0.clone()
        }

        async fn done(&self, call: Call) {
            self.1.lock().unwrap().push(call);
        }
    }

    #[tokio::test]
    async fn a_call_fails_before_or_after_it_is_done() {
        let now = Timestamp::from_micros(0).unwrap();
        let job = NewJob::new(Name::new("report").unwrap(), String::new(), now);
        for (turn, is_ok, jobs) in [
            (Turn::Done, true, 1),
            (Turn::FailsBefore(StorageErrorKind::Busy), false, 0),
            (Turn::FailsAfter(StorageErrorKind::Busy), false, 1),
        ] {
            let store = Interposed::new(MemoryStore::new(), Always(turn.clone(), std::sync::Mutex::default()));
            assert_eq!(store.enqueue(&job).await.is_ok(), is_ok, "{turn:?}");
            let left: u64 = store.inner.count_jobs().await.unwrap().iter().map(|count| count.jobs).sum();
            assert_eq!((left, store.turns.1.lock().unwrap().len() as u64), (jobs, jobs), "{turn:?}");
        }
    }
}
