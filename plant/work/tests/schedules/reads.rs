//! How many reads the status of schedules takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqal_resilience::TokioClock;
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_work::schedule::Missed;
use sqal_work::scheduler::{Scheduler, SchedulerConfig};
use tokio::time::sleep;

use super::server::{World, at, schedule};

/// Counts calls.
#[derive(Debug, Default)]
struct Calls(AtomicUsize);

#[async_trait]
impl Interpose for Calls {
    async fn turn(&self, _: Call) -> Turn {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn::Done
    }
}

/// The calls of the status of this many schedules, each of which has a run.
async fn calls_of_status(schedules: usize) -> usize {
    let hourly = |number: usize| schedule(&format!("schedule {number}"), "0 * * * *", Missed::Skip);
    let world = World::new(1, (0..schedules).map(hourly).collect());
    let scheduler = world.server().scheduler();
    scheduler.look_once().await.unwrap();
    sleep(Duration::from_hours(2)).await;
    scheduler.look_once().await.unwrap();

    let store = Arc::new(Interposed::new(Arc::clone(&world.store), Calls::default()));
    let (counted, now) = (world.clone(), Arc::new(move || at(world.elapsed())));
    let (queue, records) = (store.clone(), store.clone());
    let schedules = counted.schedules.clone();
    let watched =
        Scheduler::new(queue, records, now, Arc::new(TokioClock), schedules, SchedulerConfig::default()).unwrap();
    let status = watched.status().await.unwrap();
    let calls = store.turns.0.load(Ordering::Relaxed);
    for (one, schedule) in status.iter().zip(&counted.schedules) {
        assert!(one.last.as_ref().is_some_and(|last| last.state.is_some()), "{one:?}");
        assert_eq!(*one, watched.status_of(schedule).await.unwrap(), "each is as it is read alone");
    }
    assert_eq!(status.len(), counted.schedules.len());
    calls
}

#[tokio::test(start_paused = true)]
async fn dbp_05_the_status_of_many_schedules_takes_no_more_reads_than_that_of_one() {
    assert_eq!((calls_of_status(1).await, calls_of_status(25).await), (3, 3));
}
