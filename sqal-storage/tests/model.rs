//! One random sequence of commands goes into the memory store and into a real store: all answers
//! must be equal.
#![cfg(all(feature = "conformance", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::NonZeroU16;

use fixtures::strategy;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqal_core::{Name, Sample, Timestamp};
use sqal_storage::{
    MemoryStore, SampleQuery, SampleStore, SqliteStore,
    samples::{Cursor, Hour, HourlyQuery},
    sqlite::SqliteConfig,
};

#[derive(Clone, Debug)]
enum Command {
    Insert(Vec<Sample>),
    /// Samples of an earlier batch again, with others between them.
    InsertAgain(prop::sample::Index, Vec<Sample>),
    /// Another reading with the key of an earlier sample, before and after the earlier one, with
    /// others around them.
    InsertAnother(prop::sample::Index, Vec<Sample>),
    Get(prop::sample::Index),
    Page {
        device: Option<prop::sample::Index>,
        after: Option<prop::sample::Index>,
        limit: u16,
    },
    Hourly {
        device: Option<prop::sample::Index>,
        around: prop::sample::Index,
        hours: i64,
    },
    /// The store is closed and opened.
    Reopen,
}

/// Any sample, from few devices and often from the same hours.
fn sample() -> impl Strategy<Value = Sample> {
    (strategy::sample(), 0..3_usize, prop_oneof![4 => (0..30_000_000_000_i64).prop_map(Some), 1 => Just(None)])
        .prop_map(|(mut sample, device, micros)| {
            sample.key.device_id = Name::new(["ESP32_001", "ESP32_00", "é 100 % \"'\\"][device]).unwrap();
            if let Some(micros) = micros {
                sample.key.timestamp = Timestamp::from_micros(1_780_000_000_000_000 + micros).unwrap();
            }
            sample
        })
}

fn command() -> impl Strategy<Value = Command> {
    let index = any::<prop::sample::Index>;
    let batch = || prop::collection::vec(sample(), 0..5);
    prop_oneof![
        4 => batch().prop_map(Command::Insert),
        2 => (index(), batch()).prop_map(|(at, batch)| Command::InsertAgain(at, batch)),
        1 => (index(), batch()).prop_map(|(at, batch)| Command::InsertAnother(at, batch)),
        2 => index().prop_map(Command::Get),
        3 => (prop::option::of(index()), prop::option::of(index()), 1..6_u16)
            .prop_map(|(device, after, limit)| Command::Page { device, after, limit }),
        3 => (prop::option::of(index()), index(), 0..200_i64)
            .prop_map(|(device, around, hours)| Command::Hourly { device, around, hours }),
        1 => Just(Command::Reopen),
    ]
}

/// A store that can be opened again.
trait Reopen {
    type Store: SampleStore;
    async fn open(&self) -> Self::Store;
}

async fn compare<R: Reopen>(place: R, commands: Vec<Command>) {
    let (mut store, model) = (place.open().await, MemoryStore::new());
    let mut seen: Vec<Sample> = Vec::new();
    for command in commands {
        match command {
            Command::Insert(batch) => {
                assert_eq!(store.insert(&batch).await.unwrap(), model.insert(&batch).await.unwrap());
                seen.extend(batch);
            }
            Command::InsertAgain(at, mut batch) => {
                if !seen.is_empty() {
                    let again = at.get(&seen).clone();
                    let middle = batch.len() / 2;
                    batch.insert(middle, again.clone());
                    batch.push(again);
                }
                assert_eq!(store.insert(&batch).await.unwrap(), model.insert(&batch).await.unwrap());
                seen.extend(batch);
            }
            Command::InsertAnother(at, mut batch) => {
                // The known sample may be a new one too: then the first of the batch is stored, and
                // the second is the conflict.
                let all = [seen.as_slice(), batch.as_slice()].concat();
                if all.is_empty() {
                    continue;
                }
                let known = at.get(&all).clone();
                let mut another = known.clone();
                another.meta.temperature_c = Some(another.meta.temperature_c.unwrap_or_default() + 1.0);
                batch.insert(batch.len() / 2, another.clone());
                batch.extend([known, another]);
                assert_eq!(store.insert(&batch).await.unwrap(), model.insert(&batch).await.unwrap());
                seen.extend(batch);
            }
            Command::Get(_) | Command::Page { .. } | Command::Hourly { .. } if seen.is_empty() => {}
            Command::Get(at) => {
                let id = at.get(&seen).id();
                assert_eq!(store.get(&id).await.unwrap(), model.get(&id).await.unwrap());
            }
            Command::Page { device, after, limit } => {
                let mut query = SampleQuery::newest(NonZeroU16::new(limit).unwrap());
                query.device_id = device.map(|at| at.get(&seen).key.device_id);
                query.after = after.map(|at| Cursor::of(at.get(&seen)));
                assert_eq!(store.query(&query).await.unwrap(), model.query(&query).await.unwrap());
            }
            Command::Hourly { device, around, hours } => {
                let middle = around.get(&seen).key.timestamp.micros();
                let at = |hours: i64| Timestamp::from_micros(middle + hours * 3_600_000_000).map(Hour::of);
                let (Ok(from), Ok(until)) = (at(-hours / 2), at(hours)) else { continue };
                let query = HourlyQuery::new(from, until).unwrap();
                let query = device.map_or(query, |at| query.of_device(at.get(&seen).key.device_id));
                assert_eq!(store.hourly(&query).await.unwrap(), model.hourly(&query).await.unwrap());
                assert_eq!(store.by_device(&query).await.unwrap(), model.by_device(&query).await.unwrap());
            }
            Command::Reopen => store = place.open().await,
        }
    }
}

fn run<R: Reopen>(cases: u32, place: impl Fn() -> R) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    TestRunner::new(Config::with_cases(cases))
        .run(&prop::collection::vec(command(), 1..20), |commands| {
            runtime.block_on(compare(place(), commands));
            Ok(())
        })
        .unwrap();
}

impl Reopen for tempfile::TempDir {
    type Store = SqliteStore;
    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&SqliteConfig::at(self.path().join("samples.db"))).await.unwrap()
    }
}

impl Reopen for sqal_storage::postgres::PostgresConfig {
    type Store = sqal_storage::PostgresStore;
    async fn open(&self) -> Self::Store {
        sqal_storage::PostgresStore::open(self).await.unwrap()
    }
}

#[test]
fn sqlite_is_indistinguishable_from_the_model() {
    run(24, || tempfile::tempdir().unwrap());
}

#[test]
fn postgres_is_indistinguishable_from_the_model() {
    run(24, || {
        let mut config = servers::fresh_schema();
        (config.writers, config.readers) = (std::num::NonZeroU32::MIN, std::num::NonZeroU32::MIN);
        config
    });
}
