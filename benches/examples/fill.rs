//! Fills an empty database with judged samples of twenty stations.
//!
//! Usage: `fill <SQLite file or URL of PostgreSQL> <how many>`.
#![allow(clippy::print_stdout, reason = "a program for people")]

#[path = "../benches/line/mod.rs"]
mod line;

use std::sync::Arc;

use sqal_core::{Sample, SampleKey, Timestamp};
use sqal_storage::{PostgresStore, SampleStore, SqliteStore, postgres::PostgresConfig, sqlite::SqliteConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [place, count] = arguments.as_slice() else { return Err("usage: fill <database> <samples>".into()) };
    let count: i64 = count.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store: Arc<dyn SampleStore> = if place.contains("://") {
            Arc::new(PostgresStore::open(&PostgresConfig::new(place)?).await?)
        } else {
            Arc::new(SqliteStore::open(&SqliteConfig::at(place)).await?)
        };
        // There are twenty thousand different samples, because repeated ones would compress better
        // than those of a real line.
        let seen = line::samples(20_000);
        for first in (0..count).step_by(1000) {
            // Each station has a sample every five seconds.
            let later = |(k, sample): (i64, &Sample)| -> Result<Sample, sqal_core::timestamp::InvalidTimestamp> {
                let timestamp = Timestamp::from_micros(1_794_000_000_000_000 + (first + k) / 20 * 5_000_000)?;
                Ok(Sample { key: SampleKey { timestamp, ..sample.key }, received_at: timestamp, ..sample.clone() })
            };
            let from = usize::try_from(first)? % seen.len();
            let batch: Result<Vec<_>, _> = (0..(count - first).min(1000)).zip(&seen[from..]).map(later).collect();
            store.insert(&batch?).await?;
        }
        println!("{place} holds {count} samples more");
        Ok(())
    })
}
