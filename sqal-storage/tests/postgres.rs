//! Tests specific to PostgreSQL: starts that collide, migrations forth and back, partitions,
//! documented columns.
#![cfg(all(feature = "conformance", feature = "postgres"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod columns;
mod servers;

use fixtures::strategy;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqal_core::{Channel, Grid, Sample, Timestamp};
use sqal_storage::conformance::{sample, scored};
use sqal_storage::{
    Inserted, PostgresStore, SampleQuery, SampleStore, StorageErrorKind,
    samples::{Hour, HourlyQuery},
};
use sqlx::{AssertSqlSafe, Row};

const HOUR: i64 = 3_600_000_000;
const NOVEMBER: i64 = 1_794_000_000_000_000; // 2026-11-06

fn random(count: usize) -> Vec<Sample> {
    let mut runner = TestRunner::deterministic();
    prop::collection::vec(strategy::sample(), count).new_tree(&mut runner).unwrap().current()
}

/// F13: of eight servers that start at once on a new database, all succeed.
#[tokio::test(flavor = "multi_thread")]
async fn f13_eight_starts_at_once_on_a_new_database_all_succeed() {
    let config = servers::fresh_schema();
    let starts: Vec<_> = (0..8)
        .map(|k| {
            let config = config.clone();
            tokio::spawn(async move {
                let store = PostgresStore::open(&config).await.unwrap();
                store.insert(&[sample("a", NOVEMBER, &format!("{k}"), 0.0)]).await.unwrap()
            })
        })
        .collect();
    for start in starts {
        assert_eq!(start.await.unwrap(), [Inserted::Stored]);
    }
}

/// F15, F16: a schema of a newer program, or of another text, is refused, and nothing is changed.
#[tokio::test]
async fn f15_f16_a_schema_of_another_program_is_refused() {
    let config = servers::fresh_schema();
    let newest = PostgresStore::open(&config).await.unwrap().schema_version().await.unwrap();
    let mut connection = servers::behind(&config).await;
    sqlx::raw_sql("INSERT INTO sqal_schema (version, checksum) VALUES (99, 1)").execute(&mut connection).await.unwrap();
    let refused = PostgresStore::open(&config).await.unwrap_err();
    assert_eq!(refused.kind, StorageErrorKind::SchemaTooNew { found: 99, known: newest });
    assert!(!refused.is_transient() && refused.to_string().contains("99"), "{refused}");

    sqlx::raw_sql("DELETE FROM sqal_schema WHERE version = 99; UPDATE sqal_schema SET checksum = 1 WHERE version = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    let refused = PostgresStore::open(&config).await.unwrap_err();
    assert_eq!(refused.kind, StorageErrorKind::SchemaMismatch { version: 1 });
}

/// F12: a step that fails half-way leaves nothing behind, and no caller waits for a lock without a
/// holder.
#[tokio::test]
async fn f12_a_step_that_fails_is_undone_and_the_next_try_succeeds() {
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    let newest = store.schema_version().await.unwrap();
    store.migrate_to(1).await.unwrap();
    let mut connection = servers::behind(&config).await;
    // This table blocks the last statement but one of the step.
    sqlx::raw_sql("CREATE TABLE sample_hour_newest ()").execute(&mut connection).await.unwrap();
    assert!(store.migrate_to(newest).await.is_err());
    assert_eq!(store.schema_version().await.unwrap(), 1);
    let there: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('sample_hour')::text").fetch_one(&mut connection).await.unwrap();
    assert_eq!(there, None, "the step is undone whole");
    sqlx::raw_sql("DROP TABLE sample_hour_newest").execute(&mut connection).await.unwrap();
    store.migrate_to(newest).await.unwrap();
    PostgresStore::open(&config).await.unwrap().ping().await.unwrap();
}

/// BKO-02: down to the oldest version and up again on a filled database: samples and hours are what
/// they were.
#[tokio::test]
async fn a_filled_database_goes_a_version_back_and_forth() {
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    let newest = store.schema_version().await.unwrap();
    let mut batch = random(60);
    for (k, sample) in (0_i64..).zip(&mut batch) {
        sample.key.timestamp = Timestamp::from_micros(NOVEMBER + k * 300_000_000).unwrap();
        // The version before does not know calibrations: it counts them.
        sample.purpose = sqal_core::Purpose::Product;
    }
    store.insert(&batch).await.unwrap();
    let hour = |micros| Hour::of(Timestamp::from_micros(micros).unwrap());
    let hours = HourlyQuery::new(hour(NOVEMBER), hour(NOVEMBER + 6 * HOUR)).unwrap();
    let before = store.hourly(&hours).await.unwrap();
    assert!(before.len() > 3);
    let page = SampleQuery::newest(100.try_into().unwrap());
    let samples = store.query(&page).await.unwrap();
    store.migrate_to(1).await.unwrap();
    assert!(store.hourly(&hours).await.is_err(), "the older version knows no hours");
    store.migrate_to(newest).await.unwrap();
    assert_eq!(store.hourly(&hours).await.unwrap(), before);
    assert_eq!(store.query(&page).await.unwrap(), samples);
    assert_eq!(store.schema_version().await.unwrap(), newest);
}

/// F9: whatever a clock says, a sample finds a partition; a partition that was dropped is made
/// again.
#[tokio::test]
async fn f9_every_time_has_a_partition_also_after_one_was_dropped() {
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    let times = [-62_167_219_200_000_000, 0, NOVEMBER, NOVEMBER + 40 * 24 * HOUR, 253_402_300_799_999_999];
    let batch: Vec<_> = times.iter().map(|t| scored("a", *t, "x", 0.5)).collect();
    assert_eq!(store.insert(&batch).await.unwrap(), [Inserted::Stored; 5]);
    let mut connection = servers::behind(&config).await;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'sample'::regclass ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(names, ["sample_2026_11", "sample_2026_12", "sample_after_2099", "sample_before_2020"]);
    for sample in &batch {
        assert_eq!(store.get(&sample.id()).await.unwrap().as_ref(), Some(sample));
    }
    sqlx::raw_sql("DROP TABLE sample_2026_11").execute(&mut connection).await.unwrap();
    let late = scored("a", NOVEMBER + 1, "late", 0.5);
    assert_eq!(store.insert(std::slice::from_ref(&late)).await.unwrap(), [Inserted::Stored]);
    assert_eq!(store.get(&late.id()).await.unwrap(), Some(late));
}

/// A page reads no more partitions than necessary; otherwise each page would cost as much as all of
/// them.
#[tokio::test]
async fn a_sample_is_looked_for_in_one_partition() {
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    let batch: Vec<_> = (0..12).map(|month| scored("a", NOVEMBER + month * 31 * 24 * HOUR, "x", 0.5)).collect();
    store.insert(&batch).await.unwrap();
    let mut connection = servers::behind(&config).await;
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN (ANALYZE, COSTS off) SELECT id FROM sample WHERE id = '00000000-0000-7000-8000-000000000000'
            AND timestamp >= '2026-11-06 12:00Z' AND timestamp < '2026-11-06 12:00:00.001Z'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(plan.iter().filter(|line| line.contains("sample_20")).count(), 1, "{plan:#?}");
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN (ANALYZE, COSTS off) SELECT id FROM sample WHERE device_id = 'a' AND timestamp <= 'infinity'
            AND (timestamp, id) < ('infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY timestamp DESC, id DESC LIMIT 3",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let read = plan.iter().filter(|line| line.contains("sample_20") && !line.contains("never executed")).count();
    assert!(read <= 3 && plan.iter().any(|line| line.contains("never executed")), "{plan:#?}");
}

/// Every documented column under its documented name (TSB-02 to TSB-06), with what the sample
/// holds.
#[tokio::test]
async fn the_documented_columns_show_what_the_sample_holds() {
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    let samples = random(30);
    columns::every_column_is_told_apart(&samples);
    store.insert(&samples).await.unwrap();
    let mut connection = servers::behind(&config).await;
    let shown = "id::text, device_id, sample_id, vl53l8ch_distance_matrix::text, vl53l8ch_reflectance_matrix::text,
        vl53l8ch_amplitude_matrix::text, vl53l8ch_volume_mm3, vl53l8ch_avg_height_mm, vl53l8ch_height_variation_mm,
        vl53l8ch_surface_uniformity, vl53l8ch_quality_score, vl53l8ch_grade, as7341_channels::text, as7341_integration_time,
        as7341_gain, as7341_color_score, as7341_freshness_score, as7341_fat_quality_index, as7341_oxidation_index,
        as7341_color_uniformity, as7341_quality_score, as7341_grade, fusion_final_score, fusion_final_grade,
        fusion_confidence, fusion_defects::text, processing_time_ms, meta_firmware_version,
        meta_temperature_c::float8, meta_humidity_percent::float8,
        floor(extract(epoch FROM timestamp))::bigint AS timestamp, floor(extract(epoch FROM created_at))::bigint AS created_at";
    let (mut frames, mut spectra) = (0, 0);
    for sample in &samples {
        let text = AssertSqlSafe(format!("SELECT {shown} FROM sensor_samples WHERE id = '{}'", sample.id()));
        let row = sqlx::raw_sql(text).fetch_one(&mut connection).await.unwrap();
        let text = |name: &str| row.get::<Option<String>, _>(name);
        for (name, wanted) in columns::numbers(sample) {
            assert_eq!(row.get::<Option<f64>, _>(name), wanted, "{name}");
        }
        for (name, wanted) in columns::texts(sample) {
            assert_eq!(text(name), wanted, "{name}");
        }
        for (name, wanted) in columns::seconds(sample) {
            assert_eq!(row.get::<i64, _>(name), wanted, "{name}");
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
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    // Half of them come one by one, half in a batch that is copied.
    let samples = random(30);
    columns::every_column_is_told_apart(&samples);
    store.insert(&samples[..15]).await.unwrap();
    for sample in &samples[15..] {
        store.insert(std::slice::from_ref(sample)).await.unwrap();
    }
    let mut connection = servers::behind(&config).await;
    let names =
        columns::graded_numbers(&samples[0]).into_keys().map(|name| format!("{name}::float8")).collect::<Vec<_>>();
    let shown = format!(
        "{}, device_id, sample_id, tof_grade, spectral_grade, grade, firmware_version, profile, purpose, defects::text, flags::text,
        distance_matrix::text, reflectance_matrix::text, amplitude_matrix::text, channels::text",
        names.join(", ")
    );
    for sample in &samples {
        let text = AssertSqlSafe(format!("SELECT {shown} FROM graded_samples WHERE id = '{}'", sample.id()));
        let row = sqlx::raw_sql(text).fetch_one(&mut connection).await.unwrap();
        let text = |name: &str| row.get::<Option<String>, _>(name);
        columns::assert_graded(sample, text, |name| row.get::<Option<f64>, _>(name));
    }
}

/// A purge drops whole partitions and deletes in the one that it cuts.
#[tokio::test]
async fn a_purge_drops_the_partitions_that_are_all_too_old() {
    use sqal_core::Name;
    use sqal_storage::{
        Custody,
        audit::Action,
        custody::{Gone, Purge},
    };
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    let day = 24 * HOUR;
    let old: Vec<_> = (0..90).map(|k| scored("a", NOVEMBER - k * day, "x", 0.5)).collect();
    let ancient = scored("a", 0, "x", 0.5);
    store.insert(&old).await.unwrap();
    store.insert(&[ancient]).await.unwrap();
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    let purge = Purge { samples_before: at(NOVEMBER - 10 * day), hours_before: Hour::of(at(0)) };
    let expected = Gone { samples: 80, hours: 0 };
    assert_eq!(store.would_purge(&purge).await.unwrap(), expected);
    let name = |text| Name::new(text).unwrap();
    let action = |_| Action {
        at: at(NOVEMBER),
        actor: Name::new("test").unwrap(),
        category: Name::new("gdpr_purge").unwrap(),
        what: name("x"),
    };
    assert_eq!(store.purge(&purge, &action).await.unwrap(), expected);
    let mut connection = servers::behind(&config).await;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'sample'::regclass ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(names, ["sample_2026_10", "sample_2026_11"]);
    assert_eq!(store.query(&SampleQuery::newest(100.try_into().unwrap())).await.unwrap().items.len(), 11);
    // A late sample of a dropped month gets its partition made again.
    assert_eq!(store.insert(&old[80..]).await.unwrap(), [Inserted::Stored; 10]);
}

/// A batch that comes again is compared row by row, over several partitions; the one reading that
/// differs is the only conflict.
#[tokio::test]
async fn a_batch_that_comes_again_is_compared_over_several_partitions() {
    let store = servers::fresh_store().await;
    let mut batch: Vec<_> = (0..300_i64).map(|k| scored("a", NOVEMBER + k * 6 * HOUR, &format!("{k}"), 0.5)).collect();
    assert_eq!(store.insert(&batch).await.unwrap(), vec![Inserted::Stored; 300]);
    assert_eq!(store.insert(&batch).await.unwrap(), vec![Inserted::Duplicate; 300]);
    batch[123].meta.humidity_percent = Some(1.0);
    batch.push(scored("a", NOVEMBER, "new", 0.5));
    let mut expected = vec![Inserted::Duplicate; 301];
    (expected[123], expected[300]) = (Inserted::Conflict, Inserted::Stored);
    assert_eq!(store.insert(&batch).await.unwrap(), expected);
}
