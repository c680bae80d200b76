//! Schedules: people see when they ran and run, pause and resume them, and ask for a run.

use std::sync::Arc;

use serde_json::{Value, json};
use sqal_core::{Name, Timestamp};
use sqal_http::{Access, TokenFile, router};
use sqal_resilience::TokioClock;
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::queue::JobId;
use sqal_storage::records::{ExpectedRecord, RecordDraft};
use sqal_storage::{MemoryStore, Queue, Records, StorageErrorKind};
use sqal_work::schedule::{Cron, Schedule};
use sqal_work::scheduler::{Scheduler, SchedulerConfig};

use crate::line::{NOON, SECOND, Server, ask, audited, engineer, server};

const HOUR: i64 = 3_600 * SECOND;

/// The schedules of a server whose clock shows this time.
fn scheduler(store: &Arc<MemoryStore>, micros: i64) -> Arc<Scheduler> {
    scheduler_with(store, Arc::clone(store) as _, micros)
}

/// The schedules of a server, with their records in another store.
fn scheduler_with(store: &Arc<MemoryStore>, records: Arc<dyn Records>, micros: i64) -> Arc<Scheduler> {
    let now = Timestamp::from_micros(micros).unwrap();
    let cron = Cron::new("30 * * * *", "Europe/Paris".parse().unwrap()).unwrap();
    let hourly = Schedule::new(Name::new("hourly report").unwrap(), cron, Name::new("report").unwrap());
    let (queue, config) = (Arc::clone(store), SchedulerConfig::default());
    let made = Scheduler::new(queue, records, Arc::new(move || now), Arc::new(TokioClock), vec![hourly], config);
    Arc::new(made.unwrap())
}

/// A server with schedules whose clock shows this time.
fn app(store: &Arc<MemoryStore>, micros: i64) -> axum::Router {
    let Server { mut services, .. } = server(store, 1);
    services.plant.schedules = Some(scheduler(store, micros));
    services.storage.custody = Some(Arc::clone(store) as _);
    router(services)
}

const SCHEDULE: &str = "/api/v1/schedules/hourly%20report";
const RUN: &str = "/api/v1/schedules/hourly%20report/run";
const PAUSE: &str = "/api/v1/schedules/hourly%20report/pause";
const RESUME: &str = "/api/v1/schedules/hourly%20report/resume";

async fn listed(app: &axum::Router) -> Value {
    ask(app, "GET", "/api/v1/schedules", &[], &Value::Null).await.body["items"][0].clone()
}

#[tokio::test]
async fn a_schedule_is_listed_with_its_last_and_its_next_run() {
    let store = Arc::new(MemoryStore::new());
    scheduler(&store, NOON).look_once().await.unwrap();
    let before = listed(&app(&store, NOON)).await;
    assert_eq!(
        (&before["name"], &before["cron"], &before["zone"], &before["frequency"], &before["last"]),
        (&json!("hourly report"), &json!("30 * * * *"), &json!("Europe/Paris"), &json!("intraday"), &Value::Null),
        "{before}"
    );
    assert_eq!(before["next"], "2026-11-21T12:30:00Z", "{before}");
    assert_eq!((&before["longest_jitter_seconds"], &before["expires_after_seconds"]), (&json!(300), &json!(7200)));

    scheduler(&store, NOON + HOUR).look_once().await.unwrap();
    let after = listed(&app(&store, NOON + HOUR)).await;
    assert_eq!((&after["last"]["due"], &after["last"]["state"]), (&before["next"], &json!("enqueued")), "{after}");
    assert_eq!((&after["missed"], &after["trouble"]), (&json!(0), &Value::Null));
    // Ten hours without a server, and ten due times: the runs of the last two have not expired.
    scheduler(&store, NOON + 11 * HOUR).look_once().await.unwrap();
    let missed = listed(&app(&store, NOON + 11 * HOUR)).await;
    assert_eq!(
        (&missed["missed"], &missed["missed_newest"][7]),
        (&json!(8), &json!("2026-11-21T20:30:00Z")),
        "{missed}"
    );
}

#[tokio::test]
async fn a_schedule_is_paused_and_resumed_by_name_and_that_is_written_down() {
    let store = Arc::new(MemoryStore::new());
    let Server { mut services, .. } = server(&store, 1);
    services.plant.schedules = Some(scheduler(&store, NOON));
    services.storage.custody = Some(Arc::clone(&store) as _);
    services.door.access = Arc::new(Access::of(TokenFile { tokens: vec![engineer("marie")] }).unwrap());
    let app = router(services);
    let marie = [("authorization", "Bearer marie")];
    for _ in 0..2 {
        let paused = ask(&app, "POST", PAUSE, &marie, &Value::Null).await;
        assert_eq!((paused.status, &paused.body["paused_by"]), (200, &json!("marie")), "{}", paused.body);
        assert_eq!((&paused.body["next"], &paused.body["paused_at"]), (&Value::Null, &json!("2026-11-21T12:00:00Z")));
    }
    let resumed = ask(&app, "POST", RESUME, &marie, &Value::Null).await;
    assert_eq!((resumed.status, &resumed.body["paused_by"]), (200, &Value::Null));
    let run = ask(&app, "POST", RUN, &marie, &Value::Null).await;
    assert_eq!((run.status, &run.body), (202, &json!({ "schedule": "hourly report", "job": "1" })));
    let what = ["paused", "resumed", "run now, job 1"].map(|what| format!("schedule hourly report: {what}"));
    assert_eq!(audited(&store).await, what.map(|what| ("marie".to_owned(), what)));
    assert_eq!(ask(&app, "POST", PAUSE, &[], &Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_run_that_is_asked_for_twice_under_one_key_is_enqueued_once_on_all_servers() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (app(&store, NOON), app(&store, NOON));
    for server in [&one, &other, &one] {
        let begun = ask(server, "POST", RUN, &[("idempotency-key", "once")], &Value::Null).await;
        assert_eq!((begun.status, &begun.body["job"]), (202, &json!("1")), "{}", begun.body);
        assert_eq!(begun.headers["location"], "../hourly%20report", "relative, wherever it is nested");
    }
    let jobs = store.count_jobs().await.unwrap();
    assert_eq!(jobs.iter().map(|count| count.jobs).sum::<u64>(), 1);
    assert_eq!(audited(&store).await.len(), 1, "a repetition is not a second action");
    ask(&other, "POST", RUN, &[], &Value::Null).await;
    assert_eq!(store.count_jobs().await.unwrap()[0].jobs, 2);
    assert_eq!(audited(&store).await.len(), 2);
    let shown = ask(&one, "GET", SCHEDULE, &[], &Value::Null).await;
    assert_eq!((shown.status, &shown.body), (200, &listed(&one).await));
}

/// Every call of the store fails.
#[derive(Debug)]
struct Away;

#[async_trait::async_trait]
impl Interpose for Away {
    async fn turn(&self, _: Call) -> Turn {
        Turn::FailsBefore(StorageErrorKind::Unavailable)
    }
}

/// Otherwise the client would ask again, and without a key it would get a second run.
#[tokio::test]
async fn a_run_that_is_enqueued_is_answered_although_its_schedule_cannot_be_read() {
    let store = Arc::new(MemoryStore::new());
    let Server { mut services, .. } = server(&store, 1);
    services.plant.schedules = Some(scheduler_with(&store, Arc::new(Interposed::new(store.clone(), Away)), NOON));
    let app = router(services);
    let run = ask(&app, "POST", RUN, &[], &Value::Null).await;
    assert_eq!((run.status, &run.body["job"]), (202, &json!("1")), "{}", run.body);
    assert!(store.job(JobId::from_number(1)).await.unwrap().is_some());
    assert_eq!(ask(&app, "GET", SCHEDULE, &[], &Value::Null).await.status, 503);
}

/// Servers are updated one after the other: the one that was not yet updated has no fault, and a
/// request that comes again later reaches one that was.
#[tokio::test]
async fn a_schedule_of_a_newer_program_is_changed_later() {
    let store = Arc::new(MemoryStore::new());
    let (key, body) = (Name::new("hourly report").unwrap(), r#"{"v":2,"looked_until":"in another form"}"#);
    let draft = RecordDraft::new(Name::new("schedules").unwrap(), key, body);
    store.write(&draft, ExpectedRecord::Any, Timestamp::from_micros(NOON).unwrap()).await.unwrap();
    let app = app(&store, NOON);
    for path in [PAUSE, RESUME] {
        let refused = ask(&app, "POST", path, &[], &Value::Null).await;
        assert_eq!((refused.status, &refused.body["type"]), (503, &json!("/problems/schedule-unreadable")), "{path}");
        assert!(refused.headers.contains_key("retry-after"), "{path}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("version 2") && detail.contains("up to 1"), "{detail}");
    }
    assert!(audited(&store).await.is_empty());
    let page = ask(&app, "GET", "/problems/schedule-unreadable", &[], &Value::Null).await;
    assert_eq!(page.status, 200);
    assert!(listed(&app).await["trouble"].as_str().unwrap().contains("version 2"));
    assert_eq!(ask(&app, "POST", RUN, &[], &Value::Null).await.status, 202, "the queue is read by both");
}

#[tokio::test]
async fn a_schedule_that_is_not_there_is_not_found() {
    let store = Arc::new(MemoryStore::new());
    let Server { app: without, .. } = server(&store, 1);
    assert_eq!(ask(&without, "GET", "/api/v1/schedules", &[], &Value::Null).await.body, json!({ "items": [] }));
    let with = app(&store, NOON);
    assert_eq!(ask(&without, "GET", SCHEDULE, &[], &Value::Null).await.status, 404);
    for path in [RUN, PAUSE, RESUME] {
        assert_eq!(ask(&without, "POST", path, &[], &Value::Null).await.status, 404, "{path}");
        let other = path.replace("hourly", "daily");
        let unknown = ask(&with, "POST", &other, &[], &Value::Null).await;
        assert_eq!((unknown.status, &unknown.body["type"]), (404, &json!("/problems/not-found")), "{}", unknown.body);
    }
}
