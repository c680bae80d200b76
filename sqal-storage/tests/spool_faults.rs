//! Faults of a spool itself: a full disk that must drain, damaged pages that must not stop other
//! samples, and the messages for both.
#![cfg(all(feature = "conformance", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod remote;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::SmallDisk;
use remote::Remote;
use sqal_core::{Sample, Timestamp};
use sqal_storage::conformance::scored;
use sqal_storage::{
    Inserted, SampleQuery, SampleStore, SpooledStore, SqliteStore, StorageErrorKind,
    samples::{DeviceTally, Hour, Hourly, HourlyQuery},
    spooled::SpoolError,
    sqlite::SqliteConfig,
};

async fn spooled(folder: &Path, remote: &Arc<Remote>) -> SpooledStore<Arc<Remote>> {
    let spool = SqliteStore::open(&SqliteConfig::spool_at(folder.join("spool.db"))).await.unwrap();
    SpooledStore::new(Arc::clone(remote), Arc::new(spool), 1_000_000).await.unwrap()
}

/// The k-th sample, with a name that can be found in the file.
fn nth(k: i64) -> Sample {
    scored("a", 1_000_000_000_000 + k * 1_000_000, &format!("tray-{k:06}"), 0.5)
}

fn hours() -> HourlyQuery {
    let hour = |micros| Hour::of(Timestamp::from_micros(micros).unwrap());
    HourlyQuery::new(hour(1_000_000_000_000), hour(1_030_000_000_000)).unwrap()
}

/// Forwards until no sample moves any more.
async fn drain(store: &SpooledStore<Arc<Remote>>) {
    while store.forward(500).await.unwrap() > 0 {}
    assert_eq!(store.forward(500).await.unwrap(), 0);
}

#[tokio::test]
async fn h8_a_spool_on_a_full_disk_stops_with_room_to_spare_and_drains() {
    let disk = SmallDisk::new(7);
    let remote = Arc::new(Remote::default());
    let store = spooled(&disk.path, &remote).await;
    let reserve = disk.path.join("spool.db-reserve");
    assert!(reserve.exists());
    remote.away.store(true, Ordering::SeqCst);
    store.ping().await.unwrap();
    let mut acknowledged = Vec::new();
    loop {
        let next = i64::try_from(acknowledged.len()).unwrap();
        let batch: Vec<_> = (next..next + 20).map(nth).collect();
        match store.insert(&batch).await {
            Ok(_) => acknowledged.extend(batch),
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                break;
            }
        }
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    let full = store.takes().await.unwrap_err();
    assert!(matches!(&full, SpoolError::File(error) if error.kind == StorageErrorKind::Full), "{full:?}");
    assert!(full.to_string().contains("disk full"), "{full}");
    assert!(store.ping().await.is_err(), "nothing can be stored: not ready");

    // Another file takes the remaining room.
    let ballast = disk.fill();
    remote.away.store(false, Ordering::SeqCst);
    store.ping().await.unwrap();
    drain(&store).await;
    assert_eq!(store.waiting(), 0);
    assert_eq!(store.hourly(&hours()).await.unwrap(), Hourly::of(&acknowledged));
    for sample in &acknowledged {
        assert_eq!(remote.store.get(&sample.id()).await.unwrap().as_ref(), Some(sample));
    }

    // With room again, the spool accepts samples again; when it is empty, it holds its reserve.
    std::fs::remove_file(ballast).unwrap();
    // The next look of what drains it, within a second on a server, gives the room of its file
    // back.
    drain(&store).await;
    remote.away.store(true, Ordering::SeqCst);
    let next = nth(900_000);
    assert_eq!(store.insert(std::slice::from_ref(&next)).await.unwrap(), [Inserted::Stored]);
    remote.away.store(false, Ordering::SeqCst);
    drain(&store).await;
    assert!(reserve.exists());
    store.takes().await.unwrap();
}

/// Overwrites the pages of a file that hold one of the names; returns all names on these pages.
fn damage(path: &Path, names: &BTreeSet<String>) -> BTreeSet<String> {
    const PAGE: usize = 4096;
    let mut bytes = std::fs::read(path).unwrap();
    let mut lost = BTreeSet::new();
    for page in bytes.chunks_mut(PAGE).skip(1) {
        let found: BTreeSet<String> = page
            .windows(11)
            .filter(|window| window.starts_with(b"tray-"))
            .map(|window| String::from_utf8_lossy(window).into_owned())
            .collect();
        if found.intersection(names).next().is_some() {
            page.fill(0xA5);
            lost.extend(found);
        }
    }
    std::fs::write(path, bytes).unwrap();
    lost
}

#[tokio::test]
async fn m7_damaged_pages_of_a_spool_are_passed_by_and_everything_else_arrives() {
    const SAMPLES: i64 = 300;
    for damaged in [vec![150], vec![0], vec![SAMPLES - 1], (120..160).collect(), vec![10, 100, 200, 290]] {
        let folder = tempfile::tempdir().unwrap();
        let remote = Arc::new(Remote::default());
        let all: Vec<_> = (0..SAMPLES).map(nth).collect();
        let spool = SqliteStore::open(&SqliteConfig::at(folder.path().join("spool.db"))).await.unwrap();
        spool.insert(&all).await.unwrap();
        spool.close().await;
        let names = damaged.iter().map(|k| nth(*k).key.name.to_string()).collect();
        let lost = damage(&folder.path().join("spool.db"), &names);
        assert!(!lost.is_empty() && lost.len() < all.len(), "{}", lost.len());

        let store = spooled(folder.path(), &remote).await;
        drain(&store).await;
        for sample in all.iter().filter(|sample| !lost.contains(sample.key.name.as_str())) {
            let arrived = remote.store.get(&sample.id()).await.unwrap();
            assert_eq!(arrived.as_ref(), Some(sample), "{damaged:?}");
        }
        assert!(store.damaged() > 0);
        let said = store.takes().await.unwrap_err();
        assert!(matches!(said, SpoolError::Damaged { samples } if samples == store.damaged()), "{said}");
        // Damaged samples are not tried again and again, reads succeed, and the line continues in
        // the store.
        assert_eq!(store.waiting(), 0, "{damaged:?}");
        store.ping_store().await.unwrap();
        assert_eq!(store.insert(&[nth(SAMPLES)]).await.unwrap(), [Inserted::Stored]);
        assert!(remote.store.get(&nth(SAMPLES).id()).await.unwrap().is_some());
        store.query(&SampleQuery::newest(10.try_into().unwrap())).await.unwrap();
        store.hourly(&hours()).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_spool_says_how_many_wait() {
    let folder = tempfile::tempdir().unwrap();
    let remote = Arc::new(Remote::default());
    let spool = SqliteStore::open(&SqliteConfig::at(folder.path().join("spool.db"))).await.unwrap();
    let store = SpooledStore::new(Arc::clone(&remote), Arc::new(spool), 2).await.unwrap();
    store.takes().await.unwrap();
    remote.away.store(true, Ordering::SeqCst);
    store.insert(&[nth(0), nth(1)]).await.unwrap();
    let full = store.takes().await.unwrap_err();
    assert_eq!(full.to_string(), "spool full: 2 samples wait, at most 2 may");
}

/// M3: a store on a full disk is not ready and names the reason; it is ready again when there is
/// room.
#[tokio::test]
async fn m3_a_store_on_a_full_disk_is_not_ready() {
    let disk = SmallDisk::new(8);
    let store = SqliteStore::open(&SqliteConfig::at(disk.path.join("samples.db"))).await.unwrap();
    store.ping().await.unwrap();
    let ballast = disk.fill();
    let mut k = 0;
    let refused = loop {
        // The room that the log has already is used up first.
        let batch: Vec<_> = (k..k + 100).map(nth).collect();
        match store.insert(&batch).await {
            Ok(_) => k += 100,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind, StorageErrorKind::Full, "{refused:?}");
    let found = store.ping().await.unwrap_err();
    assert_eq!(found.kind, StorageErrorKind::Full);
    assert!(found.to_string().contains("disk full"), "{found}");
    std::fs::remove_file(ballast).unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.insert(&[nth(k)]).await.unwrap(), [Inserted::Stored]);
}

/// A sample that has moved and could not be removed from the spool is counted once, in hours and
/// for devices, in any span.
#[tokio::test]
async fn what_is_in_both_is_counted_once() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let remote = Arc::new(Remote::default());
    let path = folder.path().join("spool.db");
    let mut config = SqliteConfig::spool_at(&path);
    config.busy_timeout = std::time::Duration::from_millis(500);
    let spool = SqliteStore::open(&config).await.unwrap();
    let store = SpooledStore::new(Arc::clone(&remote), Arc::new(spool), 1000).await.unwrap();
    remote.away.store(true, Ordering::SeqCst);
    // Ten hours of two devices; some hours have samples that move at first, and others.
    let all: Vec<_> = (0..40)
        .map(|k| scored(if k % 3 == 0 { "a" } else { "b" }, 1_000_000_000_000 + k * 900_000_000, &format!("{k}"), 0.5))
        .collect();
    store.insert(&all).await.unwrap();
    remote.away.store(false, Ordering::SeqCst);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut other = sqlx::sqlite::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let stuck = store.forward(7).await.unwrap_err();
    assert_eq!(stuck.kind, StorageErrorKind::Busy, "the spool cannot be written: {stuck:?}");
    assert!(remote.store.get(&all[6].id()).await.unwrap().is_some(), "it has moved all the same");
    let same = async || {
        let hour = |hours: i64| Hour::of(all[0].key.timestamp).later(hours);
        for (from, until) in [(-1, 20), (0, 1), (1, 2), (1, 9), (5, 5)] {
            let span = HourlyQuery::new(hour(from), hour(until)).unwrap();
            let spans = [span, span.of_device(all[0].key.device_id), span.of_device(all[1].key.device_id)];
            for span in spans {
                let expected = all.iter().filter(|sample| {
                    let hour = Hour::of(sample.key.timestamp);
                    let wanted = span.device_id().is_none_or(|device| *device == sample.key.device_id);
                    wanted && hour >= span.from() && hour < span.until()
                });
                assert_eq!(store.hourly(&span).await.unwrap(), Hourly::of(expected.clone()));
                assert_eq!(store.by_device(&span).await.unwrap(), DeviceTally::of(expected));
            }
        }
    };
    same().await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.forward(7).await.unwrap(), 7);
    same().await;
    drain(&store).await;
    same().await;
}

/// A store that answers and has no room is not ready, whatever a read-only probe says; the line
/// continues in the spool.
#[tokio::test]
async fn a_store_without_room_is_away_until_it_takes_samples_again() {
    let folder = tempfile::tempdir().unwrap();
    let remote = Arc::new(Remote::default());
    let store = spooled(folder.path(), &remote).await;
    store.ping_store().await.unwrap();
    remote.full.store(true, Ordering::SeqCst);
    assert_eq!(store.insert(&[nth(0)]).await.unwrap(), [Inserted::Stored]);
    assert_eq!(store.ping_store().await.unwrap_err().kind, StorageErrorKind::Full);
    store.ping().await.unwrap();
    store.takes().await.unwrap();
    assert_eq!(store.forward(10).await.unwrap_err().kind, StorageErrorKind::Full);
    remote.full.store(false, Ordering::SeqCst);
    assert_eq!(store.forward(10).await.unwrap(), 1);
    store.ping_store().await.unwrap();
}
