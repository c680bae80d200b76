//! Bug trackers of many bugs, filled by SQL, because a million of them through the port takes
//! hours.
//!
//! The bugs are those that the port would have stored, with their tags, words and devices, and the
//! sums are those of the bugs. Their histories are left out: no measured question reads them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqal_storage::postgres::PostgresConfig;
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{Bugs, PostgresStore, SqliteStore};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection};

/// The time of the newest bug, in microseconds.
pub(crate) const END: i64 = 1_794_000_000_000_000;

/// The span in which the bugs were reported, in microseconds.
const THREE_YEARS: i64 = 3 * 365 * 86_400_000_000;

/// The statements that fill a tracker. Names that begin with `@` are replaced.
const FILL: &str = include_str!("fill.sql");

/// What stands in PostgreSQL for the names of the statements.
const IN_POSTGRES: [(&str, &str); 6] = [
    ("@hex_a", "lpad(to_hex(a), 8, '0')"),
    ("@hex_b", "lpad(to_hex(b), 8, '0')"),
    ("@epoch", "timestamptz 'epoch' +"),
    ("@micros", "* interval '1 microsecond'"),
    ("@each_of", "unnest(ARRAY["),
    ("@as_rows", "]) AS each_one (value)"),
];

/// What stands in SQLite for the names of the statements.
const IN_SQLITE: [(&str, &str); 6] = [
    ("@hex_a", "printf('%08x', a)"),
    ("@hex_b", "printf('%08x', b)"),
    ("@epoch", ""),
    ("@micros", ""),
    ("@each_of", "json_each(json_array("),
    ("@as_rows", "))"),
];

/// The statements that put the indexes and the foreign keys of the filled tables aside, and those
/// that make them again. Rows are added several times as fast without them.
const ASIDE: &str = "SELECT string_agg(aside, '; '), string_agg(again, '; ') FROM (
    SELECT format('DROP INDEX %I', indexname) AS aside, indexdef AS again FROM pg_indexes
    WHERE schemaname = current_schema()
        AND tablename IN ('bug_reports', 'sqal_bug_device', 'sqal_bug_tag', 'sqal_bug_word')
        AND indexname NOT IN (SELECT conname FROM pg_constraint)
    UNION ALL SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE confrelid = 'bug_reports'::regclass AND contype = 'f'
) AS each_one";

/// The maintenance that the database would do by itself some time later.
const TIDY: &str = "VACUUM ANALYZE bug_reports, bug_metrics, sqal_bug_device, sqal_bug_tag, sqal_bug_word";

/// A filled tracker.
pub(crate) struct Tracker {
    /// How many bugs it has.
    pub(crate) bugs: u32,
    /// The store that is asked.
    pub(crate) store: Arc<dyn Bugs>,
    /// How many bugs meet each of the conditions, counted bug by bug.
    pub(crate) counted: Vec<u64>,
}

/// The statements that fill a tracker with this many bugs.
fn fill(engine: &[(&str, &str)], bugs: u32) -> String {
    let step = THREE_YEARS / i64::from(bugs);
    let numbers =
        [("@bugs", i64::from(bugs)), ("@first", END - step * i64::from(bugs)), ("@step", step), ("@end", END)];
    let text = numbers.iter().fold(FILL.to_owned(), |text, (name, number)| text.replace(name, &number.to_string()));
    engine.iter().fold(text, |text, (name, sql)| text.replace(name, sql))
}

/// The statement that counts the bugs that meet a condition.
fn count(condition: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT count(*) FROM bug_reports WHERE {condition}"))
}

/// A tracker in a new file.
pub(crate) async fn in_sqlite(path: &Path, bugs: u32, conditions: &[&str]) -> Tracker {
    // The store makes the tables. It is closed while the file is written without a log.
    SqliteStore::open(&SqliteConfig::at(path)).await.expect("it opens").close().await;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false)
        .pragma("cache_size", "-1000000")
        .busy_timeout(Duration::from_secs(5));
    let mut behind = SqliteConnection::connect_with(&options).await.expect("it opens");
    let text = AssertSqlSafe(fill(&IN_SQLITE, bugs));
    sqlx::raw_sql(text).execute(&mut behind).await.expect("it fills");
    sqlx::raw_sql("ANALYZE").execute(&mut behind).await.expect("it analyses");
    let mut counted = Vec::new();
    for condition in conditions {
        let found: i64 = sqlx::query_scalar(count(condition)).fetch_one(&mut behind).await.expect("it counts");
        counted.push(u64::try_from(found).expect("a count"));
    }
    behind.close().await.expect("it closes");
    let store = SqliteStore::open(&SqliteConfig::at(path)).await.expect("it opens");
    Tracker { bugs, store: Arc::new(store), counted }
}

/// A tracker in a schema of its own, which is filled if it is empty.
pub(crate) async fn in_postgres(url: &str, bugs: u32, conditions: &[&str]) -> Tracker {
    let schema = format!("bench_bugs_{bugs}");
    let config = PostgresConfig::new(url).and_then(|config| config.in_schema(&schema)).expect("a URL");
    let store = PostgresStore::open(&config).await.expect("PostgreSQL answers");
    let mut behind = PgConnection::connect(url).await.expect("PostgreSQL answers");
    let set = AssertSqlSafe(format!("SET search_path = {schema}"));
    sqlx::raw_sql(set).execute(&mut behind).await.expect("it selects the schema");
    let found: i64 = sqlx::query_scalar(count("true")).fetch_one(&mut behind).await.expect("it counts");
    if found == 0 {
        let (aside, again): (String, String) = sqlx::query_as(ASIDE).fetch_one(&mut behind).await.expect("it has both");
        // Statements that are sent at once are one transaction.
        let text = AssertSqlSafe(format!("{aside};\n{}\n{again}", fill(&IN_POSTGRES, bugs)));
        sqlx::raw_sql(text).execute(&mut behind).await.expect("it fills");
        sqlx::raw_sql(TIDY).execute(&mut behind).await.expect("it does");
        sqlx::raw_sql("CHECKPOINT").execute(&mut behind).await.expect("it does");
    }
    let mut counted = Vec::new();
    for condition in conditions {
        let found: i64 = sqlx::query_scalar(count(condition)).fetch_one(&mut behind).await.expect("it counts");
        counted.push(u64::try_from(found).expect("a count"));
    }
    behind.close().await.expect("it closes");
    Tracker { bugs, store: Arc::new(store), counted }
}
