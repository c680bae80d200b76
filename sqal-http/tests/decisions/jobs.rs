//! Jobs go on while their engineer does something else, and outlive their server.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqal_core::{Name, Sample, SampleId, Timestamp};
use sqal_http::{Profile, Profiles, Services, router, take_up_jobs};
use sqal_resilience::{Shutdown, ShutdownConfig};
use sqal_storage::queue::{JobQuery, JobState, NewJob};
use sqal_storage::{
    BatchWriter, Inserted, MemoryStore, Queue, SampleQuery, SampleStore, StorageError, StorageErrorKind, WriterConfig,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};

use crate::line::{NOON, Server, ask, filled, minute, profile, server};

/// A profile is tried on months of samples while its engineer does something else. A job that is no
/// longer wanted is stopped.
#[expect(clippy::too_many_lines, reason = "one story, in the order in which it happens")]
#[tokio::test]
async fn a_job_tries_a_profile_on_a_span() {
    let store = Arc::new(MemoryStore::new());
    filled(&store, 350).await;
    let Server { app, .. } = server(&store, 1);
    let span = |from: &str| json!({ "from": from, "until": "2026-11-21T11:59:59Z" });
    let job =
        |profile: &Value, span: &Value| json!({ "kind": "dry_run", "name": "foie", "profile": profile, "span": span });
    let begun = ask(&app, "POST", "/api/v1/jobs", &[], &job(&profile(2, 0.001), &span("2026-11-21T11:55:00Z"))).await;
    assert_eq!((begun.status, &begun.body["state"]), (202, &json!("enqueued")), "{}", begun.body);
    let place = begun.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(place, format!("jobs/{}", begun.body["id"].as_str().unwrap()), "relative, wherever it is nested");
    let place = format!("/api/v1/{place}");
    let ended = async |place: &str| loop {
        let now = ask(&app, "GET", place, &[], &Value::Null).await.body;
        if !["enqueued", "running"].contains(&now["state"].as_str().unwrap()) {
            return now;
        }
        tokio::task::yield_now().await;
    };
    let done = ended(&place).await;
    assert_eq!(
        (&done["state"], &done["done"], &done["total"]),
        (&json!("succeeded"), &json!(299), &json!(299)),
        "{done}"
    );
    // The result has the form of a dry run on the newest samples, for the samples of the span.
    let result = &done["result"];
    assert_eq!((&result["samples"], &result["tried"]["version"]), (&json!(299), &json!(2)));
    let moved: u64 = result["grades"].as_array().unwrap().iter().map(|one| one["samples"].as_u64().unwrap()).sum();
    assert_eq!(moved, 299);
    let stopped = ask(&app, "DELETE", &place, &[], &Value::Null).await;
    assert_eq!((stopped.status, &stopped.body["state"]), (200, &json!("succeeded")), "what has ended stays");

    // Of one device only.
    for (device, samples) in [("ESP32_1", 299), ("ESP32_2", 0)] {
        let mut of_one = job(&profile(2, 0.001), &span("2026-11-21T11:55:00Z"));
        of_one["device_id"] = device.into();
        let begun = ask(&app, "POST", "/api/v1/jobs", &[], &of_one).await.body;
        let done = ended(&format!("/api/v1/jobs/{}", begun["id"].as_str().unwrap())).await;
        assert_eq!((&done["done"], &done["result"]["samples"]), (&json!(samples), &json!(samples)), "{device}");
        let examples = done["result"]["examples"].as_array().unwrap();
        assert!(examples.iter().all(|example| example["device_id"] == device));
    }

    // The second job waits for the first, and is stopped before its turn.
    let whole = job(&profile(2, 1.0), &span("2026-11-21T00:00:00Z"));
    let first = ask(&app, "POST", "/api/v1/jobs", &[], &whole).await.body;
    let second = ask(&app, "POST", "/api/v1/jobs", &[], &whole).await.body;
    let place = |job: &Value| format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let stopped = ask(&app, "DELETE", &place(&second), &[], &Value::Null).await;
    assert_eq!(stopped.body["state"], "canceled");
    assert_eq!(ended(&place(&first)).await["state"], "succeeded");
    let second = ended(&place(&second)).await;
    assert_eq!((&second["state"], &second["result"]), (&json!("canceled"), &Value::Null));
    let all = ask(&app, "GET", "/api/v1/jobs", &[], &Value::Null).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 5);

    for (change, value, pointer) in [
        ("kind", json!("train"), "/kind"),
        ("name", json!("none"), "/name"),
        ("profile", json!({}), "/profile"),
        ("span", span("2026-11-22T00:00:00Z"), "/span/until"),
        ("more", json!(1), "/more"),
    ] {
        let mut wrong = whole.clone();
        wrong[change] = value;
        let refused = ask(&app, "POST", "/api/v1/jobs", &[], &wrong).await;
        assert_eq!(
            (refused.status, &refused.body["violations"][0]["pointer"]),
            (400, &json!(pointer)),
            "{}",
            refused.body
        );
    }
    for id in ["0", "0000000000000000-1", "%00", "é-1"] {
        assert_eq!(ask(&app, "GET", &format!("/api/v1/jobs/{id}"), &[], &Value::Null).await.status, 404, "{id}");
    }
}

/// A store whose database is away.
#[derive(Debug)]
pub(crate) struct Away;

#[async_trait::async_trait]
impl SampleStore for Away {
    async fn insert(&self, _: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        Err(away())
    }

    async fn get(&self, _: &SampleId) -> Result<Option<Sample>, StorageError> {
        Err(away())
    }

    async fn query(&self, _: &SampleQuery) -> Result<Page, StorageError> {
        Err(away())
    }

    async fn hourly(&self, _: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        Ok(Vec::new())
    }

    async fn by_device(&self, _: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        Err(away())
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Err(away())
    }
}

fn away() -> StorageError {
    StorageError::new("test", StorageErrorKind::Unavailable)
}

/// The seventeenth job is refused. A job waits while the database is away for a moment, and a
/// server that ends returns it to the queue.
#[tokio::test(start_paused = true)]
async fn jobs_are_bounded_and_a_server_that_ends_does_not_wait_for_them() {
    let Server { mut services, .. } = server(&Arc::new(MemoryStore::new()), 1);
    services.storage.store = Arc::new(Away);
    let shutdown = Shutdown::new(ShutdownConfig::default());
    let app = router(services.ending_with(&shutdown));
    let mut statuses = Vec::new();
    for _ in 0..17 {
        statuses.push(ask(&app, "POST", "/api/v1/jobs", &[], &minute()).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 16, "{statuses:?}");
    assert_eq!(statuses[16], 503);
    let waiting = ["enqueued"; 15].into_iter().chain(["running"]).collect::<Vec<_>>();
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(states(&app).await, waiting, "it waits for the database");
    let begun = tokio::time::Instant::now();
    shutdown.begin("SIGTERM");
    assert_eq!(shutdown.run().await.exit_code(), 0, "nothing is left behind");
    assert!(begun.elapsed().as_secs() < 10, "and nobody waited for them");
}

/// The state of every job, the newest first.
async fn states(app: &axum::Router) -> Vec<String> {
    let all = ask(app, "GET", "/api/v1/jobs", &[], &Value::Null).await.body;
    all["items"].as_array().unwrap().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect()
}

/// A server on a store, with its own shutdown, whose samples are read from another store.
pub(crate) fn server_of(queue: &Arc<MemoryStore>, samples: Arc<dyn SampleStore>) -> (axum::Router, Services, Shutdown) {
    let Server { mut services, .. } = server(queue, 1);
    (services.storage.queue, services.storage.store) = (Arc::clone(queue) as _, samples);
    let shutdown = Shutdown::new(ShutdownConfig::default());
    let services = services.ending_with(&shutdown);
    (router(services.clone()), services, shutdown)
}

/// Jobs that a server leaves when it ends are done by the next one, the job that it worked on
/// included, and no attempt of it is lost.
#[tokio::test(start_paused = true)]
async fn jobs_that_a_server_leaves_are_done_by_the_next() {
    let store = Arc::new(MemoryStore::new());
    filled(&store, 30).await;
    let (app, _, shutdown) = server_of(&store, Arc::new(Away));
    for _ in 0..3 {
        assert_eq!(ask(&app, "POST", "/api/v1/jobs", &[], &minute()).await.status, 202);
    }
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(states(&app).await, ["enqueued", "enqueued", "running"], "the first waits for the database");
    shutdown.begin("SIGTERM");
    assert_eq!(shutdown.run().await.exit_code(), 0);
    let left = store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap();
    assert_eq!(left.iter().map(|job| (job.state, job.attempts)).collect::<Vec<_>>(), [(JobState::Enqueued, 0); 3]);

    let (app, services, _shutdown) = server_of(&store, Arc::clone(&store) as _);
    take_up_jobs(&services);
    while states(&app).await != ["succeeded"; 3] {
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let done = ask(&app, "GET", "/api/v1/jobs", &[], &Value::Null).await.body;
    assert!(done["items"].as_array().unwrap().iter().all(|job| job["done"] == 30 && job["result"]["samples"] == 30));
}

/// A job whose server was killed three times has failed: it may be the cause.
#[tokio::test(start_paused = true)]
async fn a_job_whose_server_was_killed_three_times_has_failed() {
    let store = Arc::new(MemoryStore::new());
    let now = Timestamp::from_micros(NOON).unwrap();
    let (app, services, _shutdown) = server_of(&store, Arc::clone(&store) as _);
    let kind = Name::new("dry_run").unwrap();
    let three = NonZeroU16::new(3).unwrap();
    let id = store.enqueue(&NewJob::new(kind, minute().to_string(), now).attempts(three)).await.unwrap().id();
    let path = format!("/api/v1/jobs/{NOON:016x}-{id}");
    // Each lease ends at once: the servers were killed.
    for attempt in 1..=3 {
        let leased = store.lease(&kind, &Name::new("killed").unwrap(), now, now, NonZeroU16::MIN).await.unwrap();
        assert_eq!(leased.len(), 1, "attempt {attempt}");
    }
    assert_eq!(ask(&app, "GET", &path, &[], &Value::Null).await.body["state"], "running");
    take_up_jobs(&services);
    let job = loop {
        tokio::time::advance(Duration::from_millis(100)).await;
        let job = ask(&app, "GET", &path, &[], &Value::Null).await.body;
        if job["state"] != "running" {
            break job;
        }
    };
    assert_eq!((&job["state"], &job["problem"]["status"]), (&json!("failed"), &json!(500)), "{job}");
}

/// A store that panics when it is read.
#[derive(Debug)]
struct Broken;

#[async_trait::async_trait]
impl SampleStore for Broken {
    async fn insert(&self, _: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        Err(away())
    }

    async fn get(&self, _: &SampleId) -> Result<Option<Sample>, StorageError> {
        Err(away())
    }

    async fn query(&self, _: &SampleQuery) -> Result<Page, StorageError> {
        panic!("a mistake of the program");
    }

    async fn hourly(&self, _: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        Ok(Vec::new())
    }

    async fn by_device(&self, _: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        Err(away())
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// A job that panics in each of its attempts has failed, and the worker goes on with the next.
#[tokio::test(start_paused = true)]
async fn a_job_that_panics_has_failed_and_the_next_is_done() {
    let store = Arc::new(MemoryStore::new());
    let (app, _) = server_with_time(&store, Arc::new(Broken));
    for _ in 0..2 {
        ask(&app, "POST", "/api/v1/jobs", &[], &minute()).await;
    }
    while states(&app).await != ["failed"; 2] {
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let all = ask(&app, "GET", "/api/v1/jobs", &[], &Value::Null).await.body;
    assert_eq!(all["items"][0]["problem"]["status"], 500, "{all}");
    let attempts = store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap().iter().map(|job| job.attempts).max();
    assert_eq!(attempts, Some(3));
}

/// A job that another server of the database cancels stops here.
#[tokio::test(start_paused = true)]
async fn a_job_is_stopped_by_any_server() {
    let store = Arc::new(MemoryStore::new());
    let (app, _, _one) = server_of(&store, Arc::new(Away));
    let (other, _, _two) = server_of(&store, Arc::new(Away));
    let place = |job: &Value| format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let first = ask(&app, "POST", "/api/v1/jobs", &[], &minute()).await.body;
    let second = ask(&app, "POST", "/api/v1/jobs", &[], &minute()).await.body;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(states(&other).await, ["enqueued", "running"]);
    let stopped = ask(&other, "DELETE", &place(&first), &[], &Value::Null).await;
    assert_eq!((stopped.status, &stopped.body["state"]), (200, &json!("canceled")));
    while ask(&app, "GET", &place(&second), &[], &Value::Null).await.body["state"] != "running" {
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert_eq!(ask(&app, "GET", &place(&first), &[], &Value::Null).await.body["state"], "canceled");
}

/// Jobs of other kinds are not shown, and not stopped.
#[tokio::test]
async fn jobs_of_other_kinds_are_not_for_these_routes() {
    let store = Arc::new(MemoryStore::new());
    let (app, _, _shutdown) = server_of(&store, Arc::clone(&store) as _);
    let now = Timestamp::from_micros(NOON).unwrap();
    let id = store.enqueue(&NewJob::new(Name::new("mail").unwrap(), "secret".to_owned(), now)).await.unwrap().id();
    assert_eq!(states(&app).await, [""; 0]);
    for method in ["GET", "DELETE"] {
        assert_eq!(ask(&app, method, &format!("/api/v1/jobs/{NOON:016x}-{id}"), &[], &Value::Null).await.status, 404);
    }
    assert_eq!(store.job(id).await.unwrap().unwrap().state, JobState::Enqueued);
}

/// A server on a store whose wall clock goes with the paused time of the test.
fn server_with_time(store: &Arc<MemoryStore>, samples: Arc<dyn SampleStore>) -> (axum::Router, Services) {
    let (writer, _task) = BatchWriter::start(Arc::clone(store) as _, WriterConfig::usual());
    let profiles = Profiles::new([("foie".parse().unwrap(), Profile::example())]).unwrap();
    let begun = tokio::time::Instant::now();
    let wall = move || Timestamp::from_micros(NOON + i64::try_from(begun.elapsed().as_micros()).unwrap()).unwrap();
    let mut services = Services::new(samples, writer, profiles, wall);
    (services.storage.queue, services.storage.register) = (Arc::clone(store) as _, Some(Arc::clone(store) as _));
    (router(services.clone()), services)
}

/// A job whose profile this server does not have yet waits, and is done once the decision of
/// another server has arrived.
#[tokio::test(start_paused = true)]
async fn a_job_waits_for_a_decision_of_another_server() {
    let store = Arc::new(MemoryStore::new());
    let (app, services) = server_with_time(&store, Arc::clone(&store) as _);
    let (other, _) = server_with_time(&store, Arc::clone(&store) as _);
    let mut asked = minute();
    asked["name"] = json!("truffle");
    let three = NonZeroU16::new(3).unwrap();
    let job = NewJob::new(Name::new("dry_run").unwrap(), asked.to_string(), Timestamp::from_micros(NOON).unwrap());
    let id = store.enqueue(&job.attempts(three)).await.unwrap().id();
    take_up_jobs(&services);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let waiting = store.job(id).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.attempts), (JobState::Enqueued, 1), "{waiting:?}");
    assert!(waiting.failure.unwrap().contains("/name"), "it is said what it waits for");
    let decided = ask(&other, "PUT", "/api/v1/profiles/truffle", &[("if-none-match", "*")], &profile(2, 3.0)).await;
    assert_eq!(decided.status, 201, "{}", decided.body);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(store.job(id).await.unwrap().unwrap().state, JobState::Succeeded);
    assert_eq!(states(&app).await, ["succeeded"]);
}

/// A store whose summaries are away until a time.
#[derive(Debug)]
struct AwayUntil(Arc<MemoryStore>, tokio::time::Instant);

#[async_trait::async_trait]
impl SampleStore for AwayUntil {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.0.insert(batch).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.0.get(id).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.0.query(query).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        if tokio::time::Instant::now() < self.1 { Err(away()) } else { self.0.hourly(query).await }
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.0.by_device(query).await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// The attempts of a job whose database is away for this long, from its beginning.
async fn attempts_while_away(seconds: u64) -> u16 {
    let store = Arc::new(MemoryStore::new());
    filled(&store, 10).await;
    let back = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let (app, _) = server_with_time(&store, Arc::new(AwayUntil(Arc::clone(&store), back)));
    assert_eq!(ask(&app, "POST", "/api/v1/jobs", &[], &minute()).await.status, 202);
    tokio::time::sleep(Duration::from_secs(seconds.min(5))).await;
    assert_eq!(states(&app).await, ["running"], "it waits for the database");
    tokio::time::sleep(Duration::from_secs(seconds + 60)).await;
    assert_eq!(states(&app).await, ["succeeded"]);
    store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap()[0].attempts
}

/// A database that is away for less than a minute costs no attempt of a job, and one that is away
/// for longer costs one.
#[tokio::test(start_paused = true)]
async fn a_job_waits_for_the_database_and_is_tried_again_after_a_minute() {
    assert_eq!(attempts_while_away(10).await, 1);
    assert_eq!(attempts_while_away(40).await, 1);
    assert_eq!(attempts_while_away(75).await, 2);
}
