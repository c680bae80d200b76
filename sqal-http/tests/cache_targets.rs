//! What the caches take off the database (CCH-08, CCH-09), counted on ten minutes of a line.
//!
//! No mix of reads is documented, so there are two, of what is read here: the live page as it asks
//! (`plant/dashboard/src/script/server.js`), and a dashboard that polls the four documented kinds
//! of cached answers. Time is moved by hand, so the counts depend on nothing but the random spread
//! of the times to live, which moves them by at most two.
//!
//! `cargo test -p sqal-http --all-features --test cache_targets -- --nocapture` prints the table of
//! `docs/storage.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the figures are for docs/storage.md")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use sqal_core::{Sample, SampleId, Timestamp};
use sqal_http::sqal_intake::observer::SampleObserver;
use sqal_http::{Caches, Profile, Profiles, Quotas, Services, router};
use sqal_resilience::{Clock, ManualClock, SystemClock};
use sqal_storage::cache::{CacheKind, CacheStats};
use sqal_storage::conformance::sample;
use sqal_storage::{
    BatchWriter, Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, WriterConfig,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};
use tower::ServiceExt;

/// Stations of the line, each of which stores a sample every five seconds.
const STATIONS: u64 = 5;
const INTERVAL_MS: u64 = 5_000;

/// When the first page is opened: each station has stored a sample.
const OPENED_MS: u64 = 5_250;

/// Ten minutes.
const LASTS_MS: u64 = 600_000;

/// The time between two polls, of the live page and of dashboards.
const POLL_MS: u64 = 10_000;

/// 2026-11-21T12:10:00Z: the ten minutes lie within one hour.
const BEGAN: i64 = 1_795_263_000_000_000;

/// A store that counts its reads.
#[derive(Debug, Default)]
struct CountingStore {
    store: MemoryStore,
    reads: AtomicU64,
}

impl CountingStore {
    fn read(&self) -> &MemoryStore {
        self.reads.fetch_add(1, Ordering::SeqCst);
        &self.store
    }
}

#[async_trait]
impl SampleStore for CountingStore {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.store.insert(batch).await
    }
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.read().get(id).await
    }
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.read().query(query).await
    }
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.read().hourly(query).await
    }
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.read().by_device(query).await
    }
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}

/// What happens on the line, and when in milliseconds.
enum Act {
    /// A station stores a sample.
    Stores(u64),
    /// A reader reads a path.
    Reads(String),
}

type Acts = Vec<(u64, Act)>;

/// The samples of the stations, one after another, and what is read, in the order of time.
fn with_samples(reads: Acts) -> Acts {
    let until = OPENED_MS + LASTS_MS;
    let of = |station: u64| {
        let times = (0..).map(move |sample| station * 1_000 + sample * INTERVAL_MS);
        times.take_while(move |at| *at < until).map(move |at| (at, Act::Stores(station)))
    };
    let mut acts: Acts = (0..STATIONS).flat_map(of).chain(reads).collect();
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// When one of some readers polls, who poll one after another.
fn polls(reader: u64, readers: u64) -> impl Iterator<Item = u64> {
    (0..LASTS_MS / POLL_MS).map(move |poll| OPENED_MS + poll * POLL_MS + reader * POLL_MS / readers)
}

/// Live pages: at its opening each asks for the newest samples and for those of each card, and then
/// polls the devices. New samples come to it as events, which no read brings.
fn live_pages(pages: u64) -> Acts {
    let mut acts = Acts::new();
    for page in 0..pages {
        let opened = polls(page, pages).next().unwrap();
        let read = |path: &str| (opened, Act::Reads(path.to_owned()));
        acts.push(read("/api/v1/samples?limit=60"));
        acts.extend(
            (0..STATIONS).map(|station| read(&format!("/api/v1/samples?device_id=STATION_{station}&limit=60"))),
        );
        acts.extend(polls(page, pages).map(|at| (at, Act::Reads("/api/v1/devices".to_owned()))));
    }
    with_samples(acts)
}

/// Dashboards that poll: each asks for the line at a glance, the devices, the hours of a day, and
/// the newest sample of each station.
fn dashboards(dashboards: u64) -> Acts {
    let mut paths: Vec<_> =
        (0..STATIONS).map(|station| format!("/api/v1/samples/latest?device_id=STATION_{station}")).collect();
    paths.extend(["/api/v1/dashboard/metrics", "/api/v1/devices", "/api/v1/aggregates/hourly"].map(str::to_owned));
    let polls = (0..dashboards).flat_map(|dashboard| polls(dashboard, dashboards));
    with_samples(polls.flat_map(|at| paths.iter().map(move |path| (at, Act::Reads(path.clone())))).collect())
}

/// What the ten minutes have come to.
struct Load {
    /// Requests that read.
    requests: u64,
    /// Reads of the database.
    reads: u64,
    stats: CacheStats,
}

impl Load {
    /// The share of the reads of the cached answers that a cache answered.
    fn hit_ratio(&self) -> f64 {
        self.stats.hit_rate().unwrap()
    }
}

async fn get(app: &Router, path: &str) {
    let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    to_bytes(response.into_body(), 10_000_000).await.unwrap();
}

/// Plays the acts, with the caches as they are, or with caches that are empty at each read.
async fn played(acts: &[(u64, Act)], caches_keep: bool) -> Load {
    let (clock, now, store) = (ManualClock::new(), Arc::new(AtomicI64::new(BEGAN)), Arc::new(CountingStore::default()));
    let (writer, _task) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
    let profiles = Profiles::new([("example".parse().unwrap(), Profile::example())]).unwrap();
    let wall = Arc::clone(&now);
    let mut services = Services::new(Arc::clone(&store) as _, writer, profiles, move || {
        Timestamp::from_micros(wall.load(Ordering::SeqCst)).unwrap()
    });
    services.line.caches = Arc::new(Caches::near(&(Arc::new(clock.clone()) as Arc<dyn Clock>)));
    services.door.quotas = Arc::new(Quotas::none());
    let (app, caches) = (router(services.clone()), Arc::clone(&services.line.caches));
    let (mut passed, mut requests) = (0, 0);
    for (at, act) in acts {
        clock.advance(Duration::from_millis(at - passed));
        passed = *at;
        let micros = BEGAN + i64::try_from(at * 1_000).unwrap();
        now.store(micros, Ordering::SeqCst);
        match act {
            Act::Stores(station) => {
                let sample = sample(&format!("STATION_{station}"), micros, &format!("S{at}"), 50.0);
                assert_eq!(store.insert(std::slice::from_ref(&sample)).await.unwrap(), [Inserted::Stored]);
                services.line.stored(&sample, SystemClock.now());
            }
            Act::Reads(path) => {
                requests += 1;
                if !caches_keep {
                    caches.clear().await.unwrap();
                }
                get(&app, path).await;
            }
        }
    }
    let stats = caches.stats().iter().fold(CacheStats::default(), |sum, (_, stats)| sum.and(stats));
    Load { requests, reads: store.reads.load(Ordering::SeqCst), stats }
}

/// Plays the acts with caches, and prints what came of it as a row of a table.
async fn told(what: &str, acts: &[(u64, Act)]) -> Load {
    let load = played(acts, true).await;
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    let fallen = (1.0 - load.reads as f64 / load.requests as f64) * 100.0;
    let ratio = load.hit_ratio() * 100.0;
    println!("| {what} | {} | {} | −{fallen:.0} % | {ratio:.1} % |", load.requests, load.reads);
    load
}

/// Without caches, each request reads from the database once. With them, as this says.
async fn compared(what: &str, acts: &[(u64, Act)]) -> Load {
    let without = played(acts, false).await;
    assert_eq!((without.reads, without.stats.hits), (without.requests, 0), "{what}");
    let with = told(what, acts).await;
    assert_eq!(with.requests, without.requests, "{what}");
    with
}

/// Whether the load of the database has fallen to a share in percent, at most.
fn is_at_most(load: &Load, percent: u64) -> bool {
    load.reads * 100 <= load.requests * percent
}

/// CCH-08, CCH-09: the load falls by at least 70 %, and at least 80 % of the reads are hits.
#[tokio::test]
async fn cch_08_09_ten_live_pages_leave_the_database_alone() {
    let load = compared("10 live pages", &live_pages(10)).await;
    // The newest samples and those of five cards, once for each page, and the devices once.
    assert_eq!((load.requests, load.reads), (660, 61));
    assert!(is_at_most(&load, 30) && load.hit_ratio() > 0.99, "{}", load.hit_ratio());
}

/// CCH-08, CCH-09: the load falls by at least 80 %, and at least 80 % of the reads are hits, when
/// ten dashboards poll every documented kind of cached answer.
#[tokio::test]
async fn cch_08_09_ten_dashboards_that_poll_meet_the_targets() {
    let load = compared("10 dashboards", &dashboards(10)).await;
    assert_eq!(load.requests, 4_800);
    assert!(is_at_most(&load, 20) && load.hit_ratio() > 0.80, "{} of {}", load.reads, load.requests);
}

/// The newest sample is dropped with each commit, so that it is never old: it is read from the
/// database at most once for each stored sample. The load of the database therefore does not grow
/// with the number of dashboards. The share of hits does: with fewer than about six dashboards it
/// is below the target of 75 %.
#[tokio::test]
async fn the_load_of_the_database_is_bounded_by_the_samples_and_not_by_the_readers() {
    let (mut ratios, most) = (Vec::new(), STATIONS * LASTS_MS / INTERVAL_MS);
    for number in [1, 2, 5, 20] {
        let load = told(&format!("{number} dashboards"), &dashboards(number)).await;
        // The first reads of the newest samples, and a few of each of the other three.
        assert!(load.reads <= most + STATIONS + 6, "{number} dashboards: {}", load.reads);
        ratios.push(load.hit_ratio());
    }
    assert!(ratios.is_sorted(), "{ratios:?}");
    let [one, two, five, twenty] = ratios[..] else { panic!("four of them") };
    assert!(one < 0.40 && two < 0.40, "with one or two, most reads find a newer sample: {ratios:?}");
    assert!(five > 0.70 && twenty > 0.90, "{ratios:?}");
}

/// The documented kinds are those that the dashboards read.
#[test]
fn every_kind_of_cache_is_read_by_the_dashboards() {
    let acts = dashboards(1);
    let read: Vec<_> =
        acts.iter().filter_map(|(_, act)| if let Act::Reads(path) = act { Some(path) } else { None }).collect();
    assert_eq!(read.len(), 480);
    for kind in CacheKind::ALL {
        let path = match kind {
            CacheKind::LatestSample => "/api/v1/samples/latest?device_id=STATION_0",
            CacheKind::DashboardMetrics => "/api/v1/dashboard/metrics",
            CacheKind::DeviceStats => "/api/v1/devices",
            CacheKind::HourlyAggregates => "/api/v1/aggregates/hourly",
            CacheKind::Custom(_) => continue,
        };
        assert_eq!(read.iter().filter(|read| read.as_str() == path).count(), 60, "{path}");
    }
}
