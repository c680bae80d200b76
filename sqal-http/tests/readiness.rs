//! A server reports that it is ready exactly when a sample can be stored.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use fixtures::strategy;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sqal_core::{Sample, SampleId, Timestamp};
use sqal_http::{Profile, Profiles, Services, router};
use sqal_resilience::health::CheckConfig;
use sqal_storage::{
    BatchWriter, Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, StorageErrorKind, WriteError,
    WriterConfig, WriterHandle,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};
use tower::ServiceExt;

/// A store that can fail for writes, and for probes. It counts its long reads.
#[derive(Debug, Default)]
struct Faulty {
    store: MemoryStore,
    takes_nothing: AtomicBool,
    is_full: AtomicBool,
    hourly_reads: AtomicU32,
}

impl Faulty {
    fn full(is: &AtomicBool) -> Result<(), StorageError> {
        if is.load(Ordering::SeqCst) { Err(StorageError::new("faulty", StorageErrorKind::Full)) } else { Ok(()) }
    }
}

#[async_trait]
impl SampleStore for Faulty {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        Self::full(&self.takes_nothing)?;
        self.store.insert(batch).await
    }
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.store.get(id).await
    }
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.store.query(query).await
    }
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.hourly_reads.fetch_add(1, Ordering::SeqCst);
        self.store.hourly(query).await
    }
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.store.by_device(query).await
    }
    async fn ping(&self) -> Result<(), StorageError> {
        Self::full(&self.is_full)
    }
}

fn server() -> (Services, WriterHandle, Arc<Faulty>) {
    let store = Arc::new(Faulty::default());
    let mut config = WriterConfig::usual();
    config.tries = 1;
    let (writer, _) = BatchWriter::start(Arc::clone(&store) as _, config);
    let name = "foiegras_standard_barquette".parse().unwrap();
    let profiles = Profiles::new([(name, Profile::example())]).unwrap();
    let now = || Timestamp::from_micros(1_729_983_600_000_000).unwrap();
    (Services::new(Arc::clone(&store) as _, writer.clone(), profiles, now), writer, store)
}

async fn get(app: &Router, path: &str) -> (StatusCode, Value) {
    let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn m3_a_disk_that_is_full_is_not_ready_by_name() {
    let (services, _, store) = server();
    let app = router(services.clone());
    assert_eq!(get(&app, "/health/ready").await.0, StatusCode::OK);
    store.is_full.store(true, Ordering::SeqCst);
    services.plant.health.look().await;
    for (path, parts) in [("/health/ready", "components"), ("/ready", "checks")] {
        let (status, ready) = get(&app, path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(ready["reasons"]["database"].as_str().unwrap().contains("disk full"), "{ready}");
        assert_ne!(ready[parts]["database"], json!(true), "{path}");
    }
    let (status, health) = get(&app, "/health").await;
    assert_eq!((status, &health["database"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("disconnected")));
}

/// While every batch is given back, a successful probe does not make the writer ready. A probe that
/// is made because of the failed batches does, if it succeeds.
#[tokio::test]
async fn m3_a_writer_whose_batches_fail_in_a_row_is_not_ready_until_a_probe_succeeds() {
    let (services, writer, store) = server();
    let app = router(services.clone());
    store.takes_nothing.store(true, Ordering::SeqCst);
    store.is_full.store(true, Ordering::SeqCst);
    let one = strategy::sample().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    for _ in 0..3 {
        let outcome = writer.submit(Box::new(one.clone())).await.unwrap().outcome().await;
        assert!(matches!(outcome, Err(WriteError::Unavailable(_))));
    }
    services.plant.health.look().await;
    let (status, ready) = get(&app, "/health/ready").await;
    assert_eq!((status, &ready["components"]["writer"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    let why = ready["reasons"]["writer"].as_str().unwrap();
    assert!(why.contains("the last 3 batches") && why.contains("disk full"), "{why}");
    for is in [&store.takes_nothing, &store.is_full] {
        is.store(false, Ordering::SeqCst);
    }
    services.plant.health.look().await;
    assert_eq!(get(&app, "/health/ready").await.0, StatusCode::OK);
    assert_eq!(writer.failed_in_a_row(), 0);
}

/// A database with a spool: while the database is away, the server is ready and reports what is
/// away. While the spool accepts nothing, the server is not ready.
#[tokio::test]
async fn a_database_that_is_away_behind_a_spool_degrades_and_no_more() {
    let (services, _, _) = server();
    let app = router(services.clone());
    services.plant.health.remove("database");
    services
        .plant
        .health
        .register("database", CheckConfig::optional(), || async { Err("the store does not answer") })
        .unwrap();
    let spool = Arc::new(AtomicBool::new(true));
    let takes = Arc::clone(&spool);
    let check = move || {
        let takes = takes.load(Ordering::SeqCst);
        async move { if takes { Ok(()) } else { Err("spool damaged: 7 samples are passed by") } }
    };
    services.plant.health.register("spool", CheckConfig::critical(), check).unwrap();
    services.plant.health.look().await;
    let (status, mut health) = get(&app, "/health").await;
    assert_eq!(status, StatusCode::OK);
    let checked = health.as_object_mut().unwrap().remove("dependencies").unwrap();
    assert_eq!((&checked["database"]["status"], &checked["spool"]["status"]), (&json!("down"), &json!("ok")));
    let said = json!({
        "status": "degraded", "database": "disconnected", "spool": "up", "writer": "up",
        "reasons": { "database": "the store does not answer" },
    });
    assert_eq!(health, said);
    assert_eq!(get(&app, "/health/ready").await.0, StatusCode::OK);
    spool.store(false, Ordering::SeqCst);
    services.plant.health.look().await;
    let (status, ready) = get(&app, "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready["reasons"]["spool"], "spool damaged: 7 samples are passed by");
}

/// The statistics of a year are computed once, however often they are requested.
#[tokio::test]
async fn long_spans_are_remembered_too() {
    let (services, _, store) = server();
    let app = router(services);
    let year = "/api/v1/aggregates/hourly?from=2024-01-01T00:00:00Z&until=2024-12-31T00:00:00Z";
    for _ in 0..5 {
        assert_eq!(get(&app, year).await.0, StatusCode::OK);
    }
    assert_eq!(store.hourly_reads.load(Ordering::SeqCst), 1);
}
