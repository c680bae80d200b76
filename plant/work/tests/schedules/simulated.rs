//! 400 simulated days of two servers that restart, whose clocks step, over a store that fails: each
//! due time is enqueued exactly once or noted as missed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU8, NonZeroU16};
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqal_core::{Name, Timestamp};
use sqal_storage::Queue;
use sqal_storage::queue::{Job, JobEnd, JobId, NewJob};
use sqal_work::schedule::{Missed, Occasion, Schedule};
use sqal_work::scheduler::ScheduleStatus;
use tokio::time::sleep;

use super::server::{DAY, HOUR, Server, World, at, schedule};
use super::store::Dice;

fn schedules() -> Vec<Schedule> {
    let caught_up = Missed::CatchUp { most: NonZeroU8::new(3).unwrap() };
    vec![
        schedule("frequent", "*/4 6 * * *", Missed::Skip),
        schedule("every three hours", "0 */3 * * *", Missed::Skip),
        schedule("every six hours", "40 */6 * * *", caught_up),
        schedule("nightly", "30 2 * * *", Missed::Skip),
        schedule("weekly", "15 3 * * 1", caught_up),
        schedule("monthly", "0 2 1 * *", Missed::Skip),
    ]
}

/// Ends every job that is due, as a worker would.
async fn end_all(world: &World) {
    let (now, worker) = (at(world.elapsed()), Name::new("worker").unwrap());
    for schedule in &world.schedules {
        let queue = &world.store.inner;
        for leased in
            queue.lease(schedule.kind(), &worker, now, at(world.elapsed() + HOUR), NonZeroU16::MAX).await.unwrap()
        {
            assert!(queue.end(&leased.lease, now, &JobEnd::Succeeded(String::new())).await.unwrap());
        }
    }
}

/// What may happen at any time: a server stops or starts, or its clock steps by up to two hours.
fn disturb(dice: &Dice, servers: &mut [Server; 2]) {
    let server = &mut servers[usize::from(dice.below(2) == 0)];
    match dice.below(4) {
        0 if server.running.is_some() => server.stop(),
        0 | 1 if server.running.is_none() => server.start(),
        2 => {
            let offset = i64::try_from(dice.below(4 * 3_600)).unwrap() * 1_000_000 - 2 * HOUR;
            server.offset.store(offset, Ordering::Relaxed);
        }
        _ => server.offset.store(0, Ordering::Relaxed),
    }
}

/// The due time of a job, by its body.
fn due_of(job: &NewJob) -> (String, Timestamp) {
    let occasion = Occasion::of(&Job::enqueued(JobId::from_number(1), job)).unwrap();
    (occasion.schedule.to_string(), occasion.due)
}

/// Every due time that was decided is enqueued exactly once or noted as missed.
fn assert_decided_once(status: &ScheduleStatus, enqueued: &BTreeSet<Timestamp>) {
    let (schedule, name) = (&status.schedule, status.schedule.name());
    let next = status.next.unwrap();
    let decided: BTreeSet<Timestamp> = schedule.due(at(0), next).filter(|due| *due < next).collect();
    assert!(enqueued.is_subset(&decided), "{name}: a run without a due time");
    let left: Vec<_> = decided.difference(enqueued).copied().collect();
    assert_eq!(left.len() as u64, status.missed.count, "{name}: neither enqueued nor missed, or both");
    assert!(left.ends_with(&status.missed.newest), "{name}");
    assert_eq!(status.skipped.count, 0, "{name}");
}

#[tokio::test(start_paused = true)]
async fn job_01_over_400_days_each_due_time_is_enqueued_once_or_noted_as_missed() {
    let (world, dice) = (World::new(7, schedules()), Dice::of(42));
    let mut servers = [world.server(), world.server()];
    servers.iter_mut().for_each(Server::start);
    sleep(Duration::from_secs(1)).await;
    world.store.turns.is_shaky.store(true, Ordering::Relaxed);
    let mut stood_still = 0;
    while world.elapsed() < 400 * DAY {
        sleep(Duration::from_secs(60 + dice.below(9 * 3_600))).await;
        disturb(&dice, &mut servers);
        stood_still += u32::from(servers.iter().all(|server| server.running.is_none()));
        end_all(&world).await;
    }
    world.store.turns.is_shaky.store(false, Ordering::Relaxed);
    for server in &mut servers {
        server.stop();
        server.offset.store(0, Ordering::Relaxed);
        server.start();
    }
    // Until the present is past every clock that was ahead.
    sleep(Duration::from_hours(6)).await;
    assert!(stood_still > 20, "both servers stood still {stood_still} times");

    let mut enqueued: BTreeMap<String, BTreeSet<Timestamp>> = BTreeMap::new();
    for (job, times) in world.store.turns.added() {
        let (name, due) = due_of(&job);
        assert_eq!(times, 1, "{name}: {due:?} was enqueued {times} times");
        let schedule = world.schedules.iter().find(|schedule| schedule.name().as_str() == name).unwrap();
        let jitter = Duration::from_micros(u64::try_from(job.due.micros() - due.micros()).unwrap());
        assert!(jitter <= schedule.longest_jitter(), "{name}: {jitter:?}");
        enqueued.entry(name).or_default().insert(due);
    }
    let statuses = servers[0].scheduler().status().await.unwrap();
    for status in &statuses {
        let now = at(world.elapsed());
        assert!(status.next.unwrap() > now && status.trouble.is_none(), "{}", status.schedule.name());
        assert_decided_once(status, &enqueued[status.schedule.name().as_str()]);
    }
    let missed: u64 = statuses.iter().map(|status| status.missed.count).sum();
    let runs: usize = enqueued.values().map(BTreeSet::len).sum();
    assert!(missed > 100 && runs > 6_000, "{missed} missed, {runs} runs");
    // Ended jobs are forgotten all the while.
    let left: u64 = world.store.inner.count_jobs().await.unwrap().iter().map(|count| count.jobs).sum();
    assert!(left < 500, "{left}");
}
