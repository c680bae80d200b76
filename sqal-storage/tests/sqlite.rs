//! Tests specific to the embedded store: any sample is read back, starts do not collide, newer
//! files are refused.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod columns;

use std::path::Path;
use std::process::Command;

use fixtures::strategy;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqal_storage::{
    Inserted, SampleQuery, SampleStore, SqliteStore, StorageErrorKind,
    labels::Labels,
    samples::{Hour, HourlyQuery},
    sqlite::SqliteConfig,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};

async fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&SqliteConfig::at(folder.join("samples.db"))).await.unwrap()
}

/// A database behind a link, for example to another disk, is the file that is open: it accepts
/// samples and is ready.
#[cfg(unix)]
#[tokio::test]
async fn a_database_behind_a_link_takes_samples() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::File::create(disk.path().join("real.db")).unwrap();
    std::os::unix::fs::symlink(disk.path().join("real.db"), folder.path().join("samples.db")).unwrap();
    let store = open(folder.path()).await;
    let samples =
        prop::collection::vec(strategy::sample(), 3).new_tree(&mut TestRunner::deterministic()).unwrap().current();
    for sample in samples {
        assert_eq!(store.insert(&[sample]).await.unwrap(), [Inserted::Stored]);
    }
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_starts_at_once_on_a_new_file_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let config = SqliteConfig::at(folder.path().join("samples.db"));
            tokio::spawn(async move { SqliteStore::open(&config).await.map(|_| ()) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await;
    // The version is at byte 60 of the header, big-endian (SQLite file format, 1.3).
    let path = folder.path().join("samples.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let refused = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap_err();
    assert_eq!(refused.kind, StorageErrorKind::SchemaTooNew { found: 99, known: SqliteStore::NEWEST_SCHEMA });
    assert!(refused.to_string().contains("99") && !refused.is_transient(), "{refused}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error_that_may_pass() {
    let refused = SqliteStore::open(&SqliteConfig::at("not/there/samples.db")).await.unwrap_err();
    assert!(refused.is_transient(), "{refused:?}");
}

/// Law 1 with a process that is killed right after its acknowledgement.
///
/// The child is this test binary again; it stores a sample, prints that, and is killed without
/// warning.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    const CHILD: &str = "SQAL_TEST_STORE_CHILD";
    #[expect(clippy::disallowed_methods, reason = "how the test tells its child what to do")]
    let child_folder = std::env::var(CHILD);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sample = |k: i64| sqal_storage_sample(k);
    if let Ok(folder) = child_folder {
        runtime.block_on(async {
            let store = open(Path::new(&folder)).await;
            for k in 0.. {
                assert_eq!(store.insert(&[sample(k)]).await.unwrap(), [Inserted::Stored]);
                println!("acknowledged {k}");
            }
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture"])
        .env(CHILD, folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = -1;
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    for line in lines {
        if let Some(k) = line.unwrap().strip_prefix("acknowledged ") {
            acknowledged = k.parse().unwrap();
        }
        if acknowledged == 20 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    runtime.block_on(async {
        let store = open(folder.path()).await;
        for k in 0..=acknowledged {
            assert_eq!(store.get(&sample(k).id()).await.unwrap(), Some(sample(k)), "{k} of {acknowledged}");
        }
    });
    assert!(acknowledged >= 20);
}

/// The k-th sample of the kill test.
fn sqal_storage_sample(k: i64) -> sqal_core::Sample {
    let mut runner = TestRunner::deterministic();
    let tree = strategy::sample().new_tree(&mut runner).unwrap();
    let mut sample = tree.current();
    sample.key.timestamp = sqal_core::Timestamp::from_micros(1_000_000 + k).unwrap();
    sample
}

/// A row whose bytes were lost is left out of pages and is an error if it is read by its id; the
/// samples around it are read.
#[tokio::test]
async fn a_damaged_row_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut samples: Vec<_> = (0..5).map(sqal_storage_sample).collect();
    // A separate reading, so that its bytes are found in the file.
    samples[3].spectrum = fixtures::scene::Station::new(3).next_reading().spectrum;
    assert!(samples[3].spectrum.is_some());
    store.insert(&samples).await.unwrap();
    store.close().await;
    let path = folder.path().join("samples.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let frame = sqal_storage::samples::encode_frame(samples[3].tof.as_ref(), samples[3].spectrum.as_ref());
    let at = bytes.windows(frame.len()).position(|window| window == frame).unwrap();
    bytes[at] = b'X';
    std::fs::write(&path, bytes).unwrap();

    let store = open(folder.path()).await;
    let query = SampleQuery::newest(2.try_into().unwrap());
    let page = store.query(&query).await.unwrap();
    assert_eq!(page.items, [samples[4].clone()]);
    let rest = store
        .query(&{
            let mut query = query;
            query.after = page.next;
            query
        })
        .await
        .unwrap();
    assert_eq!(rest.items, [samples[2].clone(), samples[1].clone()]);
    let refused = store.get(&samples[3].id()).await.unwrap_err();
    assert!(matches!(refused.kind, StorageErrorKind::Corrupt(_)), "{refused:?}");
}

/// F26: a long read blocks no writer, and the log that grew beside it is small again after the
/// read.
#[tokio::test]
async fn f26_a_long_reader_makes_the_log_grow_and_not_for_ever() {
    const LIMIT: u64 = 16 * 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let log = || std::fs::metadata(folder.path().join("samples.db-wal")).unwrap().len();
    let one = sqal_storage_sample(0);
    let mut next = 0_i64;
    let mut batch = || {
        next += 500;
        let later = |k| {
            let mut sample = one.clone();
            sample.key.timestamp = sqal_core::Timestamp::from_micros(1_000_000 + k).unwrap();
            sample
        };
        (next..next + 500).map(later).collect::<Vec<_>>()
    };
    store.insert(&batch()).await.unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("samples.db"));
    let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM sample").execute(&mut reader).await.unwrap();
    while log() <= 2 * LIMIT {
        let stored = store.insert(&batch()).await.unwrap();
        assert!(stored.iter().all(|inserted| *inserted == Inserted::Stored));
    }
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM sample").fetch_one(&mut reader).await.unwrap();
    assert_eq!(seen, 500, "it sees what it began with");
    sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    // The next commits write the log back, and begin it anew.
    for _ in 0..4 {
        store.insert(&batch()).await.unwrap();
    }
    assert!(log() <= LIMIT, "{} bytes", log());
}

/// A database without its samples is not a healthy store.
#[tokio::test]
async fn a_ping_sees_that_the_samples_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await;
    let config = SqliteConfig::at(folder.path().join("samples.db"));
    let store = SqliteStore::open(&config).await.unwrap();
    store.ping().await.unwrap();
    let url = format!("sqlite://{}", config.path.display());
    let mut connection = <SqliteConnection as Connection>::connect(&url).await.unwrap();
    sqlx::raw_sql("DROP VIEW sensor_samples; DROP TABLE sample").execute(&mut connection).await.unwrap();
    assert!(store.ping().await.is_err());
}

/// If a file was removed, moved or replaced under the store, no restart would find its commits: no
/// sample is acknowledged any more.
#[tokio::test]
async fn a_file_that_is_gone_acknowledges_nothing_and_is_not_ready() {
    type Deed = fn(&Path);
    let removed: Deed = |path| std::fs::remove_file(path).unwrap();
    let replaced: Deed = |path| {
        std::fs::rename(path, path.with_extension("old")).unwrap();
        std::fs::copy(path.with_extension("old"), path).unwrap();
    };
    let without_log: Deed = |path| std::fs::remove_file(path.with_extension("db-wal")).unwrap();
    for deed in [removed, replaced, without_log] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        store.ping().await.unwrap();
        assert_eq!(store.insert(&[sqal_storage_sample(0)]).await.unwrap(), [Inserted::Stored]);
        deed(&folder.path().join("samples.db"));
        for again in 1..3 {
            // Neither a known sample nor a new one is acknowledged.
            for k in [0, again] {
                let refused = store.insert(&[sqal_storage_sample(k)]).await.unwrap_err();
                assert_eq!(refused.kind, StorageErrorKind::FileGone);
                assert!(!refused.is_transient(), "no try will help");
            }
        }
    }
    for deed in [removed, replaced] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        deed(&folder.path().join("samples.db"));
        let found = store.ping().await.unwrap_err();
        assert_eq!(found.kind, StorageErrorKind::FileGone);
        assert!(found.to_string().contains("file removed"), "{found}");
    }
}

/// 2026-11-06.
const START: i64 = 1_794_000_000_000_000;

/// Down to the oldest version and up again on a filled file: samples and hours are what they were
/// (BKO-02).
#[tokio::test]
async fn a_filled_file_goes_a_version_back_and_forth() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut runner = TestRunner::deterministic();
    let mut batch = prop::collection::vec(strategy::sample(), 60).new_tree(&mut runner).unwrap().current();
    for (k, sample) in (0_i64..).zip(&mut batch) {
        sample.key.timestamp = sqal_core::Timestamp::from_micros(START + k * 300_000_000).unwrap();
        // The version before does not know calibrations: it counts them.
        sample.purpose = sqal_core::Purpose::Product;
    }
    store.insert(&batch).await.unwrap();
    let newest = store.schema_version().await.unwrap();
    let at = |micros| Hour::of(sqal_core::Timestamp::from_micros(micros).unwrap());
    let hours = HourlyQuery::new(at(START), at(START + 10 * 3_600_000_000)).unwrap();
    let before = store.hourly(&hours).await.unwrap();
    assert!(before.len() > 3);
    let page = SampleQuery::newest(100.try_into().unwrap());
    let samples = store.query(&page).await.unwrap();

    store.migrate_to(2).await.unwrap();
    assert!(store.hourly(&hours).await.is_err(), "the older version knows no hours");
    store.migrate_to(newest).await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), newest);
    assert_eq!(store.hourly(&hours).await.unwrap(), before);
    assert_eq!(store.query(&page).await.unwrap(), samples);

    let refused = store.migrate_to(1).await.unwrap_err();
    assert_eq!(refused.kind, StorageErrorKind::SchemaTooOld { found: 1, oldest: 2 });
    assert_eq!(store.schema_version().await.unwrap(), newest, "nothing is changed on the way to nowhere");
}

/// A table of another program that has the name of one of ours is left as it is, and the refusal
/// says what to do.
#[tokio::test]
async fn a_table_of_another_program_is_not_dropped() {
    for table in ["bug_reports", "Bug_Comments", "bug_metrics"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let run = async |text: String| {
            let mut other = SqliteConnection::connect_with(&options).await.unwrap();
            let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(&mut other).await.unwrap();
            other.close().await.unwrap();
            rows.len()
        };
        run(format!("CREATE TABLE {table} (title TEXT); INSERT INTO {table} VALUES ('kept')")).await;
        let refused = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap_err();
        assert_eq!(refused.kind, StorageErrorKind::ForeignTable { table: table.to_owned() });
        assert!(refused.to_string().contains("is not SQAL's: rename it"), "{refused}");

        run(format!("ALTER TABLE {table} RENAME TO before_sqal")).await;
        open(folder.path()).await.close().await;
        assert_eq!(run("SELECT title FROM before_sqal WHERE title = 'kept'".to_owned()).await, 1);
    }
}

/// Every documented column under its documented name (TSB-02 to TSB-06), with what the sample
/// holds.
#[tokio::test]
async fn the_documented_columns_show_what_the_sample_holds() {
    use sqal_core::{Channel, Grid};
    use sqlx::{Connection, Row};
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut runner = TestRunner::deterministic();
    let samples = prop::collection::vec(strategy::sample(), 30).new_tree(&mut runner).unwrap().current();
    columns::every_column_is_told_apart(&samples);
    store.insert(&samples).await.unwrap();
    let url = format!("sqlite://{}", folder.path().join("samples.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let (mut frames, mut spectra) = (0, 0);
    for sample in &samples {
        let row = sqlx::query(
            "SELECT *, unixepoch(substr(timestamp, 1, 19)) AS timestamp_seconds, unixepoch(substr(created_at, 1, 19)) AS created_at_seconds FROM sensor_samples WHERE id = ?",
        ).bind(sample.id().to_string());
        let row = row.fetch_one(&mut connection).await.unwrap();
        let text = |name: &str| row.get::<Option<String>, _>(name);
        for (name, wanted) in columns::numbers(sample) {
            assert_eq!(row.get::<Option<f64>, _>(name), wanted, "{name}");
        }
        for (name, wanted) in columns::texts(sample) {
            assert_eq!(text(name), wanted, "{name}");
        }
        for (name, wanted) in columns::seconds(sample) {
            assert_eq!(row.get::<i64, _>(&*format!("{name}_seconds")), wanted, "{name}");
        }
        let reading = sample.tof.as_ref().map(sqal_core::TofFrame::reading);
        for (name, grid) in [
            ("vl53l8ch_distance_matrix", reading.map(|r| r.distance_mm)),
            ("vl53l8ch_reflectance_matrix", reading.and_then(|r| r.reflectance_percent)),
            ("vl53l8ch_amplitude_matrix", reading.and_then(|r| r.amplitude_kcps)),
        ] {
            let shown: Option<[[f32; 8]; 8]> = text(name).map(|json| serde_json::from_str(&json).unwrap());
            let rows = grid.map(|grid: Grid<f32>| core::array::from_fn(|r| core::array::from_fn(|c| grid[r * 8 + c])));
            assert_eq!(shown, rows, "{name}");
            frames += usize::from(shown.is_some());
        }
        let shown: Option<std::collections::BTreeMap<String, f64>> =
            text("as7341_channels").map(|json| serde_json::from_str(&json).unwrap());
        let counts =
            sample.spectrum.map(|s| Channel::ALL.map(|c| (c.as_str().to_owned(), s.counts(c))).into_iter().collect());
        assert_eq!(shown, counts);
        spectra += usize::from(shown.is_some());
    }
    assert!(frames > 10 && spectra > 5, "{frames} matrices, {spectra} spectra");
}

/// The columns that the interface names, with units, uncertainties, profile, flags, and zones as
/// lists.
#[tokio::test]
async fn the_graded_samples_show_what_was_found_and_how_sure_it_is() {
    use sqlx::{Connection, Row};
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut runner = TestRunner::deterministic();
    let samples = prop::collection::vec(strategy::sample(), 30).new_tree(&mut runner).unwrap().current();
    columns::every_column_is_told_apart(&samples);
    store.insert(&samples).await.unwrap();
    let url = format!("sqlite://{}", folder.path().join("samples.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    for sample in &samples {
        let row = sqlx::query("SELECT * FROM graded_samples WHERE id = ?");
        let row = row.bind(sample.id().to_string()).fetch_one(&mut connection).await.unwrap();
        let number = |name: &str| {
            if name == "profile_version" {
                row.get::<Option<u32>, _>(name).map(f64::from)
            } else {
                row.get::<Option<f64>, _>(name)
            }
        };
        columns::assert_graded(sample, |name| row.get::<Option<String>, _>(name), number);
    }
}

/// F20: a stored reading that is damaged proves nothing: a repeated sample is not a duplicate, so
/// that its sender's copy is kept.
#[tokio::test]
async fn a_sample_whose_stored_reading_is_damaged_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut runner = TestRunner::deterministic();
    let samples = prop::collection::vec(strategy::sample(), 60).new_tree(&mut runner).unwrap().current();
    assert_eq!(store.insert(&samples).await.unwrap(), [Inserted::Stored; 60]);
    assert_eq!(store.insert(&samples).await.unwrap(), [Inserted::Duplicate; 60]);
    let url = format!("sqlite://{}", folder.path().join("samples.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let damage = sqlx::query("UPDATE sample SET frame = x'00' WHERE id = ?").bind(samples[41].id().as_bytes().to_vec());
    assert_eq!(damage.execute(&mut connection).await.unwrap().rows_affected(), 1);
    let mut expected = [Inserted::Duplicate; 60];
    expected[41] = Inserted::Conflict;
    assert_eq!(store.insert(&samples).await.unwrap(), expected);
}

/// Names that an earlier version accepted under wider rules are read back unchanged, also as a part
/// of a line of the audit log.
#[tokio::test]
async fn names_of_an_earlier_version_are_read_back_as_they_are() {
    use sqal_core::Name;
    use sqal_storage::{Register, register::Entry};
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut sample = strategy::sample().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    sample.key.device_id = Name::stored("LINE_\u{061C}1").unwrap();
    sample.key.name = Name::stored(" S-1").unwrap();
    sample.profile.name = Name::stored("foie ").unwrap();
    sample.meta.firmware_version = Some(Name::stored("1.0 ").unwrap());
    store.insert(std::slice::from_ref(&sample)).await.unwrap();
    assert_eq!(store.get(&sample.id()).await.unwrap(), Some(sample.clone()));
    let entry = Entry {
        kind: Name::new("calibration").unwrap(),
        name: sample.key.device_id,
        version: 1,
        body: "{}".to_owned(),
        at: sample.received_at,
        by: Some(Name::stored("marie ").unwrap()),
        labels: Labels::new(),
    };
    assert!(store.add(&entry).await.unwrap());
    assert_eq!(store.newest(&entry.kind).await.unwrap(), [entry]);
}
