//! What people and dashboards read in SQL beside the samples: failed jobs and weekly profiles, as
//! views of both engines.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::NonZeroU16;

use sqal_core::{Name, Timestamp};
use sqal_storage::queue::{JobEnd, NewJob};
use sqal_storage::records::{ExpectedRecord, RecordDraft};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{PostgresStore, Queue, Records, SqliteStore};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// 2026-11-18T11:06:40Z and some microseconds.
fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000 + micros).unwrap()
}

/// Two jobs fail and one succeeds; a profile is written, and a record of another collection.
async fn fill<S: Queue + Records>(store: &S) {
    let kind = Name::new("report").unwrap();
    let new = || NewJob::new(kind, String::new(), at(0)).attempts(NonZeroU16::new(2).unwrap());
    let ends = [
        (new().followed_from(Some(TRACE.to_owned())), JobEnd::Failed("spoiled".to_owned())),
        (new(), JobEnd::Succeeded("done".to_owned())),
        (new(), JobEnd::Failed("cut".to_owned())),
    ];
    for (job, end) in ends {
        store.enqueue(&job).await.unwrap();
        let worker = Name::new("server 1").unwrap();
        let leased = store.lease(&kind, &worker, at(0), at(60_000_000), NonZeroU16::MIN).await.unwrap();
        assert!(store.end(&leased[0].lease, at(1_500_000), &end).await.unwrap());
    }
    let profile = concat!(
        r#"{"v":1,"week":"2026-W48","taken_at":"2026-11-24T10:00:00Z","machine":"line-1","seconds":30.5,"#,
        r#""frequency_hz":100,"samples":2990,"functions":[{"function":"judge","self_samples":900}],"#,
        r#""process":{"cpu_percent":99.5,"memory_bytes":null},"system":{},"previous":null,"changes":[]}"#
    );
    for (collection, key, body) in
        [("profiling_metrics", "2026-11-24T10:00:00Z", profile), ("notes", "one", "not JSON")]
    {
        let (collection, key) = (Name::new(collection).unwrap(), Name::new(key).unwrap());
        let draft = RecordDraft::new(collection, key, body.to_owned());
        assert!(Records::write(store, &draft, ExpectedRecord::Absent, at(0)).await.unwrap().is_some());
    }
}

const FAILURES: [(i64, &str, i64, &str, Option<&str>); 2] =
    [(1, "2026-11-18T11:06:41.500000Z", 1, "spoiled", Some(TRACE)), (3, "2026-11-18T11:06:41.500000Z", 1, "cut", None)];

type Failure = (i64, String, i64, String, Option<String>);

fn assert_failures(found: &[Failure]) {
    let found: Vec<_> = found
        .iter()
        .map(|(id, at, attempts, error, trace)| (*id, at.as_str(), *attempts, error.as_str(), trace.as_deref()))
        .collect();
    assert_eq!(found, FAILURES);
}

fn assert_profile(week: &str, taken_at: &str, seconds: f64, samples: i64, functions: &str) {
    assert_eq!((week, taken_at, samples), ("2026-W48", "2026-11-24T10:00:00Z", 2990));
    assert!((seconds - 30.5).abs() < 1e-9, "{seconds}");
    let functions: serde_json::Value = serde_json::from_str(functions).unwrap();
    assert_eq!(functions[0]["function"], "judge");
    assert_eq!(functions[0]["self_samples"], 900);
}

#[tokio::test]
async fn tsb_12_failed_jobs_and_profiles_are_read_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqal.db");
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    fill(&store).await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let failures =
        "SELECT id, failed_at, attempts, error, traceparent FROM \"TaskFailure\" WHERE kind = 'report' ORDER BY id";
    let found: Vec<Failure> = sqlx::query_as(failures).fetch_all(&mut connection).await.unwrap();
    assert_failures(&found);
    let profiles = "SELECT week, taken_at, seconds, samples, functions FROM \"ProfilingMetrics\"";
    let rows = sqlx::query(profiles).fetch_all(&mut connection).await.unwrap();
    assert_eq!(rows.len(), 1);
    let text = |column: usize| rows[0].get::<String, _>(column);
    assert_profile(&text(0), &text(1), rows[0].get(2), rows[0].get(3), &text(4));
    connection.close().await.unwrap();
}

#[tokio::test]
async fn tsb_12_failed_jobs_and_profiles_are_read_in_a_database() {
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    fill(&store).await;
    let mut connection = servers::behind(&config).await;
    let failures = "SELECT id, to_char(failed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), attempts, error, traceparent
FROM \"TaskFailure\" WHERE kind = 'report' ORDER BY id";
    let found: Vec<Failure> = sqlx::query_as(failures).fetch_all(&mut connection).await.unwrap();
    assert_failures(&found);
    let profiles = "SELECT week, to_char(taken_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), seconds, samples, functions::text
FROM \"ProfilingMetrics\"";
    let rows = sqlx::query(profiles).fetch_all(&mut connection).await.unwrap();
    assert_eq!(rows.len(), 1);
    let text = |column: usize| rows[0].get::<String, _>(column);
    assert_profile(&text(0), &text(1), rows[0].get(2), rows[0].get(3), &text(4));
    connection.close().await.unwrap();
}

/// A program of version 7 knows none of these tables and views. Its restore leaves them behind.
#[tokio::test]
async fn what_an_older_program_has_left_behind_a_restore_is_made_anew() {
    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    fill(&store).await;
    store.close().await;
    let mut connection = servers::behind(&config).await;
    sqlx::raw_sql("DELETE FROM sqal_schema WHERE version > 7").execute(&mut connection).await.unwrap();
    let store = PostgresStore::open(&config).await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), PostgresStore::NEWEST_SCHEMA);
    assert_eq!(store.count_jobs().await.unwrap(), [], "the jobs belong to the database that was replaced");
    fill(&store).await;
    let failed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM \"TaskFailure\"").fetch_one(&mut connection).await.unwrap();
    assert_eq!(failed, 2);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_view_of_another_program_stays_and_an_upgrade_fails_over_its_name() {
    let config = servers::fresh_schema();
    PostgresStore::open(&config).await.unwrap().close().await;
    let mut connection = servers::behind(&config).await;
    let theirs = "DELETE FROM sqal_schema WHERE version > 7; DROP VIEW \"TaskFailure\";
        CREATE VIEW \"TaskFailure\" AS SELECT 7::bigint AS theirs";
    sqlx::raw_sql(theirs).execute(&mut connection).await.unwrap();
    let refused = PostgresStore::open(&config).await.unwrap_err();
    assert!(refused.source.unwrap().to_string().contains("TaskFailure"), "the error names the view");
    let theirs = "SELECT theirs, (SELECT max(version) FROM sqal_schema) FROM \"TaskFailure\"";
    let found: (i64, i64) = sqlx::query_as(theirs).fetch_one(&mut connection).await.unwrap();
    assert_eq!(found, (7, 7), "nothing has changed");
    sqlx::raw_sql("DROP VIEW \"TaskFailure\"").execute(&mut connection).await.unwrap();
    PostgresStore::open(&config).await.unwrap().close().await;
    connection.close().await.unwrap();
}
