//! One run of a schedule at a time, also if a run is longer than the interval of its schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::Name;
use sqal_resilience::TokioClock;
use sqal_storage::queue::{Job, JobKind};
use sqal_storage::records::{ExpectedRecord, RecordDraft};
use sqal_storage::{Queue, Records};
use sqal_work::schedule::{Missed, Occasion};
use sqal_work::scheduler::{Scheduled, ScheduledTask};
use sqal_work::{Running, Work, WorkError};
use tokio::time::sleep;

use super::server::{DAY, World, at, schedule};

/// A task that takes 5 minutes, with the seconds that it has worked and the runs under way.
#[derive(Clone, Debug)]
struct Long {
    kind: JobKind,
    seconds: Arc<AtomicU32>,
    under_way: Arc<AtomicU32>,
}

#[async_trait]
impl ScheduledTask for Long {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, _: &Occasion, _: &Running) -> Result<String, WorkError> {
        let others = self.under_way.fetch_add(1, Ordering::Relaxed);
        assert_eq!(others, 0, "two runs of one schedule are under way");
        for _ in 0..300 {
            sleep(Duration::from_secs(1)).await;
            self.seconds.fetch_add(1, Ordering::Relaxed);
        }
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        Ok("done".to_owned())
    }
}

/// A world, two jobs of its schedule, and their work.
async fn two_jobs() -> (World, [Job; 2], Long, Scheduled<Long>) {
    let world = World::new(1, vec![schedule("hourly", "0 * * * *", Missed::Skip)]);
    let scheduler = world.server().scheduler();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let id = scheduler.run_now("hourly", None, None).await.unwrap().id();
        jobs.push(world.store.job(id).await.unwrap().unwrap());
    }
    let kind = *world.schedules[0].kind();
    let task = Long { kind, seconds: Arc::default(), under_way: Arc::default() };
    let work = Scheduled::new(task.clone(), world.store.clone());
    (world, jobs.try_into().unwrap(), task, work)
}

fn running(world: &World) -> Running {
    Running::detached(at(world.elapsed()), Arc::new(TokioClock))
}

/// Writes the record of a run under way as another server would, with an end.
async fn write_record(world: &World, job: u64, end: i64) {
    let draft = RecordDraft::new(
        Name::new("schedule_running").unwrap(),
        Name::new("hourly").unwrap(),
        format!(r#"{{"v":1,"job":{job}}}"#),
    );
    let now = at(world.elapsed());
    world.store.inner.write(&draft.until(at(end)), ExpectedRecord::Any, now).await.unwrap().unwrap();
}

fn postponed(ended: &Result<String, WorkError>) -> bool {
    matches!(ended, Err(WorkError::Postponed { why, .. }) if why == "another run of the schedule is under way")
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_while_another_run_of_its_schedule_is_under_way() {
    let (world, [first, second], _, work) = two_jobs().await;
    let one = async { work.run(&first, &running(&world)).await };
    let other = async {
        for minute in 0..4 {
            sleep(Duration::from_secs(61)).await;
            let ended = work.run(&second, &running(&world)).await;
            assert!(postponed(&ended), "minute {minute}: {ended:?}");
        }
    };
    let (one, ()) = tokio::join!(one, other);
    assert_eq!(one.as_deref(), Ok("done"));
    // As soon as the run has ended, the next one may begin.
    assert_eq!(work.run(&second, &running(&world)).await.as_deref(), Ok("done"));
}

#[tokio::test(start_paused = true)]
async fn the_schedule_of_a_killed_server_is_free_for_its_job_at_once_and_for_others_after_a_minute() {
    let (world, [first, second], task, work) = two_jobs().await;
    let killed = tokio::time::timeout(Duration::from_secs(95), work.run(&first, &running(&world))).await;
    assert!(killed.is_err(), "the run is dropped");
    task.under_way.store(0, Ordering::Relaxed);
    assert!(postponed(&work.run(&second, &running(&world)).await));
    let again = tokio::time::timeout(Duration::from_secs(95), work.run(&first, &running(&world))).await;
    assert!(again.is_err(), "the next attempt of the job runs, and is dropped too");
    task.under_way.store(0, Ordering::Relaxed);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(work.run(&second, &running(&world)).await.as_deref(), Ok("done"));
}

#[tokio::test(start_paused = true)]
async fn a_run_stands_still_while_its_record_cannot_be_renewed_and_goes_on_after_that() {
    let (world, [first, _], task, work) = two_jobs().await;
    let outage = async {
        sleep(Duration::from_secs(25)).await;
        world.store.turns.writes_left.store(0, Ordering::Relaxed);
        sleep(Duration::from_mins(10)).await;
        // The last renewal was at 20 seconds, and is relied on for 30.
        let stood = task.seconds.load(Ordering::Relaxed);
        assert!((48..=50).contains(&stood), "{stood}");
        world.store.turns.writes_left.store(u64::MAX, Ordering::Relaxed);
    };
    let running = running(&world);
    let (ended, ()) = tokio::join!(work.run(&first, &running), outage);
    assert_eq!((ended.as_deref(), task.seconds.load(Ordering::Relaxed)), (Ok("done"), 300));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_one_has_overtaken_is_dropped_and_tried_again() {
    let (world, [first, _], task, work) = two_jobs().await;
    let other = async {
        sleep(Duration::from_secs(25)).await;
        write_record(&world, 999, world.elapsed() + 60_000_000).await;
    };
    let running = running(&world);
    let (ended, ()) = tokio::join!(work.run(&first, &running), other);
    assert!(matches!(&ended, Err(WorkError::Transient { why, .. }) if why.contains("another run")), "{ended:?}");
    assert!(task.seconds.load(Ordering::Relaxed) <= 30);
}

#[tokio::test(start_paused = true)]
async fn records_that_fail_cost_a_job_no_attempt() {
    let (world, [first, _], task, work) = two_jobs().await;
    world.store.turns.writes_left.store(0, Ordering::Relaxed);
    let ended = work.run(&first, &running(&world)).await;
    assert!(matches!(ended, Err(WorkError::Postponed { .. })), "{ended:?}");
    assert_eq!(task.seconds.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_wrong_clock_has_written_holds_no_run_back() {
    let (world, [first, _], _, work) = two_jobs().await;
    write_record(&world, 999, world.elapsed() + 30 * DAY).await;
    assert_eq!(work.run(&first, &running(&world)).await.as_deref(), Ok("done"));
}
