//! The failure scenarios of a database (F1 to F26) against PostgreSQL servers that each test
//! starts, freezes and kills.
//!
//! In each scenario no acknowledged sample is lost, no sample is stored twice, and no call outlives
//! its deadline.
#![cfg(all(feature = "conformance", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod servers;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use disk::SmallDisk;
use rustix::process::Signal;
use servers::Postgres;
use sqal_core::Sample;
use sqal_resilience::Backoff;
use sqal_storage::conformance::{sample, scored};
use sqal_storage::{
    BatchWriter, Inserted, PostgresStore, SampleQuery, SampleStore, SpooledStore, SqliteStore, StorageErrorKind,
    WriteError, WriterConfig, WriterHandle,
    samples::{Hourly, HourlyQuery},
    sqlite::SqliteConfig,
};
use sqlx::{Connection, PgConnection};

const NOVEMBER: i64 = 1_794_000_000_000_000; // 2026-11-06

async fn sql(url: &str, text: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
}

/// The writer of a line, with retries that outlast every outage here.
fn writer(store: Arc<dyn SampleStore>) -> (WriterHandle, BatchWriter) {
    let backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500)).unwrap();
    let two = NonZeroUsize::new(2).unwrap();
    BatchWriter::start(store, {
        let mut config = WriterConfig::usual();
        config.commits = two;
        config.backoff = backoff;
        config.tries = 1000;
        config
    })
}

/// The k-th sample of a producer.
fn nth(producer: usize, k: i64) -> Sample {
    scored(&format!("ESP32_{producer:03}"), NOVEMBER + k * 1_000_000, &format!("{k}"), 0.5)
}

/// All samples of a store.
async fn contents(store: &dyn SampleStore) -> Vec<Sample> {
    let mut query = SampleQuery::newest(1000.try_into().unwrap());
    let mut all = Vec::new();
    loop {
        let page = store.query(&query).await.unwrap();
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        query.after = Some(next);
    }
}

/// Sixteen producers, each of which waits for its acknowledgement, until `stop` is set. Returns the
/// acknowledged samples.
async fn produce(handle: WriterHandle, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicUsize>) -> Vec<Sample> {
    let producers: Vec<_> = (0..16)
        .map(|producer| {
            let (handle, stop, acknowledged) = (handle.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut done = Vec::new();
                for k in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let sample = nth(producer, k);
                    let receipt = handle.submit(Box::new(sample.clone())).await.unwrap();
                    receipt.outcome().await.unwrap();
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    done.push(sample);
                }
                done
            })
        })
        .collect();
    let mut all = Vec::new();
    for producer in producers {
        all.extend(producer.await.unwrap());
    }
    all
}

/// Waits until `count` more samples are acknowledged.
async fn more(acknowledged: &AtomicUsize, count: usize) {
    let from = acknowledged.load(Ordering::SeqCst);
    while acknowledged.load(Ordering::SeqCst) < from + count {
        tokio::task::yield_now().await;
    }
}

/// Every acknowledged sample is stored once, and the hours agree with the samples.
async fn nothing_lost_nothing_twice(store: &dyn SampleStore, mut acknowledged: Vec<Sample>) {
    let stored = contents(store).await;
    acknowledged.sort_by_key(|s| std::cmp::Reverse((s.key.timestamp, s.id())));
    assert_eq!(stored.len(), acknowledged.len());
    assert!(stored == acknowledged, "what is stored is not what was acknowledged");
    let hours: Vec<_> = Hourly::of(&stored);
    let (first, last) = (hours[0].hour, hours[hours.len() - 1].hour);
    let after = sqal_core::Timestamp::from_micros((last.number() + 1) * 3_600_000_000).unwrap();
    let query = HourlyQuery::new(first, sqal_storage::samples::Hour::of(after)).unwrap();
    assert_eq!(store.hourly(&query).await.unwrap(), hours);
}

/// F1, F2 (the server's side), F17: the database stops at once, or is killed, while batches are
/// being committed.
#[tokio::test(flavor = "multi_thread")]
async fn f1_f2_f17_a_database_that_is_killed_while_it_commits_loses_nothing() {
    let mut server = Postgres::start();
    let store = Arc::new(PostgresStore::open(&server.config()).await.unwrap());
    let (handle, mut writing) = writer(Arc::clone(&store) as _);
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let producing = tokio::spawn(produce(handle, Arc::clone(&stop), Arc::clone(&acknowledged)));
    for cycle in 0..4 {
        more(&acknowledged, 200).await;
        if cycle % 2 == 0 {
            server.kill();
        } else {
            server.stop_immediately();
        }
        server.run();
    }
    more(&acknowledged, 200).await;
    stop.store(true, Ordering::SeqCst);
    let samples = producing.await.unwrap();
    writing.finished().await;
    assert!(samples.len() >= 1000);
    nothing_lost_nothing_twice(&*store, samples).await;
}

/// A frozen database (SIGSTOP): calls end at their deadline, and a sample that was tried then is
/// found to be stored or is stored again.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_delays_no_call_past_its_deadline() {
    let server = Postgres::start();
    let mut config = server.config();
    config.deadline = Duration::from_millis(500);
    config.acquire_timeout = Duration::from_millis(300);
    let store = PostgresStore::open(&config).await.unwrap();
    let batch = [nth(0, 0)];
    store.insert(&batch).await.unwrap();
    server.signal_all(Signal::STOP);
    #[expect(clippy::disallowed_methods, reason = "a deadline of real calls is measured")]
    let begun = Instant::now();
    let late = [nth(0, 1)];
    for _ in 0..2 {
        let refused = store.insert(&late).await.unwrap_err();
        assert!(refused.is_transient(), "{refused:?}");
        assert!(store.query(&SampleQuery::newest(1.try_into().unwrap())).await.unwrap_err().is_transient());
        assert!(store.ping().await.is_err());
    }
    // Six calls of half a second each, with ten times as much for a machine under load.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    server.signal_all(Signal::CONT);
    let outcome = patiently(|| store.insert(&late)).await;
    assert!(matches!(outcome[..], [Inserted::Stored | Inserted::Duplicate]));
    nothing_lost_nothing_twice(&store, [batch, late].concat()).await;
}

/// Calls until it succeeds.
async fn patiently<T, F: Future<Output = Result<T, sqal_storage::StorageError>>>(call: impl Fn() -> F) -> T {
    for _ in 0..100 {
        match call().await {
            Ok(done) => return done,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
    panic!("it never succeeds");
}

/// F5: while every connection of the readers is in use, a reader is refused in time, and the line
/// continues.
#[tokio::test(flavor = "multi_thread")]
async fn f5_an_exhausted_pool_refuses_readers_in_time_and_writers_never() {
    let server = Postgres::start();
    let mut config = server.config();
    config.readers = NonZeroU32::MIN;
    config.acquire_timeout = Duration::from_millis(200);
    let store = Arc::new(PostgresStore::open(&config).await.unwrap());
    store.insert(&[nth(0, 0)]).await.unwrap();
    // The only reader waits for a table that another connection has locked.
    let mut holder = PgConnection::connect(&server.url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE sample_hour IN ACCESS EXCLUSIVE MODE").execute(&mut holder).await.unwrap();
    let hour = sqal_storage::samples::Hour::of(nth(0, 0).key.timestamp);
    let reading = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.hourly(&HourlyQuery::new(hour, hour).unwrap()).await }
    });
    while !waits_for_a_lock(&server.url).await {}
    let available = || store.pools().map(|pool| (pool.name, pool.available()));
    assert_eq!(available(), [("writers", config.writers.get()), ("readers", 0)], "TSB-10: it can be seen");
    let refused = store.get(&nth(0, 0).id()).await.unwrap_err();
    assert_eq!(refused.kind, StorageErrorKind::Busy);
    store.ping().await.expect("a probe never waits behind a report");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    reading.await.unwrap().unwrap();
    assert_eq!(available(), [("writers", config.writers.get()), ("readers", 1)]);
    assert_eq!(store.insert(&[nth(0, 1)]).await.unwrap(), [Inserted::Stored]);
    store.ping().await.unwrap();
}

async fn waits_for_a_lock(url: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let text = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    sqlx::query_scalar::<_, i64>(text).fetch_one(&mut connection).await.unwrap() > 0
}

/// F6, F7: two servers store the same samples in opposite orders at once: each sample is stored
/// once, and the servers never deadlock.
#[tokio::test(flavor = "multi_thread")]
async fn f6_f7_two_writers_of_the_same_samples_in_opposite_orders_do_not_deadlock() {
    let server = Postgres::start();
    let stores = [
        Arc::new(PostgresStore::open(&server.config()).await.unwrap()),
        Arc::new(PostgresStore::open(&server.config()).await.unwrap()),
    ];
    for round in 0..16 {
        let batch: Vec<_> = (0..200).map(|k| nth(usize::try_from(k % 7).unwrap(), round * 1000 + k)).collect();
        let turned: Vec<_> = batch.iter().rev().cloned().collect();
        let one = tokio::spawn({
            let (store, batch) = (Arc::clone(&stores[0]), batch.clone());
            async move { store.insert(&batch).await }
        });
        let other = stores[1].insert(&turned).await.unwrap();
        let outcomes = [one.await.unwrap().unwrap(), other].concat();
        assert_eq!(outcomes.iter().filter(|o| **o == Inserted::Stored).count(), 200);
    }
    let mut connection = PgConnection::connect(&server.url).await.unwrap();
    let deadlocks: i64 = sqlx::query_scalar("SELECT sum(deadlocks)::bigint FROM pg_stat_database")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(deadlocks, 0);
    assert_eq!(contents(&*stores[0]).await.len(), 16 * 200);
}

/// F8: one sample that the database refuses fails alone; its 499 neighbours are stored.
#[tokio::test(flavor = "multi_thread")]
async fn f8_a_poison_sample_fails_alone() {
    let server = Postgres::start();
    let store = Arc::new(PostgresStore::open(&server.config()).await.unwrap());
    sql(&server.url, "ALTER TABLE sample ADD CHECK (device_id <> 'poison')").await;
    let (handle, mut writing) = writer(Arc::clone(&store) as _);
    let mut receipts = Vec::new();
    for k in 0..500 {
        let sample = if k == 321 { sample("poison", NOVEMBER, "x", 0.0) } else { nth(0, k) };
        receipts.push(handle.submit(Box::new(sample)).await.unwrap());
    }
    for (k, receipt) in receipts.into_iter().enumerate() {
        match receipt.outcome().await {
            Err(WriteError::Refused(_)) => assert_eq!(k, 321),
            outcome => assert_eq!((outcome.unwrap(), k != 321), (Inserted::Stored, true)),
        }
    }
    drop(handle);
    writing.finished().await;
    assert_eq!(contents(&*store).await.len(), 499);
}

/// F25: a database that became read-only (a standby after a switch) is unavailable, not broken.
#[tokio::test(flavor = "multi_thread")]
async fn f25_a_read_only_database_is_away_for_writers_only() {
    let server = Postgres::start();
    let store = PostgresStore::open(&server.config()).await.unwrap();
    store.insert(&[nth(0, 0)]).await.unwrap();
    store.close().await;
    let mut config = server.config();
    config.writers = NonZeroU32::MIN;
    let store = PostgresStore::open(&config).await.unwrap();
    sql(&server.url, "ALTER SYSTEM SET default_transaction_read_only = on").await;
    sql(&server.url, "SELECT pg_reload_conf()").await;
    let refused = loop {
        // The server informs its backends with a delay.
        match store.insert(&[nth(0, 1)]).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind, StorageErrorKind::Unavailable);
    assert!(!contents(&store).await.is_empty());
}

/// F3: a full disk stops the writer and loses nothing; when there is room again, the writer
/// continues by itself.
#[tokio::test(flavor = "multi_thread")]
async fn f3_a_full_disk_stops_the_line_and_loses_nothing() {
    let disk = SmallDisk::new(48);
    let mut server = Postgres::start_in(tempfile::tempdir().unwrap(), disk.path.join("data"));
    // The log of the database is elsewhere: without room for it PostgreSQL itself stops, which is
    // another scenario (F1).
    server.move_wal_away();
    let store = Arc::new(PostgresStore::open(&server.config()).await.unwrap());
    store.insert(&[nth(99, 0)]).await.unwrap();
    let ballast = disk.fill();
    let (handle, mut writing) = writer(Arc::clone(&store) as _);
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let producing = tokio::spawn(produce(handle, Arc::clone(&stop), Arc::clone(&acknowledged)));
    let full = loop {
        let big: Vec<_> = (0..500).map(|k| nth(98, k)).collect();
        match store.insert(&big).await {
            Err(error) => break error,
            Ok(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(full.kind, StorageErrorKind::Full, "{full:?}");
    std::fs::remove_file(ballast).unwrap();
    more(&acknowledged, 100).await;
    stop.store(true, Ordering::SeqCst);
    let mut samples = producing.await.unwrap();
    writing.finished().await;
    samples.push(nth(99, 0));
    let stored = contents(&*store).await;
    let lost = samples.iter().filter(|s| !stored.contains(s)).count();
    assert_eq!(lost, 0, "of {}", samples.len());
}

/// The spool bridges an outage of the database: the line never stops, and every sample arrives.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_bridged_by_the_spool() {
    let mut server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let spool = Arc::new(SqliteStore::open(&SqliteConfig::at(folder.path().join("spool.db"))).await.unwrap());
    let mut config = server.config();
    // Without a breaker in front, every batch waits for a connection first.
    config.acquire_timeout = Duration::from_millis(50);
    let postgres = PostgresStore::open(&config).await.unwrap();
    let store = Arc::new(SpooledStore::new(postgres, spool, 100_000).await.unwrap());
    let (handle, mut writing) = writer(Arc::clone(&store) as _);
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let producing = tokio::spawn(produce(handle, Arc::clone(&stop), Arc::clone(&acknowledged)));
    let forwarding = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            store.keep_forwarding(Backoff::new(Duration::from_millis(20), Duration::from_millis(100)).unwrap()).await;
        }
    });
    more(&acknowledged, 100).await;
    server.kill();
    more(&acknowledged, 100).await;
    assert!(store.waiting() > 0, "the line went on without the database");
    server.run();
    more(&acknowledged, 100).await;
    stop.store(true, Ordering::SeqCst);
    let samples = producing.await.unwrap();
    writing.finished().await;
    while store.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    forwarding.abort();
    drop(store);
    let store = PostgresStore::open(&server.config()).await.unwrap();
    nothing_lost_nothing_twice(&store, samples).await;
}
