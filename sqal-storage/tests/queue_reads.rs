//! What the queue reads of a large table in PostgreSQL: the jobs of its answer, and none of those
//! that wait, run or have ended.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::{NonZeroU16, NonZeroU32};

use sqal_core::{Name, Timestamp};
use sqal_storage::queue::{JobEnd, NewJob};
use sqal_storage::{PostgresStore, Queue};
use sqlx::{Connection, PgConnection};

/// 20000 jobs have ended, 5000 wait for a later time, and 3050 run. PostgreSQL does not know of
/// most of those that run, as after a busy minute.
const FILL: &str = "
INSERT INTO sqal_job (kind, created_at, state, due, attempts, most_attempts, done, ended_at, lease, body)
    SELECT 'report', 0, 'succeeded', i, 1, 3, 0, i, 1, '' FROM generate_series(1, 20000) AS i;
INSERT INTO sqal_job (kind, created_at, state, due, attempts, most_attempts, done, lease, body)
    SELECT 'report', 0, 'enqueued', 1000000 + i, 0, 3, 0, 0, '' FROM generate_series(1, 5000) AS i;
INSERT INTO sqal_job (kind, created_at, state, due, attempts, most_attempts, done, lease, body)
    SELECT 'report', 0, 'running', 1000000 + i, 1, 3, 0, 1, '' FROM generate_series(1, 50) AS i;
ANALYZE sqal_job;
INSERT INTO sqal_job (kind, created_at, state, due, attempts, most_attempts, done, lease, body)
    SELECT 'report', 0, 'running', 1000000 + i, 1, 3, 0, 1, '' FROM generate_series(1, 3000) AS i;";

/// The calls of each kind. The first five of a statement are planned with their values.
const CALLS: i64 = 20;

/// The scans of the calls: a look has two, a lease has two more, and an end has one.
const SCANS: i64 = 2 * 2 * CALLS + 2 * CALLS + CALLS;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// The rows of the table that were read. A connection has counted its rows when it has ended.
async fn rows_read(connection: &mut PgConnection) -> i64 {
    const COUNTED: &str = "SELECT seq_scan + idx_scan, seq_tup_read + idx_tup_fetch
FROM pg_stat_user_tables WHERE relid = 'sqal_job'::regclass";
    for _ in 0..100_000 {
        let (scans, rows): (i64, i64) = sqlx::query_as(COUNTED).fetch_one(&mut *connection).await.unwrap();
        if scans >= SCANS {
            return rows;
        }
    }
    panic!("the calls were not counted")
}

#[tokio::test]
async fn a_look_and_an_end_read_no_jobs_but_their_own() {
    let mut config = servers::fresh_schema();
    (config.writers, config.readers) = (NonZeroU32::MIN, NonZeroU32::MIN);
    let store = PostgresStore::open(&config).await.unwrap();
    let mut connection = servers::behind(&config).await;
    sqlx::raw_sql(FILL).execute(&mut connection).await.unwrap();
    let (kind, worker, one) = (Name::new("report").unwrap(), Name::new("server 1").unwrap(), NonZeroU16::MIN);
    for _ in 0..CALLS {
        assert_eq!(store.lease(&kind, &worker, at(30_000), at(40_000), one).await.unwrap(), []);
    }
    for _ in 0..CALLS {
        let id = store.enqueue(&NewJob::new(kind, String::new(), at(30_000))).await.unwrap().id();
        let leased = store.lease(&kind, &worker, at(30_000), at(40_000), one).await.unwrap();
        assert_eq!(leased[0].job.id, id);
        assert!(store.end(&leased[0].lease, at(30_001), &JobEnd::Succeeded(String::new())).await.unwrap());
    }
    store.close().await;
    let read = rows_read(&mut connection).await;
    assert!(read < 10 * CALLS, "{read} rows were read");
    connection.close().await.unwrap();
}
