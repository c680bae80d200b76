//! The state of stations over HTTP: their faults, the trays that are doubtful, and the feed that
//! never holds up the line.
#![cfg(feature = "alerts")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod asked;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use fixtures::logged::LoggedLines;
use fixtures::scene::{self, Scene};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};
use sqal_alerts::state::{AlertBook, SilenceBook};
use sqal_alerts::station::{LEARNED_TRAYS, Observation, Stations};
use sqal_core::{Name, Purpose, Sample, SampleKey, Timestamp, sample::Meta};
use sqal_http::line::StationFeed;
use sqal_http::services::AlertParts;
use sqal_http::sqal_intake::observer::SampleObserver;
use sqal_http::{Access, Grant, Profile, Profiles, Quotas, Role, Services, Token, TokenFile, TokenHash, router};
use sqal_resilience::{Clock, SystemClock};
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::{BatchWriter, Custody, MemoryStore, SampleStore, StorageErrorKind, WriterConfig};
use tracing_subscriber::util::SubscriberInitExt;

/// 2026-11-21T12:00:00Z.
const NOON: i64 = 1_795_262_400_000_000;

const STATION: &str = "/api/v1/stations/POSTE1";

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(NOON + second * 1_000_000).unwrap()
}

fn name<const N: usize>(text: &str) -> Name<N> {
    Name::new(text).unwrap()
}

fn profiles() -> Profiles {
    Profiles::new([(name("foie"), Profile::example())]).unwrap()
}

/// The trays of a station, whose time-of-flight sensor sees or is blind.
struct Trays {
    profiles: Profiles,
    station: scene::Station,
}

impl Trays {
    fn new() -> Self {
        Self { profiles: profiles(), station: scene::Station::new(7) }
    }

    fn tray(&mut self, device: &str, second: i64, sees: bool) -> Sample {
        let reading = self.station.read(Scene::GOOD, scene::Fault::None);
        let (frame, spectrum) = (reading.frame.filter(|_| sees), reading.spectrum);
        let (inspection, profile) = self.profiles.inspect(&name("foie"), frame.as_ref(), spectrum.as_ref()).unwrap();
        Sample {
            key: SampleKey { device_id: name(device), timestamp: at(second), name: name(&format!("S{second}")) },
            received_at: at(second),
            tof: frame,
            spectrum,
            inspection,
            reported: None,
            meta: Meta { firmware_version: None, temperature_c: None, humidity_percent: None },
            profile,
            processing_micros: 5,
            beside: sqal_core::beside::Beside::default(),
            purpose: Purpose::Product,
        }
    }
}

/// A plant with the stations of a store. Its clock stands at a second after noon. Marie is a
/// quality engineer, Paul a viewer.
struct Plant {
    store: Arc<MemoryStore>,
    stations: Arc<Stations>,
    services: Services,
    clock: Arc<AtomicI64>,
    trays: Trays,
}

impl Plant {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(AtomicI64::new(0)));
        let (writer, _task) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
        let second = Arc::clone(&clock);
        let now = move || at(second.load(Ordering::Relaxed));
        let mut services = Services::new(Arc::clone(&store) as _, writer, profiles(), now);
        let stations = Arc::new(Stations::new(Arc::clone(&store) as _));
        services.plant.alerts = Some(AlertParts {
            book: Arc::new(AlertBook::new(Arc::clone(&store) as _, Arc::clone(&store) as _)),
            silences: Arc::new(SilenceBook::new(Arc::clone(&store) as _, Arc::clone(&store) as _)),
            stations: Arc::clone(&stations),
        });
        services.storage.custody = Some(Arc::clone(&store) as _);
        services.door.quotas = Arc::new(Quotas::none());
        let token = |holder: &str, role| Token {
            name: name(holder),
            grant: Grant::Role(role),
            sha256: TokenHash::of(holder),
            until: None,
        };
        let tokens = vec![token("marie", Role::QualityEngineer), token("paul", Role::Viewer)];
        services.door.access = Arc::new(Access::of(TokenFile { tokens }).unwrap());
        Self { store, stations, services, clock, trays: Trays::new() }
    }

    fn app(&self) -> Router {
        router(self.services.clone())
    }

    /// Stores trays of a device, a second apart from this second on, and has the station watch
    /// them.
    async fn watches(&mut self, device: &str, from: i64, sees: &[bool]) {
        for (second, sees) in (from..).zip(sees) {
            let tray = self.trays.tray(device, second, *sees);
            self.store.insert(std::slice::from_ref(&tray)).await.unwrap();
            self.stations.take(&Observation::of(&tray).unwrap(), tray.received_at).await.unwrap();
            self.clock.store(second, Ordering::Relaxed);
        }
    }
}

async fn ask(app: &Router, person: &str, method: &str, path: &str) -> (u16, Value) {
    let bearer = format!("Bearer {person}");
    let answer = asked::ask(app, method, path, &[("authorization", bearer.as_str())], &Value::Null).await;
    (answer.status, answer.body)
}

async fn get(app: &Router, path: &str) -> Value {
    let (status, body) = ask(app, "paul", "GET", path).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// Lets the other tasks do what they can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_sample_that_is_stored_reaches_its_station_and_a_fault_is_shown_with_what_to_do() {
    let mut plant = Plant::new();
    let now = Arc::clone(&plant.clock);
    let (feed, taking) =
        StationFeed::new(Arc::clone(&plant.stations), Arc::new(move || at(now.load(Ordering::Relaxed))));
    plant.services.line.stations = Some(feed);
    let taking = tokio::spawn(taking);
    for second in 0..20 {
        let tray = plant.trays.tray("POSTE1", second, second < 5);
        plant.services.line.stored(&tray, SystemClock.now());
    }
    let mut reference = plant.trays.tray("POSTE1", 20, true);
    reference.purpose = Purpose::Calibration;
    plant.services.line.stored(&reference, SystemClock.now());
    settle().await;
    let station = get(&plant.app(), STATION).await;
    assert_eq!((&station["device_id"], &station["state"]), (&json!("POSTE1"), &json!("faulty")), "{station}");
    assert_eq!(station["trays"], 20, "a reading of a reference is no tray");
    assert_eq!((&station["reference"], &station["received_at"]), (&Value::Null, &json!("2026-11-21T12:00:19Z")));
    let fault = &station["faults"][0];
    assert_eq!(
        (&fault["cause"], &fault["name"], &fault["since"], &fault["ended"], &fault["doubtful"]),
        (
            &json!("sensor_blind"),
            &json!({ "en": "sensor blind", "fr": "capteur aveugle" }),
            &json!("2026-11-21T12:00:05Z"),
            &Value::Null,
            &json!(true)
        ),
        "{fault}"
    );
    assert!(fault["advice"]["fr"].as_str().unwrap().starts_with("Ne vous fiez plus"), "{fault}");
    assert!((2..=12).contains(&fault["delay_trays"].as_u64().unwrap()), "{fault}");
    let evidence = &fault["evidence"][0];
    assert_eq!((&evidence["quantity"], &evidence["change_percent"]), (&json!("missing_tof"), &Value::Null));
    assert!(evidence["seen"].as_f64() > evidence["usual"].as_f64(), "{evidence}");
    drop(plant);
    tokio::time::timeout(Duration::from_secs(10), taking).await.expect("it ends with the services").unwrap();
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted_and_the_line_does_not_wait() {
    let mut plant = Plant::new();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let tray = plant.trays.tray("POSTE1", 0, true);
    let counted = || {
        let all = snapshotter.snapshot().into_vec();
        let dropped = all.into_iter().find(|(key, ..)| key.key().name() == "station_observations_dropped_total");
        dropped.map(|(.., value)| value)
    };
    metrics::with_local_recorder(&recorder, || {
        let (feed, taking) = StationFeed::new(Arc::clone(&plant.stations), Arc::new(|| at(0)));
        assert_eq!(counted(), Some(DebugValue::Counter(0)), "the first drop is seen as an increase");
        plant.services.line.stations = Some(feed);
        for _ in 0..StationFeed::CAPACITY + 5 {
            plant.services.line.stored(&tray, SystemClock.now());
        }
        assert_eq!(counted(), Some(DebugValue::Counter(5)));
        drop(taking);
        plant.services.line.stored(&tray, SystemClock.now());
        assert_eq!(counted(), Some(DebugValue::Counter(1)), "without its task every observation is dropped");
    });
}

/// Every call of the records fails while the switch is on.
#[derive(Debug)]
struct Away(Arc<AtomicBool>);

#[async_trait]
impl Interpose for Away {
    async fn turn(&self, _: Call) -> Turn {
        if self.0.load(Ordering::Relaxed) { Turn::FailsBefore(StorageErrorKind::Unavailable) } else { Turn::Done }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_told_once_and_a_fault_is_told_when_it_begins_and_when_it_ends() {
    let mut plant = Plant::new();
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let logging = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = logging.set_default();
    let is_away = Arc::new(AtomicBool::new(true));
    let records = Interposed::new(Arc::clone(&plant.store), Away(Arc::clone(&is_away)));
    let second = Arc::clone(&plant.clock);
    let now = Arc::new(move || at(second.load(Ordering::Relaxed)));
    let (feed, taking) = StationFeed::new(Arc::new(Stations::new(Arc::new(records))), now);
    plant.services.line.stations = Some(feed);
    let _taking = tokio::spawn(taking);
    let clock = Arc::clone(&plant.clock);
    let mut hands_over = async |seconds: std::ops::Range<i64>, sees: bool| {
        for second in seconds {
            clock.store(second, Ordering::Relaxed);
            plant.services.line.stored(&plant.trays.tray("POSTE1", second, sees), SystemClock.now());
        }
        settle().await;
        lines.text()
    };
    // The first tray of a station asks the store. It is away, and is asked again after half a
    // minute.
    let text = hands_over(0..3, true).await;
    assert_eq!(text.matches("the states of stations cannot be stored").count(), 1, "{text}");
    tokio::time::advance(Duration::from_secs(10)).await;
    let text = hands_over(10..12, true).await;
    assert!(!text.contains("are stored again"), "nothing was stored: {text}");
    is_away.store(false, Ordering::Relaxed);
    let mut text = String::new();
    for from in [31, 62, 94] {
        hands_over(from..from + 2, true).await;
        tokio::time::advance(Duration::from_secs(6)).await;
        settle().await;
        text = lines.text();
    }
    assert!(text.contains("failures=1") && text.contains("are stored again"), "{text}");
    let text = hands_over(96..116, false).await;
    let begins: Vec<_> = text.lines().filter(|line| line.contains("its trays are doubtful")).collect();
    assert!(begins.len() == 1 && begins[0].contains("WARN") && begins[0].contains("cause=\"sensor_blind\""), "{text}");
    assert!(begins[0].contains("device=\"POSTE1\"") && begins[0].contains("since=\"2026-11-21T12:01:36Z\""), "{text}");
    let text = hands_over(116..136, true).await;
    let ends: Vec<_> = text.lines().filter(|line| line.contains("the fault of the station is over")).collect();
    assert!(ends.len() == 1 && ends[0].contains("INFO") && ends[0].contains("sensor_blind"), "{text}");
    assert_eq!(text.matches("cannot be stored").count(), 1, "{text}");
}

#[tokio::test]
async fn a_station_learns_is_well_and_learns_anew_when_a_person_asks() {
    let mut plant = Plant::new();
    plant.watches("POSTE1", 0, &[true]).await;
    plant.watches("POSTE1", 40, &[true]).await;
    let app = plant.app();
    assert_eq!(get(&app, STATION).await["state"], "learning");
    plant.watches("POSTE1", 41, &[true; LEARNED_TRAYS]).await;
    let station = get(&app, STATION).await;
    assert_eq!((&station["state"], &station["faults"]), (&json!("well"), &json!([])), "{station}");
    assert_eq!(
        (&station["reference"]["version"], &station["reference"]["from"]),
        (&json!(1), &json!("2026-11-21T12:00:00Z"))
    );
    assert_eq!(ask(&app, "paul", "POST", &format!("{STATION}/relearn")).await.0, 403);
    let (status, anew) = ask(&app, "marie", "POST", &format!("{STATION}/relearn")).await;
    assert_eq!((status, &anew["state"], &anew["reference"]), (200, &json!("learning"), &Value::Null), "{anew}");
    assert_eq!(get(&app, STATION).await, anew);
    settle().await;
    let lines = plant.store.audit(0, 100).await.unwrap();
    let told: Vec<_> = lines.iter().map(|line| (line.action.actor.as_str(), line.action.what.as_str())).collect();
    assert_eq!(told, [("marie", "station POSTE1: learns anew what is usual")]);
}

/// Seeing for 20 trays, blind for 20, and so on; a calibration among them. A reading is missing
/// only after there was one.
async fn with_faults(plant: &mut Plant) {
    let sees: Vec<bool> = (0..140).map(|second| second / 20 % 2 == 0).collect();
    plant.watches("POSTE1", 0, &sees).await;
    let mut reference = plant.trays.tray("POSTE1", 5, true);
    (reference.purpose, reference.key.name) = (Purpose::Calibration, name("CAL"));
    plant.store.insert(std::slice::from_ref(&reference)).await.unwrap();
}

#[tokio::test]
async fn the_faults_of_a_station_are_listed_the_newest_first() {
    let mut plant = Plant::new();
    with_faults(&mut plant).await;
    let app = plant.app();
    let all = get(&app, &format!("{STATION}/faults")).await;
    let faults = all["items"].as_array().unwrap();
    assert_eq!(faults.len(), 3, "{all}");
    assert!(faults.iter().all(|fault| fault["cause"] == "sensor_blind" && fault["ended"].is_string()), "{all}");
    let found: Vec<_> = faults.iter().map(|fault| fault["found"].as_str().unwrap()).collect();
    assert!(found.is_sorted_by(|one, next| one > next), "{found:?}");
    let newest = get(&app, &format!("{STATION}/faults?limit=1")).await;
    assert_eq!(newest["items"], json!([faults[0]]));
    assert_eq!(get(&app, STATION).await["faults"], json!([]), "none lasts");
}

#[tokio::test]
async fn the_trays_of_a_blind_station_are_doubtful_and_listed_page_by_page() {
    let mut plant = Plant::new();
    with_faults(&mut plant).await;
    let app = plant.app();
    let faults = get(&app, &format!("{STATION}/faults")).await;
    let spans: Vec<_> = faults["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["since"].as_str().unwrap(), fault["ended"].as_str().unwrap()))
        .collect();
    let stored = get(&app, "/api/v1/samples?device_id=POSTE1&limit=500").await;
    let is_doubtful = |sample: &&Value| {
        let time = sample["timestamp"].as_str().unwrap();
        sample["meta"].get("purpose").is_none() && spans.iter().any(|(since, ended)| (*since..*ended).contains(&time))
    };
    let wanted: Vec<Value> = stored["items"].as_array().unwrap().iter().filter(is_doubtful).cloned().collect();
    assert!(wanted.len() > 60, "every blind tray, and those until the fault was over: {}", wanted.len());
    for limit in [1, 7, 500] {
        let (mut listed, mut before) = (Vec::new(), String::new());
        loop {
            let page = get(&app, &format!("{STATION}/doubtful?limit={limit}{before}")).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit, "{limit}");
            listed.extend(items.iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            before = format!("&before={next}");
            assert!(listed.len() <= 200, "{limit}");
        }
        for sample in &mut listed {
            let causes = sample.as_object_mut().unwrap().remove("causes");
            assert_eq!(causes, Some(json!(["sensor_blind"])));
        }
        assert_eq!(listed, wanted, "as the list of samples shows them, {limit} a page");
    }
}

#[tokio::test]
async fn stations_are_listed_page_by_page_by_name() {
    let mut plant = Plant::new();
    for device in ["POSTE3", "POSTE1", "POSTE2"] {
        plant.watches(device, 0, &[true]).await;
    }
    plant.stations.write(at(0)).await.unwrap();
    let app = plant.app();
    let names = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|one| one["device_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = get(&app, "/api/v1/stations").await;
    assert_eq!((names(&all), &all["next"]), (vec!["POSTE1".into(), "POSTE2".into(), "POSTE3".into()], &Value::Null));
    let first = get(&app, "/api/v1/stations?limit=2").await;
    assert_eq!((names(&first), &first["next"]), (vec!["POSTE1".into(), "POSTE2".into()], &json!("POSTE2")));
    let rest = get(&app, "/api/v1/stations?limit=2&after=POSTE2").await;
    assert_eq!((names(&rest), &rest["next"]), (vec!["POSTE3".into()], &Value::Null));
}

#[tokio::test]
async fn an_unknown_station_is_not_found_and_a_wrong_parameter_is_named() {
    let app = Plant::new().app();
    for (method, path) in [("GET", ""), ("GET", "/faults"), ("GET", "/doubtful"), ("POST", "/relearn")] {
        for device in ["none", "%20x", "%E2%80%8B"] {
            let path = format!("/api/v1/stations/{device}{path}");
            let (status, problem) = ask(&app, "marie", method, &path).await;
            assert_eq!((status, &problem["type"]), (404, &json!("/problems/not-found")), "{path}: {problem}");
        }
    }
    for (path, pointer) in [
        ("/api/v1/stations?limit=0", "?limit"),
        ("/api/v1/stations?after=", "?after"),
        ("/api/v1/stations/POSTE1/faults?limit=501", "?limit"),
        ("/api/v1/stations/POSTE1/doubtful?before=POSTE1", "?before"),
        ("/api/v1/stations/POSTE1/doubtful?after=1", "?"),
    ] {
        let (status, problem) = ask(&app, "paul", "GET", path).await;
        assert_eq!((status, &problem["violations"][0]["pointer"]), (400, &json!(pointer)), "{path}: {problem}");
        assert!(!problem["errors"].as_object().unwrap().is_empty(), "{path}: {problem}");
    }
}
