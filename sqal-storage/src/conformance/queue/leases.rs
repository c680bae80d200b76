//! The laws of [`Queue`] about leases and attempts (laws 3 to 6).

use std::collections::BTreeMap;

use super::{
    add, again, assert_job, assert_none_is_leased, assert_not_held, at, at_once, end, ids, job, most, read, renew,
    succeeded, take, take_one, worker,
};
use crate::Queue;
use crate::queue::{Job, JobEnd, JobId, JobProgress, JobState, Lease};

/// Law 3: of workers that ask at once, one gets a job that is due or whose lease has ended, and no
/// other before the lease ends.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn of_workers_that_ask_at_once_one_gets_the_job(queue: &dyn Queue) {
    const LAW: &str = "law 3: a job is leased to one of all workers that ask";
    for round in 0..8 {
        let now = 1_000 * round;
        let added = add(queue, &job("dry_run").due(at(now)).attempts(most(2))).await;
        let first = at_once(queue, "dry_run", now, now + 100, 10).await;
        assert_eq!(ids(&first), [added.id], "{LAW}");
        assert_eq!(at_once(queue, "dry_run", now + 99, now + 300, 10).await, [], "{LAW}: before its end");
        let second = at_once(queue, "dry_run", now + 100, now + 200, 10).await;
        assert_eq!(ids(&second), [added.id], "{LAW}: after the first lease");
        assert_ne!(first[0].lease, second[0].lease, "law 4: the second lease is a new one");
        assert!(end(queue, &second[0].lease, now + 150, &succeeded("done")).await);
    }
    let mut added = Vec::new();
    for _ in 0..11 {
        added.push(add(queue, &job("dry_run")).await.id);
    }
    let mut leased = at_once(queue, "dry_run", 100_000, 200_000, 2).await;
    // Workers that ask at once may leave jobs over, but none takes the job of another.
    leased.extend(take(queue, "dry_run", "w 9", 100_000, 200_000, 100).await);
    let mut leased = ids(&leased);
    leased.sort_unstable();
    assert_eq!(leased, added, "{LAW}: of several jobs each");
}

/// Law 3: a job is leased from its due time on and not earlier, and is then as it was leased.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_job_is_leased_from_its_due_time_on(queue: &dyn Queue) {
    const LAW: &str = "law 3: a job is leased from its due time on and not earlier";
    let added = add(queue, &job("dry_run").due(at(5_000)).attempts(most(3))).await;
    assert_none_is_leased(queue, LAW, "dry_run", 0).await;
    assert_none_is_leased(queue, LAW, "dry_run", 4_999).await;
    assert_job(queue, LAW, &added).await;
    let leased = take_one(queue, "dry_run", "w 1", 5_000, 6_000).await;
    let expected = Job { state: JobState::Running, due: at(6_000), attempts: 1, worker: Some(worker("w 1")), ..added };
    assert_eq!(leased.job, expected, "law 3: a leased job is running until the end of its lease");
    assert_job(queue, "law 3: a leased job is read as it was leased", &expected).await;
    assert_none_is_leased(queue, "law 3: a leased job is leased to no other", "dry_run", 5_000).await;
    assert_none_is_leased(queue, "law 3: a leased job is leased to no other", "dry_run", 5_999).await;
    let at_any_time = add(queue, &job("dry_run").due(at(-1_000_000))).await;
    assert_eq!(take_one(queue, "dry_run", "w 2", 5_000, 6_000).await.job.id, at_any_time.id);
}

/// Law 3: the jobs that are due longest are leased first, at most as many as the limit.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn the_job_that_is_due_longest_is_leased_first(queue: &dyn Queue) {
    const LAW: &str = "law 3: the job that is due longest is leased first";
    let running = add(queue, &job("dry_run").attempts(most(2))).await.id;
    assert_eq!(take_one(queue, "dry_run", "w 1", 0, 25).await.job.id, running);
    let mut by_due = BTreeMap::from([(25, running)]);
    for due in [60, 10, 50, 30, 20, 40] {
        by_due.insert(due, add(queue, &job("dry_run").due(at(due))).await.id);
    }
    let by_due: Vec<_> = by_due.into_values().collect();
    let mut rest = by_due.as_slice();
    for limit in [1_u16, 2, 3] {
        let (mut first, others) = (rest[..usize::from(limit)].to_vec(), &rest[usize::from(limit)..]);
        first.sort_unstable();
        assert_eq!(ids(&take(queue, "dry_run", "w 2", 1_000, 2_000, limit).await), first, "{LAW}, at most {limit}");
        rest = others;
    }
    assert_eq!(ids(&take(queue, "dry_run", "w 3", 1_000, 2_000, 100).await), rest, "{LAW}");
}

/// Law 3: a worker gets jobs of its own kind only.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_worker_gets_its_own_kind(queue: &dyn Queue) {
    let kinds = ["dry_run", "dry_runs", "Dry_run", "dry"];
    let mut added = Vec::new();
    for of in kinds {
        added.push(add(queue, &job(of)).await.id);
    }
    assert_none_is_leased(queue, "law 3: a job is leased for its own kind", "report", 10).await;
    for (of, id) in kinds.into_iter().zip(&added) {
        assert_eq!(take_one(queue, of, "w 1", 10, 20).await.job.id, *id, "law 3: a job is leased for its own kind");
    }
}

/// Law 4: at the end of a lease another worker may lease the job; the earlier lease then renews and
/// ends nothing.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_lease_that_has_ended_passes_on(queue: &dyn Queue) {
    const LAW: &str = "law 4: a lease that has ended passes on";
    let added = add(queue, &job("dry_run").attempts(most(9))).await;
    let first = take_one(queue, "dry_run", "w 1", 0, 1_000).await;
    let progress = JobProgress { done: 5, total: Some(7) };
    assert!(queue.renew(&first.lease, at(2_000), progress).await.expect("the queue answers"));
    assert_none_is_leased(queue, "law 4: a lease is taken over before its end", "dry_run", 1_999).await;
    let second = take_one(queue, "dry_run", "w 2", 2_000, 3_000).await;
    let expected = Job { state: JobState::Running, due: at(3_000), attempts: 2, worker: Some(worker("w 2")), ..added };
    assert_eq!(second.job, expected, "{LAW}, with one more attempt, another worker and no progress");
    assert_ne!(first.lease, second.lease, "law 4: the second lease is a new one");
    assert_not_held(queue, "law 4: the earlier lease", &first.lease, 2_500).await;
    assert_job(queue, "law 4: the earlier lease changes nothing", &expected).await;

    // A worker that takes over its own job has a new lease as well.
    let third = take_one(queue, "dry_run", "w 2", 3_000, 4_000).await;
    assert!(third.lease != first.lease && third.lease != second.lease, "law 4: the third lease is a new one");
    assert_not_held(queue, "law 4: the earlier lease of one worker", &second.lease, 3_500).await;
    assert_job(queue, "law 4: the earlier lease changes nothing", &third.job).await;
    let unknown = Lease { number: third.lease.number + 1, ..third.lease };
    assert_not_held(queue, "law 4: a lease that was never given", &unknown, 3_500).await;
    let unknown = Lease { job: JobId::from_number(expected.id.number() + 1), ..third.lease };
    assert_not_held(queue, "law 4: a lease of an unknown job", &unknown, 3_500).await;
    assert!(end(queue, &third.lease, 3_600, &succeeded("done")).await, "law 4: the newest lease is held");
}

/// Law 5: a renewed lease lasts until its new end, and its progress is read; a lease that has ended
/// and was not taken over is still held.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_renewed_lease_lasts_until_its_new_end(queue: &dyn Queue) {
    const LAW: &str = "law 5: a renewed lease lasts until its new end";
    add(queue, &job("dry_run").attempts(most(3))).await;
    let leased = take_one(queue, "dry_run", "w 1", 0, 1_000).await;
    for (until, done, total) in [(2_000, 3, None), (3_000, 4, Some(9)), (4_000, 1 << 40, Some(1 << 50))] {
        let progress = JobProgress { done, total };
        assert!(queue.renew(&leased.lease, at(until), progress).await.expect("the queue answers"), "{LAW}");
        let expected = Job { due: at(until), progress, ..leased.job.clone() };
        assert_job(queue, "law 5: the progress and the end of a renewed lease are read", &expected).await;
        assert_none_is_leased(queue, LAW, "dry_run", until - 1_000).await;
        assert_none_is_leased(queue, LAW, "dry_run", until - 1).await;
    }
    // A request for another kind shows the queue a time after the end of the lease.
    assert_none_is_leased(queue, LAW, "report", 4_500).await;
    let late = "law 5: a lease that has ended and was not taken over can be renewed";
    assert!(renew(queue, &leased.lease, 5_000).await, "{late}");
    assert_none_is_leased(queue, late, "dry_run", 4_999).await;
    assert_none_is_leased(queue, LAW, "report", 5_500).await;
    assert!(
        end(queue, &leased.lease, 5_600, &succeeded("late")).await,
        "law 5: a lease that has ended and was not taken over can end its job"
    );
}

/// Law 6: a job that is to be tried again waits for its new due time, and has failed after its last
/// attempt.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn attempts_are_counted_and_bounded(queue: &dyn Queue) {
    const LAW: &str = "law 6: attempts are counted and bounded";
    let added = add(queue, &job("dry_run").attempts(most(3))).await;
    let mut due = 0;
    for attempt in 1..=3 {
        let leased = take_one(queue, "dry_run", "w 1", due, due + 100).await;
        assert_eq!(leased.job.attempts, attempt, "{LAW}");
        let failure = format!("failure {attempt} '%\u{e9}");
        assert!(end(queue, &leased.lease, due + 50, &again(&failure, due + 1_000)).await);
        assert_not_held(queue, "law 6: a lease after its end", &leased.lease, due + 60).await;
        let expected = Job { attempts: attempt, worker: leased.job.worker, failure: Some(failure), ..added.clone() };
        if attempt < 3 {
            let expected = Job { due: at(due + 1_000), ..expected };
            assert_job(queue, "law 6: a job that is to be tried again waits", &expected).await;
            assert_none_is_leased(queue, "law 6: a job waits for its new due time", "dry_run", due + 999).await;
        } else {
            let expected = Job { state: JobState::Failed, ended_at: Some(at(due + 50)), ..expected };
            assert_job(queue, "law 6: after its last attempt a job has failed", &expected).await;
        }
        due += 1_000;
    }
    assert_none_is_leased(queue, "law 6: a job that has failed is not leased", "dry_run", 1_000_000).await;

    // A later success leaves no failure.
    let added = add(queue, &job("dry_run").attempts(most(2))).await;
    let first = take_one(queue, "dry_run", "w 1", 0, 100).await;
    assert!(end(queue, &first.lease, 50, &again("no answer", 60)).await);
    let second = take_one(queue, "dry_run", "w 2", 60, 100).await;
    assert_eq!(second.job.failure.as_deref(), Some("no answer"), "law 6: the failure of the attempt before is read");
    assert!(end(queue, &second.lease, 70, &succeeded("done '%\u{e9}")).await);
    let expected = Job {
        state: JobState::Succeeded,
        attempts: 2,
        worker: Some(worker("w 2")),
        result: Some("done '%\u{e9}".to_owned()),
        ended_at: Some(at(70)),
        ..added
    };
    assert_job(queue, "law 6: a job that has succeeded has its result and no failure", &expected).await;
}

/// Law 6: if the lease of the last attempt has ended, the job has failed.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_job_whose_last_lease_has_ended_has_failed(queue: &dyn Queue) {
    const LAW: &str = "law 6: a job whose last lease has ended has failed";
    let added = add(queue, &job("dry_run").attempts(most(2))).await;
    take_one(queue, "dry_run", "w 1", 0, 1_000).await;
    let last = take_one(queue, "dry_run", "w 2", 1_000, 2_000).await;
    assert_none_is_leased(queue, LAW, "dry_run", 1_999).await;
    assert_job(queue, "law 6: the last attempt lasts until the end of its lease", &last.job).await;
    // Another job that is due at this time is leased all the same.
    let other = add(queue, &job("dry_run").due(at(2_000))).await;
    assert_eq!(take_one(queue, "dry_run", "w 3", 2_000, 3_000).await.job.id, other.id, "{LAW}");
    let found = read(queue, added.id).await.expect("law 6: the job is there");
    assert_eq!((found.state, found.attempts), (JobState::Failed, 2), "{LAW}");
    assert!(found.failure.is_some() && found.ended_at.is_some(), "{LAW}, with a reason and a time");
    assert_not_held(queue, LAW, &last.lease, 2_500).await;
    assert_eq!(read(queue, added.id).await, Some(found), "law 7: an ended job stays as it ended");
}

/// Law 6: a returned job is due at once and has lost no attempt.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn a_returned_job_has_lost_no_attempt(queue: &dyn Queue) {
    const LAW: &str = "law 6: a returned job has lost no attempt";
    let added = add(queue, &job("dry_run")).await;
    let mut earlier: Vec<Lease> = Vec::new();
    for round in 0..4 {
        let now = 1_000 * round;
        let leased = take_one(queue, "dry_run", "w 1", now, now + 1_000_000).await;
        assert_eq!(leased.job.attempts, 1, "{LAW}");
        for lease in &earlier {
            assert_not_held(queue, "law 4: a lease that was returned", lease, now + 1).await;
        }
        assert_job(queue, "law 4: a lease that was returned changes nothing", &leased.job).await;
        assert!(end(queue, &leased.lease, now + 500, &JobEnd::Returned).await);
        let expected = Job { due: at(now + 500), worker: leased.job.worker, ..added.clone() };
        assert_job(queue, LAW, &expected).await;
        assert_not_held(queue, "law 4: a lease that was returned", &leased.lease, now + 600).await;
        assert_none_is_leased(queue, "law 6: a returned job is due from its return on", "dry_run", now + 499).await;
        earlier.push(leased.lease);
    }
    let last = take_one(queue, "dry_run", "w 2", 3_500, 4_000).await;
    assert!(end(queue, &last.lease, 3_600, &again("no answer", 3_700)).await);
    let state = read(queue, added.id).await.map(|job| job.state);
    assert_eq!(state, Some(JobState::Failed), "law 6: after its last attempt a returned job has failed");
}
