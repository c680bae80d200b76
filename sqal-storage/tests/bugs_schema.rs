//! What people and dashboards find in SQL of the bug tracker: three tables with the documented
//! columns, and a file that makes them in an empty PostgreSQL.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::path::Path;

use sqal_storage::bugs::BugSummary;
use sqal_storage::postgres::PostgresConfig;
use sqal_storage::{Bugs, PostgresStore, StorageErrorKind};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The tables of a schema whose names `\dt bug_*` shows.
const SHOWN: &str = r"SELECT tablename::text FROM pg_tables
WHERE schemaname = current_schema() AND tablename LIKE 'bug\_%' ORDER BY 1";

/// Every column and every index of the bug tracker, without the name of the schema.
const OBJECTS: &str = r"SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
    || coalesce(generation_expression, '') FROM information_schema.columns
WHERE table_schema = current_schema() AND (table_name LIKE 'bug\_%' OR table_name LIKE 'sqal\_bug\_%')
UNION ALL SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes
WHERE schemaname = current_schema() AND (tablename LIKE 'bug\_%' OR tablename LIKE 'sqal\_bug\_%') ORDER BY 1";

/// A connection into a new, empty schema.
async fn empty(config: &PostgresConfig) -> PgConnection {
    let shown = format!("{config:?}");
    let schema = shown.split("schema: \"").nth(1).unwrap().split('"').next().unwrap();
    let mut connection = PgConnection::connect(&servers::variable("SQAL_TEST_POSTGRES_URL")).await.unwrap();
    let make = AssertSqlSafe(format!("CREATE SCHEMA {schema}; SET search_path = {schema}"));
    sqlx::raw_sql(make).execute(&mut connection).await.unwrap();
    connection
}

async fn texts(connection: &mut PgConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn the_file_makes_in_an_empty_schema_what_a_server_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/bug_tracking_schema.sql");
    let text = std::fs::read_to_string(path).unwrap();
    let mut by_file = empty(&servers::fresh_schema()).await;
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut by_file).await.unwrap();
    assert_eq!(texts(&mut by_file, SHOWN).await, ["bug_comments", "bug_metrics", "bug_reports"]);

    let config = servers::fresh_schema();
    let store = PostgresStore::open(&config).await.unwrap();
    let mut by_server = servers::behind(&config).await;
    assert_eq!(texts(&mut by_server, SHOWN).await, ["bug_comments", "bug_metrics", "bug_reports"]);
    let objects = texts(&mut by_file, OBJECTS).await;
    assert!(objects.len() > 90, "{objects:#?}");
    assert_eq!(objects, texts(&mut by_server, OBJECTS).await);
    for documented in [
        "bug_reports.id text",
        "bug_reports.title text",
        "bug_reports.description text",
        "bug_reports.reproduction_steps text",
        "bug_reports.severity text",
        "bug_reports.priority text",
        "bug_reports.category text",
        "bug_reports.status text",
        "bug_reports.device_id text",
        "bug_reports.firmware_version text",
        "bug_reports.created_at timestamp with time zone",
        "bug_reports.updated_at timestamp with time zone",
        "bug_reports.resolved_at timestamp with time zone",
    ] {
        assert!(objects.iter().any(|object| object.starts_with(documented)), "{documented} is missing");
    }
    store.close().await;
    by_file.close().await.unwrap();
    by_server.close().await.unwrap();
}

async fn run(connection: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_table_of_another_program_is_left_as_it_is_and_the_refusal_says_what_to_do() {
    for table in ["bug_reports", "bug_comments", "bug_metrics"] {
        let config = servers::fresh_schema();
        let mut other = empty(&config).await;
        run(&mut other, format!("CREATE TABLE {table} (title text); INSERT INTO {table} VALUES ('kept')")).await;
        let refused = PostgresStore::open(&config).await.unwrap_err();
        assert_eq!(refused.kind, StorageErrorKind::ForeignTable { table: table.to_owned() });
        let said = format!("table {table} exists and is not SQAL's: rename it");
        assert!(refused.to_string().contains(&said), "{refused}");

        run(&mut other, format!("ALTER TABLE {table} RENAME TO before_sqal")).await;
        let store = PostgresStore::open(&config).await.unwrap();
        assert_eq!(texts(&mut other, SHOWN).await, ["bug_comments", "bug_metrics", "bug_reports"]);
        assert_eq!(texts(&mut other, "SELECT title FROM before_sqal").await, ["kept"]);
        store.close().await;
        other.close().await.unwrap();
    }
}

#[tokio::test]
async fn tables_that_an_older_program_has_left_behind_a_restore_are_made_anew() {
    let config = servers::fresh_schema();
    PostgresStore::open(&config).await.unwrap().close().await;
    let mut behind = servers::behind(&config).await;
    // Version 12 has made the tables of bugs.
    let left = "INSERT INTO bug_metrics VALUES ('current', 'epoch', 'open', 'low', '', 7, 0);
        DELETE FROM sqal_schema WHERE version > 11";
    run(&mut behind, left.to_owned()).await;
    let store = PostgresStore::open(&config).await.unwrap();
    let at = |micros| sqal_core::Timestamp::from_micros(micros).unwrap();
    assert_eq!(store.bug_summary(at(0)..at(1)).await.unwrap(), BugSummary::default());
    store.close().await;
    behind.close().await.unwrap();
}
