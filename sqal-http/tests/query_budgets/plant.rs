//! A plant over SQLite, with a number of rows of everything that routes read.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use fixtures::scene::{Fault, Scene, Station};
use serde_json::{Value, json};
use sqal_core::spectrum::AdcStatus;
use sqal_core::{Gain, IntegrationTime, Name, Sample, SampleKey, Spectrum, Timestamp, TofFrame, sample::Meta};
use sqal_grading::decisions;
use sqal_http::services::MetricsText;
use sqal_http::sqal_protocol::time::rfc3339;
use sqal_http::sqal_telemetry::log::LogControl;
use sqal_http::{Caches, Profile, Profiles, Quotas, Services, router};
use sqal_resilience::{Clock, SystemClock, TokioClock};
use sqal_storage::labels::Labels;
use sqal_storage::queue::{JobEnd, JobKind, LeaseEnd, NewJob};
use sqal_storage::records::{ExpectedRecord, RecordDraft};
use sqal_storage::register::Entry;
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{BatchWriter, Queue, Records, Register, SampleStore, SqliteStore, WriterConfig};
use sqal_work::schedule::{Cron, Schedule};
use sqal_work::scheduler::{Scheduler, SchedulerConfig};
use tempfile::TempDir;

use crate::alarms::Alarms;
use crate::calls::Call;
use crate::counted::of_call;
use crate::tracker::Tracker;

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

/// The device of the documented frame, and the profile that judges it.
pub(crate) const DEVICE: &str = "ESP32_SIM_1234";
pub(crate) const FOIE: &str = "foiegras_standard_barquette";

/// A plant, and the names of what routes are asked for.
pub(crate) struct Plant {
    pub(crate) store: Arc<SqliteStore>,
    /// The id of a stored sample.
    pub(crate) sample_id: String,
    /// The id of a job that waits.
    pub(crate) open_job: String,
    /// The version of the profile in force.
    pub(crate) profile_version: u32,
    pub(crate) alarms: Alarms,
    pub(crate) tracker: Tracker,
    services: Services,
    rows: u32,
    _folder: TempDir,
}

pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW + seconds * 1_000_000).unwrap()
}

/// The time that is this many seconds from now, as clients write it.
pub(crate) fn at(seconds: i64) -> String {
    rfc3339(time(seconds))
}

pub(crate) fn name<const N: usize>(text: &str) -> Name<N> {
    Name::new(text).unwrap()
}

/// A calibration with the stored readings of a white tile.
pub(crate) fn tile(reflectance: f64) -> Value {
    let span = |from: i64, until: i64| json!({ "from": at(from), "until": at(until) });
    json!({ "white_tile": { "reflectance": reflectance, "white": span(-4000, -3000), "dark": span(-2000, -1500) } })
}

impl Plant {
    /// A plant with this many samples of one device. Of everything else there is a part of that
    /// number, which grows with it: jobs twice as many; devices, decisions, calibrations,
    /// schedules, dead letters, open and ended alerts, silences, stations and their faults, bugs
    /// and their comments an eighth.
    pub(crate) async fn with_rows(rows: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A connection that is made during a call would send queries of its own.
        let mut config = SqliteConfig::at(folder.path().join("samples.db"));
        config.readers = NonZeroU32::MIN;
        let store = Arc::new(SqliteStore::open(&config).await.unwrap());
        let profiles = Profiles::new([(name(FOIE), Profile::example())]).unwrap();
        let sample_id = Box::pin(samples(&store, &profiles, rows)).await;
        let profile_version = decided(&store, rows / 8).await;
        let open_job = jobs(&store, u16::try_from(rows * 2).unwrap()).await;
        let mut services = services(&store, profiles);
        services.plant.schedules = Some(schedules(&store, rows / 8).await);
        services.take_decisions().await.unwrap();
        calibrations(&services, &store, rows / 8).await;
        let alarms = Box::pin(Alarms::of(&store, &mut services, rows / 8)).await;
        let tracker = Box::pin(Tracker::of(&store, &mut services, rows / 8)).await;
        let plant =
            Self { store, sample_id, open_job, profile_version, alarms, tracker, services, rows, _folder: folder };
        plant.keep_letters().await;
        plant
    }

    /// The services with empty caches. The health of their parts is known, as on a server, where a
    /// task makes the checks.
    pub(crate) async fn services_for_a_call(&self) -> Services {
        let (mut services, clock): (_, Arc<dyn Clock>) = (self.services.clone(), Arc::new(SystemClock));
        services.line.caches = Arc::new(Caches::near(&clock));
        services.plant.health.look().await;
        services
    }

    /// A batch of documented frames, each with a name of its own.
    pub(crate) fn frames(&self) -> String {
        let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        let named = |number: u32| {
            frame["sample_id"] = format!("S{number}").into();
            frame.to_string()
        };
        let frames: Vec<_> = (0..self.rows / 8).map(named).collect();
        frames.join("\n")
    }

    /// Hands in frames that are refused for good.
    async fn keep_letters(&self) {
        let letter = |number: u32| json!({ "type": "sensor_data", "device_id": "ESP32_BAD", "sample_id": number });
        let letters: Vec<_> = (0..self.rows / 8).map(|number| letter(number).to_string()).collect();
        let call = Call { body: letters.join("\n"), ..Call::to("/api/v1/samples:batch") };
        let (status, _) = of_call(&router(self.services.clone()), "POST", &call).await;
        assert_eq!(status.as_u16(), 200);
        assert_eq!(self.services.line.dead_letters.all().len(), letters.len());
    }
}

/// Every part of a service over a store.
fn services(store: &Arc<SqliteStore>, profiles: Profiles) -> Services {
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let mut services = Services::new(store.clone(), writer, profiles, || time(0));
    services.door.quotas = Arc::new(Quotas::none());
    services.storage.register = Some(store.clone());
    services.storage.custody = Some(store.clone());
    services.storage.queue = store.clone();
    services.plant.metrics = Some(MetricsText::new(|| "up 1\n".to_owned()));
    services.plant.queries = Some(Arc::default());
    let (control, filter) = LogControl::new::<tracing_subscriber::Registry>("info".parse().unwrap(), &[]);
    // The log lasts as long as the process.
    let _kept = Box::leak(Box::new(filter));
    services.plant.log = Some(control);
    services
}

/// A sample as it was judged, without a time of its own.
pub(crate) fn judged(profiles: &Profiles, frame: Option<&TofFrame>, spectrum: Spectrum) -> Sample {
    let (inspection, profile) = profiles.inspect(&name(FOIE), frame, Some(&spectrum)).unwrap();
    Sample {
        key: SampleKey { device_id: name(DEVICE), timestamp: time(0), name: name("template") },
        received_at: time(0),
        tof: frame.copied(),
        spectrum: Some(spectrum),
        inspection,
        reported: None,
        meta: Meta { firmware_version: None, temperature_c: Some(4.5), humidity_percent: None },
        profile,
        processing_micros: 5,
        beside: sqal_core::beside::Beside::default(),
        purpose: sqal_core::Purpose::Product,
    }
}

/// The counts of every channel, as of a white tile or of darkness.
fn flat(counts: f32) -> Spectrum {
    let (gain, time) = (Gain::from_multiplier(1.0).unwrap(), IntegrationTime::from_millis(100.0).unwrap());
    Spectrum::new([counts; 10], gain, time, AdcStatus::Clear).unwrap()
}

/// Stores the samples of the last minutes, the readings of a white tile and of darkness, and a
/// sample of each other device, an hour apart. Returns the id of the newest.
async fn samples(store: &SqliteStore, profiles: &Profiles, rows: u32) -> String {
    let reading = Station::new(7).read(Scene::GOOD, Fault::None);
    let tray = judged(profiles, reading.frame.as_ref(), reading.spectrum.unwrap());
    let (white, dark) = (judged(profiles, None, flat(10_000.0)), judged(profiles, None, flat(1.0)));
    let taken = |sample: &Sample, device: &str, seconds: i64| {
        let key = SampleKey { device_id: name(device), timestamp: time(seconds), name: name(&format!("T{seconds}")) };
        Sample { key, received_at: time(seconds), ..sample.clone() }
    };
    let rows = i64::from(rows);
    let trays = (1..=rows).map(|number| taken(&tray, DEVICE, -number));
    let others = (0..rows / 8).map(|number| taken(&tray, &format!("ESP32_{number}"), -10 - 3600 * number));
    let whites = (0..rows / 4).map(|number| taken(&white, DEVICE, -4000 + number));
    let darks = (0..rows / 8).map(|number| taken(&dark, DEVICE, -2000 + number));
    let all: Vec<_> = trays.chain(others).chain(whites).chain(darks).collect();
    store.insert(&all).await.unwrap();
    all[0].id().to_string()
}

/// Decides on the profile this many times, and returns the version of the last decision.
async fn decided(store: &SqliteStore, times: u32) -> u32 {
    let (mut profile, entry_name) = (Profile::example(), decisions::entry_name(&name(FOIE)));
    for version in 1..=times {
        profile.version += 1;
        let body = serde_json::to_string(&profile).unwrap();
        let (kind, labels) = (decisions::kind(), Labels::new());
        let entry = Entry { kind, name: entry_name, version, body, at: time(-1000), by: None, labels };
        assert!(store.add(&entry).await.unwrap());
    }
    profile.version
}

/// Stores jobs that have ended and one that waits, and returns the id of that one.
async fn jobs(store: &SqliteStore, ended: u16) -> String {
    let kind: JobKind = name("dry_run");
    let job = NewJob::new(kind, "{}".to_owned(), time(-10_000));
    store.enqueue_all(&vec![job; usize::from(ended)]).await.unwrap();
    let all = NonZeroU16::new(ended).unwrap();
    let leased = store.lease(&kind, &name("worker"), time(-9000), time(-8000), all).await.unwrap();
    let end = || JobEnd::Succeeded("{}".to_owned());
    let ends: Vec<_> =
        leased.iter().map(|leased| LeaseEnd { lease: leased.lease, at: time(-8500), end: end() }).collect();
    assert_eq!(store.end_all(&ends).await.unwrap(), vec![true; usize::from(ended)]);
    let open = NewJob::new(kind, "{}".to_owned(), time(-100)).due(time(3600));
    let id = store.enqueue(&open).await.unwrap().id();
    format!("{:016x}-{id}", open.created_at.micros())
}

/// Schedules that have enqueued a run and have a run that ended. `report_1` is paused.
async fn schedules(store: &Arc<SqliteStore>, count: u32) -> Arc<Scheduler> {
    let hourly = |number: u32| {
        let cron = Cron::new("30 * * * *", "Europe/Paris".parse().unwrap()).unwrap();
        Schedule::new(name(&format!("report_{number}")), cron, name("report"))
    };
    let scheduler = |now: Timestamp| {
        let (all, config) = ((0..count).map(hourly).collect(), SchedulerConfig::default());
        let clock = Arc::new(TokioClock);
        Scheduler::new(store.clone(), store.clone(), Arc::new(move || now), clock, all, config).unwrap()
    };
    scheduler(time(-3600)).look_once().await.unwrap();
    let present = scheduler(time(0));
    present.look_once().await.unwrap();
    present.pause("report_1", None).await.unwrap();
    for number in 0..count {
        let body = r#"{"v":1,"job":1,"due":60,"began_at":61,"took_micros":1500,"error":null}"#;
        let draft = RecordDraft::new(name("schedule_runs"), name(&format!("report_{number}")), body);
        store.write(&draft, ExpectedRecord::Any, time(-60)).await.unwrap();
    }
    let shown = present.status().await.unwrap();
    assert!(shown.iter().all(|status| status.last.as_ref().is_some_and(|last| last.state.is_some())), "{shown:?}");
    Arc::new(present)
}

/// Records this many calibrations of the device.
async fn calibrations(services: &Services, store: &SqliteStore, count: u32) {
    let path = format!("/api/v1/devices/{DEVICE}/calibrations");
    let call = Call { body: tile(0.98).to_string(), ..Call::to(path) };
    let (status, _) = of_call(&router(services.clone()), "POST", &call).await;
    assert_eq!(status.as_u16(), 201);
    let first = store.history(&name("calibration"), &name(DEVICE), None, 1).await.unwrap().remove(0);
    for version in 2..=count {
        assert!(store.add(&Entry { version, ..first.clone() }).await.unwrap());
    }
}
