//! What people decide: profiles that come into force, calibrations, jobs over history; and what comes twice is done once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use fixtures::scene::{Fault, Scene, Station};
use futures_util::FutureExt;
use serde_json::{Value, json};
use sqal_core::{Meta, Name, Sample, SampleId, SampleKey, Timestamp};
use sqal_http::{Access, Grant, Profile, Profiles, Quotas, Role, Services, Token, TokenFile, TokenHash, router};
use sqal_resilience::{Shutdown, ShutdownConfig};
use sqal_storage::{
    BatchWriter, Custody, DeviceTally, Entry, EntryKind, EntryName, Hourly, HourlyQuery, Inserted, MemoryStore, Page,
    Register, SampleQuery, SampleStore, StorageError, StorageErrorKind, WriterConfig,
};
use tower::ServiceExt;

/// 2026-11-21T12:00:00Z.
const NOON: i64 = 1_795_262_400_000_000;

const SECOND: i64 = 1_000_000;

/// A server on a store that others may be on too.
struct Server {
    app: Router,
    services: Services,
}

fn server(store: &Arc<MemoryStore>, version: u32) -> Server {
    let (writer, _task) = BatchWriter::start(Arc::clone(store) as _, WriterConfig::usual());
    let profile = Profile { version, ..Profile::example() };
    let profiles = Profiles::new([("foie".parse().unwrap(), profile)]).unwrap();
    let mut services =
        Services::new(Arc::clone(store) as _, writer, profiles, || Timestamp::from_micros(NOON).unwrap());
    services.quotas = Arc::new(Quotas::none());
    services.register = Some(Arc::clone(store) as _);
    Server { app: router(services.clone()), services }
}

/// Samples a second apart, the last a second before noon; the tray of the first half is empty.
async fn filled(store: &MemoryStore, samples: i64) {
    let name = "foie".parse().unwrap();
    let profiles = Profiles::new([(name, Profile::example())]).unwrap();
    let mut station = Station::new(7);
    let mut made = Vec::new();
    for k in 0..samples {
        let scene = if k < samples / 2 { Scene { height_mm: 0.0, dome_mm: 0.0, ..Scene::GOOD } } else { Scene::GOOD };
        let reading = station.read(scene, Fault::None);
        let (inspection, profile) = profiles.inspect(&name, reading.frame.as_ref(), reading.spectrum.as_ref()).unwrap();
        let timestamp = Timestamp::from_micros(NOON + (k - samples) * SECOND).unwrap();
        let key = SampleKey {
            device_id: Name::new("ESP32_1").unwrap(),
            timestamp,
            sample_id: Name::new(&format!("S{k}")).unwrap(),
        };
        made.push(Sample {
            key,
            received_at: timestamp,
            tof: reading.frame,
            spectrum: reading.spectrum,
            inspection,
            reported: None,
            meta: Meta { firmware_version: None, temperature_c: Some(4.5), humidity_percent: None },
            profile,
            processing_micros: 5,
        });
    }
    store.insert(&made).await.unwrap();
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

async fn ask(app: &Router, method: &str, path: &str, fields: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let response = app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
}

fn profile(version: u32, tilt: f64) -> Value {
    let mut profile = serde_json::to_value(Profile::example()).unwrap();
    (profile["version"], profile["tof"]["max_tilt_deg"]) = (version.into(), tilt.into());
    profile
}

const FOIE: &str = "/api/v1/profiles/foie";

/// The tag of what GET or PUT has shown.
fn tag(answer: &Answer) -> String {
    let tag = format!("\"{}\"", answer.body["hash"].as_str().unwrap());
    assert!(answer.headers.get("etag").is_none_or(|sent| *sent == tag));
    tag
}

/// If-Match: whoever decides has seen what is in force, and of two who decide at once one is told.
#[tokio::test]
async fn a_profile_is_decided_on_by_who_has_seen_the_one_before() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    let first = ask(&app, "GET", FOIE, &[], &Value::Null).await;
    let put = async |fields: &[(&str, &str)], body: &Value| ask(&app, "PUT", FOIE, fields, body).await;
    assert_eq!(put(&[], &profile(2, 3.0)).await.status, 428);
    assert_eq!(put(&[("if-match", "\"00\"")], &profile(2, 3.0)).await.status, 412);
    assert_eq!(put(&[("if-none-match", "*")], &profile(2, 3.0)).await.status, 412);
    let stale = put(&[("if-match", &tag(&first))], &profile(1, 3.0)).await;
    assert_eq!((stale.status, &stale.body["violations"][0]["pointer"]), (400, &json!("/version")), "{}", stale.body);
    let wrong = put(&[("if-match", &tag(&first))], &profile(2, -3.0)).await;
    assert_eq!(wrong.status, 400);
    let decided = put(&[("if-match", &tag(&first))], &profile(2, 3.0)).await;
    assert_eq!((decided.status, &decided.body["version"]), (200, &json!(2)), "{}", decided.body);
    assert!(!decided.headers.contains_key("etag"), "what was sent is not what GET shows (RFC 9110, 9.3.4)");
    assert_ne!(tag(&decided), tag(&first));
    let now = ask(&app, "GET", FOIE, &[], &Value::Null).await;
    assert_eq!((tag(&now), &now.body), (tag(&decided), &decided.body));
    // The same request again, whose answer was lost: it is done.
    let again = put(&[("if-match", &tag(&first))], &profile(2, 3.0)).await;
    assert_eq!((again.status, tag(&again)), (200, tag(&decided)));
    // Somebody who has seen the first one only.
    assert_eq!(put(&[("if-match", &tag(&first))], &profile(3, 2.0)).await.status, 412);

    let truffle = "/api/v1/profiles/truffle";
    assert_eq!(ask(&app, "PUT", truffle, &[("if-match", "*")], &profile(1, 3.0)).await.status, 412);
    let made = ask(&app, "PUT", truffle, &[("if-none-match", "*")], &profile(1, 3.0)).await;
    assert_eq!((made.status, &made.body["name"]), (201, &json!("truffle")));
    for name in ["truffe%CC%81", "a%2Fb", ".hidden", "a%20b"] {
        let slip =
            ask(&app, "PUT", &format!("/api/v1/profiles/{name}"), &[("if-none-match", "*")], &profile(1, 3.0)).await;
        assert_eq!((slip.status, &slip.body["violations"][0]["pointer"]), (400, &json!("{name}")), "{}", slip.body);
    }
    let all = ask(&app, "GET", "/api/v1/profiles", &[], &Value::Null).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
}

/// What was decided on one server holds on all, and after a restart; and it is written down.
#[tokio::test]
async fn decisions_outlive_servers_and_are_shared_by_them() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (server(&store, 1), server(&store, 1));
    let version =
        async |server: &Server| ask(&server.app, "GET", FOIE, &[], &Value::Null).await.body["version"].clone();
    let put = async |server: &Server, body: &Value| ask(&server.app, "PUT", FOIE, &[("if-match", "*")], body).await;
    assert_eq!(put(&one, &profile(2, 3.0)).await.status, 200);
    assert_eq!((version(&one).await, version(&other).await), (json!(2), json!(1)));
    // A server that has not heard of it yet hears of it before it decides.
    let tag_of_first = tag(&ask(&other.app, "GET", FOIE, &[], &Value::Null).await);
    let late = ask(&other.app, "PUT", FOIE, &[("if-match", &tag_of_first)], &profile(3, 3.0)).await;
    assert_eq!(late.status, 412);
    assert_eq!(version(&other).await, json!(2));
    assert_eq!(put(&one, &profile(4, 3.5)).await.status, 200);
    other.services.take_decisions().await.unwrap();
    assert_eq!(version(&other).await, json!(4));

    let restarted = server(&store, 1);
    restarted.services.take_decisions().await.unwrap();
    assert_eq!(version(&restarted).await, json!(4));
    // Whoever writes a higher version into the file means it.
    let newer = server(&store, 5);
    newer.services.take_decisions().await.unwrap();
    assert_eq!(version(&newer).await, json!(5));

    let told = ask(&one.app, "GET", &format!("{FOIE}/decisions"), &[], &Value::Null).await;
    let items = told.body["items"].as_array().unwrap();
    let versions: Vec<_> = items.iter().map(|one| (&one["number"], &one["profile"]["version"])).collect();
    assert_eq!(versions, [(&json!(2), &json!(4)), (&json!(1), &json!(2))]);
    assert_eq!(
        format!("\"{}\"", items[0]["hash"].as_str().unwrap()),
        tag(&ask(&one.app, "GET", FOIE, &[], &Value::Null).await)
    );
    assert_eq!(ask(&one.app, "GET", "/api/v1/profiles/none/decisions", &[], &Value::Null).await.status, 404);
    let log = store.audit(0, 10).await.unwrap();
    assert_eq!(log.len(), 2);
    assert!(log[1].action.what.as_str().starts_with("profile foie entry 2 sha256 "), "{log:?}");
}

/// Frames are judged by what is in force when they come, and name it.
#[tokio::test]
async fn what_is_decided_judges() {
    let store = Arc::new(MemoryStore::new());
    let name = "foiegras_standard_barquette";
    let Server { mut services, .. } = server(&store, 1);
    let limits = sqal_http::FrameLimits::default();
    let now: sqal_http::WallClock = Arc::new(|| Timestamp::from_micros(NOON).unwrap());
    let profiles = Profiles::new([(name.parse().unwrap(), Profile::example())]).unwrap();
    services.intake = Arc::new(sqal_http::Intake::new(profiles, limits, now, Arc::new(sqal_resilience::SystemClock)));
    let app = router(services);
    let path = format!("/api/v1/profiles/{name}");
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    let mut judged_by = async |sample: &str| {
        frame["sample_id"] = sample.into();
        assert_eq!(ask(&app, "POST", "/api/v1/samples:batch", &[], &frame).await.body["persisted"], 1);
        let latest = ask(&app, "GET", "/api/v1/samples?limit=500", &[], &Value::Null).await.body;
        let items = latest["items"].as_array().unwrap();
        items.iter().find(|item| item["sample_id"] == sample).unwrap()["meta"]["profile_version"].clone()
    };
    assert_eq!(judged_by("before").await, 1);
    assert_eq!(ask(&app, "PUT", &path, &[("if-match", "*")], &profile(2, 3.0)).await.status, 200);
    assert_eq!(judged_by("after").await, 2);
}

/// Calibrations are computed from readings that are stored, by whom it is known, and stay.
#[tokio::test]
async fn a_station_is_calibrated_from_stored_readings() {
    let store = Arc::new(MemoryStore::new());
    filled(&store, 120).await;
    let Server { mut services, .. } = server(&store, 1);
    let token = Token {
        name: Name::new("marie").unwrap(),
        grant: Grant::Role(Role::QualityEngineer),
        sha256: TokenHash::of("marie"),
        until: None,
    };
    services.access = Arc::new(Access::of(TokenFile { tokens: vec![token] }).unwrap());
    let app = router(services);
    let path = "/api/v1/devices/ESP32_1/calibrations";
    let marie = [("authorization", "Bearer marie")];
    let calibrate = async |body: Value| ask(&app, "POST", path, &marie, &body).await;
    // The tray was empty from 11:58 on: what is before or after the span does not count.
    let empty = json!({ "from": "2026-11-21T11:58:10Z", "until": "2026-11-21T11:59:00Z" });
    let done = calibrate(json!({ "empty_tray": { "profile": "foie", "readings": empty } })).await;
    assert_eq!(done.status, 201, "{}", done.body);
    let found = &done.body;
    assert_eq!(
        (&found["number"], &found["kind"], &found["recorded_by"]),
        (&json!(1), &json!("empty_tray"), &json!("marie"))
    );
    assert_eq!((&found["taken_at"], &found["temperature_c"]), (&json!("2026-11-21T11:58:59Z"), &json!(4.5)));
    assert_eq!(found["found"]["frames"], 50);
    assert!((found["age_days"].as_f64().unwrap() - 61.0 / 86_400.0).abs() < 1e-9, "{found}");
    // The reference goes into a profile as it is.
    let mut with: Value = serde_json::to_value(Profile::example()).unwrap();
    (with["tof"]["reference"], with["version"]) = (found["reference"].clone(), 2.into());
    let decided = ask(&app, "PUT", FOIE, &[marie[0], ("if-match", "*")], &with).await;
    assert_eq!(
        (decided.status, &decided.body["profile"]["tof"]["reference"]),
        (200, &found["reference"]),
        "{}",
        decided.body
    );

    for (body, pointer, what) in [
        (json!({}), "", "none or both"),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": empty }, "white_tile": { "reflectance": 0.99, "white": empty, "dark": empty } }),
            "",
            "none or both",
        ),
        (json!({ "empty_tray": { "profile": "none", "readings": empty } }), "/empty_tray/profile", "none"),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": { "from": "2026-11-21T11:58:00Z", "until": "2026-11-21T11:58:20Z" } } }),
            "/empty_tray/readings",
            "20 frames of the empty tray: at least 30 are needed",
        ),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": { "from": "yesterday", "until": "2026-11-21T11:58:20Z" } } }),
            "/empty_tray/readings/from",
            "yesterday",
        ),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": { "from": "2026-11-21T11:58:20Z", "until": "2026-11-21T11:58:20Z" } } }),
            "/empty_tray/readings/until",
            "2026-11-21T11:58:20Z",
        ),
        (
            json!({ "white_tile": { "reflectance": 7.0, "white": empty, "dark": empty } }),
            "/white_tile",
            "tile reflectance 7: expected a number above 0 and at most 1",
        ),
    ] {
        let refused = calibrate(body).await;
        let violation = &refused.body["violations"][0];
        assert_eq!(
            (refused.status, &violation["pointer"], &violation["value"]),
            (400, &json!(pointer), &json!(what)),
            "{}",
            refused.body
        );
    }
    // A running line is no empty tray, unless somebody says that the floor is another now.
    let full = json!({ "from": "2026-11-21T11:59:00Z", "until": "2026-11-21T12:00:00Z" });
    let refused = calibrate(json!({ "empty_tray": { "profile": "foie", "readings": full } })).await;
    let value = refused.body["violations"][0]["value"].as_str().unwrap_or_default().to_owned();
    assert!(refused.status == 400 && value.ends_with("mm off the profile's reference"), "{}", refused.body);
    let moved = calibrate(json!({ "empty_tray": { "profile": "foie", "readings": full, "moved": true } })).await;
    assert_eq!((moved.status, &moved.body["number"]), (201, &json!(2)), "{}", moved.body);

    // By another profile it is another calibration; by the same, of the same readings, it is the same.
    let again = async || calibrate(json!({ "empty_tray": { "profile": "foie", "readings": empty } })).await;
    for status in [201, 200, 200] {
        let again = again().await;
        assert_eq!((again.status, &again.body["number"]), (status, &json!(3)), "{}", again.body);
        assert_eq!(
            (&again.body["profile"]["version"], &again.body["asked"]["empty_tray"]["readings"]),
            (&json!(2), &empty)
        );
    }
    let all = ask(&app, "GET", path, &marie, &Value::Null).await;
    let numbers: Vec<_> = all.body["items"].as_array().unwrap().iter().map(|one| one["number"].clone()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    let first = ask(&app, "GET", &format!("{path}?before=2&limit=1"), &marie, &Value::Null).await;
    assert_eq!(first.body["items"][0]["number"], 1);
    let none = ask(&app, "GET", "/api/v1/devices/ESP32_2/calibrations", &marie, &Value::Null).await;
    assert_eq!((none.status, &none.body["items"]), (200, &json!([])));
}

/// A profile is tried on months while its engineer does something else; what nobody wants any more is stopped.
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
    // As the dry run on the newest says it, for those of the span.
    let result = &done["result"];
    assert_eq!((&result["samples"], &result["tried"]["version"]), (&json!(299), &json!(2)));
    let moved: u64 = result["grades"].as_array().unwrap().iter().map(|one| one["samples"].as_u64().unwrap()).sum();
    assert_eq!(moved, 299);
    let stopped = ask(&app, "DELETE", &place, &[], &Value::Null).await;
    assert_eq!((stopped.status, &stopped.body["state"]), (200, &json!("succeeded")), "what has ended stays");

    // The second waits for the first, and is stopped before its turn.
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
    assert_eq!(all.body["items"].as_array().unwrap().len(), 3);

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
struct Away;

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

/// Seventeen jobs are one too many; one goes on while the database is away for a moment, and the end of the server is the end of all.
#[tokio::test(start_paused = true)]
async fn jobs_are_bounded_and_end_with_the_server() {
    let Server { mut services, .. } = server(&Arc::new(MemoryStore::new()), 1);
    services.store = Arc::new(Away);
    let shutdown = Shutdown::new(ShutdownConfig::default());
    let app = router(services.ending_with(&shutdown));
    let mut statuses = Vec::new();
    for _ in 0..17 {
        statuses.push(ask(&app, "POST", "/api/v1/jobs", &[], &minute()).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 16, "{statuses:?}");
    assert_eq!(statuses[16], 503);
    let states = async || {
        let all = ask(&app, "GET", "/api/v1/jobs", &[], &Value::Null).await.body;
        all["items"].as_array().unwrap().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let waiting = ["enqueued"; 15].into_iter().chain(["running"]).collect::<Vec<_>>();
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    assert_eq!(states().await, waiting, "it waits for the database");
    let begun = tokio::time::Instant::now();
    shutdown.begin("SIGTERM");
    assert_eq!(shutdown.run().await.exit_code(), 0, "nothing is left behind");
    assert!(begun.elapsed().as_secs() < 10, "and nobody waited for them");
}

/// A job over the last minute.
fn minute() -> Value {
    json!({
        "kind": "dry_run", "name": "foie", "profile": profile(2, 1.0),
        "span": { "from": "2026-11-21T11:59:00Z", "until": "2026-11-21T12:00:00Z" },
    })
}

/// RT-15: a request that comes twice under one key is done once, and whoever asks again is answered the same.
#[tokio::test]
async fn what_comes_twice_is_done_once() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    let (path, body) = ("/api/v1/jobs", minute());
    let keyed =
        async |path: &str, key: &str, body: &Value| ask(&app, "POST", path, &[("idempotency-key", key)], body).await;
    let first = keyed(path, "\"one\"", &body).await;
    let again = keyed(path, "one", &body).await;
    assert_eq!((first.status, first.headers.get("idempotent-replayed")), (202, None));
    assert_eq!((again.status, &again.headers["idempotent-replayed"]), (202, &"true".parse().unwrap()));
    assert_eq!((&again.body, &again.headers["location"]), (&first.body, &first.headers["location"]));
    let mut other = body.clone();
    other["name"] = "other".into();
    assert_eq!(keyed(path, "one", &other).await.status, 422);
    assert_eq!(keyed("/api/v1/jobs?", "one", &body).await.status, 422, "another path");
    assert_ne!(keyed(path, "two", &body).await.body["id"], first.body["id"]);
    // What was refused is refused again, and nothing is done.
    let refused = keyed(path, "three", &other).await;
    assert_eq!((refused.status, keyed(path, "three", &other).await.status), (400, 400));
    let wrong = keyed(path, "a b", &body).await;
    assert_eq!(
        (wrong.status, &wrong.body["violations"][0]["pointer"]),
        (400, &json!("Idempotency-Key")),
        "{}",
        wrong.body
    );
    let all = ask(&app, "GET", path, &[], &Value::Null).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
    // Routes that may be repeated as they are take no notice of it.
    let empty = keyed("/api/v1/samples:batch", "a b", &Value::Null).await;
    assert_eq!(empty.status, 200);
}

/// A key is its holder's: nobody is given the answer to somebody else, by guessing or by chance.
#[tokio::test]
async fn nobody_is_given_the_answer_to_somebody_else() {
    let Server { mut services, .. } = server(&Arc::new(MemoryStore::new()), 1);
    let token = |name: &str| Token {
        name: Name::new(name).unwrap(),
        grant: Grant::Role(Role::QualityEngineer),
        sha256: TokenHash::of(name),
        until: None,
    };
    services.access = Arc::new(Access::of(TokenFile { tokens: vec![token("marie"), token("paul")] }).unwrap());
    let app = router(services);
    let keyed = async |bearer: &str| {
        let fields = [("authorization", bearer), ("idempotency-key", "k")];
        ask(&app, "POST", "/api/v1/jobs", &fields, &minute()).await
    };
    let (marie, paul) = (keyed("Bearer marie").await, keyed("Bearer paul").await);
    assert_eq!((marie.status, paul.status), (202, 202));
    assert_ne!(marie.body["id"], paul.body["id"]);
    assert_eq!(keyed("Bearer marie").await.body["id"], marie.body["id"]);
    assert_eq!(keyed("Bearer nobody").await.status, 401);
}

/// Of a device that was away nothing was asked: the same request under the same key is tried again.
#[cfg(feature = "ws")]
#[tokio::test]
async fn what_was_not_done_is_not_remembered() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    for _ in 0..2 {
        let command = json!({ "name": "simulator.pause" });
        let away = ask(&app, "POST", "/api/v1/devices/ESP32_1/commands", &[("idempotency-key", "k")], &command).await;
        assert_eq!((away.status, away.headers.get("idempotent-replayed")), (409, None), "{}", away.body);
    }
}

/// A client that leaves before the answer has it done all the same, and asks again for the answer.
#[tokio::test]
async fn who_leaves_is_answered_when_they_come_back() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    let (path, body) = ("/api/v1/jobs", minute());
    let request = Request::post(path).header("idempotency-key", "k").body(Body::from(body.to_string())).unwrap();
    assert!(app.clone().oneshot(request).now_or_never().is_none(), "it leaves before it is answered");
    let polls = AtomicI64::new(0);
    let answer = loop {
        let answer = ask(&app, "POST", path, &[("idempotency-key", "k")], &body).await;
        if answer.status != 409 {
            break answer;
        }
        assert!(answer.headers.contains_key("retry-after") && polls.fetch_add(1, Ordering::Relaxed) < 10_000);
        tokio::task::yield_now().await;
    };
    assert_eq!((answer.status, answer.headers.contains_key("idempotent-replayed")), (202, true));
    let all = ask(&app, "GET", path, &[], &Value::Null).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 1);
}

/// A register whose every call takes a while, so that others come between.
#[derive(Debug)]
struct Slow(Arc<MemoryStore>);

#[async_trait::async_trait]
impl Register for Slow {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        tokio::task::yield_now().await;
        let added = self.0.add(entry).await;
        tokio::task::yield_now().await;
        added
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        tokio::task::yield_now().await;
        let history = self.0.history(kind, name, before, limit).await;
        tokio::task::yield_now().await;
        history
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        tokio::task::yield_now().await;
        self.0.newest(kind).await
    }
}

/// Of all who have seen the same profile one decides, on one server or on two, and what is in force is what they were told.
#[tokio::test]
async fn of_several_who_decide_at_once_one_does() {
    let store = Arc::new(MemoryStore::new());
    let slow = || {
        let Server { mut services, .. } = server(&store, 1);
        services.register = Some(Arc::new(Slow(Arc::clone(&store))));
        (router(services.clone()), services)
    };
    let ((one, services), (other, others)) = (slow(), slow());
    let seen = tag(&ask(&one, "GET", FOIE, &[], &Value::Null).await);
    let fields = [("if-match", seen.as_str())];
    // In every order of their versions, some behind the others by a few turns.
    let put = async |app: &Router, version: u32, turns: u32| {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        ask(app, "PUT", FOIE, &fields, &profile(version, 3.0)).await
    };
    let answers: [Answer; 6] = tokio::join!(
        put(&one, 3, 0),
        put(&one, 2, 1),
        put(&other, 4, 2),
        put(&other, 2, 0),
        put(&one, 5, 3),
        put(&other, 3, 1)
    )
    .into();
    let told: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    // Two of them may have decided the same: then both are told so.
    assert!(!won.is_empty() && won.iter().all(|answer| answer.body == won[0].body), "{told:?}");
    assert!(answers.iter().all(|answer| [200, 412].contains(&answer.status)), "{told:?}");
    let newest = store.newest(&Name::new("profile").unwrap()).await.unwrap();
    assert_eq!((newest.len(), newest[0].version), (1, 1), "one decision");
    services.take_decisions().await.unwrap();
    others.take_decisions().await.unwrap();
    for app in [&one, &other, &server(&store, 1).app] {
        let is = ask(app, "GET", FOIE, &[], &Value::Null).await;
        if is.body["version"] != 1 {
            assert_eq!(is.body, won[0].body);
        }
    }
    assert_eq!(ask(&one, "GET", FOIE, &[], &Value::Null).await.body, won[0].body);
}

/// What a newer program has decided is not decided over by who cannot read it.
#[tokio::test]
async fn what_cannot_be_read_was_not_seen() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, services } = server(&store, 1);
    let at = Timestamp::from_micros(NOON).unwrap();
    for name in ["foie", "truffle"] {
        let (kind, name) = (Name::new("profile").unwrap(), Name::new(name).unwrap());
        let entry = Entry { kind, name, version: 1, body: r#"{"version":7,"of_tomorrow":1}"#.to_owned(), at, by: None };
        assert!(store.add(&entry).await.unwrap());
    }
    services.take_decisions().await.unwrap();
    let seen = tag(&ask(&app, "GET", FOIE, &[], &Value::Null).await);
    let refused = ask(&app, "PUT", FOIE, &[("if-match", &seen)], &profile(2, 3.0)).await;
    assert_eq!((refused.status, &refused.body["type"]), (409, &json!("/problems/decision-unreadable")));
    let new = ask(&app, "PUT", "/api/v1/profiles/truffle", &[("if-none-match", "*")], &profile(2, 3.0)).await;
    assert_eq!(new.status, 409);
    let told = ask(&app, "GET", &format!("{FOIE}/decisions"), &[], &Value::Null).await;
    assert_eq!(told.body["items"][0]["profile"]["of_tomorrow"], 1, "it is shown as it was decided");
}

/// What one server's file says is decided on for all: the same profile, in the register.
#[tokio::test]
async fn what_a_file_says_is_made_to_hold_everywhere() {
    let store = Arc::new(MemoryStore::new());
    let (newer, older) = (server(&store, 5), server(&store, 4));
    let mut same = serde_json::to_value(Profile::example()).unwrap();
    same["version"] = 5.into();
    let decided = ask(&newer.app, "PUT", FOIE, &[("if-match", "*")], &same).await;
    assert_eq!((decided.status, store.audit(0, 10).await.unwrap().len()), (200, 1), "{}", decided.body);
    older.services.take_decisions().await.unwrap();
    assert_eq!(ask(&older.app, "GET", FOIE, &[], &Value::Null).await.body["version"], 5);
    for version in [4, 5 + 1002, u32::MAX] {
        let refused = ask(&newer.app, "PUT", FOIE, &[("if-match", "*")], &profile(version, 3.0)).await;
        assert_eq!((refused.status, &refused.body["violations"][0]["pointer"]), (400, &json!("/version")));
    }
}

/// A service that keeps no decisions takes none: it would forget them.
#[tokio::test]
async fn without_a_register_nothing_is_decided() {
    let store = Arc::new(MemoryStore::new());
    filled(&store, 120).await;
    let Server { mut services, .. } = server(&store, 1);
    services.register = None;
    services.take_decisions().await.unwrap();
    let app = router(services);
    let tray = json!({ "empty_tray": { "profile": "foie", "readings": { "from": "2026-11-21T11:58:00Z", "until": "2026-11-21T11:59:00Z" } } });
    for (method, path, body) in [
        ("PUT", FOIE, &profile(2, 3.0)),
        ("POST", "/api/v1/devices/ESP32_1/calibrations", &tray),
        ("GET", "/api/v1/devices/ESP32_1/calibrations", &Value::Null),
    ] {
        let refused = ask(&app, method, path, &[("if-match", "*")], body).await;
        assert!(
            refused.status == 404 && refused.body["detail"].as_str().unwrap().contains("register"),
            "{}",
            refused.body
        );
    }
}

/// A page that was cut off and comes back is given what was stored meanwhile.
#[tokio::test]
async fn events_go_on_where_they_were() {
    use http_body_util::BodyExt;
    let store = Arc::new(MemoryStore::new());
    let Server { mut services, .. } = server(&store, 1);
    let limits = sqal_http::FrameLimits::default();
    let now: sqal_http::WallClock = Arc::new(|| Timestamp::from_micros(NOON).unwrap());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    services.intake = Arc::new(sqal_http::Intake::new(profiles, limits, now, Arc::new(sqal_resilience::SystemClock)));
    let app = router(services);
    let watch = async |last: Option<&str>| {
        let mut request = Request::get("/api/v1/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_body()
    };
    let store_one = async |name: &str| {
        let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        frame["sample_id"] = name.into();
        assert_eq!(ask(&app, "POST", "/api/v1/samples:batch", &[], &frame).await.body["persisted"], 1);
    };
    let next = async |body: &mut Body| {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        let data: Value = serde_json::from_str(&field("data:")).unwrap();
        (field("event:"), field("id:"), data)
    };
    let mut first = watch(None).await;
    store_one("a").await;
    let (kind, id, data) = next(&mut first).await;
    assert_eq!((kind.as_str(), &data["sample_id"]), ("sample", &json!("a")));
    drop(first);
    store_one("b").await;
    store_one("c").await;
    let mut back = watch(Some(&id)).await;
    let (_, _, b) = next(&mut back).await;
    let (_, last, c) = next(&mut back).await;
    assert_eq!((&b["sample_id"], &c["sample_id"]), (&json!("b"), &json!("c")));
    store_one("d").await;
    assert_eq!(next(&mut back).await.2["sample_id"], "d", "and nothing twice");
    let mut up_to_date = watch(Some(&next_id(&last))).await;
    store_one("e").await;
    assert_eq!(next(&mut up_to_date).await.2["sample_id"], "e");
    // Of another process: nobody can say what was missed.
    let mut stranger = watch(Some("0123456789abcdef-7")).await;
    let (kind, _, data) = next(&mut stranger).await;
    assert_eq!((kind.as_str(), data), ("missed", Value::Null));
}

/// The id after this one.
fn next_id(id: &str) -> String {
    let (epoch, number) = id.split_once('-').unwrap();
    format!("{epoch}-{}", number.parse::<u64>().unwrap() + 1)
}

/// What a server is can be asked before it is found out by being refused.
#[tokio::test]
async fn a_server_says_what_it_can() {
    let store = Arc::new(MemoryStore::new());
    let Server { mut services, .. } = server(&store, 1);
    services.database = Some("SQLite".to_owned());
    let told = ask(&router(services), "GET", "/api/v1/system/capabilities", &[], &Value::Null).await;
    assert_eq!(StatusCode::from_u16(told.status).unwrap(), StatusCode::OK);
    let body = &told.body;
    assert_eq!((&body["api"], &body["database"], &body["tokens"]), (&json!(["v1"]), &json!("SQLite"), &json!(false)));
    assert_eq!((&body["ingest"]["batch_rows"], &body["ingest"]["frame_bytes"]), (&json!(1000), &json!(262_144)));
    // Whoever writes a station needs it most: any token is one; a stranger is not told.
    let Server { mut services, .. } = server(&store, 1);
    let token = Token { name: Name::new("d").unwrap(), grant: Grant::Gateway, sha256: TokenHash::of("d"), until: None };
    services.access = Arc::new(Access::of(TokenFile { tokens: vec![token] }).unwrap());
    let app = router(services);
    for (fields, status) in [(&[("authorization", "Bearer d")][..], 200), (&[], 401)] {
        assert_eq!(ask(&app, "GET", "/api/v1/system/capabilities", fields, &Value::Null).await.status, status);
    }
    #[cfg(feature = "ws")]
    assert_eq!(body["ingest"]["subprotocols"], json!(["sqal.cbor", "cloudevents.json"]));
}
