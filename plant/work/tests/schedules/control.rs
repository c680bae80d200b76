//! What people do with schedules and see of them: pauses, requests, troubles, and the last run.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::Name;
use sqal_resilience::{Shutdown, ShutdownConfig, TokioClock};
use sqal_storage::queue::{Enqueued, Job, JobId, JobKind, JobState};
use sqal_storage::records::{ExpectedRecord, RecordDraft};
use sqal_storage::{Queue, Records};
use sqal_work::schedule::{Missed, Occasion};
use sqal_work::scheduler::{Scheduled, ScheduledTask, Scheduler, SchedulerError};
use sqal_work::{Running, WorkConfig, WorkError, Worker};
use tokio::time::sleep;

use super::server::{DAY, HOUR, Server, World, at, schedule};

fn hourly() -> World {
    World::new(1, vec![schedule("hourly", "0 * * * *", Missed::Skip)])
}

async fn hours(hours: u64) {
    sleep(Duration::from_hours(hours)).await;
}

/// The numbers of due times that were enqueued, missed and paused.
async fn decided(scheduler: &Scheduler, world: &World) -> (usize, u64, u64) {
    let status = scheduler.status().await.unwrap().remove(0);
    (world.store.turns.added().len(), status.missed.count, status.skipped.count)
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_on_every_server_and_notes_what_was_due() {
    let world = hourly();
    let [one, other] = [world.server().scheduler(), world.server().scheduler()];
    one.look_once().await.unwrap();
    let eva = Name::new("eva").unwrap();
    assert!(one.pause("hourly", Some(eva)).await.unwrap());
    assert!(!other.pause("hourly", None).await.unwrap(), "it is paused already");
    hours(3).await;
    other.look_once().await.unwrap();
    assert_eq!(decided(&one, &world).await, (0, 0, 3));
    let status = other.status().await.unwrap().remove(0);
    assert_eq!(status.paused.and_then(|pause| pause.by), Some(eva));
    assert_eq!(status.next, None, "a paused schedule has no next due time");
    // What is due between the last look and the end of the pause is of the pause.
    hours(2).await;
    assert!(other.resume("hourly").await.unwrap());
    assert!(!one.resume("hourly").await.unwrap());
    assert_eq!(decided(&one, &world).await, (0, 0, 5));
    hours(1).await;
    one.look_once().await.unwrap();
    assert_eq!(decided(&other, &world).await, (1, 0, 5));
}

#[tokio::test(start_paused = true)]
async fn what_was_due_before_a_pause_is_enqueued_also_if_no_server_has_looked() {
    let world = hourly();
    let scheduler = world.server().scheduler();
    scheduler.look_once().await.unwrap();
    hours(2).await;
    assert!(scheduler.pause("hourly", None).await.unwrap());
    assert_eq!(decided(&scheduler, &world).await, (2, 0, 0));
    hours(1).await;
    scheduler.look_once().await.unwrap();
    assert_eq!(decided(&scheduler, &world).await, (2, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_for_which_no_plan_can_be_made_is_paused_all_the_same() {
    let world = hourly();
    let server = world.server();
    let scheduler = server.scheduler();
    scheduler.look_once().await.unwrap();
    step(&server, 3_650 * DAY);
    assert!(scheduler.pause("hourly", None).await.unwrap());
    step(&server, 0);
    assert!(scheduler.status().await.unwrap().remove(0).paused.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_a_person_asks_for_is_enqueued_once_for_each_key() {
    let world = hourly();
    let scheduler = world.server().scheduler();
    scheduler.look_once().await.unwrap();
    let (eva, key) = (Name::new("eva").unwrap(), Name::new("8e03978e").unwrap());
    let first = scheduler.run_now("hourly", Some(eva), Some(key)).await.unwrap();
    assert_eq!(scheduler.run_now("hourly", Some(eva), Some(key)).await.unwrap(), Enqueued::Known(first.id()));
    let another = scheduler.run_now("hourly", None, None).await.unwrap();
    assert!(matches!(another, Enqueued::Added(_)));
    let job = world.store.job(first.id()).await.unwrap().unwrap();
    assert_eq!((job.created_by, job.due, job.kind), (Some(eva), at(world.elapsed()), *world.schedules[0].kind()));
    let occasion = Occasion::of(&job).unwrap();
    assert_eq!((occasion.schedule.as_str(), occasion.due), ("hourly", job.due));
    assert!(occasion.expires_at > occasion.due);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_schedule_has_is_told() {
    let scheduler = hourly().server().scheduler();
    let long = "x".repeat(200);
    for name in ["", "Hourly", "hourly ", &*long] {
        let told = [
            scheduler.pause(name, None).await.err(),
            scheduler.resume(name).await.err(),
            scheduler.run_now(name, None, None).await.err(),
        ];
        for error in told {
            let error = error.unwrap();
            assert!(matches!(&error, SchedulerError::Unknown(known) if known.len() <= 64), "{error}");
        }
    }
}

/// Writes the record of the schedule as another program would.
async fn write_record(world: &World, body: &str) {
    let draft = RecordDraft::new(Name::new("schedules").unwrap(), Name::new("hourly").unwrap(), body);
    world.store.write(&draft, ExpectedRecord::Any, at(0)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_damaged_record_stops_its_schedule_until_it_is_resumed() {
    let world = hourly();
    let scheduler = world.server().scheduler();
    for damaged in ["", "{", r#"{"v":1,"looked_until":"yesterday"}"#] {
        write_record(&world, damaged).await;
        assert!(matches!(scheduler.look_once().await, Err(SchedulerError::Damaged(_))), "{damaged}");
        assert!(matches!(scheduler.forget_once().await, Err(SchedulerError::Damaged(_))), "{damaged}");
        let status = scheduler.status().await.unwrap().remove(0);
        assert!(status.next.is_none() && status.trouble.unwrap().contains("damaged"), "{damaged}");
    }
    assert!(scheduler.resume("hourly").await.unwrap());
    hours(1).await;
    scheduler.look_once().await.unwrap();
    assert_eq!(decided(&scheduler, &world).await, (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_program_is_left_to_that_program() {
    let world = hourly();
    let scheduler = world.server().scheduler();
    write_record(&world, r#"{"v":2,"looked_until":"in another form"}"#).await;
    let newer = |looked: Result<_, SchedulerError>| matches!(looked, Err(SchedulerError::Newer { found: 2, known: 1 }));
    assert!(newer(scheduler.look_once().await));
    assert!(newer(scheduler.pause("hourly", None).await.map(drop)));
    assert!(newer(scheduler.resume("hourly").await.map(drop)));
    let trouble = scheduler.status().await.unwrap().remove(0).trouble.unwrap();
    assert_eq!(trouble, "the record of the schedule has version 2, and this program reads versions up to 1");
    assert_eq!(world.store.turns.added().len(), 0);
}

fn step(server: &Server, micros: i64) {
    server.offset.store(micros, Ordering::Relaxed);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_far_ahead_is_told_and_a_person_ends_the_wait() {
    let world = hourly();
    let server = world.server();
    let scheduler = server.scheduler();
    scheduler.look_once().await.unwrap();
    step(&server, 30 * DAY);
    scheduler.look_once().await.unwrap();
    step(&server, 0);
    let before = decided(&scheduler, &world).await;
    hours(2).await;
    scheduler.look_once().await.unwrap();
    assert_eq!(decided(&scheduler, &world).await, before, "what was decided is not decided again");
    let trouble = scheduler.status().await.unwrap().remove(0).trouble.unwrap();
    assert!(trouble.starts_with("a clock that was ahead has looked at the schedule until 2026-02-14"), "{trouble}");
    assert!(scheduler.resume("hourly").await.unwrap());
    hours(1).await;
    scheduler.look_once().await.unwrap();
    let status = scheduler.status().await.unwrap().remove(0);
    assert!(status.trouble.is_none() && status.next.is_some());
    assert_eq!(world.store.turns.added().len(), before.0 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_by_more_than_clocks_differ_is_told() {
    for (minutes, is_told) in [(4, false), (6, true), (3 * 60, true), (23 * 60, true)] {
        let world = hourly();
        let server = world.server();
        step(&server, minutes * 60_000_000);
        server.scheduler().look_once().await.unwrap();
        step(&server, 0);
        let status = server.scheduler().status().await.unwrap().remove(0);
        assert_eq!((status.trouble.is_some(), status.next.is_none()), (is_told, is_told), "{minutes} minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_shows_another_decade_decides_nothing() {
    let world = hourly();
    let server = world.server();
    let scheduler = server.scheduler();
    scheduler.look_once().await.unwrap();
    step(&server, 3_650 * DAY);
    assert!(matches!(scheduler.look_once().await, Err(SchedulerError::Plan(_))));
    assert!(scheduler.status().await.unwrap().remove(0).trouble.unwrap().starts_with("the clock shows 2036-01-13"));
    step(&server, HOUR);
    scheduler.look_once().await.unwrap();
    assert_eq!(decided(&scheduler, &world).await, (1, 0, 0), "the right clock goes on as if nothing had been");
}

/// A task that takes 90 seconds, and that fails in its first attempt.
#[derive(Debug)]
struct Scan(JobKind);

#[async_trait]
impl ScheduledTask for Scan {
    fn kind(&self) -> &JobKind {
        &self.0
    }

    async fn run(&self, occasion: &Occasion, running: &Running) -> Result<String, WorkError> {
        assert_eq!(occasion.schedule.as_str(), "hourly");
        let took = running.took();
        sleep(Duration::from_secs(90)).await;
        assert!(running.took() >= took + Duration::from_secs(90));
        Err(WorkError::transient("the database is away"))
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_shows_the_last_run_with_its_duration_and_its_error() {
    let world = hourly();
    let scheduler = world.server().scheduler();
    let shutdown = Shutdown::new(ShutdownConfig::default());
    scheduler.begin(&shutdown).unwrap();
    let (queue, records) = (world.store.clone(), world.store.clone());
    let elapsed = world.clone();
    let now = Arc::new(move || at(elapsed.elapsed()));
    let work = Scheduled::new(Scan(*world.schedules[0].kind()), records);
    let worker = Worker::new(queue, Name::new("server").unwrap(), now, Arc::new(TokioClock));
    let _handle = worker.add(Arc::new(work), WorkConfig::default()).unwrap().begin(&shutdown).unwrap();
    assert_eq!(scheduler.status().await.unwrap().remove(0).last, None);

    // The first attempt takes 90 seconds, and the second begins 7 to 23 seconds later.
    let due = at(59 * 60_000_000);
    let begins = world.schedules[0].run_at(due).micros() - at(0).micros();
    sleep(Duration::from_micros(u64::try_from(begins).unwrap()) + Duration::from_secs(95)).await;
    let status = scheduler.status().await.unwrap().remove(0);
    let last = status.last.unwrap();
    assert_eq!((last.due, status.next), (due, Some(at(119 * 60_000_000))));
    assert_eq!(last.error.as_deref(), Some("the database is away"));
    assert!(last.took.unwrap().abs_diff(Duration::from_secs(90)) < Duration::from_secs(1), "{:?}", last.took);
    assert!(last.state.unwrap().is_open() && last.began_at.unwrap() >= last.due);
    // After three attempts it has failed for good.
    sleep(Duration::from_mins(30)).await;
    let last = scheduler.status().await.unwrap().remove(0).last.unwrap();
    assert_eq!(last.state, Some(JobState::Failed));
    shutdown.begin("test");
}

#[tokio::test(start_paused = true)]
async fn job_02_a_run_that_has_expired_is_not_begun() {
    let world = hourly();
    let scheduler = world.server().scheduler();
    scheduler.look_once().await.unwrap();
    hours(1).await;
    scheduler.look_once().await.unwrap();
    let leased = lease(&world).await;
    // No worker takes it for two hours and its jitter.
    sleep(Duration::from_mins(126)).await;
    let work = Scheduled::new(Scan(leased.kind), world.store.clone());
    let running = Running::detached(at(world.elapsed()), Arc::new(TokioClock));
    let ended = sqal_work::Work::run(&work, &leased, &running).await;
    let WorkError::Permanent { why } = ended.unwrap_err() else { panic!("another attempt would be later") };
    assert!(why.starts_with("expired: the run was to begin before 2026-01-15T03:0"), "{why}");
    let last = scheduler.status().await.unwrap().remove(0).last.unwrap();
    assert_eq!((last.job, last.took), (leased.id, Some(Duration::ZERO)));
}

/// The job of the first due time, once its jitter is over.
async fn lease(world: &World) -> Job {
    sleep(Duration::from_mins(5)).await;
    let (now, until) = (at(world.elapsed()), at(world.elapsed() + 10 * HOUR));
    let (kind, worker) = (*world.schedules[0].kind(), Name::new("worker").unwrap());
    let mut leased = world.store.lease(&kind, &worker, now, until, NonZeroU16::MIN).await.unwrap();
    let job = leased.remove(0).job;
    assert_eq!(job.id, JobId::from_number(1));
    job
}
