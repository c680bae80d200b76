//! What the log says of a cache, and of a store that is away: documented lines, and one line when a
//! failure begins and one when it ends.
#![cfg(all(feature = "cache", feature = "conformance", feature = "profile", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod remote;

use std::convert::Infallible;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fixtures::logged::LoggedLines;
use remote::Remote;
use sqal_core::Sample;
use sqal_resilience::ManualClock;
use sqal_storage::cache::{CacheKey, CacheKind};
use sqal_storage::conformance::scored;
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{
    BatchWriter, Inserted, ReadThrough, RetryingStore, SampleQuery, SampleStore, SpooledStore, SqliteStore,
    WriterConfig,
};
use tokio::time::sleep;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt;

/// The lines of this thread from a level on, without their time.
fn log(level: Level) -> (LoggedLines, DefaultGuard) {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).without_time();
    (lines, subscriber.with_target(false).with_writer(move || writer.clone()).finish().set_default())
}

fn told(lines: &LoggedLines) -> Vec<String> {
    lines.text().lines().map(|line| line.trim().to_owned()).collect()
}

fn sample(number: u32) -> Sample {
    scored("D1", i64::from(number) * 1_000_000, &number.to_string(), 0.9)
}

/// CCH-12, C-25: each read of a cache is a line at level debug, with the kind and the key.
#[tokio::test]
async fn cch_12_a_hit_and_a_miss_are_logged_with_kind_and_key() {
    let read_twice = || async {
        let kind = CacheKind::custom("bot_profile", Duration::from_mins(1)).unwrap();
        let cache = ReadThrough::<String, _>::new(kind, 10, ManualClock::new());
        let line = CacheKey::of_line(kind, "account_123");
        let device = CacheKey::of_device(kind, "ESP32_1".parse().unwrap(), "newest");
        for key in [&line, &line, &device] {
            cache.get(key, || async { Ok::<_, Infallible>("a value".to_owned()) }).await.unwrap();
        }
    };
    let (lines, logging) = log(Level::DEBUG);
    read_twice().await;
    drop(logging);
    assert_eq!(
        told(&lines),
        [
            "DEBUG Cache MISS: bot_profile:account_123",
            "DEBUG Cache HIT: bot_profile:account_123",
            "DEBUG Cache MISS: bot_profile:ESP32_1:newest",
        ]
    );
    let (lines, _logging) = log(Level::INFO);
    read_twice().await;
    assert_eq!(lines.text(), "", "the lines of every read would flood a log");
}

/// A store that is away for ten minutes, with a sample every ten seconds: the writer tries each of
/// them six times and gives it back. The log has three lines.
#[tokio::test(start_paused = true)]
async fn a_writer_tells_the_beginning_and_the_end_of_an_outage() {
    let (lines, _logging) = log(Level::INFO);
    let store = Arc::new(Remote::default());
    let (writer, _task) = BatchWriter::start(Arc::clone(&store) as _, WriterConfig::usual());
    store.away.store(true, Ordering::SeqCst);
    for number in 0..60 {
        let receipt = writer.submit(Box::new(sample(number))).await.unwrap();
        assert!(receipt.outcome().await.is_err());
        sleep(Duration::from_secs(10)).await;
    }
    store.away.store(false, Ordering::SeqCst);
    for number in 60..65 {
        writer.submit(Box::new(sample(number))).await.unwrap().outcome().await.unwrap();
        sleep(Duration::from_secs(2)).await;
    }
    let told = told(&lines);
    assert_eq!(told.len(), 3, "{told:#?}");
    let cause = "error=remote: the store does not answer: connection refused samples=1";
    assert_eq!(told[0], format!("WARN the store is away; the writer tries again {cause}"));
    assert_eq!(told[1], format!("ERROR the store fails; samples are returned to their callers {cause}"));
    let end = "INFO the store accepts samples again failures=300 returned_batches=60 seconds=";
    assert!(told[2].starts_with(end), "{}", told[2]);
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_for_long_are_told_when_that_begins_and_ends() {
    let (lines, logging) = log(Level::INFO);
    let remote = Arc::new(Remote::default());
    let store = RetryingStore::usual(Arc::clone(&remote)).with_store_name("db.example:5432/sqal");
    let newest = SampleQuery::newest(NonZeroU16::MIN);
    remote.away.store(true, Ordering::SeqCst);
    for _ in 0..100 {
        assert!(store.query(&newest).await.is_err());
    }
    remote.away.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        store.query(&newest).await.unwrap();
        sleep(Duration::from_secs(4)).await;
    }
    drop(logging);
    let lines = told(&lines);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let host = "store=\"db.example:5432/sqal\"";
    let cause = "error=remote: the store does not answer: connection refused";
    assert_eq!(lines[0], format!("WARN the store does not answer reads {host} {cause}"));
    assert!(
        lines[1].starts_with(&format!("INFO the store answers reads again {host} failures=100 seconds=")),
        "{lines:?}"
    );

    // Each try that is followed by another one is a line at level debug (RTY-05).
    let (lines, _logging) = log(Level::DEBUG);
    remote.away.store(true, Ordering::SeqCst);
    assert!(store.query(&newest).await.is_err());
    let tries = told(&lines).into_iter().filter(|line| line.starts_with("DEBUG Retrying a read of the store in "));
    assert_eq!(tries.count(), 3, "{}", lines.text());
}

#[tokio::test]
async fn a_spooled_store_tells_once_that_its_store_is_away() {
    let (lines, _logging) = log(Level::INFO);
    let folder = tempfile::tempdir().unwrap();
    let spool = SqliteStore::open(&SqliteConfig::spool_at(folder.path().join("spool.db"))).await.unwrap();
    let remote = Arc::new(Remote::default());
    let spooled = SpooledStore::new(Arc::clone(&remote), Arc::new(spool), 40).await.unwrap();
    let spooled = spooled.with_store_name("db.example:5432/sqal");
    remote.away.store(true, Ordering::SeqCst);
    for number in 0..40 {
        assert_eq!(spooled.insert(&[sample(number)]).await.unwrap(), [Inserted::Stored]);
        assert!(spooled.forward(500).await.is_err());
        // The last of them leaves no room for another one.
        if number < 39 {
            spooled.ping().await.unwrap();
        }
    }
    // The spool is full now.
    for number in 40..80 {
        assert!(spooled.insert(&[sample(number)]).await.is_err());
        assert!(spooled.ping().await.is_err());
    }
    // A busy machine may make the driver tell of a slow statement, too.
    let told: Vec<_> = told(&lines).into_iter().filter(|line| !line.contains("slow statement")).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    let cause = "error=remote: the store does not answer: connection refused";
    assert_eq!(
        told[0],
        format!(
            "WARN the store is away; samples wait in the spool until it is back store=\"db.example:5432/sqal\" {cause} \
             waiting=0"
        )
    );
    let full = "cause=spool full: 40 samples wait, at most 40 may";
    assert_eq!(told[1], format!("WARN the spool accepts no more samples; their devices keep them {full} waiting=40"));
    assert_eq!(told[2], format!("WARN the store is away, and the spool accepts no samples {full}"));
}
