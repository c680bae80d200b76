//! Random kills: the writing process with `kill -9`, the database with `kill -9`, stopped at once,
//! or frozen for a while; no acknowledged sample is lost.
//!
//! A short run is part of the tests. `cargo xtask soak` runs it for longer. It prints its seed, and
//! `SQAL_SOAK_SEED` sets the seed of a run.
#![cfg(all(feature = "conformance", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a soak says its seed, and a child what was acknowledged")]

mod servers;

use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use servers::Postgres;
use sqal_core::{Name, Sample};
use sqal_resilience::Backoff;
use sqal_storage::conformance::scored;
use sqal_storage::{
    BatchWriter, PostgresStore, SampleQuery, SampleStore, SqliteStore, WriterConfig,
    postgres::PostgresConfig,
    samples::{Hour, Hourly, HourlyQuery},
    sqlite::SqliteConfig,
};

const CHILD: &str = "SQAL_SOAK_CHILD";
const NOVEMBER: i64 = 1_794_000_000_000_000; // 2026-11-06

#[expect(clippy::disallowed_methods, reason = "how a soak is told its length, and its child what to do")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The k-th sample of a producer in a life of the process.
fn nth(life: i64, producer: i64, k: i64) -> Sample {
    scored(&format!("ESP32_{producer:03}"), NOVEMBER + life * 3_000_000 + k, &format!("{life}-{k}"), 0.5)
}

/// The life of a process: eight producers, each of which prints what was acknowledged. It ends when
/// the process is killed.
async fn live(store: Arc<dyn SampleStore>, life: i64) {
    let backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200)).unwrap();
    let two = NonZeroUsize::new(2).unwrap();
    let mut config = WriterConfig::usual();
    config.commits = two;
    config.backoff = backoff;
    config.tries = 10_000;
    let (handle, _writer) = BatchWriter::start(store, config);
    let producers: Vec<_> = (0..8)
        .map(|producer| {
            let handle = handle.clone();
            tokio::spawn(async move {
                for k in 0.. {
                    let receipt = handle.submit(Box::new(nth(life, producer, k))).await.unwrap();
                    receipt.outcome().await.unwrap();
                    // One write per line, so that a kill leaves whole lines.
                    let line = format!("\nacknowledged {life} {producer} {k}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
}

fn spawn(test: &str, place: &str, life: i64) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, format!("{life} {place}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// Reads acknowledgements until there are `more` more, or the child has ended.
fn read(lines: &mut BufReader<std::process::ChildStdout>, acknowledged: &mut Vec<Sample>, more: Option<usize>) {
    let until = more.map(|more| acknowledged.len() + more);
    let mut line = String::new();
    while until.is_none_or(|until| acknowledged.len() < until) {
        line.clear();
        if lines.read_line(&mut line).unwrap() == 0 {
            assert!(until.is_none(), "the child has ended by itself");
            return;
        }
        // A line that the kill cut has no end and is ignored.
        let Some(said) = line.strip_prefix("acknowledged ").and_then(|said| said.strip_suffix('\n')) else { continue };
        let numbers: Vec<i64> = said.split(' ').map(|number| number.parse().unwrap()).collect();
        acknowledged.push(nth(numbers[0], numbers[1], numbers[2]));
    }
}

/// The random state of a soak, printed at its start.
struct Soak {
    state: u64,
    cycles: u32,
}

impl Soak {
    fn begin() -> Self {
        let cycles = variable("SQAL_SOAK_CYCLES").map_or(5, |cycles| cycles.parse().unwrap());
        let seed = variable("SQAL_SOAK_SEED").map_or_else(sqal_resilience::fresh_seed, |seed| seed.parse().unwrap());
        println!("soak: {cycles} cycles, SQAL_SOAK_SEED={seed}");
        Self { state: seed, cycles }
    }

    /// `SplitMix64` (Steele, Lea and Flood 2014): good enough to choose which process to kill.
    fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// Every acknowledged sample is stored, none twice, and the hours agree with the samples.
async fn check(store: &dyn SampleStore, acknowledged: &[Sample]) {
    let mut query = SampleQuery::newest(1000.try_into().unwrap());
    let mut stored = std::collections::HashMap::new();
    loop {
        let page = store.query(&query).await.unwrap();
        for sample in page.items {
            assert!(stored.insert(sample.id(), sample).is_none(), "a sample is there twice");
        }
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    let lost = acknowledged.iter().filter(|sample| stored.get(&sample.id()) != Some(sample)).count();
    println!("soak: {} acknowledged, {} stored, {lost} lost", acknowledged.len(), stored.len());
    assert_eq!(lost, 0);
    let expected = Hourly::of(stored.values());
    let hour = |micros| Hour::of(sqal_core::Timestamp::from_micros(micros).unwrap());
    let hours = HourlyQuery::new(hour(NOVEMBER), hour(NOVEMBER + 1000 * 3_600_000_000)).unwrap();
    assert_eq!(store.hourly(&hours).await.unwrap(), expected);
    let one = Name::new("ESP32_003").unwrap();
    let of_one = stored.values().filter(|sample| sample.key.device_id == one);
    assert_eq!(store.hourly(&hours.of_device(one)).await.unwrap(), Hourly::of(of_one));
}

#[test]
fn random_kills_of_our_process_and_of_postgres_lose_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(told) = variable(CHILD) {
        let (life, url) = told.split_once(' ').unwrap();
        runtime.block_on(async {
            let config = PostgresConfig::new(url).unwrap();
            // The database may be starting, as after a power cut of both.
            let store = loop {
                match PostgresStore::open(&config).await {
                    Ok(store) => break store,
                    Err(error) => assert!(error.is_transient(), "{error:?}"),
                }
            };
            live(Arc::new(store), life.parse().unwrap()).await;
        });
    }
    let (mut soak, mut server, mut acknowledged) = (Soak::begin(), Postgres::start(), Vec::new());
    let test = "random_kills_of_our_process_and_of_postgres_lose_nothing";
    let mut life = 0;
    let (mut child, mut lines) = spawn(test, &server.url, life);
    for _ in 0..soak.cycles {
        let count = 1 + usize::try_from(soak.below(300)).unwrap();
        read(&mut lines, &mut acknowledged, Some(count));
        let what = soak.below(5);
        if what != 3 && what != 4 {
            child.kill().unwrap();
        }
        match what {
            0 => {}
            1 => server.kill(),
            2 => server.stop_immediately(),
            3 => {
                server.kill();
                server.run();
            }
            _ => {
                server.signal_all(rustix::process::Signal::STOP);
                // No sample can be acknowledged now. The wait is real time, so that calls of the
                // child are in progress.
                #[expect(clippy::disallowed_methods, reason = "how long another process is frozen")]
                let begun = std::time::SystemTime::now();
                let a_while = Duration::from_millis(soak.below(700));
                while begun.elapsed().is_ok_and(|passed| passed < a_while) {
                    std::thread::yield_now();
                }
                server.signal_all(rustix::process::Signal::CONT);
            }
        }
        if what < 3 {
            child.wait().unwrap();
            read(&mut lines, &mut acknowledged, None);
            if what != 0 {
                server.run();
            }
            life += 1;
            (child, lines) = spawn(test, &server.url, life);
        }
    }
    read(&mut lines, &mut acknowledged, Some(100));
    child.kill().unwrap();
    child.wait().unwrap();
    read(&mut lines, &mut acknowledged, None);
    runtime.block_on(async { check(&PostgresStore::open(&server.config()).await.unwrap(), &acknowledged).await });
}

#[test]
fn random_kills_of_our_process_with_the_embedded_store_lose_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let open = async |folder: &Path| SqliteStore::open(&SqliteConfig::at(folder.join("samples.db"))).await.unwrap();
    if let Some(told) = variable(CHILD) {
        let (life, folder) = told.split_once(' ').unwrap();
        runtime.block_on(async { live(Arc::new(open(Path::new(folder)).await), life.parse().unwrap()).await });
    }
    let (mut soak, mut acknowledged) = (Soak::begin(), Vec::new());
    let folder = tempfile::tempdir().unwrap();
    for life in 0..i64::from(soak.cycles) {
        let test = "random_kills_of_our_process_with_the_embedded_store_lose_nothing";
        let (mut child, mut lines) = spawn(test, folder.path().to_str().unwrap(), life);
        let count = 1 + usize::try_from(soak.below(300)).unwrap();
        read(&mut lines, &mut acknowledged, Some(count));
        child.kill().unwrap();
        child.wait().unwrap();
        read(&mut lines, &mut acknowledged, None);
    }
    runtime.block_on(async { check(&open(folder.path()).await, &acknowledged).await });
}
