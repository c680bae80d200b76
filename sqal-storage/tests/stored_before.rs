//! What an earlier program has stored is read equal by this one: a SQLite file of schema version 8,
//! a dump of PostgreSQL of version 7, and their samples as JSON; a file of version 11 and a dump of
//! version 10 with jobs and records.
//!
//! The files are never written anew: the first were made by the program before the queue came, the
//! others by the program before jobs had traces.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::NonZeroU16;

use sqal_core::{Name, Sample, Timestamp};
use sqal_storage::{
    Custody, PostgresStore, Queue, Records, Register, SampleQuery, SealedFields, SqliteStore,
    evidence::{Expected, Snapshot},
    labels::Labels,
    postgres::PostgresConfig,
    queue::{Job, JobId, JobProgress, JobQuery, JobState, NewJob},
    records::RecordQuery,
    register::Entry,
    samples::{Hour, Hourly, HourlyQuery},
    sealed::{FieldKey, KeyId, Sealed},
    sqlite::SqliteConfig,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const START: i64 = 1_795_000_000_000_000;

fn samples() -> Vec<Sample> {
    serde_json::from_str(include_str!("stored_before/samples.json")).unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(START + micros).unwrap()
}

fn entry(version: u32) -> Entry {
    Entry {
        kind: Name::new("profile").unwrap(),
        name: Name::new("foie").unwrap(),
        version,
        body: format!("{{\"version\":{version}}}"),
        at: at(version.into()),
        by: (version > 1).then(|| Name::new("marie").unwrap()),
        labels: Labels::new(),
    }
}

/// Everything that was stored is there, and the store is as sound as a new one.
async fn is_there<S: Custody + Register + SealedFields + Queue>(store: &S, mut snapshot: Snapshot<'_>) {
    let expected = samples();
    assert_eq!(expected.len(), 24);
    for sample in &expected {
        assert_eq!(store.get(&sample.id()).await.unwrap().as_ref(), Some(sample));
    }
    let page = store.query(&SampleQuery::newest(NonZeroU16::new(100).unwrap())).await.unwrap();
    assert_eq!(page.items, expected.iter().rev().cloned().collect::<Vec<_>>());
    let hours = HourlyQuery::new(Hour::of(at(0)), Hour::of(at(24 * 3_600_000_000))).unwrap();
    assert_eq!(store.hourly(&hours).await.unwrap(), Hourly::of(&expected));
    let history = store.history(&entry(1).kind, &entry(1).name, None, 10).await.unwrap();
    assert_eq!(history, [entry(3), entry(2), entry(1)]);
    let key = FieldKey { subject: Name::new("user 7").unwrap(), field: Name::new("name").unwrap() };
    let sealed = Sealed { key: KeyId::from_bytes([7; 8]), bytes: b"sealed bytes".to_vec() };
    assert_eq!(store.field(&key).await.unwrap(), Some(sealed));
    assert_eq!(store.audit(0, 10).await.unwrap().len(), 4);
    let evidence = snapshot.examine(&Expected::default()).await.unwrap();
    snapshot.close().await.unwrap();
    assert_eq!((evidence.contents.samples, evidence.decisions), (24, 3));
    assert!(evidence.findings.first.is_empty(), "{:?}", evidence.findings);
    assert_eq!(store.count_jobs().await.unwrap(), [], "what is new is there too");
}

#[tokio::test]
async fn a_file_of_an_earlier_program_is_read_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.db");
    std::fs::write(&path, include_bytes!("stored_before/schema_8.db")).unwrap();
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    is_there(&store, store.snapshot().await.unwrap()).await;
}

/// Loads a dump into a schema of its own.
async fn loaded(dump: &str) -> PostgresConfig {
    let config = servers::fresh_schema();
    let shown = format!("{config:?}");
    let schema = shown.split("schema: \"").nth(1).unwrap().split('"').next().unwrap();
    // Lines that begin with a backslash are for `psql`.
    let dump: String = dump
        .lines()
        .filter(|line| !line.starts_with('\\'))
        .map(|line| line.replace("stored_before", schema) + "\n")
        .collect();
    let mut connection = PgConnection::connect(&servers::variable("SQAL_TEST_POSTGRES_URL")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(dump)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    config
}

#[tokio::test]
async fn a_database_of_an_earlier_program_is_read_equal() {
    let config = loaded(include_str!("stored_before/schema_7.sql")).await;
    let store = PostgresStore::open(&config).await.unwrap();
    is_there(&store, store.snapshot().await.unwrap()).await;
}

/// One job in every state, in the order of their numbers, as the program before has stored them.
fn jobs() -> [Job; 5] {
    let job = |number: u64, key: Option<&str>, most: u16| {
        let (body, at) = (format!("{{\"tray\":{number}}}"), at(i64::try_from(number).unwrap() - 1));
        let new = NewJob::new(Name::new("report").unwrap(), body, at).attempts(NonZeroU16::new(most).unwrap());
        let new = key.map_or_else(|| new.clone(), |key| new.clone().once(Name::new(key).unwrap()));
        Job::enqueued(JobId::from_number(number), &new)
    };
    let [mut running, mut done, mut failed, mut canceled, mut waiting] = [
        job(1, None, 2),
        job(2, Some("second"), 2),
        job(3, Some("third"), 2),
        job(4, None, 2),
        job(5, Some("later"), 3),
    ];
    for job in [&mut running, &mut done, &mut failed] {
        (job.attempts, job.worker) = (1, Some(Name::new("server 1").unwrap()));
        (job.created_by, job.due) = (job.key.map(|_| Name::new("marie").unwrap()), at(60_000_000));
    }
    (running.state, running.due) = (JobState::Running, at(90_000_000));
    running.progress = JobProgress { done: 3, total: Some(9) };
    (done.state, done.ended_at, done.result) = (JobState::Succeeded, Some(at(20)), Some("done".to_owned()));
    (failed.state, failed.ended_at, failed.failure) = (JobState::Failed, Some(at(21)), Some("spoiled".to_owned()));
    (canceled.state, canceled.ended_at) = (JobState::Canceled, Some(at(22)));
    waiting.due = at(1_000_000_000);
    [running, done, failed, canceled, waiting]
}

/// The jobs and records are there, none follows a trace, and what was begun goes on.
async fn jobs_are_there<S: Queue + Records>(store: &S, mut snapshot: Snapshot<'_>) {
    let evidence = snapshot.examine(&Expected::default()).await.unwrap();
    snapshot.close().await.unwrap();
    assert!(evidence.findings.first.is_empty(), "{:?}", evidence.findings);
    let mut listed = store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap();
    listed.reverse();
    assert_eq!(listed, jobs());
    let [running, .., waiting] = jobs();
    let (worker, one) = (Name::new("server 2").unwrap(), NonZeroU16::MIN);
    let leased = store.lease(&running.kind, &worker, at(90_000_000), at(95_000_000), one).await.unwrap();
    assert_eq!(leased.iter().map(|leased| (leased.job.id, leased.job.attempts)).collect::<Vec<_>>(), [(running.id, 2)]);
    let mut again = NewJob::new(waiting.kind, String::new(), at(0)).once(waiting.key.unwrap());
    assert_eq!(store.enqueue(&again).await.unwrap().id(), waiting.id, "the keys are there");
    again.key = None;
    assert!(store.enqueue(&again).await.unwrap().id() > waiting.id, "the numbers go on");

    let collection = Name::new("notes").unwrap();
    let query = RecordQuery::of(collection, 9);
    let found = store.find(&query, at(0)).await.unwrap();
    let labelled: Vec<_> = found.iter().map(|record| (record.key.as_str(), record.body.as_str())).collect();
    assert_eq!(labelled, [("labelled", "a note")]);
    let schedules = Name::new("schedules").unwrap();
    let nightly = store.record(&schedules, &Name::new("nightly").unwrap(), at(0)).await.unwrap().unwrap();
    assert_eq!((nightly.body.as_str(), nightly.expires_at), (r#"{"v":1}"#, None));
}

#[tokio::test]
async fn jobs_and_records_of_a_file_of_an_earlier_program_are_read_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqal.db");
    std::fs::write(&path, include_bytes!("stored_before/schema_11.db")).unwrap();
    let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
    jobs_are_there(&store, store.snapshot().await.unwrap()).await;
}

#[tokio::test]
async fn jobs_and_records_of_a_database_of_an_earlier_program_are_read_equal() {
    let config = loaded(include_str!("stored_before/schema_10.sql")).await;
    let store = PostgresStore::open(&config).await.unwrap();
    jobs_are_there(&store, store.snapshot().await.unwrap()).await;
}
