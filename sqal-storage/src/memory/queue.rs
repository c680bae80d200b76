//! [`Queue`] of the memory store.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use async_trait::async_trait;
use sqal_core::Timestamp;

use super::MemoryStore;
use crate::StorageError;
use crate::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKind, JobProgress, JobQuery, JobState, LEASE_ENDED, Lease, Leased,
    NewJob, Queue, WorkerName, check_text, log_lease_ended,
};

/// The jobs, each with the number of its newest lease.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    last: u64,
    kept: BTreeMap<JobId, Leased>,
}

impl Jobs {
    /// The job of a lease, if the lease is held.
    fn held(&mut self, lease: &Lease) -> Option<&mut Job> {
        let leased = self.kept.get_mut(&lease.job)?;
        (leased.lease == *lease && leased.job.state == JobState::Running).then_some(&mut leased.job)
    }

    /// Fails the jobs of a kind whose last attempt has not ended within its lease.
    fn fail_last_attempts(&mut self, kind: &JobKind, now: Timestamp) {
        for Leased { job, .. } in self.kept.values_mut() {
            if job.kind == *kind && job.state == JobState::Running && job.due <= now && job.is_last_attempt() {
                (job.state, job.ended_at, job.failure) = (JobState::Failed, Some(now), Some(LEASE_ENDED.to_owned()));
                log_lease_ended(kind, job.id, job.attempts.into());
            }
        }
    }
}

#[async_trait]
impl Queue for MemoryStore {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        job.check("memory")?;
        let mut kept = self.kept();
        let jobs = &mut kept.jobs;
        let same_key = |known: &&Leased| known.job.kind == job.kind && job.key.is_some() && known.job.key == job.key;
        if let Some(known) = jobs.kept.values().find(same_key) {
            return Ok(Enqueued::Known(known.job.id));
        }
        jobs.last += 1;
        let id = JobId::from_number(jobs.last);
        jobs.kept.insert(id, Leased { lease: Lease { job: id, number: 0 }, job: Job::enqueued(id, job) });
        Ok(Enqueued::Added(id))
    }

    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError> {
        let mut kept = self.kept();
        let jobs = &mut kept.jobs;
        jobs.fail_last_attempts(kind, now);
        let is_due = |job: &Job| job.kind == *kind && job.state.is_open() && job.due <= now;
        let mut due: Vec<(Timestamp, JobId)> =
            jobs.kept.values().filter(|known| is_due(&known.job)).map(|known| (known.job.due, known.job.id)).collect();
        due.sort_unstable();
        due.truncate(limit.get().into());
        let mut leased = Vec::with_capacity(due.len());
        for (_, id) in due {
            if let Some(Leased { lease, job }) = jobs.kept.get_mut(&id) {
                lease.number += 1;
                job.attempts += 1;
                (job.state, job.due, job.worker) = (JobState::Running, until, Some(*worker));
                job.progress = JobProgress::default();
                leased.push(Leased { lease: *lease, job: job.clone() });
            }
        }
        leased.sort_by_key(|leased| leased.lease.job);
        Ok(leased)
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let held = kept.jobs.held(lease);
        Ok(held.map(|job| (job.due, job.progress) = (until, progress)).is_some())
    }

    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        check_text(end.text().unwrap_or_default(), "memory")?;
        let mut kept = self.kept();
        let Some(job) = kept.jobs.held(lease) else { return Ok(false) };
        match end {
            JobEnd::Succeeded(result) => {
                (job.state, job.ended_at) = (JobState::Succeeded, Some(at));
                (job.result, job.failure) = (Some(result.clone()), None);
            }
            JobEnd::Again { failure, due } if !job.is_last_attempt() => {
                (job.state, job.due, job.failure) = (JobState::Enqueued, *due, Some(failure.clone()));
            }
            JobEnd::Failed(failure) | JobEnd::Again { failure, .. } => {
                (job.state, job.ended_at, job.failure) = (JobState::Failed, Some(at), Some(failure.clone()));
            }
            JobEnd::Returned => (job.state, job.due, job.attempts) = (JobState::Enqueued, at, job.attempts - 1),
        }
        Ok(true)
    }

    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        let mut kept = self.kept();
        let Some(Leased { job, .. }) = kept.jobs.kept.get_mut(&id) else { return Ok(None) };
        if job.state.is_open() {
            (job.state, job.ended_at) = (JobState::Canceled, Some(at));
        }
        Ok(Some(job.clone()))
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        Ok(self.kept().jobs.kept.get(&id).map(|known| known.job.clone()))
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        let kept = self.kept();
        let wanted = kept.jobs.kept.values().rev().map(|known| &known.job).filter(|job| query.wants(job));
        let shown = |job: &Job| {
            let mut job = job.clone();
            if !query.bodies {
                job.body.clear();
            }
            job
        };
        Ok(wanted.take(query.limit.get().into()).map(shown).collect())
    }

    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        let mut counts = BTreeMap::new();
        for Leased { job, .. } in self.kept().jobs.kept.values() {
            *counts.entry((job.kind, job.state)).or_insert(0) += 1;
        }
        Ok(counts.into_iter().map(|((kind, state), jobs)| JobCount { kind, state, jobs }).collect())
    }

    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        let mut kept = self.kept();
        let jobs = &mut kept.jobs.kept;
        let ended = |job: &Job| job.ended_at.filter(|ended| job.kind == *kind && *ended < ended_before);
        let mut old: Vec<(Timestamp, JobId)> =
            jobs.values().filter_map(|known| ended(&known.job).map(|ended| (ended, known.job.id))).collect();
        old.sort_unstable();
        old.truncate(limit.into());
        for (_, id) in &old {
            jobs.remove(id);
        }
        Ok(super::count(old.len()))
    }
}
