//! Changes outside a store are found, and a running store is never reported as damaged.
#![cfg(all(feature = "conformance", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use fixtures::strategy;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqal_core::{Name, Sample, Timestamp};
use sqal_storage::conformance::register::what_was_changed_is_not_given;
use sqal_storage::{
    Custody, PostgresStore, Register, SampleStore, SqliteStore,
    audit::{Action, AuditEntry},
    custody::{Gone, Purge},
    evidence::{Evidence, Expected, Stated},
    labels::{LabelName, Labels},
    register::Entry,
    samples::Hour,
    sqlite::SqliteConfig,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};

/// 2026-11-06.
const START: i64 = 1_794_000_000_000_000;

/// One change by SQL that a user of the database can make.
struct Change {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const fn change(name: &'static str, sql: &'static str) -> Change {
    Change { name, sqlite: sql, postgres: sql }
}

const fn changes(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Change {
    Change { name, sqlite, postgres }
}

const CHANGES: [Change; 70] = [
    change("all grades", "UPDATE sample SET grade = CASE WHEN grade = 'A+' THEN 'A' ELSE 'A+' END"),
    change("scores", "UPDATE sample SET score = coalesce(score, 0) + 0.25"),
    change("confidence", "UPDATE sample SET confidence = confidence * 0.5 + 0.001"),
    changes("defects", "UPDATE sample SET defects = '[\"none\"]'", "UPDATE sample SET defects = '[\"none\"]'::jsonb"),
    change("temperature", "UPDATE sample SET temperature_c = coalesce(temperature_c, 0) + 1"),
    change("humidity", "UPDATE sample SET humidity_percent = coalesce(humidity_percent, 0) + 1"),
    change("uncertainty of a volume", "UPDATE sample SET volume_mm3_u = coalesce(volume_mm3_u, 0) / 2 + 1"),
    change("uncertainty of the score", "UPDATE sample SET score_u = coalesce(score_u, 0) / 2 + 0.25"),
    change("the profile of the row", "UPDATE sample SET profile = 'strict'"),
    change("the profile's version", "UPDATE sample SET profile_version = profile_version + 1"),
    change("flags", "UPDATE sample SET flags = coalesce(flags || ' ', '') || 'Uncalibrated'"),
    change("products that become calibrations", "UPDATE sample SET purpose = 'calibration' WHERE purpose IS NULL"),
    change("calibrations that become products", "UPDATE sample SET purpose = 'product' WHERE purpose IS NOT NULL"),
    change("volume", "UPDATE sample SET volume_mm3 = coalesce(volume_mm3, 0) + 1"),
    change("a volume taken away", "UPDATE sample SET volume_mm3 = NULL"),
    change("height", "UPDATE sample SET avg_height_mm = coalesce(avg_height_mm, 0) + 1"),
    change("height variation", "UPDATE sample SET height_variation_mm = coalesce(height_variation_mm, 0) + 1"),
    change("surface", "UPDATE sample SET surface_uniformity = coalesce(surface_uniformity, 0) + 1"),
    change("score of the heights", "UPDATE sample SET tof_score = coalesce(tof_score, 0) + 1"),
    change("grade of the heights", "UPDATE sample SET tof_grade = CASE WHEN tof_grade = 'B' THEN 'C' ELSE 'B' END"),
    change("integration time", "UPDATE sample SET integration_time_ms = coalesce(integration_time_ms, 0) + 1"),
    change("gain", "UPDATE sample SET gain = coalesce(gain, 0) + 1"),
    change("colour", "UPDATE sample SET color_score = coalesce(color_score, 0) + 1"),
    change("freshness", "UPDATE sample SET freshness_index = coalesce(freshness_index, 0) + 1"),
    change("fat", "UPDATE sample SET fat_quality_index = coalesce(fat_quality_index, 0) + 1"),
    change("oxidation", "UPDATE sample SET oxidation_index = coalesce(oxidation_index, 0) + 1"),
    change("uniformity of colour", "UPDATE sample SET color_uniformity = coalesce(color_uniformity, 0) + 1"),
    change("score of the spectrum", "UPDATE sample SET spectral_score = coalesce(spectral_score, 0) + 1"),
    change(
        "grade of the spectrum",
        "UPDATE sample SET spectral_grade = CASE WHEN spectral_grade = 'B' THEN 'C' ELSE 'B' END",
    ),
    change("time of processing", "UPDATE sample SET processing_ms = processing_ms + 1"),
    change("firmware", "UPDATE sample SET firmware_version = coalesce(firmware_version, '') || 'x'"),
    changes(
        "when it was received",
        "UPDATE sample SET received_at = received_at + 1000000",
        "UPDATE sample SET received_at = received_at + interval '1 second'",
    ),
    change("a sample renamed", "UPDATE sample SET sample_id = 'other' WHERE sample_id = 'sample 7'"),
    change("a sample of another device", "UPDATE sample SET device_id = 'b' WHERE sample_id = 'sample 4'"),
    change("a sample of a new device", "UPDATE sample SET device_id = 'c' WHERE sample_id = 'sample 4'"),
    changes(
        "a sample a little later",
        "UPDATE sample SET timestamp = timestamp + 1 WHERE sample_id = 'sample 5'",
        "UPDATE sample SET timestamp = timestamp + interval '1 microsecond' WHERE sample_id = 'sample 5'",
    ),
    changes(
        "a sample a day later",
        "UPDATE sample SET timestamp = timestamp + 86400000000 WHERE sample_id = 'sample 5'",
        "UPDATE sample SET timestamp = timestamp + interval '1 day' WHERE sample_id = 'sample 5'",
    ),
    changes(
        "another id",
        "UPDATE sample SET id = x'00000000000000000000000000000007' WHERE sample_id = 'sample 6'",
        "UPDATE sample SET id = '00000000-0000-0000-0000-000000000007' WHERE sample_id = 'sample 6'",
    ),
    changes(
        "a cut frame",
        "UPDATE sample SET frame = substr(frame, 1, length(frame) - 1) WHERE sample_id = 'sample 6'",
        "UPDATE sample SET frame = substr(frame, 1, length(frame) - 1) WHERE sample_id = 'sample 6'",
    ),
    change("no frame", "UPDATE sample SET frame = (SELECT findings FROM sample WHERE sample_id = 'sample 1')"),
    change(
        "the findings of another sample",
        "UPDATE sample SET findings = (SELECT findings FROM sample WHERE sample_id = 'sample 1') WHERE sample_id = 'sample 2'",
    ),
    change(
        "the frame of another sample",
        "UPDATE sample SET frame = (SELECT frame FROM sample ORDER BY length(frame) DESC LIMIT 1)
         WHERE length(frame) = (SELECT min(length(frame)) FROM sample)",
    ),
    change("a sample deleted", "DELETE FROM sample WHERE sample_id = 'sample 9'"),
    change("a device's samples deleted", "DELETE FROM sample WHERE device_id = 'b'"),
    change(
        "a device deleted with its hours",
        "DELETE FROM sample WHERE device_id = 'b'; DELETE FROM sample_hour WHERE device_id = 'b'",
    ),
    changes(
        "an hour deleted with its samples",
        "DELETE FROM sample WHERE timestamp / 3600000000 = (SELECT max(hour) FROM sample_hour);
         DELETE FROM sample_hour WHERE hour = (SELECT max(hour) FROM sample_hour)",
        "DELETE FROM sample WHERE timestamp >= (SELECT max(hour) FROM sample_hour);
         DELETE FROM sample_hour WHERE hour = (SELECT max(hour) FROM sample_hour)",
    ),
    change("all samples deleted with their hours", "DELETE FROM sample; DELETE FROM sample_hour"),
    change("hours deleted", "DELETE FROM sample_hour"),
    change("an hour's samples", "UPDATE sample_hour SET samples = samples + 1, a = a + 1 WHERE device_id = 'a'"),
    change("an hour's grades", "UPDATE sample_hour SET reject = reject + 1, a_plus = a_plus - 1"),
    change("an hour's score", "UPDATE sample_hour SET score_sum = score_sum + 1 WHERE device_id = 'a'"),
    change("an hour's spread", "UPDATE sample_hour SET score_squares = score_squares + 1 WHERE device_id = 'a'"),
    change(
        "an hour's worst score",
        "UPDATE sample_hour SET score_min = 0.000001, score_max = 0.000001, scored = samples",
    ),
    change("an hour's best score", "UPDATE sample_hour SET score_max = 7, scored = samples"),
    change("an hour's confidence", "UPDATE sample_hour SET confidence_sum = confidence_sum + 1 WHERE device_id = 'a'"),
    changes(
        "an hour's first sample",
        "UPDATE sample_hour SET first = first - 1 WHERE device_id = 'a'",
        "UPDATE sample_hour SET first = first - interval '1 microsecond' WHERE device_id = 'a'",
    ),
    change("an hour of another device", "UPDATE sample_hour SET device_id = 'c' WHERE device_id = 'a'"),
    change("the profile in force", "UPDATE register SET body = '{\"grade\":\"A+\"}' WHERE version = 2"),
    change("the newest decision deleted", "DELETE FROM register WHERE version = 2"),
    changes(
        "a decision forged",
        "INSERT INTO register (kind, name, version, body, added_at, added_by) VALUES ('profile', 'foie', 3, '{}', 1794000000000000, 'quinn')",
        "INSERT INTO register (kind, name, version, body, added_at, added_by) VALUES ('profile', 'foie', 3, '{}', now(), 'quinn')",
    ),
    change("a label of a decision", "UPDATE sqal_register_label SET value = 'draft'"),
    change("a label taken from a decision", "DELETE FROM sqal_register_label"),
    change(
        "a label given to a decision",
        "INSERT INTO sqal_register_label VALUES ('profile', 'foie', 1, 'state', 'draft')",
    ),
    change("who decided", "UPDATE register SET added_by = 'quinn' WHERE version = 2"),
    changes(
        "when it was decided",
        "UPDATE register SET added_at = added_at + 1",
        "UPDATE register SET added_at = added_at + interval '1 second'",
    ),
    change("a line of the log", "UPDATE audit_logs SET what = 'nothing' WHERE number = 3"),
    change("a line of the log removed", "DELETE FROM audit_logs WHERE number = 3"),
    change("the end of the log cut off", "DELETE FROM audit_logs WHERE number = (SELECT max(number) FROM audit_logs)"),
    change("all of the log removed", "DELETE FROM audit_logs"),
    changes(
        "a trigger",
        "CREATE TRIGGER quiet AFTER INSERT ON sample BEGIN DELETE FROM sample WHERE device_id = 'b'; END",
        "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER quiet BEFORE INSERT ON register FOR EACH ROW EXECUTE FUNCTION quiet()",
    ),
];

/// Changes of the schema that hold no data, in an array of their own.
const SCHEMA_CHANGES: [Change; 8] = [
    change("the view of graded samples dropped", "DROP VIEW graded_samples"),
    change(
        "the view of graded samples",
        "DROP VIEW graded_samples; CREATE VIEW graded_samples AS SELECT 'A+' AS grade",
    ),
    change("a view", "DROP VIEW sensor_samples; CREATE VIEW sensor_samples AS SELECT 'A+' AS fusion_final_grade"),
    change("the view of failed jobs dropped", "DROP VIEW \"TaskFailure\""),
    change(
        "the view of profiles",
        "DROP VIEW \"ProfilingMetrics\"; CREATE VIEW \"ProfilingMetrics\" AS SELECT 1 AS samples",
    ),
    change("an index dropped", "DROP INDEX sample_hour_newest"),
    change("an index of jobs dropped", "DROP INDEX sqal_job_leased"),
    changes(
        "a rule about what is inserted",
        "CREATE TRIGGER rule BEFORE INSERT ON register BEGIN SELECT raise(ignore); END",
        "CREATE RULE quiet AS ON INSERT TO audit_logs DO INSTEAD NOTHING",
    ),
];

fn samples() -> Vec<Sample> {
    let mut runner = TestRunner::deterministic();
    let mut samples = prop::collection::vec(strategy::sample(), 40).new_tree(&mut runner).unwrap().current();
    for (k, sample) in (0_i64..).zip(&mut samples) {
        sample.key.timestamp = Timestamp::from_micros(START + k * 300_000_000).unwrap();
        sample.key.device_id = Name::new(if k % 2 == 0 { "a" } else { "b" }).unwrap();
        sample.key.name = Name::new(&format!("sample {k}")).unwrap();
    }
    samples
}

fn decision(version: u32) -> Entry {
    let at = Timestamp::from_micros(START + i64::from(version)).unwrap();
    let (kind, name) = (Name::new("profile").unwrap(), Name::new("foie").unwrap());
    let body = format!("{{\"version\":{version}}}");
    let label = (LabelName::new("state").unwrap(), Name::new("released").unwrap());
    let labels = if version == 2 { Labels::of([label]).unwrap() } else { Labels::new() };
    Entry { kind, name, version, body, at, by: Some(Name::new("marie").unwrap()), labels }
}

fn action(what: &str) -> Action {
    Action {
        at: Timestamp::from_micros(START).unwrap(),
        actor: Name::new("marie").unwrap(),
        category: Name::new("test").unwrap(),
        what: Name::new(what).unwrap(),
    }
}

async fn fill<S: Custody + Register>(store: &S) {
    store.insert(&samples()).await.unwrap();
    for what in ["one", "two", "three"] {
        store.log_action(action(what)).await.unwrap();
    }
    for version in [1, 2] {
        assert!(store.add(&decision(version)).await.unwrap());
    }
    store.log_action(action("last")).await.unwrap();
}

async fn in_sqlite(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn examine_sqlite(store: &SqliteStore, expected: &Expected) -> Evidence {
    let mut snapshot = store.snapshot().await.unwrap();
    let evidence = snapshot.examine(expected).await.unwrap();
    snapshot.close().await.unwrap();
    evidence
}

async fn examine_postgres(store: &PostgresStore, expected: &Expected) -> Evidence {
    let mut snapshot = store.snapshot().await.unwrap();
    let evidence = snapshot.examine(expected).await.unwrap();
    snapshot.close().await.unwrap();
    evidence
}

fn is_sound(evidence: &Evidence) {
    assert_eq!(evidence.findings.first, [], "nothing was changed");
    assert_eq!((evidence.findings.count, evidence.contents.unreadable), (0, 0));
    assert_eq!(evidence.schema_unknown, None, "the schema is compared too");
}

fn is_found(evidence: &Evidence) -> bool {
    evidence.findings.count > 0 || evidence.contents.unreadable > 0
}

#[tokio::test]
async fn every_change_by_sql_is_found_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, changed) = (folder.path().join("sound.db"), folder.path().join("changed.db"));
    let store = SqliteStore::open(&SqliteConfig::at(&sound)).await.unwrap();
    fill(&store).await;
    let mut expected = Expected::default();
    let evidence = examine_sqlite(&store, &expected).await;
    is_sound(&evidence);
    assert_eq!((evidence.contents.samples, evidence.decisions, evidence.audit.number), (40, 2, 6));
    expected.state(&evidence);
    is_sound(&examine_sqlite(&store, &expected).await);
    store.close().await;
    let mut missed = Vec::new();
    for change in CHANGES.iter().chain(&SCHEMA_CHANGES) {
        std::fs::copy(&sound, &changed).unwrap();
        in_sqlite(&changed, change.sqlite).await;
        let store = SqliteStore::open(&SqliteConfig::at(&changed)).await.unwrap();
        if !is_found(&examine_sqlite(&store, &expected).await) {
            missed.push(change.name);
        }
        store.close().await;
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", changed.display()));
        }
    }
    assert_eq!(missed, Vec::<&str>::new());
}

#[tokio::test]
async fn every_change_by_sql_is_found_in_a_database() {
    let mut missed = Vec::new();
    for change in CHANGES.iter().chain(&SCHEMA_CHANGES) {
        let config = servers::fresh_schema();
        let store = PostgresStore::open(&config).await.unwrap();
        fill(&store).await;
        let mut expected = Expected::default();
        let evidence = examine_postgres(&store, &expected).await;
        is_sound(&evidence);
        expected.state(&evidence);
        let mut connection = servers::behind(&config).await;
        sqlx::raw_sql(change.postgres).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        if !is_found(&examine_postgres(&store, &expected).await) {
            missed.push(change.name);
        }
        store.close().await;
    }
    assert_eq!(missed, Vec::<&str>::new());
}

/// A chain that was computed anew over forged lines is intact; only a head that was stated
/// elsewhere shows it.
#[tokio::test]
async fn a_chain_that_was_computed_anew_is_found_by_a_stated_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqal.db");
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    fill(&store).await;
    let mut expected = Expected::default();
    expected.state(&examine_sqlite(&store, &expected).await);
    let lines = store.audit(0, 100).await.unwrap();
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&path)).await.unwrap();
    let mut head = None;
    for line in &lines {
        let mut action = line.action.clone();
        if line.number == 1 {
            action.what = Name::new("forged").unwrap();
        }
        let forged = AuditEntry::after(head.as_ref(), action);
        head = Some(sqal_storage::audit::Head { number: forged.number, hash: forged.hash });
        sqlx::query("UPDATE audit_logs SET what = ?, previous = ?, hash = ? WHERE number = ?")
            .bind(forged.action.what.as_str().to_owned())
            .bind(forged.previous.to_vec())
            .bind(forged.hash.to_vec())
            .bind(forged.number.cast_signed())
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
    is_sound(&examine_sqlite(&store, &Expected::default()).await);
    assert!(is_found(&examine_sqlite(&store, &expected).await));
    store.close().await;
}

/// Rows that were purged or erased with a line in the log are not a finding; more missing rows are
/// a finding.
#[tokio::test]
async fn a_purge_and_an_erasure_are_no_tampering_and_excuse_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqal.db");
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    fill(&store).await;
    let mut expected = Expected::default();
    expected.state(&examine_sqlite(&store, &expected).await);
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    // A day later, everything older than 23 hours is purged: a part of the samples, and no hour.
    let now = START + 86_400_000_000;
    let purge = Purge { samples_before: at(START + 3_600_000_000), hours_before: Hour::of(at(0)) };
    let line = move |gone: Gone| Action {
        at: at(now),
        actor: Name::new("sqal purge").unwrap(),
        category: Name::new("gdpr_purge").unwrap(),
        what: Name::new(&format!("purge of 1 and 3650 days: {} samples, {} hours", gone.samples, gone.hours)).unwrap(),
    };
    // The line states one day, which covers less than what was purged: only what the log covers is
    // excused.
    let gone = store.purge(&purge, &line).await.unwrap();
    assert!(gone.samples > 0);
    let uncovered = examine_sqlite(&store, &expected).await;
    assert!(is_found(&uncovered), "the purge took more than its line says");
    store.close().await;

    let path = folder.path().join("covered.db");
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    fill(&store).await;
    let line = move |gone: Gone| Action { at: at(START + 3_600_000_000 + 86_400_000_000), ..line(gone) };
    store.purge(&purge, &line).await.unwrap();
    is_sound(&examine_sqlite(&store, &expected).await);
    let device = Name::new("b").unwrap();
    let erased = |gone: Gone| Action {
        category: Name::new("gdpr_erase").unwrap(),
        ..action(&format!("erased {} samples, {} hours of b", gone.samples, gone.hours))
    };
    store.erase_device(&device, &erased).await.unwrap();
    is_sound(&examine_sqlite(&store, &expected).await);
    store.close().await;
    // The purged span counts more samples than were purged.
    in_sqlite(&path, "UPDATE sample_hour SET samples = samples + 1000, a = a + 1000").await;
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    assert!(is_found(&examine_sqlite(&store, &expected).await));
    store.close().await;
}

/// Every examination of a line that never pauses is sound: counts and pages are of one moment.
async fn looks<S: Custody>(store: Arc<S>, look: impl AsyncFn(&S) -> Evidence) {
    // The number of samples that the line may have stored. An examination takes longer with more
    // samples, so each examination raises the number by a fixed step.
    let (allowed, end) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let done = Arc::new(AtomicI64::new(0));
    let line = tokio::spawn({
        let (store, allowed, end) = (Arc::clone(&store), Arc::clone(&allowed), Arc::clone(&end));
        let done = Arc::clone(&done);
        async move {
            let pattern = samples();
            let mut number = 0_i64;
            for sample in pattern.iter().cycle() {
                while number >= allowed.load(Ordering::Relaxed) && !end.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                if end.load(Ordering::Relaxed) {
                    break;
                }
                number += 1;
                let mut sample = sample.clone();
                sample.key.timestamp = Timestamp::from_micros(START + number * 10_000_000).unwrap();
                sample.key.name = Name::new(&format!("tray {number}")).unwrap();
                store.insert(&[sample]).await.unwrap();
                done.store(number, Ordering::Relaxed);
            }
            number.unsigned_abs()
        }
    });
    let mut grown = 0;
    for look_number in 1..=20_i64 {
        allowed.fetch_add(100, Ordering::Relaxed);
        // Each examination begins while the line continues, and finds more than the one before.
        while done.load(Ordering::Relaxed) < 2 * look_number {
            tokio::task::yield_now().await;
        }
        let evidence = look(store.as_ref()).await;
        is_sound(&evidence);
        assert!(evidence.contents.samples >= grown, "nothing that was seen goes");
        grown = evidence.contents.samples;
    }
    end.store(true, Ordering::Relaxed);
    let stored = line.await.unwrap();
    assert_eq!(look(store.as_ref()).await.contents.samples, stored);
    assert!(stored > 20, "the line has run meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_line_on_a_file_is_never_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("sqal.db"))).await.unwrap();
    looks(Arc::new(store), async |store: &SqliteStore| examine_sqlite(store, &Expected::default()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_line_on_a_database_is_never_called_damaged() {
    let store = PostgresStore::open(&servers::fresh_schema()).await.unwrap();
    looks(Arc::new(store), async |store: &PostgresStore| examine_postgres(store, &Expected::default()).await).await;
}

/// Late samples make an hour grow, which is not a finding; fewer or other samples are a finding.
#[tokio::test]
async fn what_was_stated_may_grow_and_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("sqal.db"))).await.unwrap();
    fill(&store).await;
    let mut expected = Expected::default();
    expected.state(&examine_sqlite(&store, &expected).await);
    let mut late = samples()[0].clone();
    late.key.name = Name::new("late").unwrap();
    store.insert(&[late]).await.unwrap();
    let evidence = examine_sqlite(&store, &expected).await;
    is_sound(&evidence);
    assert_eq!(evidence.grown, 1);
    let device = Name::new("a").unwrap();
    let hour = *expected.hours[&device].last_key_value().unwrap().0;
    let stated = expected.hours[&device][&hour];
    for wrong in
        [Stated { samples: stated.samples + 1, ..stated }, Stated { sum: stated.sum.wrapping_add(1), ..stated }]
    {
        let mut other = expected.clone();
        other.hours.get_mut(&device).unwrap().insert(hour, wrong);
        assert!(is_found(&examine_sqlite(&store, &other).await));
    }
    store.close().await;
}

#[tokio::test]
async fn an_entry_that_was_changed_in_a_file_is_not_given() {
    for set in ["body = 'x'", "added_by = 'quinn'", "added_at = added_at + 1"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sqal.db");
        let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
        what_was_changed_is_not_given(&store, async |entry: &Entry| {
            let mut connection =
                SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&path)).await.unwrap();
            let sql = AssertSqlSafe(format!("UPDATE register SET {set} WHERE kind = ? AND name = ? AND version = ?"));
            let query = sqlx::query(sql).bind(entry.kind.as_str().to_owned()).bind(entry.name.as_str().to_owned());
            query.bind(i64::from(entry.version)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        })
        .await;
        store.close().await;
    }
}

#[tokio::test]
async fn an_entry_that_was_changed_in_a_database_is_not_given() {
    for set in ["body = 'x'", "added_by = 'quinn'", "added_at = added_at + interval '1 second'"] {
        let config = servers::fresh_schema();
        let store = PostgresStore::open(&config).await.unwrap();
        what_was_changed_is_not_given(&store, async |entry: &Entry| {
            let mut connection = servers::behind(&config).await;
            let sql =
                AssertSqlSafe(format!("UPDATE register SET {set} WHERE kind = $1 AND name = $2 AND version = $3"));
            let query = sqlx::query(sql).bind(entry.kind.as_str().to_owned()).bind(entry.name.as_str().to_owned());
            query.bind(i64::from(entry.version)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        })
        .await;
        store.close().await;
    }
}

/// The objects that a restore refuses: a file of any version of this program has no foreign
/// objects, and a foreign trigger, view or table is named.
#[tokio::test]
async fn foreign_objects_of_a_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqal.db");
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    fill(&store).await;
    for version in (2..=SqliteStore::NEWEST_SCHEMA).rev() {
        store.migrate_to(version).await.unwrap();
        assert_eq!(store.foreign_objects().await.unwrap(), Vec::<String>::new(), "version {version}");
    }
    store.migrate_to(SqliteStore::NEWEST_SCHEMA).await.unwrap();
    store.close().await;
    in_sqlite(
        &path,
        "CREATE TRIGGER quiet AFTER INSERT ON sample BEGIN DELETE FROM sample WHERE device_id = 'b'; END;
         CREATE TRIGGER silent AFTER INSERT ON register BEGIN DELETE FROM register; END; CREATE TABLE other (a)",
    )
    .await;
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    let mut named = store.foreign_objects().await.unwrap();
    named.sort();
    let foreign = ["table other", "trigger quiet", "trigger silent"];
    assert_eq!(named, foreign.map(|object| format!("{object} is not part of the schema")));
    store.close().await;
}

/// A head of the last hours states what a whole examination would state about them, and states
/// nothing twice.
#[cfg(feature = "sign")]
#[tokio::test]
async fn a_checkpoint_states_what_changed_and_an_examination_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("sqal.db"))).await.unwrap();
    fill(&store).await;
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    let mut stated = Expected::default();
    let mut snapshot = store.snapshot().await.unwrap();
    let first = snapshot.checkpoint(at(START), None, &stated).await.unwrap();
    snapshot.close().await.unwrap();
    stated.expect(&first);
    let mut examined = Expected::default();
    examined.state(&examine_sqlite(&store, &Expected::default()).await);
    assert_eq!(stated, examined);
    let mut late = samples()[39].clone();
    late.key.name = Name::new("late").unwrap();
    store.insert(&[late]).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let second = snapshot.checkpoint(at(START), Some(Hour::of(at(START))), &stated).await.unwrap();
    snapshot.close().await.unwrap();
    assert_eq!(second.hours.len(), 1, "one hour has one sample more");
    stated.expect(&second);
    examined.state(&examine_sqlite(&store, &Expected::default()).await);
    assert_eq!(stated, examined);
    is_sound(&examine_sqlite(&store, &stated).await);
    store.close().await;
}

/// The decisions of a database whose schema has no labels yet are read, as a drill does before a
/// migration.
#[tokio::test]
async fn decisions_of_a_schema_without_labels_are_read() {
    let before = [decision(1), decision(2)].map(|entry| Entry { labels: Labels::new(), ..entry });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqal.db");
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    fill(&store).await;
    in_sqlite(&path, "DROP TABLE sqal_register_label").await;
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.decisions().await.unwrap(), before);
    snapshot.close().await.unwrap();
    store.close().await;

    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    fill(&store).await;
    let mut connection = servers::behind(&config).await;
    sqlx::raw_sql("DROP TABLE sqal_register_label").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.decisions().await.unwrap(), before);
    snapshot.close().await.unwrap();
    store.close().await;
}
