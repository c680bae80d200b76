//! Ended jobs are forgotten, and a key is not while its due time could be enqueued again.

use std::num::NonZeroU16;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::Name;
use sqal_resilience::{Clock, ManualClock};
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::queue::JobEnd;
use sqal_storage::records::{ExpectedRecord, RecordDraft, RecordQuery};
use sqal_storage::{Queue, Records};
use sqal_work::schedule::Missed;
use sqal_work::scheduler::{InvalidScheduler, Scheduler, SchedulerConfig, SchedulerError};
use tokio::time::sleep;

use super::server::{HOUR, World, at, schedule};

fn nightly() -> World {
    World::new(1, vec![schedule("nightly", "30 2 * * *", Missed::Skip)])
}

/// Runs the job that is due and ends it.
async fn end_the_job(world: &World) {
    let (now, until) = (at(world.elapsed()), at(world.elapsed() + HOUR));
    let (kind, worker) = (*world.schedules[0].kind(), Name::new("worker").unwrap());
    let leased = world.store.inner.lease(&kind, &worker, now, until, NonZeroU16::MIN).await.unwrap();
    let end = JobEnd::Succeeded(String::new());
    assert!(world.store.inner.end(&leased[0].lease, now, &end).await.unwrap());
}

async fn kept(world: &World) -> u64 {
    world.store.inner.count_jobs().await.unwrap().iter().map(|count| count.jobs).sum()
}

#[tokio::test(start_paused = true)]
async fn a_job_is_forgotten_once_it_has_ended_long_enough_ago() {
    let world = nightly();
    let scheduler = world.server().scheduler();
    scheduler.look_once().await.unwrap();
    sleep(Duration::from_hours(3)).await;
    scheduler.look_once().await.unwrap();
    end_the_job(&world).await;
    sleep(Duration::from_mins(24 * 60 - 1)).await;
    assert_eq!(scheduler.forget_once().await.unwrap(), 0);
    sleep(Duration::from_mins(2)).await;
    assert_eq!((scheduler.forget_once().await.unwrap(), kept(&world).await), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_key_of_a_run_that_may_be_enqueued_again_is_not_forgotten() {
    let world = nightly();
    let scheduler = world.server().scheduler();
    scheduler.look_once().await.unwrap();
    sleep(Duration::from_hours(3)).await;
    // The run is decided and enqueued, but that it was enqueued is not written.
    world.store.turns.writes_left.store(1, Ordering::Relaxed);
    assert!(matches!(scheduler.look_once().await, Err(SchedulerError::Storage(_))));
    assert_eq!(world.store.turns.added().len(), 1);
    end_the_job(&world).await;
    for _ in 0..3 {
        sleep(Duration::from_hours(24)).await;
        assert_eq!((scheduler.forget_once().await.unwrap(), kept(&world).await), (0, 1));
    }
    world.store.turns.writes_left.store(u64::MAX, Ordering::Relaxed);
    scheduler.look_once().await.unwrap();
    assert!(world.store.turns.added().iter().all(|(_, times)| *times == 1));
    // Then the old job is forgotten, and its due time does not come back.
    assert_eq!(scheduler.forget_once().await.unwrap(), 1);
    scheduler.look_once().await.unwrap();
    assert!(world.store.turns.added().iter().all(|(_, times)| *times == 1));
}

/// Writes records that expire at a time, in microseconds from the begin.
async fn expiring(world: &World, name: &str, records: u32, end: i64) {
    for number in 0..records {
        let key = Name::new(&format!("{name} {number}")).unwrap();
        let draft = RecordDraft::new(Name::new("sessions").unwrap(), key, "").until(at(end));
        world.store.inner.write(&draft, ExpectedRecord::Absent, at(0)).await.unwrap().unwrap();
    }
}

/// The records that are in the store, expired or not.
async fn stored(world: &World) -> usize {
    let sessions = RecordQuery::of(Name::new("sessions").unwrap(), u16::MAX);
    world.store.inner.find(&sessions, at(0)).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn expired_records_are_removed_once_every_clock_says_that_they_have_expired() {
    let world = nightly();
    let scheduler = world.server().scheduler();
    expiring(&world, "expired", 2_001, HOUR).await;
    expiring(&world, "a little later", 7, HOUR + 30_000_000).await;
    sleep(Duration::from_mins(65)).await;
    scheduler.forget_once().await.unwrap();
    assert_eq!(stored(&world).await, 7, "a clock may be 5 minutes ahead of the others");
    sleep(Duration::from_mins(1)).await;
    scheduler.forget_once().await.unwrap();
    assert_eq!(stored(&world).await, 0);
}

#[tokio::test(start_paused = true)]
async fn expired_records_are_removed_every_hour_also_if_a_schedule_is_damaged() {
    let world = nightly();
    let mut server = world.server();
    expiring(&world, "expired", 5, HOUR / 2).await;
    let damaged = RecordDraft::new(Name::new("schedules").unwrap(), Name::new("nightly").unwrap(), "{");
    world.store.inner.write(&damaged, ExpectedRecord::Any, at(0)).await.unwrap();
    server.start();
    sleep(Duration::from_mins(59)).await;
    assert_eq!(stored(&world).await, 5);
    sleep(Duration::from_mins(31)).await;
    assert_eq!(stored(&world).await, 0);
    server.stop();
}

/// A server that stands still for three days right after a read, while another server
/// goes on.
#[derive(Debug)]
struct Standstill {
    world: World,
    other: Mutex<Option<Arc<Scheduler>>>,
}

#[async_trait]
impl Interpose for Standstill {
    async fn turn(&self, _: Call) -> Turn {
        Turn::Done
    }

    async fn done(&self, call: Call) {
        let other = if call == Call::Record { self.other.lock().unwrap().take() } else { None };
        if let Some(other) = other {
            other.look_once().await.unwrap();
            end_the_job(&self.world).await;
            sleep(Duration::from_hours(3 * 24)).await;
            assert_eq!(other.forget_once().await.unwrap(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stood_still_does_not_enqueue_a_run_whose_key_was_forgotten() {
    // Due on the first of the month: nothing else is due while the server stands still.
    let world = World::new(1, vec![schedule("monthly", "0 2 1 * *", Missed::Skip)]);
    let other = world.server().scheduler();
    other.look_once().await.unwrap();
    sleep(Duration::from_hours(17 * 24 + 2)).await;
    // Another server decides and enqueues, and does not note that: the run is still pending.
    world.store.turns.writes_left.store(1, Ordering::Relaxed);
    assert!(other.look_once().await.is_err());
    world.store.turns.writes_left.store(u64::MAX, Ordering::Relaxed);

    let turns = Standstill { world: world.clone(), other: Mutex::new(Some(other)) };
    let stood = world.server_over(Arc::new(Interposed::new(world.store.clone(), turns)));
    stood.look_once().await.unwrap();
    assert!(world.store.turns.added().iter().all(|(_, times)| *times == 1), "{:?}", world.store.turns.added());
    assert_eq!((world.store.turns.added().len(), kept(&world).await), (1, 0));
}

#[test]
fn a_scheduler_that_would_forget_too_early_is_refused() {
    let new = |config| {
        let store = Arc::new(sqal_storage::MemoryStore::new());
        let nightly = schedule("nightly", "30 2 * * *", Missed::Skip);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        Scheduler::new(store.clone(), store, Arc::new(|| at(0)), clock, vec![nightly], config).map(drop)
    };
    let usual = SchedulerConfig::default();
    assert_eq!(new(usual), Ok(()));
    let kept_for = Duration::from_secs(86_399);
    assert_eq!(new(SchedulerConfig { kept_for, ..usual }), Err(InvalidScheduler::KeptFor(kept_for)));
    for look_every in [Duration::ZERO, Duration::from_secs(3_601)] {
        assert_eq!(new(SchedulerConfig { look_every, ..usual }), Err(InvalidScheduler::LookEvery(look_every)));
    }
}

#[test]
fn two_schedules_of_one_name_are_refused() {
    let store = Arc::new(sqal_storage::MemoryStore::new());
    let twice = vec![schedule("a", "0 * * * *", Missed::Skip), schedule("a", "1 * * * *", Missed::Skip)];
    let name = *twice[0].name();
    let clock = Arc::new(ManualClock::new());
    let made = Scheduler::new(store.clone(), store, Arc::new(|| at(0)), clock, twice, SchedulerConfig::default());
    assert_eq!(made.map(drop).unwrap_err(), InvalidScheduler::Twice(name));
}
