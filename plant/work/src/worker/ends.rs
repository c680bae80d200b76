//! [`Ends`]: ends of runs that wait for the queue at the same time are stored together.
//!
//! A commit waits for the disk. There is no timer: the ends that come while one call stores others
//! go into the next call. A single end is therefore stored at once, and a hundred ends are stored
//! in one commit.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sqal_core::Timestamp;
use sqal_storage::queue::{JobEnd, Lease, LeaseEnd};
use sqal_storage::{Queue, StorageError, StorageErrorKind};
use tokio::sync::{Mutex as Turn, oneshot};

/// The most ends of one call.
const MOST: usize = 200;

/// The most bytes of the texts of one call, unless its first end alone has more: long results must
/// not make a call take longer than its deadline, again and again.
const MOST_BYTES: usize = 1024 * 1024;

/// An end that waits, and where its outcome is told.
struct WaitingEnd {
    end: LeaseEnd,
    outcome: oneshot::Sender<Result<bool, StorageError>>,
}

/// The ends of all runs of a worker on their way to the queue.
pub(super) struct Ends {
    queue: Arc<dyn Queue>,
    waiting: Mutex<Vec<WaitingEnd>>,
    /// The run that has the turn stores the ends that wait.
    turn: Turn<()>,
}

impl Ends {
    pub(super) fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue, waiting: Mutex::default(), turn: Turn::default() }
    }

    /// Ends the work of a lease, as [`Queue::end`].
    ///
    /// If the run that stores this end is dropped meanwhile, it is unknown whether the end was
    /// kept, and the error is a transient one.
    pub(super) async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        let (outcome, mut told) = oneshot::channel();
        self.add(WaitingEnd { end: LeaseEnd { lease: *lease, at, end: end.clone() }, outcome });
        loop {
            let turn = tokio::select! {
                biased;
                told = &mut told => return told.unwrap_or_else(|_| Err(dropped())),
                turn = self.turn.lock() => turn,
            };
            self.store().await;
            drop(turn);
        }
    }

    fn add(&self, waiting: WaitingEnd) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
    }

    /// The ends that came first, as many as one call stores.
    fn taken(&self) -> Vec<WaitingEnd> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0_usize;
        let fits = |one: &&WaitingEnd| {
            bytes = bytes.saturating_add(one.end.end.text().map_or(0, str::len));
            bytes <= MOST_BYTES
        };
        let fitting = waiting.iter().take(MOST).take_while(fits).count();
        let taken = fitting.max(usize::from(!waiting.is_empty()));
        waiting.drain(..taken).collect()
    }

    /// Stores ends that wait, and tells their outcomes. A run that was dropped has no use for its
    /// outcome.
    async fn store(&self) {
        let (ends, outcomes): (Vec<_>, Vec<_>) =
            self.taken().into_iter().map(|waiting| (waiting.end, waiting.outcome)).unzip();
        if ends.is_empty() {
            return;
        }
        let (is_alone, mut outcomes) = (ends.len() == 1, outcomes.into_iter());
        match self.queue.end_all(&ends).await {
            Ok(held) => outcomes.zip(held).for_each(|(outcome, held)| drop(outcome.send(Ok(held)))),
            Err(error) if is_alone => {
                if let Some(outcome) = outcomes.next() {
                    drop(outcome.send(Err(error)));
                }
            }
            Err(error) if error.is_transient() => {
                let error = Arc::new(error);
                outcomes.for_each(|outcome| drop(outcome.send(Err(shared(&error)))));
            }
            // One of the ends is refused: the others are not.
            Err(_) => {
                for (LeaseEnd { lease, at, end }, outcome) in ends.iter().zip(outcomes) {
                    drop(outcome.send(self.queue.end(lease, *at, end).await));
                }
            }
        }
    }
}

/// The error of one call, as each of its ends is told of it.
fn shared(error: &Arc<StorageError>) -> StorageError {
    let (retry_after, source) = (error.retry_after, Some(Arc::clone(error).into()));
    StorageError { retry_after, source, ..StorageError::new(error.backend, error.kind.clone()) }
}

/// The error of an end whose call was dropped.
const fn dropped() -> StorageError {
    StorageError::new("queue", StorageErrorKind::Unavailable)
}

impl fmt::Debug for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ends").field("queue", &self.queue).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use sqal_core::Name;
    use sqal_storage::MemoryStore;
    use sqal_storage::queue::{
        Enqueued, Job, JobCount, JobId, JobKind, JobProgress, JobQuery, Leased, NewJob, WorkerName,
    };
    use tokio::sync::Semaphore;

    use super::*;

    /// A queue that stores ends only with a permit, and counts the calls that do.
    #[derive(Debug)]
    struct Slow {
        inner: MemoryStore,
        permits: Semaphore,
        calls: AtomicUsize,
        largest: AtomicUsize,
        fails: Option<StorageErrorKind>,
    }

    #[async_trait]
    impl Queue for Slow {
        async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
            self.inner.enqueue(job).await
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
        async fn end_all(&self, ends: &[LeaseEnd]) -> Result<Vec<bool>, StorageError> {
            self.permits.acquire().await.unwrap().forget();
            self.calls.fetch_add(1, Ordering::Relaxed);
            self.largest.fetch_max(ends.len(), Ordering::Relaxed);
            match &self.fails {
                Some(kind) => Err(StorageError::new("slow", kind.clone())),
                None => self.inner.end_all(ends).await,
            }
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
            self.inner.forget_jobs(kind, ended_before, limit).await
        }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn done() -> JobEnd {
        JobEnd::Succeeded("done".to_owned())
    }

    /// Leases of as many jobs, and the ends on their way to a queue that is slow or fails.
    async fn leases(count: u16, fails: Option<StorageErrorKind>) -> (Arc<Slow>, Arc<Ends>, Vec<Lease>) {
        let (permits, calls) = (Semaphore::new(0), AtomicUsize::new(0));
        let slow = Slow { inner: MemoryStore::new(), permits, calls, largest: AtomicUsize::new(0), fails };
        let slow = Arc::new(slow);
        let kind = Name::new("report").unwrap();
        for _ in 0..count {
            slow.enqueue(&NewJob::new(kind, String::new(), at(0))).await.unwrap();
        }
        let most = NonZeroU16::new(count).unwrap();
        let leased = slow.lease(&kind, &Name::new("w").unwrap(), at(0), at(1_000), most).await.unwrap();
        let ends = Arc::new(Ends::new(slow.clone()));
        (slow, ends, leased.into_iter().map(|leased| leased.lease).collect())
    }

    /// Ends all leases at once: the first end is under way, and the others wait for it. Returns
    /// what each is told.
    async fn at_once(slow: &Slow, ends: &Arc<Ends>, leases: &[Lease], end: &JobEnd) -> Vec<Result<bool, StorageError>> {
        let run = |lease: &Lease| {
            let (ends, lease, end) = (Arc::clone(ends), *lease, end.clone());
            tokio::spawn(async move { ends.end(&lease, at(5), &end).await })
        };
        let runs: Vec<_> = leases.iter().map(run).collect();
        while ends.waiting.lock().unwrap().len() + 1 < leases.len() {
            tokio::task::yield_now().await;
        }
        slow.permits.add_permits(leases.len());
        let mut told = Vec::new();
        for run in runs {
            told.push(run.await.unwrap());
        }
        told
    }

    #[tokio::test]
    async fn ends_that_come_while_others_are_stored_are_stored_together() {
        let (slow, ends, leases) = leases(500, None).await;
        let told = at_once(&slow, &ends, &leases, &done()).await;
        assert!(told.into_iter().all(|held| held.unwrap()), "each run is told that its end is kept");
        let (calls, largest) = (slow.calls.load(Ordering::Relaxed), slow.largest.load(Ordering::Relaxed));
        assert_eq!((calls, largest), (4, MOST), "the first run stores its own end, and the others come in three calls");
        assert!(!ends.end(&leases[0], at(6), &done()).await.unwrap(), "a lease ends once");
    }

    #[tokio::test]
    async fn a_call_stores_long_results_up_to_a_size_and_a_longer_one_alone() {
        for (bytes, together, calls) in [(MOST_BYTES / 2, 2, 4), (MOST_BYTES + 1, 1, 7)] {
            let (slow, ends, leases) = leases(7, None).await;
            let told = at_once(&slow, &ends, &leases, &JobEnd::Succeeded("x".repeat(bytes))).await;
            assert!(told.into_iter().all(|held| held.unwrap()), "each run is told that its end is kept");
            assert_eq!(slow.largest.load(Ordering::Relaxed), together, "results of {bytes} bytes");
            assert_eq!(slow.calls.load(Ordering::Relaxed), calls, "the first end comes alone");
        }
    }

    #[tokio::test]
    async fn a_single_end_is_stored_at_once() {
        let (slow, ends, leases) = leases(1, None).await;
        slow.permits.add_permits(1);
        assert!(ends.end(&leases[0], at(5), &done()).await.unwrap());
        assert_eq!(slow.calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_refused_end_does_not_refuse_the_others() {
        let (slow, ends, leases) = leases(4, Some(StorageErrorKind::Refused)).await;
        let told = at_once(&slow, &ends, &leases, &done()).await;
        let kept: Vec<bool> = told.into_iter().map(|told| told.is_ok_and(|held| held)).collect();
        assert_eq!(kept, [false, true, true, true], "the first came alone, the others are tried one by one");
    }

    #[tokio::test]
    async fn each_run_is_told_of_an_error_that_may_pass() {
        let (slow, ends, leases) = leases(4, Some(StorageErrorKind::Busy)).await;
        let told = at_once(&slow, &ends, &leases, &done()).await;
        assert!(told.iter().all(|told| told.as_ref().is_err_and(|error| error.kind == StorageErrorKind::Busy)));
        assert_eq!(slow.calls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_run_that_is_dropped_while_it_stores_does_not_hold_up_the_others() {
        let (slow, ends, leases) = leases(2, None).await;
        let (storing, lease) = (Arc::clone(&ends), leases[0]);
        let storing = tokio::spawn(async move { storing.end(&lease, at(5), &done()).await });
        tokio::task::yield_now().await;
        let (waiting, lease) = (Arc::clone(&ends), leases[1]);
        let waiting = tokio::spawn(async move { waiting.end(&lease, at(6), &done()).await });
        tokio::task::yield_now().await;
        storing.abort();
        assert!(storing.await.unwrap_err().is_cancelled());
        slow.permits.add_permits(1);
        assert!(waiting.await.unwrap().unwrap());
        assert_eq!(slow.inner.count_jobs().await.unwrap().len(), 2, "one job runs, and one has succeeded");
    }
}
