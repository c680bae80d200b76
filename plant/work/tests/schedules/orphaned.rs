//! Jobs of schedules that a program no longer has: canceled once they have expired, and forgotten.

use std::num::NonZeroU16;
use std::time::Duration;

use sqal_core::{Name, Timestamp};
use sqal_storage::Queue;
use sqal_storage::queue::{Job, JobEnd, JobQuery, JobState, Leased};
use sqal_work::schedule::{Missed, Occasion};
use tokio::time::sleep;

use super::server::{HOUR, World, at, schedule};

/// A run that is in the queue, and its world after an update: the program has other schedules.
async fn updated() -> (World, World) {
    let before = World::new(1, vec![schedule("nightly", "30 2 * * *", Missed::Skip)]);
    let scheduler = before.server().scheduler();
    scheduler.look_once().await.unwrap();
    sleep(Duration::from_hours(2)).await;
    scheduler.look_once().await.unwrap();
    let after = before.with(vec![schedule("monthly", "0 2 1 * *", Missed::Skip)]);
    (before, after)
}

/// The only job of a world.
async fn job(world: &World) -> Job {
    world.store.inner.jobs(&JobQuery::newest(NonZeroU16::MIN)).await.unwrap().remove(0)
}

async fn lease(world: &World, until: i64) -> Leased {
    let (kind, worker) = (job(world).await.kind, Name::new("worker").unwrap());
    let now = at(world.elapsed());
    world.store.inner.lease(&kind, &worker, now, at(until), NonZeroU16::MIN).await.unwrap().remove(0)
}

async fn sleep_until(world: &World, time: Timestamp) {
    let micros = time.micros() - at(world.elapsed()).micros();
    sleep(Duration::from_micros(u64::try_from(micros).unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_schedule_that_is_gone_is_canceled_once_it_has_expired() {
    let (_, world) = updated().await;
    let scheduler = world.server().scheduler();
    let expires_at = Occasion::of(&job(&world).await).unwrap().expires_at;
    assert_eq!(scheduler.forget_once().await.unwrap(), 0);
    assert_eq!(job(&world).await.state, JobState::Enqueued, "a server of another program may still begin it");
    sleep_until(&world, expires_at).await;
    sleep(Duration::from_mins(4)).await;
    scheduler.forget_once().await.unwrap();
    assert_eq!(job(&world).await.state, JobState::Enqueued, "the clock of another server may be 5 minutes behind");
    sleep(Duration::from_mins(2)).await;
    scheduler.forget_once().await.unwrap();
    assert_eq!(job(&world).await.state, JobState::Canceled);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_schedule_that_is_there_is_left_to_its_worker() {
    let (world, _) = updated().await;
    sleep(Duration::from_hours(12)).await;
    world.server().scheduler().forget_once().await.unwrap();
    assert_eq!(job(&world).await.state, JobState::Enqueued);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_under_way_is_not_canceled_before_its_lease_has_ended() {
    let (_, world) = updated().await;
    let scheduler = world.server().scheduler();
    lease(&world, 20 * HOUR).await;
    sleep(Duration::from_hours(18)).await;
    scheduler.forget_once().await.unwrap();
    assert_eq!(job(&world).await.state, JobState::Running, "its worker still renews the lease");
    sleep(Duration::from_hours(1)).await;
    scheduler.forget_once().await.unwrap();
    assert_eq!(job(&world).await.state, JobState::Canceled, "its worker has ended, and no other does the kind");
}

#[tokio::test(start_paused = true)]
async fn ended_jobs_of_a_schedule_that_is_gone_are_forgotten() {
    let (_, world) = updated().await;
    let scheduler = world.server().scheduler();
    let leased = lease(&world, 3 * HOUR).await;
    let end = JobEnd::Succeeded(String::new());
    assert!(world.store.inner.end(&leased.lease, at(world.elapsed()), &end).await.unwrap());
    assert_eq!(scheduler.forget_once().await.unwrap(), 0);
    sleep(Duration::from_hours(25)).await;
    assert_eq!(scheduler.forget_once().await.unwrap(), 1);
    assert_eq!(world.store.inner.count_jobs().await.unwrap(), []);
}
