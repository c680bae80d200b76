//! Tests specific to TimescaleDB: chunks that are compressed and dropped.
//!
//! No package of Debian contains it, so these tests need a server that the developer provides. They
//! are always compiled, and run with
//! `RUSTFLAGS="--cfg timescale" SQAL_TEST_POSTGRES_URL=… cargo test -p sqal-storage --all-features
//! --test timescale`.
//! The laws, the model and the key rotation run on such a server unchanged
//! (`--test laws --test model --test confidential`).
#![cfg(all(feature = "conformance", feature = "postgres"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg_attr(
    not(timescale),
    allow(dead_code, reason = "compiled, so that it does not rot; run where there is a TimescaleDB")
)]

mod servers;

use std::num::{NonZeroU16, NonZeroU32};

use sqal_core::{Name, Timestamp};
use sqal_storage::conformance::scored;
use sqal_storage::{
    Custody, Inserted, PostgresStore, SampleQuery, SampleStore,
    audit::Action,
    custody::{Gone, Purge},
    postgres::{PostgresConfig, Timescale},
    samples::{Hour, HourlyQuery},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const DAY: i64 = 86_400_000_000;
/// 2026-11-01.
const NOVEMBER: i64 = 1_793_491_200_000_000;

async fn ask<T>(text: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut connection = PgConnection::connect(&servers::variable("SQAL_TEST_POSTGRES_URL")).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut connection).await.unwrap()
}

async fn open(config: &PostgresConfig) -> PostgresStore {
    let store = PostgresStore::open(config).await.unwrap();
    assert_eq!(store.timescale(), Timescale::Community, "a server with TimescaleDB under its community licence");
    store
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

#[cfg_attr(timescale, tokio::test)]
async fn a_policy_is_set_once_and_changed_when_the_setting_does() {
    let mut config = servers::fresh_schema();
    let name = format!("{config:?}").split("schema: \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let jobs = format!(
        "SELECT coalesce(string_agg(job_id || ' ' || (config->>'compress_after'), ','), '') FROM timescaledb_information.jobs
         WHERE hypertable_schema = '{name}'"
    );
    open(&config).await.close().await;
    let first: String = ask(&jobs).await;
    assert!(first.ends_with(" 7 days") && !first.contains(','), "{first}");
    open(&config).await.close().await;
    assert_eq!(ask::<String>(&jobs).await, first, "told the same again it changes nothing");
    config.compress_after_days = NonZeroU32::new(30);
    open(&config).await.close().await;
    let second: String = ask(&jobs).await;
    assert!(second.ends_with(" 30 days") && !second.contains(','), "{second}");
    config.compress_after_days = None;
    open(&config).await.close().await;
    assert_eq!(ask::<String>(&jobs).await, second, "nothing is taken away by who does not ask for it");
}

/// Compressed chunks are read, accept late samples and duplicates, are erased from and purged, and
/// all sums still agree.
#[cfg_attr(timescale, tokio::test)]
async fn what_is_compressed_is_kept_like_everything_else() {
    let config = servers::fresh_schema();
    let name = format!("{config:?}").split("schema: \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let store = open(&config).await;
    let samples: Vec<_> = (0..200)
        .map(|k| scored(["a", "b"][usize::try_from(k % 2).unwrap()], NOVEMBER + k * DAY / 40, &format!("{k}"), 0.5))
        .collect();
    store.insert(&samples).await.unwrap();
    let compress = format!("SELECT count(compress_chunk(c)) FROM show_chunks('{name}.sample') c");
    assert_eq!(ask::<i64>(&compress).await, 5);

    let everything = SampleQuery::newest(NonZeroU16::MAX);
    let mut page = store.query(&everything).await.unwrap();
    page.items.reverse();
    assert_eq!(page.items, samples);
    assert_eq!(store.get(&samples[7].id()).await.unwrap().as_ref(), Some(&samples[7]));
    // By COPY, and one by one: known samples are duplicates.
    assert_eq!(store.insert(&samples).await.unwrap(), [Inserted::Duplicate; 200]);
    assert_eq!(store.insert(&samples[3..5]).await.unwrap(), [Inserted::Duplicate; 2]);
    let late = scored("a", NOVEMBER + 1, "late", 0.25);
    assert_eq!(store.insert(std::slice::from_ref(&late)).await.unwrap(), [Inserted::Stored]);

    let span = HourlyQuery::new(Hour::of(at(NOVEMBER)), Hour::of(at(NOVEMBER + 5 * DAY))).unwrap();
    let counted: u64 = store.hourly(&span).await.unwrap().iter().map(|hour| hour.tally.samples()).sum();
    assert_eq!(counted, 201);

    let line = |gone: Gone| Action {
        at: at(NOVEMBER),
        actor: Name::new("test").unwrap(),
        category: Name::new("gdpr_purge").unwrap(),
        what: Name::new(&format!("{} samples", gone.samples)).unwrap(),
    };
    // Two chunks and a half.
    let purge = Purge { samples_before: at(NOVEMBER + 5 * DAY / 2), hours_before: Hour::of(at(0)) };
    assert_eq!(store.would_purge(&purge).await.unwrap().samples, 101);
    assert_eq!(store.purge(&purge, &line).await.unwrap().samples, 101);
    assert_eq!(ask::<i64>(&format!("SELECT count(*) FROM show_chunks('{name}.sample')")).await, 3);
    let erased = store.erase_device(&Name::new("b").unwrap(), &line).await.unwrap();
    assert_eq!(erased.samples, 50);
    let left = store.query(&everything).await.unwrap().items;
    assert_eq!(left.len(), 50);
    assert!(
        left.iter().all(|sample| sample.key.device_id.as_str() == "a" && sample.key.timestamp >= purge.samples_before)
    );
}
