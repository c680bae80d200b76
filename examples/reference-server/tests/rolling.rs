//! Stations and clients continue while the server is restarted and killed, and loses its services.
//!
//! The services are its database and its cache. A short run is part of the tests;
//! `cargo xtask rolling` is the long one. The seed is printed, and can be given with
//! `SQAL_ROLLING_SEED`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a soak says its seed and what it has seen")]

#[path = "../../../sqal-storage/tests/servers/postgres.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod postgres;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use device_simulator::Summary;
use postgres::Postgres;
use process::{Redis, Server, free_address, now};
use sqal_storage::{PostgresStore, SampleQuery, SampleStore};
use tokio::sync::watch;

#[expect(clippy::disallowed_methods, reason = "how a soak is told its length")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// `SplitMix64` (Steele, Lea and Flood 2014), which is good enough to choose failures.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// Stations that send until they are stopped, each as a task of its own.
struct Stations {
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<Summary>>,
    runtime: tokio::runtime::Runtime,
}

impl Stations {
    fn start(server: &Server, count: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stop = watch::Sender::new(false);
        let tasks = (0..count)
            .map(|seed| {
                let mut config = server.station(seed);
                config.interval = Duration::from_secs(1);
                let mut stopped = stop.subscribe();
                runtime.spawn(async move {
                    let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
                    device_simulator::run(&config, now, stopped).await.unwrap()
                })
            })
            .collect();
        Self { stop, tasks, runtime }
    }

    fn stop(self) -> Vec<Summary> {
        self.stop.send_replace(true);
        self.runtime.block_on(async {
            let mut all = Vec::new();
            for task in self.tasks {
                all.push(task.await.unwrap());
            }
            all
        })
    }
}

/// Sends valid and invalid requests until it is stopped, and counts the answers by request and
/// status.
fn ask_on(address: String, stop: Arc<AtomicBool>) -> JoinHandle<BTreeMap<(&'static str, u16), u64>> {
    std::thread::spawn(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(70)))
            .build()
            .into();
        let mut seen = BTreeMap::new();
        let frame: String = fixtures::DOCUMENTED_FRAME.split_whitespace().collect();
        while !stop.load(Ordering::Relaxed) {
            for (name, path, body) in [
                ("latest", "/api/v1/samples/latest", None),
                ("devices", "/api/v1/devices", None),
                ("hours", "/api/v1/aggregates/hourly", None),
                ("batch", "/api/v1/samples:batch", Some(frame.as_str())),
                ("bad query", "/api/v1/samples?limit=0", None),
                ("no such path", "/api/v1/nothing", None),
            ] {
                let url = format!("http://{address}{path}");
                let answer = match body {
                    Some(body) => agent.post(&url).send(body),
                    None => agent.get(&url).call(),
                };
                // A server that does not run gives no answer.
                let Ok(mut answer) = answer else { continue };
                let status = answer.status().as_u16();
                if matches!(status, 429 | 503) {
                    assert!(answer.headers().contains_key("retry-after"), "{name}: {status} without Retry-After");
                }
                // A kill may truncate a body.
                let _ = answer.body_mut().read_to_string();
                *seen.entry((name, status)).or_default() += 1;
            }
        }
        seen
    })
}

/// The ids of all samples of the database, as they were acknowledged.
fn stored(postgres: &Postgres) -> HashSet<String> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = PostgresStore::open(&postgres.config()).await.unwrap();
        let mut query = SampleQuery::newest(NonZeroU16::new(500).unwrap());
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        loop {
            let page = store.query(&query).await.unwrap();
            for sample in &page.items {
                assert!(ids.insert(sample.id().to_string()), "a sample is stored twice");
                assert!(names.insert((sample.key.device_id, sample.key.name)), "a sample has two ids");
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return ids,
            }
        }
    })
}

#[expect(clippy::too_many_lines, reason = "one story, in the order in which it happens")]
#[test]
fn nothing_acknowledged_is_lost_over_restarts_kills_and_failures() {
    let cycles = number("SQAL_ROLLING_CYCLES").unwrap_or(4);
    let stations = number("SQAL_ROLLING_STATIONS").unwrap_or(20);
    let seed = number("SQAL_ROLLING_SEED").unwrap_or_else(sqal_resilience::fresh_seed);
    println!("rolling: {cycles} restarts, {stations} stations, SQAL_ROLLING_SEED={seed}");
    let mut dice = Dice(seed);
    let mut postgres = Postgres::start();
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let mut redis = Redis::start(&port);
    let (address, data) = (free_address(), tempfile::tempdir().unwrap());
    let (database, cache) = (postgres.url.clone(), format!("redis://127.0.0.1:{port}/0"));
    // All stations connect from one address here.
    let settings =
        [("DATABASE_URL", database.as_str()), ("REDIS_URL", cache.as_str()), ("SQAL_CONNECTIONS_PER_MINUTE", "0")];
    let start = || Server::start_with(&settings, data.path(), &address);
    let mut server = start();
    let line = Stations::start(&server, stations);
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..2).map(|_| ask_on(address.clone(), Arc::clone(&over))).collect();
    let taken = |server: &Server| {
        let metrics = server.get("/metrics").1;
        let count = metrics
            .as_str()
            .unwrap()
            .lines()
            .find_map(|line| line.strip_prefix("sample_processing_duration_seconds_count "));
        count.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    for cycle in 0..cycles {
        // Waits until the line is running.
        let much = stations + stations / 2;
        while taken(&server) < much {}
        match dice.below(3) {
            0 => {
                postgres.kill();
                let before = taken(&server);
                while taken(&server) < before + much / 2 {}
                postgres.run();
            }
            1 => {
                redis.kill();
                redis = Redis::start(&port);
            }
            _ => {}
        }
        if cycle % 2 == 0 {
            let (log, orderly) = server.terminate();
            assert!(orderly, "{log}");
            let mut rest = log.as_str();
            for said in [
                "Shutdown signal received (SIGTERM)",
                "Rejecting new requests (503)",
                "All requests completed",
                "Closing WebSocket connections (",
                "Closing database pool",
                "Closing Redis cache",
                "Graceful shutdown completed in ",
            ] {
                let at = rest.find(said).unwrap_or_else(|| panic!("{said:?} is missing or out of order in:\n{log}"));
                rest = &rest[at + said.len()..];
            }
        } else {
            server.kill();
        }
        server = start();
    }
    while taken(&server) < stations {}
    let summaries = line.stop();
    over.store(true, Ordering::Relaxed);
    let mut seen = BTreeMap::<_, u64>::new();
    for client in clients {
        for (what, count) in client.join().unwrap() {
            *seen.entry(what).or_default() += count;
        }
    }
    // The spooled samples are moved to the database.
    while !server.get("/metrics").1.as_str().unwrap().contains("spool_samples_waiting 0") {}
    assert!(server.terminate().1);

    let stored = stored(&postgres);
    let acknowledged: Vec<_> = summaries.iter().flat_map(|summary| &summary.ids).collect();
    let lost = acknowledged.iter().filter(|id| !stored.contains(id.as_str())).count();
    let connections: u64 = summaries.iter().map(|summary| summary.connections).sum();
    println!(
        "rolling: {} acknowledged over {connections} connections, {} stored, {lost} lost, 0 twice; answers: {seen:?}",
        acknowledged.len(),
        stored.len()
    );
    assert_eq!(lost, 0);
    assert!(summaries.iter().all(|summary| summary.rejected == 0));
    assert!(acknowledged.len() as u64 >= cycles * stations, "{} acknowledged", acknowledged.len());
    for ((what, status), _) in seen {
        let allowed: &[u16] = match what {
            "bad query" => &[400, 429, 503],
            "no such path" => &[404, 503],
            // A client may ask before the first sample exists.
            "latest" => &[200, 404, 429, 503],
            _ => &[200, 429, 503],
        };
        assert!(allowed.contains(&status), "{what}: {status}");
    }
}
