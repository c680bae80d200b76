//! What an earlier program has stored is read equal by this one: a SQLite file of schema version 8,
//! a dump of PostgreSQL of version 7, and their samples as JSON.
//!
//! The files are never written anew: they were made by the program before the queue came.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::NonZeroU16;

use sqal_core::{Name, Sample, Timestamp};
use sqal_storage::{
    Custody, PostgresStore, Queue, Register, SampleQuery, SealedFields, SqliteStore,
    evidence::{Expected, Snapshot},
    labels::Labels,
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

#[tokio::test]
async fn a_database_of_an_earlier_program_is_read_equal() {
    let config = servers::fresh_schema();
    let shown = format!("{config:?}");
    let schema = shown.split("schema: \"").nth(1).unwrap().split('"').next().unwrap();
    // Lines that begin with a backslash are for `psql`.
    let dump: String = include_str!("stored_before/schema_7.sql")
        .lines()
        .filter(|line| !line.starts_with('\\'))
        .map(|line| line.replace("stored_before", schema) + "\n")
        .collect();
    let mut connection = PgConnection::connect(&servers::variable("SQAL_TEST_POSTGRES_URL")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(dump)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let store = PostgresStore::open(&config).await.unwrap();
    is_there(&store, store.snapshot().await.unwrap()).await;
}
