//! The laws of a queue are tested too: queues with one bug each, and the law that must catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::sync::Mutex;

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};
use sqal_storage::conformance::queue;
use sqal_storage::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKind, JobProgress, JobQuery, JobState, Lease, LeaseEnd, Leased, NewJob,
    WorkerName,
};
use sqal_storage::{MemoryStore, Queue, StorageError, StorageErrorKind};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    AbsentIsAnError,
    CutsBodies,
    LosesTheAuthor,
    RoundsTimes,
    KeysOfAllKinds,
    KeysOfEndedJobsAreFree,
    JobsWithoutAKeyAreOne,
    ReplacesTheKnown,
    SaysItAdded,
    LooksThenAdds,
    LooksThenLeases,
    LeasesTooEarly,
    LeasesTooLate,
    IgnoresTheLimit,
    LeasesTheLatest,
    LeasesAnyKind,
    KeepsEndedLeases,
    EarlierLeasesRenew,
    EarlierLeasesEnd,
    SaysItRenewed,
    RenewKeepsTheEnd,
    RenewsWithoutProgress,
    LosesEndedLeases,
    AttemptsAreNotCounted,
    AgainIsDueAtOnce,
    AgainFails,
    TriesForEver,
    OneAttemptTooMany,
    LastLeaseNeverFails,
    ReturnedCounts,
    AttemptIsTheLease,
    SaysItEnded,
    LosesResults,
    UnknownIsAnError,
    CancelsInWords,
    CancelsTheEnded,
    CancelsOnlyTheWaiting,
    LooksThenEnds,
    OldestFirst,
    ListsEveryKind,
    ListsEveryState,
    PagesOverlap,
    ListsOneTooMany,
    CountsOpenJobs,
    CountsInNoOrder,
    ForgetsAtTheTime,
    ForgetsEveryKind,
    ForgetsOpenJobs,
    ForgetsInSilence,
    KeepsForgottenKeys,
    NumbersAreUsedAgain,
    DropsNul,
    EndsWithoutNul,
    AlwaysWithBodies,
    ForgetsWithoutLimit,
    LosesTheTrace,
    CutsTheTrace,
    LeasesWithoutTheTrace,
    ShortensLongTraces,
    AddsTheLastFirst,
    AddsOnlyTheFirst,
    AddsBeforeItRefuses,
    SaysThatAllWereAdded,
    EndsTheLastFirst,
    EndsOnlyTheFirst,
    EndsBeforeItRefuses,
    SaysThatAllEnded,
    ReadsInTheOrderAsked,
    ReadsTheUnknownAsAnError,
}

/// A memory store with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    store: MemoryStore,
    /// The newest lease of each job, as it was given to the worker and as the memory store has it.
    newest: Mutex<BTreeMap<JobId, [Lease; 2]>>,
    /// The time of the newest request for jobs.
    now: Mutex<Timestamp>,
    forgotten: Mutex<Vec<Job>>,
}

fn long_ago() -> Timestamp {
    Timestamp::from_micros(0).unwrap()
}

fn later(time: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(time.micros() + micros).unwrap()
}

fn broken() -> StorageError {
    StorageError::new("mutant", StorageErrorKind::Internal)
}

impl Mutant {
    fn new(bug: Bug) -> Self {
        Self {
            bug,
            store: MemoryStore::new(),
            newest: Mutex::default(),
            now: Mutex::new(long_ago()),
            forgotten: Mutex::default(),
        }
    }

    async fn all(&self) -> Result<Vec<Job>, StorageError> {
        self.store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await
    }

    /// A job as this queue gives it.
    fn shown(&self, mut job: Job) -> Job {
        match self.bug {
            Bug::AttemptsAreNotCounted => job.attempts = job.attempts.min(1),
            Bug::OneAttemptTooMany => job.most_attempts = NonZeroU16::new(job.most_attempts.get() - 1).unwrap(),
            Bug::LastLeaseNeverFails
                if job.failure.as_deref().is_some_and(|why| why.starts_with("the lease of the last attempt")) =>
            {
                (job.state, job.ended_at, job.failure) = (JobState::Running, None, None);
            }
            _ => {}
        }
        job
    }

    /// The lease as the memory store knows it; a lease that is not the newest of its job has the
    /// number 0, which the memory store never gives.
    fn known(&self, lease: &Lease, earlier_leases_hold: bool) -> Lease {
        match self.newest.lock().unwrap().get(&lease.job) {
            Some([given, kept]) if earlier_leases_hold || given == lease => *kept,
            _ => Lease { number: 0, ..*lease },
        }
    }
}

#[async_trait]
impl Queue for Mutant {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        let mut new = job.clone();
        let before = self.all().await?;
        let has_key = |known: &Job| job.key.is_some() && known.key == job.key;
        let known = before.iter().find(|known| has_key(known) && known.kind == job.kind);
        let gone = self.forgotten.lock().unwrap().clone();
        match self.bug {
            Bug::CutsBodies => new.body.truncate(new.body.floor_char_boundary(65_536)),
            Bug::DropsNul => new.body = new.body.replace('\0', ""),
            Bug::LosesTheAuthor => new.created_by = None,
            Bug::LosesTheTrace => new.traceparent = None,
            Bug::CutsTheTrace => new.traceparent = new.traceparent.map(|trace| trace.chars().take(36).collect()),
            Bug::ShortensLongTraces => {
                new.traceparent = new.traceparent.map(|trace| trace.replace('\0', "").chars().take(55).collect());
            }
            Bug::RoundsTimes => new.due = later(new.due, -new.due.micros().rem_euclid(1000)),
            Bug::KeysOfAllKinds => {
                if let Some(known) = before.iter().find(|known| has_key(known)) {
                    return Ok(Enqueued::Known(known.id));
                }
            }
            Bug::KeysOfEndedJobsAreFree if known.is_some_and(|known| !known.state.is_open()) => new.key = None,
            Bug::JobsWithoutAKeyAreOne if new.key.is_none() => new.key = Some(Name::new("none").unwrap()),
            Bug::LooksThenAdds if known.is_none() => tokio::task::yield_now().await,
            Bug::OneAttemptTooMany => new.most_attempts = new.most_attempts.saturating_add(1),
            Bug::KeepsForgottenKeys => {
                if let Some(known) = gone.iter().find(|known| has_key(known)) {
                    return Ok(Enqueued::Known(known.id));
                }
            }
            _ => {}
        }
        let outcome = self.store.enqueue(&new).await?;
        match (self.bug, outcome) {
            (Bug::LooksThenAdds, Enqueued::Known(_)) if known.is_none() => {
                new.key = None;
                self.store.enqueue(&new).await
            }
            (Bug::SaysItAdded, Enqueued::Known(id)) => Ok(Enqueued::Added(id)),
            (Bug::ReplacesTheKnown, Enqueued::Known(id)) => {
                self.store.cancel(id, job.created_at).await?;
                Ok(outcome)
            }
            (Bug::NumbersAreUsedAgain, Enqueued::Added(id)) => {
                Ok(Enqueued::Added(gone.first().map_or(id, |gone| gone.id)))
            }
            _ => Ok(outcome),
        }
    }

    async fn enqueue_all(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StorageError> {
        let mut outcomes = Vec::new();
        match self.bug {
            Bug::AddsTheLastFirst => {
                for job in jobs.iter().rev() {
                    outcomes.insert(0, self.enqueue(job).await?);
                }
                return Ok(outcomes);
            }
            Bug::AddsBeforeItRefuses => {}
            _ => {
                let is_long = |job: &NewJob| job.traceparent.as_ref().is_some_and(|trace| trace.chars().count() > 55);
                if jobs.iter().any(|job| job.body.contains('\0') || is_long(job)) {
                    return Err(StorageError::new("mutant", StorageErrorKind::Refused));
                }
            }
        }
        for job in jobs {
            let outcome = match (self.bug, outcomes.first()) {
                (Bug::AddsOnlyTheFirst, Some(first)) => *first,
                _ => self.enqueue(job).await?,
            };
            outcomes.push(if self.bug == Bug::SaysThatAllWereAdded { Enqueued::Added(outcome.id()) } else { outcome });
        }
        Ok(outcomes)
    }

    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError> {
        *self.now.lock().unwrap() = now;
        let before = self.all().await?;
        let most = usize::from(limit.get());
        let (time, limit) = match self.bug {
            Bug::LeasesTooEarly => (later(now, 1), limit),
            Bug::LeasesTooLate => (later(now, -1), limit),
            Bug::IgnoresTheLimit | Bug::LeasesTheLatest => (now, NonZeroU16::MAX),
            _ => (now, limit),
        };
        if self.bug == Bug::LooksThenLeases {
            tokio::task::yield_now().await;
        }
        let mut leased = self.store.lease(kind, worker, time, until, limit).await?;
        match self.bug {
            Bug::LooksThenLeases => {
                let is_due = |job: &Job| job.kind == *kind && job.state.is_open() && job.due <= now;
                let seen = before.into_iter().filter(|job| is_due(job) && !job.is_last_attempt());
                leased.extend(seen.map(|job| Leased { lease: Lease { job: job.id, number: 0 }, job }));
                leased.sort_by_key(|leased| leased.job.id);
                leased.dedup_by_key(|leased| leased.job.id);
                leased.truncate(most);
            }
            Bug::LeasesTheLatest => {
                let due = |job: &Job| before.iter().find(|known| known.id == job.id).map(|known| known.due);
                leased.sort_by_key(|leased| Reverse(due(&leased.job)));
                let others = leased.split_off(most.min(leased.len()));
                for Leased { lease, job } in &others {
                    self.store.end(lease, due(job).unwrap_or(now), &JobEnd::Returned).await?;
                }
            }
            Bug::LeasesAnyKind => {
                for count in self.store.count_jobs().await? {
                    if leased.is_empty() {
                        leased = self.store.lease(&count.kind, worker, now, until, limit).await?;
                    }
                }
            }
            Bug::KeepsEndedLeases => {
                let was_running = |id: JobId| before.iter().any(|job| job.id == id && job.state == JobState::Running);
                leased.retain(|leased| !was_running(leased.job.id));
            }
            _ => {}
        }
        for Leased { lease, job } in &mut leased {
            let kept = *lease;
            if self.bug == Bug::AttemptIsTheLease {
                lease.number = job.attempts.into();
            }
            self.newest.lock().unwrap().insert(job.id, [*lease, kept]);
            *job = self.shown(job.clone());
            if self.bug == Bug::LeasesWithoutTheTrace {
                job.traceparent = None;
            }
        }
        Ok(leased)
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        let lease = self.known(lease, self.bug == Bug::EarlierLeasesRenew);
        let due = self.store.job(lease.job).await?.map(|job| job.due);
        let now = *self.now.lock().unwrap();
        if self.bug == Bug::LosesEndedLeases && due.is_some_and(|due| due <= now) {
            return Ok(false);
        }
        let until = if self.bug == Bug::RenewKeepsTheEnd { due.unwrap_or(until) } else { until };
        let progress = if self.bug == Bug::RenewsWithoutProgress { JobProgress::default() } else { progress };
        let renewed = self.store.renew(&lease, until, progress).await?;
        Ok(renewed || self.bug == Bug::SaysItRenewed)
    }

    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        let lease = self.known(lease, self.bug == Bug::EarlierLeasesEnd);
        let job = self.store.job(lease.job).await?;
        let is_last = job.as_ref().is_some_and(Job::is_last_attempt);
        let is_held = lease.number > 0 && job.is_some_and(|job| job.state == JobState::Running);
        let end = match (self.bug, end) {
            (Bug::AgainIsDueAtOnce, JobEnd::Again { failure, .. }) => {
                JobEnd::Again { failure: failure.clone(), due: at }
            }
            (Bug::AgainFails, JobEnd::Again { failure, .. }) => JobEnd::Failed(failure.clone()),
            (Bug::TriesForEver, JobEnd::Again { .. }) if is_last => JobEnd::Returned,
            (Bug::ReturnedCounts, JobEnd::Returned) => JobEnd::Again { failure: "returned".to_owned(), due: at },
            (Bug::EndsWithoutNul, end) if end.text().is_some_and(|text| text.contains('\0')) => JobEnd::Returned,
            (Bug::LosesResults, JobEnd::Succeeded(_)) => JobEnd::Succeeded(String::new()),
            _ => end.clone(),
        };
        if self.bug == Bug::LooksThenEnds {
            tokio::task::yield_now().await;
        }
        let ended = self.store.end(&lease, at, &end).await?;
        Ok(match self.bug {
            Bug::LooksThenEnds => is_held,
            Bug::SaysItEnded => true,
            _ => ended,
        })
    }

    async fn end_all(&self, ends: &[LeaseEnd]) -> Result<Vec<bool>, StorageError> {
        let is_refused = |ended: &LeaseEnd| ended.end.text().is_some_and(|text| text.contains('\0'));
        if self.bug != Bug::EndsBeforeItRefuses && ends.iter().any(is_refused) {
            return Err(StorageError::new("mutant", StorageErrorKind::Refused));
        }
        let mut held = Vec::new();
        if self.bug == Bug::EndsTheLastFirst {
            for LeaseEnd { lease, at, end } in ends.iter().rev() {
                held.insert(0, self.end(lease, *at, end).await?);
            }
            return Ok(held);
        }
        for LeaseEnd { lease, at, end } in ends {
            let is_over = self.bug == Bug::EndsOnlyTheFirst && !held.is_empty();
            let ended = !is_over && self.end(lease, *at, end).await?;
            held.push(ended || self.bug == Bug::SaysThatAllEnded);
        }
        Ok(held)
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StorageError> {
        let mut found = Vec::new();
        for id in ids.iter().copied().collect::<BTreeSet<_>>() {
            match self.job(id).await? {
                None if self.bug == Bug::ReadsTheUnknownAsAnError => return Err(broken()),
                job => found.extend(job),
            }
        }
        if self.bug == Bug::ReadsInTheOrderAsked {
            found.sort_by_key(|job| ids.iter().position(|id| *id == job.id));
        }
        Ok(found)
    }

    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        let Some(mut job) = self.store.job(id).await? else {
            return if self.bug == Bug::UnknownIsAnError { Err(broken()) } else { Ok(None) };
        };
        match self.bug {
            Bug::CancelsInWords if job.state.is_open() => {
                (job.state, job.ended_at) = (JobState::Canceled, Some(at));
                Ok(Some(job))
            }
            Bug::CancelsTheEnded if !job.state.is_open() => {
                job.state = JobState::Canceled;
                Ok(Some(job))
            }
            Bug::CancelsOnlyTheWaiting if job.state == JobState::Running => Ok(Some(job)),
            _ => self.store.cancel(id, at).await,
        }
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        let found = self.store.job(id).await?.map(|job| self.shown(job));
        if found.is_none() && self.bug == Bug::AbsentIsAnError { Err(broken()) } else { Ok(found) }
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        let mut asked = *query;
        match self.bug {
            Bug::ListsEveryKind => asked.kind = None,
            Bug::ListsEveryState => asked.state = None,
            Bug::AlwaysWithBodies => asked.bodies = true,
            Bug::PagesOverlap => asked.before = asked.before.map(|id| JobId::from_number(id.number() + 1)),
            Bug::ListsOneTooMany => asked.limit = asked.limit.saturating_add(1),
            _ => {}
        }
        let mut found = self.store.jobs(&asked).await?;
        if self.bug == Bug::OldestFirst {
            found.reverse();
        }
        Ok(found.into_iter().map(|job| self.shown(job)).collect())
    }

    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        let mut counts = self.store.count_jobs().await?;
        match self.bug {
            Bug::CountsOpenJobs => counts.retain(|count| count.state.is_open()),
            Bug::CountsInNoOrder => counts.reverse(),
            _ => {}
        }
        Ok(counts)
    }

    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        let before = self.all().await?;
        let mut time = ended_before;
        let limit = if self.bug == Bug::ForgetsWithoutLimit { u16::MAX } else { limit };
        match self.bug {
            Bug::ForgetsAtTheTime => time = later(ended_before, 1),
            Bug::ForgetsEveryKind => {
                for count in self.store.count_jobs().await?.iter().filter(|count| count.kind != *kind) {
                    self.store.forget_jobs(&count.kind, ended_before, limit).await?;
                }
            }
            Bug::ForgetsOpenJobs => {
                for job in before.iter().filter(|job| job.kind == *kind) {
                    self.store.cancel(job.id, long_ago()).await?;
                }
            }
            _ => {}
        }
        let forgotten = self.store.forget_jobs(kind, time, limit).await?;
        let after = self.all().await?;
        let gone = before.into_iter().filter(|job| after.iter().all(|kept| kept.id != job.id));
        self.forgotten.lock().unwrap().extend(gone);
        Ok(if self.bug == Bug::ForgetsInSilence { 0 } else { forgotten })
    }
}

/// The laws that a queue with this bug breaks.
async fn broken_laws(bug: Bug) -> Vec<&'static str> {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = Vec::new();
            $(
                let mutant = Mutant::new(bug);
                let run = tokio::spawn(async move { queue::$law(&mutant).await });
                if run.await.is_err() {
                    broken.push(stringify!($law));
                }
            )*
            broken
        }};
    }
    broken! {
        what_was_enqueued_is_there
        a_key_is_unique_in_its_kind
        of_callers_with_one_key_one_adds_a_job
        of_workers_that_ask_at_once_one_gets_the_job
        a_job_is_leased_from_its_due_time_on
        the_job_that_is_due_longest_is_leased_first
        a_worker_gets_its_own_kind
        a_lease_that_has_ended_passes_on
        a_renewed_lease_lasts_until_its_new_end
        attempts_are_counted_and_bounded
        a_job_whose_last_lease_has_ended_has_failed
        a_returned_job_has_lost_no_attempt
        an_ended_job_stays_as_it_ended
        of_two_ends_at_once_one_counts
        jobs_are_listed_newest_first
        the_counts_are_those_of_the_list
        only_ended_jobs_are_forgotten
        a_refused_text_changes_nothing
        the_trace_comes_back_as_it_was_given
        several_jobs_are_added_as_one_after_the_other
        several_leases_end_as_one_after_the_other
        several_jobs_are_read_as_one_by_one
    }
}

#[tokio::test]
async fn a_queue_without_a_bug_breaks_no_law() {
    assert_eq!(broken_laws(Bug::None).await, Vec::<&str>::new());
}

/// Each bug is caught by the law about it: a mutant that is caught by another law proves nothing
/// about its own.
#[expect(clippy::too_many_lines, reason = "a table of bugs")]
#[tokio::test]
async fn every_bug_breaks_its_law() {
    let bugs = [
        (Bug::AbsentIsAnError, "what_was_enqueued_is_there"),
        (Bug::CutsBodies, "what_was_enqueued_is_there"),
        (Bug::LosesTheAuthor, "what_was_enqueued_is_there"),
        (Bug::RoundsTimes, "what_was_enqueued_is_there"),
        (Bug::KeysOfAllKinds, "a_key_is_unique_in_its_kind"),
        (Bug::KeysOfEndedJobsAreFree, "a_key_is_unique_in_its_kind"),
        (Bug::JobsWithoutAKeyAreOne, "a_key_is_unique_in_its_kind"),
        (Bug::ReplacesTheKnown, "a_key_is_unique_in_its_kind"),
        (Bug::SaysItAdded, "a_key_is_unique_in_its_kind"),
        (Bug::LooksThenAdds, "of_callers_with_one_key_one_adds_a_job"),
        (Bug::LooksThenLeases, "of_workers_that_ask_at_once_one_gets_the_job"),
        (Bug::LeasesTooEarly, "a_job_is_leased_from_its_due_time_on"),
        (Bug::LeasesTooLate, "a_job_is_leased_from_its_due_time_on"),
        (Bug::IgnoresTheLimit, "the_job_that_is_due_longest_is_leased_first"),
        (Bug::LeasesTheLatest, "the_job_that_is_due_longest_is_leased_first"),
        (Bug::LeasesAnyKind, "a_worker_gets_its_own_kind"),
        (Bug::KeepsEndedLeases, "a_lease_that_has_ended_passes_on"),
        (Bug::EarlierLeasesRenew, "a_lease_that_has_ended_passes_on"),
        (Bug::EarlierLeasesEnd, "a_lease_that_has_ended_passes_on"),
        (Bug::SaysItRenewed, "a_lease_that_has_ended_passes_on"),
        (Bug::RenewKeepsTheEnd, "a_renewed_lease_lasts_until_its_new_end"),
        (Bug::RenewsWithoutProgress, "a_renewed_lease_lasts_until_its_new_end"),
        (Bug::LosesEndedLeases, "a_renewed_lease_lasts_until_its_new_end"),
        (Bug::AttemptsAreNotCounted, "attempts_are_counted_and_bounded"),
        (Bug::AgainIsDueAtOnce, "attempts_are_counted_and_bounded"),
        (Bug::AgainFails, "attempts_are_counted_and_bounded"),
        (Bug::TriesForEver, "attempts_are_counted_and_bounded"),
        (Bug::OneAttemptTooMany, "a_job_whose_last_lease_has_ended_has_failed"),
        (Bug::LastLeaseNeverFails, "a_job_whose_last_lease_has_ended_has_failed"),
        (Bug::ReturnedCounts, "a_returned_job_has_lost_no_attempt"),
        (Bug::AttemptIsTheLease, "a_returned_job_has_lost_no_attempt"),
        (Bug::SaysItEnded, "an_ended_job_stays_as_it_ended"),
        (Bug::LosesResults, "an_ended_job_stays_as_it_ended"),
        (Bug::UnknownIsAnError, "an_ended_job_stays_as_it_ended"),
        (Bug::CancelsInWords, "an_ended_job_stays_as_it_ended"),
        (Bug::CancelsTheEnded, "an_ended_job_stays_as_it_ended"),
        (Bug::CancelsOnlyTheWaiting, "an_ended_job_stays_as_it_ended"),
        (Bug::LooksThenEnds, "of_two_ends_at_once_one_counts"),
        (Bug::OldestFirst, "jobs_are_listed_newest_first"),
        (Bug::ListsEveryKind, "jobs_are_listed_newest_first"),
        (Bug::ListsEveryState, "jobs_are_listed_newest_first"),
        (Bug::PagesOverlap, "jobs_are_listed_newest_first"),
        (Bug::ListsOneTooMany, "jobs_are_listed_newest_first"),
        (Bug::AlwaysWithBodies, "jobs_are_listed_newest_first"),
        (Bug::CountsOpenJobs, "the_counts_are_those_of_the_list"),
        (Bug::CountsInNoOrder, "the_counts_are_those_of_the_list"),
        (Bug::ForgetsAtTheTime, "only_ended_jobs_are_forgotten"),
        (Bug::ForgetsEveryKind, "only_ended_jobs_are_forgotten"),
        (Bug::ForgetsOpenJobs, "only_ended_jobs_are_forgotten"),
        (Bug::ForgetsInSilence, "only_ended_jobs_are_forgotten"),
        (Bug::KeepsForgottenKeys, "only_ended_jobs_are_forgotten"),
        (Bug::NumbersAreUsedAgain, "only_ended_jobs_are_forgotten"),
        (Bug::ForgetsWithoutLimit, "only_ended_jobs_are_forgotten"),
        (Bug::DropsNul, "a_refused_text_changes_nothing"),
        (Bug::EndsWithoutNul, "a_refused_text_changes_nothing"),
        (Bug::ShortensLongTraces, "a_refused_text_changes_nothing"),
        (Bug::LosesTheTrace, "the_trace_comes_back_as_it_was_given"),
        (Bug::CutsTheTrace, "the_trace_comes_back_as_it_was_given"),
        (Bug::LeasesWithoutTheTrace, "the_trace_comes_back_as_it_was_given"),
        (Bug::AddsTheLastFirst, "several_jobs_are_added_as_one_after_the_other"),
        (Bug::AddsOnlyTheFirst, "several_jobs_are_added_as_one_after_the_other"),
        (Bug::AddsBeforeItRefuses, "several_jobs_are_added_as_one_after_the_other"),
        (Bug::SaysThatAllWereAdded, "several_jobs_are_added_as_one_after_the_other"),
        (Bug::EndsTheLastFirst, "several_leases_end_as_one_after_the_other"),
        (Bug::EndsOnlyTheFirst, "several_leases_end_as_one_after_the_other"),
        (Bug::EndsBeforeItRefuses, "several_leases_end_as_one_after_the_other"),
        (Bug::SaysThatAllEnded, "several_leases_end_as_one_after_the_other"),
        (Bug::ReadsInTheOrderAsked, "several_jobs_are_read_as_one_by_one"),
        (Bug::ReadsTheUnknownAsAnError, "several_jobs_are_read_as_one_by_one"),
    ];
    for (bug, law) in bugs {
        let broken = broken_laws(bug).await;
        assert!(broken.contains(&law), "{bug:?} breaks {broken:?}");
    }
}
