//! [`Line`]: a memory store, clocks that are moved by hand, and a worker that looks when told.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqal_core::{Name, Timestamp};
use sqal_resilience::{Clock, ManualClock};
use sqal_storage::queue::{Job, JobEnd, JobId, JobQuery, JobState};
use sqal_storage::sealed::{Confidential, Key, KeyRing, Nonce, RandomnessError};
use sqal_storage::{MemoryStore, Queue, Records, SealedFields};
use sqal_work::outbox::webhook::{Endpoints, WebhookSecrets};
use sqal_work::outbox::{DedupeKey, Outbox, StormLimits};
use sqal_work::{Running, Work, WorkError};

/// 2024-10-26T23:00:00Z.
const BEGAN: i64 = 1_729_983_600_000_000;

pub(crate) struct Line {
    pub(crate) store: Arc<MemoryStore>,
    clock: ManualClock,
    began: Instant,
    wall: Timestamp,
}

/// One run of a job.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) result: Result<String, WorkError>,
}

impl Done {
    /// Why the run has failed.
    pub(crate) fn why(&self) -> &str {
        match &self.result {
            Err(WorkError::Transient { why, .. } | WorkError::Permanent { why } | WorkError::Postponed { why, .. }) => {
                why
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn is_postponed(&self) -> bool {
        matches!(self.result, Err(WorkError::Postponed { .. }))
    }
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::at(Timestamp::from_micros(BEGAN).unwrap())
    }

    /// A line whose wall clock begins at a time.
    pub(crate) fn at(wall: Timestamp) -> Self {
        let clock = ManualClock::new();
        Self { store: Arc::new(MemoryStore::new()), began: clock.now(), clock, wall }
    }

    pub(crate) fn now(&self) -> Timestamp {
        after(self.wall, self.clock.now().duration_since(self.began))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) fn records(&self) -> Arc<dyn Records> {
        self.store.clone()
    }

    pub(crate) fn queue(&self) -> Arc<dyn Queue> {
        self.store.clone()
    }

    pub(crate) fn outbox(&self, limits: StormLimits) -> Outbox {
        Outbox::new(self.queue(), self.records(), limits)
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        self.endpoints_in(self.store.clone())
    }

    /// Endpoints whose secrets are in these fields.
    pub(crate) fn endpoints_in(&self, fields: Arc<dyn SealedFields>) -> Endpoints {
        let nonces: fn() -> Result<Nonce, RandomnessError> = Nonce::random;
        let secrets: WebhookSecrets = Confidential::new(fields, KeyRing::new(Key::from_bytes([7; 32])), nonces);
        Endpoints::new(self.records(), Arc::new(secrets))
    }

    pub(crate) fn running(&self) -> Running {
        Running::detached(self.now(), Arc::new(self.clock.clone()))
    }

    /// Does every job of a work that is due now, once or more often, and ends it as a worker does.
    pub(crate) async fn work_off(&self, work: &dyn Work) -> Vec<Done> {
        let worker = Name::new("test").unwrap();
        let mut all = Vec::new();
        loop {
            let now = self.now();
            let until = after(now, Duration::from_mins(1));
            let leased = self.store.lease(work.kind(), &worker, now, until, NonZeroU16::MAX).await.unwrap();
            if leased.is_empty() {
                return all;
            }
            for leased in leased {
                let result = work.run(&leased.job, &self.running()).await;
                let (end, at) = self.end_of(&result);
                assert!(self.store.end(&leased.lease, at, &end).await.unwrap(), "the lease was lost");
                all.push(Done { result });
            }
        }
    }

    fn end_of(&self, result: &Result<String, WorkError>) -> (JobEnd, Timestamp) {
        let now = self.now();
        match result.clone() {
            Ok(result) => (JobEnd::Succeeded(result), now),
            Err(WorkError::Transient { why, retry_after }) => {
                let due = after(now, retry_after.unwrap_or(Duration::from_secs(1)));
                (JobEnd::Again { failure: why, due }, now)
            }
            Err(WorkError::Postponed { retry_after, .. }) => (JobEnd::Returned, after(now, retry_after)),
            Err(error) => (JobEnd::Failed(error.to_string()), now),
        }
    }

    /// Moves the clocks to the next job that is due and does it; `None` if no job is open.
    pub(crate) async fn next(&self, work: &dyn Work) -> Option<Vec<Done>> {
        let jobs = self.jobs().await;
        let open = jobs.iter().filter(|job| job.state == JobState::Enqueued && job.kind == *work.kind());
        let due = open.map(|job| job.due).min()?;
        self.advance(Duration::from_micros(u64::try_from(due.micros() - self.now().micros()).unwrap_or(0)));
        Some(self.work_off(work).await)
    }

    /// Does all jobs of a work until none is open.
    pub(crate) async fn drain(&self, work: &dyn Work) -> Vec<Done> {
        let mut all = Vec::new();
        while let Some(done) = self.next(work).await {
            all.extend(done);
        }
        all
    }

    /// All jobs, the oldest first.
    pub(crate) async fn jobs(&self) -> Vec<Job> {
        let mut jobs = self.store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap();
        jobs.reverse();
        jobs
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.store.job(id).await.unwrap().unwrap()
    }
}

/// The time that lies `by` after a time.
pub(crate) fn after(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(time.micros() + i64::try_from(by.as_micros()).unwrap()).unwrap()
}

pub(crate) fn key(text: &str) -> DedupeKey {
    Name::new(text).unwrap()
}

/// Limits that hold nothing back.
pub(crate) fn wide() -> StormLimits {
    let (ms, minute) = (Duration::from_millis(1), Duration::from_mins(1));
    StormLimits::new(10_000.try_into().unwrap(), ms, minute, minute).unwrap()
}

/// 2 messages at once, one more every 10 seconds, and digests after 20 seconds, at most 80.
pub(crate) fn narrow() -> StormLimits {
    let s = Duration::from_secs;
    StormLimits::new(2.try_into().unwrap(), s(10), s(20), s(80)).unwrap()
}
