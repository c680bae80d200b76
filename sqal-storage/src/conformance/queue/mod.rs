//! The laws of [`Queue`] as code: each is a function on an empty queue that panics with the broken
//! law.

mod leases;
mod several;

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use sqal_core::{Name, Timestamp};

use crate::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKey, JobKind, JobProgress, JobQuery, JobState, Lease, Leased, NewJob,
    WorkerName,
};
use crate::{Queue, StorageError, StorageErrorKind};

pub use leases::{
    a_job_is_leased_from_its_due_time_on, a_job_whose_last_lease_has_ended_has_failed,
    a_lease_that_has_ended_passes_on, a_renewed_lease_lasts_until_its_new_end, a_returned_job_has_lost_no_attempt,
    a_worker_gets_its_own_kind, attempts_are_counted_and_bounded, of_workers_that_ask_at_once_one_gets_the_job,
    the_job_that_is_due_longest_is_leased_first,
};
pub use several::{
    several_jobs_are_added_as_one_after_the_other, several_jobs_are_read_as_one_by_one,
    several_leases_end_as_one_after_the_other, the_trace_comes_back_as_it_was_given,
};

/// A time; every helper below counts microseconds from the first.
fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + micros).expect("a time")
}

fn kind(name: &str) -> JobKind {
    Name::new(name).expect("short")
}

fn key(text: &str) -> JobKey {
    Name::new(text).expect("short")
}

fn worker(name: &str) -> WorkerName {
    Name::new(name).expect("short")
}

fn most(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("more than 0")
}

/// A job of a kind that was requested at the first time and is due at once.
fn job(of: &str) -> NewJob {
    NewJob::new(kind(of), "{\"tray\": 7}".to_owned(), at(0))
}

fn succeeded(result: &str) -> JobEnd {
    JobEnd::Succeeded(result.to_owned())
}

fn failed(failure: &str) -> JobEnd {
    JobEnd::Failed(failure.to_owned())
}

fn again(failure: &str, due: i64) -> JobEnd {
    JobEnd::Again { failure: failure.to_owned(), due: at(due) }
}

/// Every way to end a job.
fn ends() -> [JobEnd; 4] {
    [succeeded("late"), failed("late"), again("late", 0), JobEnd::Returned]
}

/// Adds a job that the queue must take, and returns it as it must be read.
async fn add(queue: &dyn Queue, new: &NewJob) -> Job {
    match queue.enqueue(new).await.expect("the queue answers") {
        Enqueued::Added(id) => Job::enqueued(id, new),
        Enqueued::Known(id) => panic!("law 2: a new job is taken for job {id}"),
    }
}

async fn read(queue: &dyn Queue, id: JobId) -> Option<Job> {
    queue.job(id).await.expect("the queue answers")
}

/// Panics unless a job is as expected. The due time of a job that has ended means nothing and is
/// left aside.
async fn assert_job(queue: &dyn Queue, law: &str, expected: &Job) {
    let found = read(queue, expected.id).await.unwrap_or_else(|| panic!("{law}: job {} is not there", expected.id));
    let due = if expected.state.is_open() { expected.due } else { found.due };
    assert_eq!(found, Job { due, ..expected.clone() }, "{law}");
}

/// Leases at most `limit` jobs, in the order of their numbers.
async fn take(queue: &dyn Queue, of: &str, by: &str, now: i64, until: i64, limit: u16) -> Vec<Leased> {
    let leased = queue.lease(&kind(of), &worker(by), at(now), at(until), most(limit)).await;
    let mut leased = leased.expect("the queue answers");
    assert!(leased.len() <= usize::from(limit), "law 3: {} jobs are leased, expected at most {limit}", leased.len());
    for Leased { lease, job } in &leased {
        assert_eq!(lease.job, job.id, "law 3: the lease of another job");
    }
    leased.sort_by_key(|leased| leased.job.id);
    leased
}

/// Leases the only job that is due.
async fn take_one(queue: &dyn Queue, of: &str, by: &str, now: i64, until: i64) -> Leased {
    let mut leased = take(queue, of, by, now, until, 100).await;
    assert_eq!(leased.len(), 1, "law 3: one job is due for {by} at {now}");
    leased.remove(0)
}

/// Panics if a job is leased.
async fn assert_none_is_leased(queue: &dyn Queue, law: &str, of: &str, now: i64) {
    let leased = take(queue, of, "too many", now, now + 1_000_000, 100).await;
    assert_eq!(leased, [], "{law}");
}

/// Lets eight workers ask for jobs at once, and returns all jobs that they got.
async fn at_once(queue: &dyn Queue, of: &str, now: i64, until: i64, limit: u16) -> Vec<Leased> {
    let ask = |by: &'static str| take(queue, of, by, now, until, limit);
    let leased =
        tokio::join!(ask("w 1"), ask("w 2"), ask("w 3"), ask("w 4"), ask("w 5"), ask("w 6"), ask("w 7"), ask("w 8"));
    let leased: [Vec<Leased>; 8] = leased.into();
    leased.into_iter().flatten().collect()
}

async fn renew(queue: &dyn Queue, lease: &Lease, until: i64) -> bool {
    queue.renew(lease, at(until), JobProgress { done: 999, total: None }).await.expect("the queue answers")
}

async fn end(queue: &dyn Queue, lease: &Lease, now: i64, end: &JobEnd) -> bool {
    queue.end(lease, at(now), end).await.expect("the queue answers")
}

async fn cancel(queue: &dyn Queue, id: JobId, now: i64) -> Option<Job> {
    queue.cancel(id, at(now)).await.expect("the queue answers")
}

async fn list(queue: &dyn Queue, query: &JobQuery) -> Vec<Job> {
    queue.jobs(query).await.expect("the queue answers")
}

async fn counts(queue: &dyn Queue) -> Vec<JobCount> {
    queue.count_jobs().await.expect("the queue answers")
}

async fn forget(queue: &dyn Queue, of: &str, ended_before: i64) -> u64 {
    queue.forget_jobs(&kind(of), at(ended_before), u16::MAX).await.expect("the queue answers")
}

fn ids(leased: &[Leased]) -> Vec<JobId> {
    leased.iter().map(|leased| leased.job.id).collect()
}

/// Panics if a lease that is not held renews or ends its job.
async fn assert_not_held(queue: &dyn Queue, law: &str, lease: &Lease, now: i64) {
    assert!(!renew(queue, lease, now + 1_000).await, "{law}: {lease:?} is renewed");
    for way in ends() {
        assert!(!end(queue, lease, now, &way).await, "{law}: {lease:?} ends its job with {way:?}");
    }
}

/// Law 1: what was enqueued is there, equal in every field, and an unknown job is absent.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn what_was_enqueued_is_there(queue: &dyn Queue) {
    const LAW: &str = "law 1: what was enqueued is there, equal in every field";
    assert_eq!(read(queue, JobId::from_number(1)).await, None, "law 1: absent is not an error");
    let long = NewJob::new(kind(&"k".repeat(32)), "long ".repeat(60_000), at(0));
    let text = NewJob::new(kind("é '%_\\"), "é \u{1f9c8} 100 % \"'\\ $1 \r\n\t".to_owned(), at(-7));
    let last = Timestamp::from_micros(253_402_300_799_999_999).expect("a time");
    let news = [
        job("dry_run"),
        NewJob { body: String::new(), ..job("dry_run") }.by(Some(Name::new("marie").expect("short"))),
        long.once(key(&"é".repeat(100))).due(last).attempts(NonZeroU16::MAX),
        text.once(key("é '%_\\ $1")).by(Some(Name::new("Zoé 'Z' %").expect("short"))).due(at(-9)).attempts(most(2)),
    ];
    let mut added: Vec<Job> = Vec::new();
    for new in &news {
        let job = add(queue, new).await;
        assert!(added.last().is_none_or(|last| last.id < job.id), "law 1: a newer job has a larger number");
        added.push(job);
    }
    for expected in &added {
        assert!(read(queue, expected.id).await.as_ref() == Some(expected), "{LAW}: job {}", expected.id);
    }
    let unknown = added[3].id.number() + 1;
    for unknown in [unknown, u64::MAX] {
        assert_eq!(read(queue, JobId::from_number(unknown)).await, None, "law 1: absent is not an error");
    }
}

/// Law 2: a key is unique in its kind, also after its job has ended; jobs without a key are all
/// different.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_key_is_unique_in_its_kind(queue: &dyn Queue) {
    const LAW: &str = "law 2: enqueuing a known key adds and changes nothing";
    let first = add(queue, &job("report").once(key("10 h"))).await;
    for (of, other) in [("report", "10 H"), ("report", "10"), ("report", "10 h."), ("reports", "10 h")] {
        let other = add(queue, &job(of).once(key(other)).due(at(1_000_000))).await;
        assert_ne!(other.id, first.id, "law 2: two jobs with one number");
    }
    let [one, other] = [add(queue, &job("free")).await, add(queue, &job("free")).await];
    assert_ne!(one.id, other.id, "law 2: jobs without a key are all different");
    let before = counts(queue).await;
    let repeated = NewJob { body: "another".to_owned(), ..job("report") }.once(key("10 h"));
    let repeated = repeated.by(Some(Name::new("quinn").expect("short"))).due(at(50)).attempts(most(9));
    let known = Enqueued::Known(first.id);
    assert_eq!(queue.enqueue(&repeated).await.expect("the queue answers"), known, "{LAW}");
    assert_job(queue, LAW, &first).await;

    let leased = take_one(queue, "report", "w 1", 0, 10).await;
    assert_eq!(queue.enqueue(&repeated).await.expect("the queue answers"), known, "{LAW}");
    assert_job(queue, LAW, &leased.job).await;
    assert!(end(queue, &leased.lease, 5, &succeeded("done")).await);
    let ended = read(queue, first.id).await;
    assert_eq!(queue.enqueue(&repeated).await.expect("the queue answers"), known, "{LAW}: the key of an ended job");
    assert_eq!(read(queue, first.id).await, ended, "{LAW}: an ended job");
    assert_none_is_leased(queue, LAW, "report", 100).await;
    let jobs = |counts: &[JobCount]| counts.iter().map(|count| count.jobs).sum::<u64>();
    assert_eq!(jobs(&counts(queue).await), jobs(&before), "{LAW}");
}

/// Law 2: of callers that enqueue one key at once, one adds the job.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn of_callers_with_one_key_one_adds_a_job(queue: &dyn Queue) {
    for round in 0..8 {
        let new =
            |task: usize| NewJob { body: format!("task {task}"), ..job("report") }.once(key(&format!("round {round}")));
        let news: Vec<_> = (0..8).map(new).collect();
        let add = |task: usize| queue.enqueue(&news[task]);
        let tasks = tokio::join!(add(0), add(1), add(2), add(3), add(4), add(5), add(6), add(7));
        let outcomes: Vec<_> =
            <[_; 8]>::from(tasks).into_iter().map(|outcome| outcome.expect("the queue answers")).collect();
        let added: Vec<_> =
            outcomes.iter().zip(&news).filter(|(outcome, _)| matches!(outcome, Enqueued::Added(_))).collect();
        assert_eq!(added.len(), 1, "law 2: of eight callers that enqueue one key at once, one adds a job");
        let (outcome, new) = added[0];
        let id = outcome.id();
        assert!(outcomes.iter().all(|outcome| outcome.id() == id), "law 2: the known job is {id}: {outcomes:?}");
        assert_job(queue, "law 2: the job is that of the caller that added it", &Job::enqueued(id, new)).await;
    }
}

/// Law 7: an ended job is never leased, and neither a worker nor a cancellation changes it.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn an_ended_job_stays_as_it_ended(queue: &dyn Queue) {
    const LAW: &str = "law 7: an ended job stays as it ended";
    assert_eq!(cancel(queue, JobId::from_number(1), 0).await, None, "law 7: an unknown job is canceled");
    let mut ended = Vec::new();
    for way in [succeeded("done"), failed("spoiled"), JobEnd::Succeeded(String::new())] {
        let added = add(queue, &job("dry_run").attempts(most(3))).await;
        let Leased { lease, job } = take_one(queue, "dry_run", "w 1", 0, 1_000).await;
        let progress = JobProgress { done: 2, total: Some(2) };
        assert!(queue.renew(&lease, at(1_000), progress).await.expect("the queue answers"));
        assert!(end(queue, &lease, 500, &way).await, "law 7: a held lease ends its job");
        let (state, result, failure) = match way {
            JobEnd::Succeeded(result) => (JobState::Succeeded, Some(result), None),
            JobEnd::Failed(failure) => (JobState::Failed, None, Some(failure)),
            JobEnd::Again { .. } | JobEnd::Returned => unreachable!("not among the ends above"),
        };
        let (attempts, worker, ended_at) = (1, job.worker, Some(at(500)));
        let expected = Job { state, attempts, worker, progress, result, failure, ended_at, ..added };
        assert_job(queue, LAW, &expected).await;
        ended.push((expected.id, lease));
    }
    let waiting = add(queue, &job("dry_run").due(at(2_000))).await;
    let canceled = cancel(queue, waiting.id, 600).await.expect("law 7: the canceled job is returned");
    let expected = Job { state: JobState::Canceled, ended_at: Some(at(600)), due: canceled.due, ..waiting };
    assert_eq!(canceled, expected, "law 7: a waiting job is canceled");
    ended.push((canceled.id, Lease { job: canceled.id, number: 1 }));
    let running = add(queue, &job("dry_run").attempts(most(3))).await;
    let Leased { lease, job } = take_one(queue, "dry_run", "w 1", 700, 2_000).await;
    let canceled = cancel(queue, running.id, 800).await.expect("law 7: the canceled job is returned");
    let expected = Job { state: JobState::Canceled, ended_at: Some(at(800)), due: canceled.due, ..job };
    assert_eq!(canceled, expected, "law 7: a running job is canceled");
    ended.push((canceled.id, lease));

    for (id, lease) in ended {
        let before = read(queue, id).await.expect("law 7: an ended job is there");
        assert_not_held(queue, LAW, &lease, 900).await;
        assert_eq!(cancel(queue, id, 1_000).await.as_ref(), Some(&before), "law 7: a cancellation changes an end");
        assert_none_is_leased(queue, LAW, "dry_run", 1_000_000).await;
        assert_eq!(read(queue, id).await, Some(before), "{LAW}");
    }
}

/// Law 7: of two ends of one lease one counts, and so it is with an end and a cancellation.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn of_two_ends_at_once_one_counts(queue: &dyn Queue) {
    for round in 0..8 {
        let now = 1_000 * round;
        let added = add(queue, &job("dry_run").due(at(now))).await;
        let leased = take_one(queue, "dry_run", "w 1", now, now + 500).await;
        let (one, other) = (succeeded("one"), failed("other"));
        let both = tokio::join!(end(queue, &leased.lease, now + 1, &one), end(queue, &leased.lease, now + 2, &other));
        let found = read(queue, added.id).await.expect("law 7: an ended job is there");
        let expected = match both {
            (true, false) => (JobState::Succeeded, Some("one"), None),
            (false, true) => (JobState::Failed, None, Some("other")),
            _ => panic!("law 7: of two ends of one lease one counts, and they are {both:?}"),
        };
        let ended = (found.state, found.result.as_deref(), found.failure.as_deref());
        assert_eq!(ended, expected, "law 7: the job ended as its worker was told");

        let added = add(queue, &job("dry_run").due(at(now))).await;
        let leased = take_one(queue, "dry_run", "w 1", now, now + 500).await;
        let (ended, canceled) =
            tokio::join!(end(queue, &leased.lease, now + 1, &one), cancel(queue, added.id, now + 2));
        let expected = if ended { JobState::Succeeded } else { JobState::Canceled };
        let canceled = canceled.map(|job| job.state);
        assert_eq!(canceled, Some(expected), "law 7: a cancellation returns the job as it ended");
        let found = read(queue, added.id).await.map(|job| job.state);
        assert_eq!(found, Some(expected), "law 7: the job ended as its worker was told");
    }
}

/// Adds jobs of three kinds, at least one in every state, and returns them as they are read, newest
/// first.
async fn jobs_in_every_state(queue: &dyn Queue) -> Vec<Job> {
    let mut listed = Vec::new();
    for round in 0..3 {
        for of in ["report", "dry_run", "Report"] {
            for way in [Some(succeeded("done")), Some(failed("spoiled")), None] {
                let id = add(queue, &job(of)).await.id;
                let leased = take_one(queue, of, "w 1", 0, 1_000_000).await;
                if let Some(way) = way {
                    assert!(end(queue, &leased.lease, 10 * round, &way).await);
                }
                listed.push(id);
            }
            let id = add(queue, &job(of).due(at(2_000_000))).await.id;
            if of != "dry_run" {
                cancel(queue, id, 10 * round).await;
            }
            listed.push(id);
        }
    }
    let mut jobs = Vec::new();
    for id in listed.into_iter().rev() {
        jobs.push(read(queue, id).await.expect("law 1: what was enqueued is there"));
    }
    jobs
}

/// Law 8: jobs are listed newest first, page by page, by kind and state.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn jobs_are_listed_newest_first(queue: &dyn Queue) {
    assert_eq!(list(queue, &JobQuery::newest(most(10))).await, [], "law 8: an empty queue has a list");
    let jobs = jobs_in_every_state(queue).await;
    let kinds = [None, Some(kind("report")), Some(kind("dry_run")), Some(kind("Report")), Some(kind("rep"))];
    let states = JobState::ALL.into_iter().map(Some).chain([None]);
    for (state, of) in states.flat_map(|state| kinds.map(|of| (state, of))) {
        for limit in [1, 4, 100] {
            let mut query = JobQuery { kind: of, state, ..JobQuery::newest(most(limit)) };
            let wanted: Vec<_> = jobs.iter().filter(|job| query.wants(job)).cloned().collect();
            for page in wanted.chunks(usize::from(limit)) {
                let found = list(queue, &query).await;
                assert_eq!(found, page, "law 8: jobs are listed newest first, by kind and state: {query:?}");
                query.before = page.last().map(|job| job.id);
            }
            assert_eq!(list(queue, &query).await, [], "law 8: a page after the oldest job: {query:?}");
        }
    }
    let without = list(queue, &JobQuery::newest(most(100)).without_bodies()).await;
    let with = list(queue, &JobQuery::newest(most(100))).await;
    let emptied: Vec<_> = with.into_iter().map(|job| Job { body: String::new(), ..job }).collect();
    assert_eq!(without, emptied, "law 8: jobs without their bodies");
}

/// Law 8: the counts are those of the list, in the order of kinds and states.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn the_counts_are_those_of_the_list(queue: &dyn Queue) {
    assert_eq!(counts(queue).await, [], "law 8: an empty queue has a count");
    let jobs = jobs_in_every_state(queue).await;
    let mut expected = BTreeMap::new();
    for job in &jobs {
        *expected.entry((job.kind, job.state)).or_insert(0) += 1;
    }
    let expected: Vec<_> = expected.into_iter().map(|((kind, state), jobs)| JobCount { kind, state, jobs }).collect();
    assert_eq!(counts(queue).await, expected, "law 8: the counts are those of the list");
}

/// Law 9: only ended jobs of the kind that ended before the time are forgotten, and their keys with
/// them; the number of a job is never used again.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn only_ended_jobs_are_forgotten(queue: &dyn Queue) {
    const LAW: &str = "law 9: only jobs of a kind that ended before a time are forgotten";
    assert_eq!(forget(queue, "report", 1_000).await, 0, "law 9: an empty queue has nothing to forget");
    let (mut gone, mut stay) = (Vec::new(), Vec::new());
    for (of, ended_at) in [("report", 99), ("report", 100), ("report", 101), ("reports", 50)] {
        for (number, way) in [Some(succeeded("done")), Some(failed("spoiled")), None].into_iter().enumerate() {
            let new = job(of).once(key(&format!("{ended_at} {number}")));
            let id = add(queue, &new).await.id;
            let leased = take_one(queue, of, "w 1", 0, 10_000).await;
            if let Some(way) = way {
                assert!(end(queue, &leased.lease, ended_at, &way).await);
            } else {
                assert!(cancel(queue, id, ended_at).await.is_some());
            }
            let job = read(queue, id).await.expect("law 1: what was enqueued is there");
            if of == "report" && ended_at < 100 { gone.push((new, leased.lease)) } else { stay.push(job) }
        }
    }
    // Open jobs stay, also if they were requested long ago.
    let waiting = job("report").due(at(1_000_000));
    let waiting = NewJob { created_at: at(-1_000_000), ..waiting }.once(key("waiting"));
    stay.push(add(queue, &waiting).await);
    let running = add(queue, &job("report").due(at(-1_000_000)).once(key("running")).attempts(most(2))).await;
    take_one(queue, "report", "w 1", 0, 10).await;
    stay.push(read(queue, running.id).await.expect("law 1: what was enqueued is there"));

    assert_eq!(forget(queue, "report", 100).await, 3, "law 9: the number of forgotten jobs");
    for (_, lease) in &gone {
        assert_eq!(read(queue, lease.job).await, None, "law 9: a forgotten job is read");
        assert_not_held(queue, "law 9: the lease of a forgotten job", lease, 200).await;
        assert_eq!(cancel(queue, lease.job, 200).await, None, "law 9: a forgotten job is canceled");
    }
    let mut listed = list(queue, &JobQuery::newest(most(100))).await;
    listed.reverse();
    assert_eq!(listed, stay, "{LAW}");
    assert_eq!(forget(queue, "report", 100).await, 0, "law 9: a job is forgotten again");

    let newest = stay.iter().map(|job| job.id).max();
    let anew = add(queue, &job("report").once(key("anew"))).await;
    assert!(Some(anew.id) > newest, "law 9: the number of a job is never used again");
    assert!(cancel(queue, anew.id, 10).await.is_some());
    assert_eq!(forget(queue, "report", 100).await, 1, "law 9: the number of forgotten jobs");
    for (new, _) in &gone {
        let again = add(queue, new).await;
        assert!(again.id > anew.id, "law 9: the number of a job is never used again");
        assert_job(queue, "law 9: the key of a forgotten job is free", &again).await;
    }
    let mut ended = Vec::new();
    for _ in 0..3 {
        add(queue, &job("swept")).await;
        let Leased { lease, job } = take_one(queue, "swept", "w 1", 0, 1_000).await;
        assert!(end(queue, &lease, 90 - i64::try_from(ended.len()).expect("three"), &succeeded("done")).await);
        ended.push(job.id);
    }
    let forgotten = queue.forget_jobs(&kind("swept"), at(100), 2).await.expect("the queue answers");
    assert_eq!(forgotten, 2, "law 9: at most as many as the limit");
    let left: Vec<_> =
        list(queue, &JobQuery::newest(most(10)).of(kind("swept"))).await.iter().map(|job| job.id).collect();
    assert_eq!(left, ended[..1], "law 9: the jobs that ended first are forgotten");
}

/// Law 10: a text with the character U+0000 is refused and changes nothing, and so is a trace of
/// more than 55 characters.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_refused_text_changes_nothing(queue: &dyn Queue) {
    const LAW: &str = "law 10: a refused text changes nothing";
    let nul = NewJob { body: "a\0b".to_owned(), ..job("dry_run") };
    let traced = |trace: String| job("dry_run").followed_from(Some(trace));
    for refused in [nul, traced("a\0b".to_owned()), traced("t".repeat(56)), traced("é".repeat(10_000))] {
        assert_refused(LAW, queue.enqueue(&refused).await);
        assert_eq!(list(queue, &JobQuery::newest(most(10))).await, [], "{LAW}");
    }
    add(queue, &job("dry_run").attempts(most(2))).await;
    let Leased { lease, job } = take_one(queue, "dry_run", "w 1", 0, 1_000).await;
    for way in [succeeded("\0"), failed("\0"), again("\0", 5)] {
        assert_refused(LAW, queue.end(&lease, at(1), &way).await);
        assert_job(queue, LAW, &job).await;
    }
    assert!(end(queue, &lease, 2, &succeeded("é \u{1f9c8} \u{1} \\u0000 '%")).await, "{LAW}");
}

/// Panics unless a call was refused for good.
fn assert_refused<T: std::fmt::Debug>(law: &str, outcome: Result<T, StorageError>) {
    let error = outcome.expect_err(law);
    assert_eq!(error.kind, StorageErrorKind::Refused, "{law}: {error}");
}

/// One named test per law for a queue: give an async expression that makes an empty queue.
#[macro_export]
macro_rules! queue_conformance {
    ($make:expr) => {
        $crate::queue_conformance! { @each $make;
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
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let made = $make.await;
                    $crate::conformance::queue::$law(&made).await;
                });
            }
        )*
    };
}
