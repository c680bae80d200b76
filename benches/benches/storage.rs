//! Durable ingest relative to other ways: binary COPY, row by row, and hand-written batches.
//!
//! All ways store the same rows in the same table. PostgreSQL is needed:
//! `cargo xtask bench storage` starts one. Every measured batch ends in a commit that waits for the
//! disk.
#![allow(clippy::print_stdout, reason = "a figure that is no time")]

mod line;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{Bencher, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use line::samples;
use sqal_core::{Inspection, Sample, SampleKey, Timestamp};
use sqal_resilience::{Clock, SystemClock};
use sqal_storage::{
    BatchWriter, PostgresStore, ReadThrough, SampleQuery, SampleStore, SqliteStore, WriterConfig,
    cache::{CacheKey, CacheKind},
    postgres::PostgresConfig,
    samples::{Hour, HourlyQuery},
    sqlite::SqliteConfig,
};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::runtime::{Builder, Runtime};

#[expect(clippy::disallowed_methods, reason = "a bench measures time, and is told where its server is")]
fn measure(now: Option<Instant>) -> (Instant, Duration, Option<String>) {
    let at = Instant::now();
    (at, now.map_or(Duration::ZERO, |begun| at - begun), std::env::var("SQAL_TEST_POSTGRES_URL").ok())
}

fn now() -> Instant {
    measure(None).0
}

fn url() -> String {
    measure(None).2.expect("run `cargo xtask bench storage`, which starts PostgreSQL")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A group for rounds of a thousand samples. It measures for longer, because each round waits for
/// the disk.
fn thousands<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(20).measurement_time(Duration::from_secs(6)).warm_up_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(1000));
    group
}

/// Measures rounds that each start with empty tables. Emptying them is not part of the time.
fn rounds<C>(
    b: &mut Bencher<'_>,
    runtime: &Runtime,
    behind: &mut C,
    mut empty: impl AsyncFnMut(&mut C),
    mut round: impl AsyncFnMut(&mut C),
) {
    b.iter_custom(|n| {
        runtime.block_on(async {
            let mut total = Duration::ZERO;
            for _ in 0..n {
                empty(&mut *behind).await;
                let begun = now();
                round(&mut *behind).await;
                total += measure(Some(begun)).1;
            }
            total
        })
    });
}

fn postgres(c: &mut Criterion) {
    let (url, runtime) = (url(), runtime());
    let batch = samples(1000);
    let (store, mut behind) = runtime.block_on(opened(&url, "bench"));
    let rows = runtime.block_on(async {
        let rows = as_copy(&store, &mut behind, &batch).await;
        let json = as_json(&mut behind, &batch).await;
        let text =
            "SELECT sum(pg_total_relation_size(inhrelid)) / 1000 FROM pg_inherits WHERE inhparent = 'sample'::regclass";
        let bytes: i64 = sqlx::query_scalar(&*Box::leak(format!("SELECT ({text})::bigint").into_boxed_str()))
            .fetch_one(&mut behind)
            .await
            .expect("it counts");
        println!(
            "bytes per sample on disk, with its indexes: {bytes}; the documented columns with JSONB: {}, with the findings as JSONB too: {}; as COPY sends it: {}",
            json[0], json[1], rows.len() / 1000
        );
        rows
    });
    let mut group = thousands(c, "PostgreSQL, 1000 samples");
    group.bench_function("SQAL, one batch", |b| {
        rounds(b, &runtime, &mut behind, truncate, async |_| {
            black_box(store.insert(&batch).await.expect("it stores"));
        });
    });
    group.bench_function("binary COPY of the same rows", |b| {
        rounds(b, &runtime, &mut behind, truncate, async |behind| copy_in(behind, &rows).await);
    });
    group.throughput(Throughput::Elements(50));
    group.bench_function("row by row, 50 samples", |b| {
        rounds(b, &runtime, &mut behind, truncate, async |_| {
            for sample in &batch[..50] {
                black_box(store.insert(std::slice::from_ref(sample)).await.expect("it stores"));
            }
        });
    });
    group.finish();
}

/// Empties both tables, for a connection that has selected the schema already (see [`clear`]).
async fn truncate(behind: &mut PgConnection) {
    sqlx::raw_sql("TRUNCATE sample, sample_hour").execute(behind).await.expect("it truncates");
}

/// The whole way of a sample, from submitting it to its receipt, beside COPY of the same rows. Both
/// commit each thousand.
///
/// They run in turns, so that other work of the machine affects both equally.
#[expect(clippy::too_many_lines, reason = "two stores, measured in turns")]
fn sustained(_: &mut Criterion) {
    const BATCHES: usize = 10;
    let (url, runtime) = (url(), runtime());
    let seen = samples(BATCHES * 1000);
    // Both run as a task of the runtime, because a thread that blocks on a future is woken through
    // another thread.
    let both = runtime.spawn(async move {
        let (store, mut behind) = opened(&url, "bench").await;
        let store = Arc::new(store);
        let mut rows = Vec::new();
        for batch in seen.chunks(1000) {
            rows.push(as_copy(&store, &mut behind, batch).await);
        }
        let by_hand = statements_by_hand(&mut behind).await;
        let n = |n| NonZeroUsize::new(n).expect("not zero");
        let mut all = Vec::new();
        for commits in [1, 2] {
            let (mut ours, mut theirs, mut singly) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..31 {
                clear(&mut behind).await;
                let mut usual = WriterConfig::usual();
                usual.queue = n(2000);
                usual.batch = n(1000);
                usual.commits = n(commits);
                let (writer, mut writing) = BatchWriter::start(Arc::clone(&store) as _, usual);
                let handed_in: Vec<_> = seen.iter().map(|sample| Box::new(sample.clone())).collect();
                let begun = now();
                let mut receipts = Vec::with_capacity(seen.len());
                for sample in handed_in {
                    receipts.push(writer.submit(sample).await.expect("it takes it"));
                }
                for receipt in receipts {
                    black_box(receipt.outcome().await.expect("it stores"));
                }
                ours.push(measure(Some(begun)).1);
                writing.close();
                writing.finished().await;
                clear(&mut behind).await;
                let begun = now();
                for part in &rows {
                    copy_in(&mut behind, part).await;
                }
                theirs.push(measure(Some(begun)).1);
                clear(&mut behind).await;
                let begun = now();
                for statement in &by_hand {
                    sqlx::raw_sql(AssertSqlSafe(statement.as_str())).execute(&mut behind).await.expect("it stores");
                }
                singly.push(measure(Some(begun)).1);
                if round == 0 {
                    // The first round fills caches and opens connections, so its times are dropped.
                    (ours, theirs, singly) = (Vec::new(), Vec::new(), Vec::new());
                }
            }
            all.push((commits, median(ours), median(theirs), median(singly)));
        }
        for (commits, ours, theirs, singly) in all {
            let each = |time: Duration, of: usize| time.as_secs_f64() * 1e6 / f64::from(u32::try_from(of).expect("few"));
            let (ours, theirs, singly) =
                (each(ours, seen.len()), each(theirs, seen.len()), each(singly, by_hand.len()));
            println!(
                "{commits} commits under way, µs a sample: {ours:.1}; binary COPY {theirs:.1}: {:.0} % of COPY; INSERT row by row {singly:.1}: {:.1} times",
                theirs / ours * 100.0,
                singly / ours
            );
        }
    });
    runtime.block_on(both).expect("no panic");
}

/// The store in this schema, and a separate connection to its database.
async fn opened(url: &str, schema: &str) -> (PostgresStore, PgConnection) {
    let config = PostgresConfig::new(url).and_then(|config| config.in_schema(schema)).expect("a URL");
    let store = PostgresStore::open(&config).await.expect("PostgreSQL answers");
    let behind = PgConnection::connect(url).await.expect("PostgreSQL answers");
    (store, behind)
}

/// Selects the schema and empties both tables. The separate connection does not have the store's
/// search path.
async fn clear(behind: &mut PgConnection) {
    let text = "SET search_path = bench; TRUNCATE sample, sample_hour";
    sqlx::raw_sql(text).execute(behind).await.expect("it clears");
}

/// The rows in the format of COPY, made by the server from the stored rows. The tables then hold
/// these rows only.
async fn as_copy(store: &PostgresStore, behind: &mut PgConnection, batch: &[Sample]) -> Vec<u8> {
    clear(behind).await;
    store.insert(batch).await.expect("it stores");
    let mut out =
        behind.copy_out_raw("COPY (SELECT * FROM sample) TO STDOUT (FORMAT binary)").await.expect("it copies");
    let mut rows = Vec::new();
    while let Some(part) = futures_util::StreamExt::next(&mut out).await {
        rows.extend_from_slice(&part.expect("it copies"));
    }
    rows
}

/// Stores rows by COPY, the peer. Each call ends in a commit.
async fn copy_in(behind: &mut PgConnection, rows: &[u8]) {
    let mut copy = behind.copy_in_raw("COPY sample FROM STDIN (FORMAT binary)").await.expect("it copies");
    copy.send(rows).await.expect("it copies");
    copy.finish().await.expect("it copies");
}

/// Stores the samples in the documented columns, with matrices and channels as JSONB, and then with
/// all findings as JSONB in addition.
///
/// Returns the bytes a sample of both, with the same two indexes.
async fn as_json(behind: &mut PgConnection, batch: &[Sample]) -> [i64; 2] {
    sqlx::raw_sql("CREATE TEMPORARY TABLE found (id uuid, findings jsonb)")
        .execute(&mut *behind)
        .await
        .expect("it does");
    for sample in batch {
        let findings = serde_json::to_string(&sample.inspection).expect("it is JSON");
        let id = u128::from_be_bytes(*sample.id().as_bytes());
        let text = format!("INSERT INTO found VALUES ('{id:032x}', '{findings}')");
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *behind).await.expect("it stores");
    }
    let mut sizes = [0; 2];
    for (size, columns) in sizes.iter_mut().zip(["sensor_samples.*", "sensor_samples.*, findings"]) {
        let text = format!(
            "CREATE TABLE documented AS SELECT {columns} FROM sensor_samples JOIN found USING (id);
            ALTER TABLE documented ADD PRIMARY KEY (timestamp, id);
            CREATE INDEX ON documented (device_id, timestamp, id)"
        );
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *behind).await.expect("it does");
        let text = "SELECT (pg_total_relation_size('documented') / 1000)::bigint";
        *size = sqlx::query_scalar(text).fetch_one(&mut *behind).await.expect("it answers");
        sqlx::raw_sql("DROP TABLE documented").execute(&mut *behind).await.expect("it does");
    }
    sizes
}

/// A hundred rows as INSERT statements with literal values, written by the server.
async fn statements_by_hand(behind: &mut PgConnection) -> Vec<String> {
    let columns =
        "SELECT string_agg('quote_nullable(' || attname || ')', ' || '', '' || ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = 'sample'::regclass AND attnum > 0 AND NOT attisdropped";
    let columns: String = sqlx::query_scalar(columns).fetch_one(&mut *behind).await.expect("it answers");
    let text = format!("SELECT 'INSERT INTO sample VALUES (' || {columns} || ')' FROM sample LIMIT 100");
    sqlx::query_scalar(AssertSqlSafe(text)).fetch_all(behind).await.expect("it answers")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A value of a row as the driver returns it, which a hand-written batch binds again.
enum Value {
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    Null,
}

fn sqlite(c: &mut Criterion) {
    let runtime = runtime();
    let batch = samples(1000);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("samples.db");
    let (store, mut behind, rows) = runtime.block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(&path)).await.expect("it opens");
        store.insert(&batch).await.expect("it stores");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let mut behind = SqliteConnection::connect_with(&options).await.expect("it opens");
        let read = sqlx::query("SELECT * FROM sample").fetch_all(&mut behind).await.expect("it reads");
        let value = |row: &sqlx::sqlite::SqliteRow, k: usize| {
            row.try_get::<Option<i64>, _>(k)
                .map(|v| v.map_or(Value::Null, Value::Integer))
                .or_else(|_| row.try_get::<f64, _>(k).map(Value::Real))
                .or_else(|_| row.try_get::<String, _>(k).map(Value::Text))
                .or_else(|_| row.try_get::<Vec<u8>, _>(k).map(Value::Blob))
                .expect("one of the four")
        };
        let rows: Vec<Vec<Value>> = read.iter().map(|row| (0..row.len()).map(|k| value(row, k)).collect()).collect();
        (store, behind, rows)
    });
    let columns = rows[0].len();
    let one = format!("({})", vec!["?"; columns].join(", "));
    let text = |rows: usize| {
        format!("INSERT INTO sample VALUES {} ON CONFLICT DO NOTHING", vec![one.as_str(); rows].join(", "))
    };
    let (fifty, one) = (text(50), text(1));
    let mut group = thousands(c, "SQLite, 1000 samples");
    group.bench_function("SQAL, one batch", |b| {
        rounds(b, &runtime, &mut behind, delete, async |_| {
            black_box(store.insert(&batch).await.expect("it stores"));
        });
    });
    for (name, text, at_once) in [("by hand, 50 rows a statement", &fifty, 50), ("by hand, 1 row a statement", &one, 1)]
    {
        group.bench_function(name, |b| {
            rounds(b, &runtime, &mut behind, delete, async |behind| {
                let mut transaction = behind.begin_with("BEGIN IMMEDIATE").await.expect("it begins");
                for rows in rows.chunks(at_once) {
                    let query = sqlx::query(AssertSqlSafe(text.as_str()));
                    let query = rows.iter().flatten().fold(query, |query, value| match value {
                        Value::Integer(v) => query.bind(*v),
                        Value::Real(v) => query.bind(*v),
                        Value::Text(v) => query.bind(v.as_str()),
                        Value::Blob(v) => query.bind(v.as_slice()),
                        Value::Null => query.bind(None::<i64>),
                    });
                    query.execute(&mut *transaction).await.expect("it stores");
                }
                transaction.commit().await.expect("it commits");
            });
        });
    }
    group.finish();
}

async fn delete(behind: &mut SqliteConnection) {
    sqlx::raw_sql("DELETE FROM sample; DELETE FROM sample_hour").execute(behind).await.expect("it clears");
}

/// The latest hundred samples of a device and the last six hours, in tables of three sizes.
///
/// The tables have 100 000, a million and ten million samples. The samples have no sensor data: the
/// growth is the same, and ten million of them fit on a disk.
fn growth(c: &mut Criterion) {
    let (url, runtime) = (url(), runtime());
    let blind = |sample: Sample| {
        let inspection = Inspection { tof: None, spectral: None, ..sample.inspection };
        Sample { tof: None, spectrum: None, inspection, ..sample }
    };
    let seen: Vec<_> = samples(1000).into_iter().map(blind).collect();
    let device = seen[0].key.device_id;
    let mut latest = SampleQuery::newest(100.try_into().expect("not zero"));
    latest.device_id = Some(device);
    let stores = [100_000, 1_000_000, 10_000_000].map(|rows| (rows, runtime.block_on(filled(&url, &seen, rows))));
    let mut group = c.benchmark_group("growth");
    group.sample_size(50).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    for (rows, store) in &stores {
        group.bench_function(format!("latest 100 of a device, {rows} samples"), |b| {
            b.iter(|| runtime.block_on(store.query(&latest)).expect("it answers"));
        });
    }
    for (rows, store) in &stores {
        let end = Timestamp::from_micros(BEGIN + rows / 20 * 5_000_000).expect("in range");
        let before = Timestamp::from_micros(end.micros() - 6 * 3_600_000_000).expect("in range");
        let shift = HourlyQuery::new(Hour::of(before), Hour::of(end)).expect("six hours");
        group.bench_function(format!("six hours of all devices, {rows} samples"), |b| {
            b.iter(|| runtime.block_on(store.hourly(&shift)).expect("it answers"));
        });
    }
    group.finish();
}

/// The time of the line's first sample, in microseconds.
const BEGIN: i64 = 1_794_000_000_000_000;

/// A store with `rows` samples in a separate schema, which is filled if it is not yet.
///
/// Each station has a sample every five seconds, so ten million samples are a month of twenty
/// stations.
async fn filled(url: &str, seen: &[Sample], rows: i64) -> PostgresStore {
    let schema = format!("bench_{rows}");
    let (store, mut behind) = opened(url, &schema).await;
    let count = format!("SELECT count(*) FROM {schema}.sample");
    let mut count: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut behind).await.expect("it counts");
    while count < rows {
        let batch = |first: i64| -> Vec<_> {
            let later = |(k, sample): (i64, &Sample)| {
                let timestamp = Timestamp::from_micros(BEGIN + (first + k) / 20 * 5_000_000).expect("in range");
                Sample { key: SampleKey { timestamp, ..sample.key }, ..sample.clone() }
            };
            (0..).zip(seen).map(later).collect()
        };
        let two = [batch(count), batch(count + 1000)];
        let [one, other] = two.each_ref().map(|batch| store.insert(batch));
        let (one, other) = futures_util::future::join(one, other).await;
        one.and(other).expect("it stores");
        count += 2000;
    }
    // The maintenance that the database would do by itself some time later.
    let tidy = format!("VACUUM ANALYZE {schema}.sample");
    sqlx::query(AssertSqlSafe(tidy)).execute(&mut behind).await.expect("it does");
    sqlx::raw_sql("CHECKPOINT").execute(&mut behind).await.expect("it does");
    store
}

/// The latest sample from the cache, beside a direct read from the library behind it.
fn cached(c: &mut Criterion) {
    let runtime = runtime();
    let sample = Arc::new(samples(1).remove(0));
    let key = CacheKey::of_device(CacheKind::LatestSample, sample.key.device_id, "latest");
    let cache: ReadThrough<Sample, _> = ReadThrough::new(CacheKind::LatestSample, 1000, SystemClock);
    runtime.block_on(cache.keep(&key, &sample));
    let bare: moka::sync::Cache<CacheKey, Arc<Sample>> = moka::sync::Cache::new(1000);
    bare.insert(key.clone(), Arc::clone(&sample));
    let mut group = c.benchmark_group("latest sample");
    group.bench_function("the clock alone", |b| b.iter(|| black_box(SystemClock.now())));
    group.bench_function("SQAL, peek", |b| {
        b.iter(|| {
            cache.peek(black_box(&key)).or_else(|| {
                runtime.block_on(cache.keep(&key, &sample));
                None
            })
        });
    });
    group.bench_function("moka, get", |b| b.iter(|| bare.get(black_box(&key))));
    group.finish();
}

criterion_group!(benches, postgres, sustained, sqlite, growth, cached);
criterion_main!(benches);
