//! The laws of [`Queue`] about the trace of a job (law 1) and about several jobs at once (law 11).

use sqal_core::Name;

use super::{
    add, again, assert_job, assert_none_is_leased, assert_refused, at, end, failed, job, key, list, most, read,
    succeeded, take, take_one,
};
use crate::Queue;
use crate::queue::{Enqueued, Job, JobEnd, JobId, JobQuery, JobState, Lease, LeaseEnd, Leased, NewJob};

/// Law 1: the trace that a job follows is read, listed and leased as it was given, also in later
/// attempts and after the end.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn the_trace_comes_back_as_it_was_given(queue: &dyn Queue) {
    const LAW: &str = "law 1: the trace of a job comes back as it was given";
    let whole = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traces =
        [None, Some(whole.to_owned()), Some("é '%_\\ $1 \"".to_owned()), Some(String::new()), Some("é".repeat(55))];
    for trace in traces {
        let added = add(queue, &job("traced").attempts(most(2)).followed_from(trace.clone())).await;
        assert_eq!(read(queue, added.id).await.map(|job| job.traceparent), Some(trace.clone()), "{LAW}");
        let listed = list(queue, &JobQuery::newest(most(1))).await;
        assert_eq!(
            listed.into_iter().map(|job| job.traceparent).collect::<Vec<_>>(),
            std::slice::from_ref(&trace),
            "{LAW}: listed"
        );
        let first = take_one(queue, "traced", "w 1", 0, 1_000).await;
        assert_eq!(first.job.traceparent, trace, "{LAW}: leased");
        assert!(end(queue, &first.lease, 1, &again("no answer", 2)).await);
        let second = take_one(queue, "traced", "w 2", 2, 1_000).await;
        assert_eq!(second.job.traceparent, trace, "{LAW}: leased again");
        assert!(end(queue, &second.lease, 3, &succeeded("done")).await);
        assert_eq!(read(queue, added.id).await.map(|job| job.traceparent), Some(trace), "{LAW}: ended");
    }
}

async fn add_all(queue: &dyn Queue, news: &[NewJob]) -> Vec<Enqueued> {
    let outcomes = queue.enqueue_all(news).await.expect("the queue answers");
    assert_eq!(outcomes.len(), news.len(), "law 11: each of several jobs has an outcome");
    outcomes
}

/// Law 11: several jobs are added as one after the other, and if one is refused, none is added.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn several_jobs_are_added_as_one_after_the_other(queue: &dyn Queue) {
    const LAW: &str = "law 11: several jobs are added as one after the other";
    assert_eq!(add_all(queue, &[]).await, [], "{LAW}: none");
    let there = add(queue, &job("report").once(key("there"))).await;
    let body = |body: &str| NewJob { body: body.to_owned(), ..job("report") };
    let news = [
        body("first").once(key("one")).by(Some(Name::new("marie").expect("short"))).due(at(7)).attempts(most(3)),
        job("report"),
        body("second").once(key("one")),
        body("é \u{1f9c8} \"\\ '%$1 \r\n").followed_from(Some("a trace".to_owned())),
        body("known").once(key("there")),
        job("reports").once(key("one")),
        job("report"),
    ];
    let outcomes = add_all(queue, &news).await;
    let known: Vec<bool> = outcomes.iter().map(|outcome| matches!(outcome, Enqueued::Known(_))).collect();
    assert_eq!(known, [false, false, true, false, true, false, false], "{LAW}: {outcomes:?}");
    assert_eq!((outcomes[2].id(), outcomes[4].id()), (outcomes[0].id(), there.id), "{LAW}: the known jobs");
    let mut last = there.id;
    for (outcome, new) in outcomes.iter().zip(&news) {
        if let Enqueued::Added(id) = outcome {
            assert!(*id > last, "{LAW}: with numbers in their order");
            assert_job(queue, LAW, &Job::enqueued(*id, new)).await;
            last = *id;
        }
    }
    assert_job(queue, "law 2: a known job is not changed", &there).await;

    let before = list(queue, &JobQuery::newest(most(100))).await;
    for refused in [body("a\0b"), body("long").followed_from(Some("t".repeat(56)))] {
        assert_refused("law 11: one of several is refused", queue.enqueue_all(&[body("good"), refused]).await);
        let after = list(queue, &JobQuery::newest(most(100))).await;
        assert_eq!(after, before, "law 11: if one of several jobs is refused, none is added");
    }

    // Callers that add the same keys at once.
    for round in 0..4 {
        let new = |place: usize| job("at once").once(key(&format!("{round} {place}")));
        let news: Vec<_> = (0..5).map(new).collect();
        let add = || add_all(queue, &news);
        let (one, other) = tokio::join!(add(), add());
        for (one, other) in one.into_iter().zip(other) {
            assert_eq!(one.id(), other.id(), "law 2: a key is unique in its kind");
            let added = [one, other].iter().filter(|outcome| matches!(outcome, Enqueued::Added(_))).count();
            assert_eq!(added, 1, "law 2: of two callers that enqueue one key at once, one adds it");
        }
    }
}

/// Law 11: the work of several leases ends as one after the other, and if one end is refused, none
/// is kept.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn several_leases_end_as_one_after_the_other(queue: &dyn Queue) {
    const LAW: &str = "law 11: several leases end as one after the other";
    assert_eq!(queue.end_all(&[]).await.expect("the queue answers"), Vec::<bool>::new(), "{LAW}: none");
    for attempts in [1, 2, 2, 1, 1, 2, 1] {
        add(queue, &job("report").attempts(most(attempts))).await;
    }
    let leased = take(queue, "report", "w 1", 0, 1_000, 100).await;
    let [done, tried, late, last, spoiled, returned, left] =
        <[Leased; 7]>::try_from(leased).expect("law 3: all are due");
    // This lease passes on before the ends.
    assert!(end(queue, &late.lease, 1, &JobEnd::Returned).await);
    let newer = take_one(queue, "report", "w 2", 1, 1_000).await;
    let ended = |lease: &Lease, micros: i64, end: JobEnd| LeaseEnd { lease: *lease, at: at(micros), end };
    let unknown = Lease { job: JobId::from_number(left.job.id.number() + 1), number: 1 };
    let ends = [
        ended(&returned.lease, 10, JobEnd::Returned),
        ended(&done.lease, 11, succeeded("é \u{1f9c8} \"\\ '%$1")),
        ended(&done.lease, 12, failed("too late")),
        ended(&late.lease, 13, succeeded("of an earlier lease")),
        ended(&last.lease, 14, again("no answer", 500)),
        ended(&unknown, 15, succeeded("of no job")),
        ended(&tried.lease, 16, again("no answer", 500)),
        ended(&spoiled.lease, 17, failed("spoiled")),
        ended(&returned.lease, 18, succeeded("not any more")),
    ];
    let refused: Vec<_> = ends.iter().cloned().chain([ended(&left.lease, 19, failed("a\0b"))]).collect();
    assert_refused("law 11: one of several ends is refused", queue.end_all(&refused).await);
    for leased in [&done, &tried, &last, &spoiled, &returned, &left, &newer] {
        assert_job(queue, "law 11: if one of several ends is refused, none is kept", &leased.job).await;
    }

    let held = queue.end_all(&ends).await.expect("the queue answers");
    assert_eq!(held, [true, true, false, false, true, false, true, true, false], "{LAW}");
    let at_end = |micros| Some(at(micros));
    let no_answer = Some("no answer".to_owned());
    let result = Some("é \u{1f9c8} \"\\ '%$1".to_owned());
    let expected = [
        Job { state: JobState::Succeeded, result, ended_at: at_end(11), ..done.job },
        Job { state: JobState::Enqueued, due: at(500), failure: no_answer.clone(), ..tried.job },
        newer.job,
        Job { state: JobState::Failed, failure: no_answer, ended_at: at_end(14), ..last.job },
        Job { state: JobState::Failed, failure: Some("spoiled".to_owned()), ended_at: at_end(17), ..spoiled.job },
        Job { state: JobState::Enqueued, due: at(10), attempts: 0, ..returned.job },
        left.job,
    ];
    for expected in &expected {
        assert_job(queue, LAW, expected).await;
    }
    let again = take(queue, "report", "w 3", 10, 1_000, 100).await;
    assert_eq!(super::ids(&again), [expected[5].id], "{LAW}: a returned job is due");
    assert_none_is_leased(queue, LAW, "report", 499).await;
}

async fn by_id(queue: &dyn Queue, ids: &[JobId]) -> Vec<Job> {
    queue.jobs_by_id(ids).await.expect("the queue answers")
}

/// Law 11: several jobs are read in the order of their numbers, each once; those that are not there
/// are left out.
///
/// # Panics
///
/// If the queue breaks the law.
pub async fn several_jobs_are_read_as_one_by_one(queue: &dyn Queue) {
    const LAW: &str = "law 11: several jobs are read as one by one, in the order of their numbers";
    assert_eq!(by_id(queue, &[]).await, [], "{LAW}: none");
    let mut jobs = Vec::new();
    for of in ["report", "dry_run", "report", "Report"] {
        jobs.push(add(queue, &job(of)).await);
    }
    jobs[1] = take_one(queue, "dry_run", "w 1", 0, 1_000).await.job;
    let unknown = [JobId::from_number(jobs[3].id.number() + 1), JobId::from_number(u64::MAX)];
    let asked = [jobs[3].id, unknown[0], jobs[1].id, jobs[0].id, jobs[1].id, unknown[1]];
    let expected = [jobs[0].clone(), jobs[1].clone(), jobs[3].clone()];
    assert_eq!(by_id(queue, &asked).await, expected, "{LAW}");
    assert_eq!(by_id(queue, &unknown).await, [], "{LAW}: unknown jobs");
}
