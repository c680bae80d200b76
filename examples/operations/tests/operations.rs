//! `sqal` as an operator runs it, on a file and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use fixtures::strategy;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sha2::{Digest, Sha256};
use sqal_core::{Name, Sample, Timestamp};
use sqal_storage::{
    Cache, Inserted, PostgresStore, Redis, RedisCache, Register, SampleStore, SqliteStore,
    cache::{CacheKey, CacheKind},
    labels::Labels,
    postgres::PostgresConfig,
    register::Entry,
    sqlite::SqliteConfig,
};

fn sqal(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_sqal")).args(arguments).env_remove("DATABASE_URL").output().unwrap();
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if output.status.success() { Ok(out.trim().to_owned()) } else { Err(error.trim().to_owned()) }
}

/// Samples of two devices, half of them from 2001.
fn samples() -> Vec<Sample> {
    let mut runner = TestRunner::deterministic();
    let mut samples = prop::collection::vec(strategy::sample(), 200).new_tree(&mut runner).unwrap().current();
    for (k, sample) in (0_i64..).zip(&mut samples) {
        let year = if k % 2 == 0 { 1_794_000_000_000_000 } else { 1_000_000_000_000_000 };
        sample.key.timestamp = Timestamp::from_micros(year + k * 1_000_000).unwrap();
        sample.key.device_id = Name::new(["ESP32_001", "ESP32_002"][usize::try_from(k / 2 % 2).unwrap()]).unwrap();
    }
    samples
}

/// A decision on a profile.
fn decision() -> Entry {
    let at = Timestamp::from_micros(1_794_000_000_000_000).unwrap();
    let (kind, name) = (Name::new("profile").unwrap(), Name::new("foie").unwrap());
    Entry {
        kind,
        name,
        version: 1,
        body: "{}".to_owned(),
        at,
        by: Some(Name::new("marie").unwrap()),
        labels: Labels::new(),
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// The story of all commands on one kind of database; `scratch` is an empty database of that kind.
fn story(database: &str, scratch: &str, backup: &str) {
    let sound = sqal(&["verify", "--database", database]).unwrap();
    assert!(sound.starts_with("sound: 200 samples, sum ") && sound.contains("audit log of 1 lines"), "{sound}");
    let sum = sound.split("sum ").nth(1).unwrap().split(';').next().unwrap().to_owned();

    let said = sqal(&["backup", "--database", database, "--to", backup]).unwrap();
    assert!(said.starts_with("backed up into "), "{said}");
    assert!(sqal(&["backup", "--database", database, "--to", backup]).unwrap_err().contains("is there already"));
    let said = sqal(&["drill", "--database", database, "--scratch", scratch]).unwrap();
    assert!(said.starts_with(&format!("drill passed: 200 samples, sum {sum}")) && said.contains("(RTO)"), "{said}");

    assert_eq!(sqal(&["purge", "--database", database, "--dry-run"]).unwrap(), "would purge 100 samples and 2 hours");
    assert_eq!(sqal(&["purge", "--database", database]).unwrap(), "purged 100 samples and 2 hours");
    let export = sqal(&["export", "--database", database, "--device", "ESP32_002"]).unwrap();
    let exported: Vec<Sample> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported.len(), 50);
    let known = samples();
    assert!(exported.iter().all(|sample| known.contains(sample)));
    let erased = sqal(&["erase", "--database", database, "--device", "ESP32_002"]).unwrap();
    assert!(erased.starts_with("erased 50 samples"), "{erased}");
    let sound = sqal(&["verify", "--database", database]).unwrap();
    assert!(sound.starts_with("sound: 50 samples") && sound.contains("audit log of 3 lines"), "{sound}");

    let refused = sqal(&["restore", "--from", backup, "--database", database]).unwrap_err();
    assert!(refused.contains("--force"), "what is there is not replaced in silence: {refused}");
    let restored = sqal(&["restore", "--from", backup, "--database", database, "--force"]).unwrap();
    assert!(restored.starts_with(&format!("restored 200 samples, sum {sum}")), "{restored}");
    // Data that was erased after the backup is erased again, which adds a line to the audit log.
    assert!(restored.contains("erased again: 100 samples of ESP32_002"), "{restored}");
    // The audit log is that of the backup, and the restore is its next line. A head outside of the
    // database shows the difference.
    let sound = sqal(&["verify", "--database", database]).unwrap();
    assert!(sound.starts_with("sound: 100 samples") && sound.contains("audit log of 3 lines"), "{sound}");

    // A drill refuses to use the drilled database as its scratch database.
    assert!(
        sqal(&["drill", "--database", database, "--scratch", database, "--force"]).unwrap_err().contains("scratch")
    );
    assert!(
        sqal(&["drill", "--database", database, "--scratch", scratch]).is_err(),
        "the scratch database is not empty any more"
    );
    assert!(
        sqal(&["drill", "--database", database, "--scratch", scratch, "--force"])
            .unwrap()
            .starts_with("drill passed: 100")
    );

    let said = sqal(&["migrate", "--database", database]).unwrap();
    let version: i64 = said.rsplit(' ').next().unwrap().parse().unwrap();
    let (back, newest) = ((version - 1).to_string(), version.to_string());
    assert!(sqal(&["migrate", "--database", database, "--to", &back]).unwrap_err().contains("--force"));
    let said = sqal(&["migrate", "--database", database, "--to", &back, "--force"]).unwrap();
    assert_eq!(said, format!("schema version {back} of {newest}"));
    // Reading commands change nothing, and a backup of an older version is valid.
    assert_eq!(sqal(&["migrate", "--database", database]).unwrap(), format!("schema version {back} of {newest}"));
    assert!(sqal(&["verify", "--database", database]).unwrap_err().contains("sqal migrate --to"));
    sqal(&["backup", "--database", database, "--to", &format!("{backup}.old")]).unwrap();
    let said = sqal(&["migrate", "--database", database, "--to", &newest]).unwrap();
    assert_eq!(said, format!("schema version {newest} of {newest}"));
    assert!(sqal(&["verify", "--database", database]).unwrap().starts_with("sound: 100 samples"));
}

const MONDAY: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const TUESDAY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// Runs `sqal` with keys in its environment, and a text as its standard input.
fn sqal_with(keys: (&str, &str), input: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqal"));
    command.args(arguments).env_remove("DATABASE_URL");
    command.env("MASTER_ENCRYPTION_KEY", keys.0).env("LEGACY_ENCRYPTION_KEYS", keys.1);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if output.status.success() { Ok(out.trim().to_owned()) } else { Err(error.trim().to_owned()) }
}

/// The story of confidential fields: sealed, exported, under a new key, erased.
fn story_of_fields(database: &str) {
    let at = |command: &'static str| [command, "--database", database];
    let seal = |keys, field, value| {
        sqal_with(keys, value, &[&at("seal")[..], &["--subject", "user 7", "--field", field]].concat()).unwrap()
    };
    let export = |keys| sqal_with(keys, "", &[&at("export")[..], &["--subject", "user 7"]].concat());
    assert!(seal((MONDAY, ""), "name", "Marie Ménard\n").starts_with("sealed name of user 7 with the key "));
    seal((TUESDAY, MONDAY), "mail", "m@example.org");
    assert_eq!(
        export((TUESDAY, MONDAY)).unwrap(),
        "{\"field\":\"mail\",\"subject\":\"user 7\",\"value\":\"m@example.org\"}\n\
         {\"field\":\"name\",\"subject\":\"user 7\",\"value\":\"Marie Ménard\"}"
    );
    // Bytes stay unchanged, and with `--exact` the end of a line is kept.
    sqal_with(
        (TUESDAY, MONDAY),
        "k\n",
        &[&at("seal")[..], &["--subject", "user 8", "--field", "key", "--exact"]].concat(),
    )
    .unwrap();
    let exact = sqal_with((TUESDAY, MONDAY), "", &[&at("export")[..], &["--subject", "user 8"]].concat()).unwrap();
    assert_eq!(exact, r#"{"field":"key","subject":"user 8","value":"k\n"}"#);
    let missing = export((TUESDAY, "")).unwrap_err();
    assert!(missing.contains("1 confidential fields cannot be opened, the first: name of user 7"), "{missing}");
    assert!(export(("", "")).unwrap_err().contains("MASTER_ENCRYPTION_KEY"));
    let look = sqal_with((TUESDAY, MONDAY), "", &[&at("rotate")[..], &["--dry-run"]].concat()).unwrap();
    assert!(look.starts_with("1 fields are not under the master key ") && look.contains(", 1 under "), "{look}");
    assert!(sqal_with((TUESDAY, ""), "", &at("rotate")).unwrap_err().contains("cannot be opened"));
    let done = sqal_with((TUESDAY, MONDAY), "", &at("rotate")).unwrap();
    assert!(done.starts_with("sealed 1 fields anew; all are under the master key"), "{done}");
    // No field needs the old key any more.
    assert_eq!(export((TUESDAY, "")).unwrap().lines().count(), 2);
    let erased = sqal(&["erase", "--database", database, "--subject", "user 7"]).unwrap();
    assert_eq!(erased, "erased 2 fields of user 7");
    assert_eq!(export((TUESDAY, "")).unwrap(), "");
    assert!(sqal(&["verify", "--database", database]).unwrap().contains("audit log of "));
}

#[test]
fn the_story_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(path("sqal.db"))).await.unwrap();
        store.insert(&samples()).await.unwrap();
        assert!(store.add(&decision()).await.unwrap());
        store.close().await;
    });
    story(&path("sqal.db"), &path("scratch.db"), &path("monday.db"));
    story_of_fields(&path("sqal.db"));
    let refused = sqal(&["verify", "--database", &path("nothing.db")]).unwrap_err();
    assert!(refused.contains("nothing.db is not there"), "{refused}");
    // A damaged backup is not restored, nor is an empty file, a file of another program, or the
    // database file itself.
    let mut bytes = std::fs::read(path("monday.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(path("lost.db"), bytes).unwrap();
    std::fs::write(path("empty.db"), []).unwrap();
    std::fs::write(path("text.db"), "no database").unwrap();
    for from in ["lost.db", "empty.db", "text.db", "sqal.db"] {
        assert!(
            sqal(&["restore", "--from", &path(from), "--database", &path("sqal.db"), "--force"]).is_err(),
            "{from}"
        );
        assert!(from == "sqal.db" || sqal(&["verify", "--database", &path(from)]).is_err(), "{from}");
    }
    // A file that a server has open is not replaced.
    block_on(async {
        let server = SqliteStore::open(&SqliteConfig::at(path("sqal.db"))).await.unwrap();
        let refused =
            sqal(&["restore", "--from", &path("monday.db"), "--database", &path("sqal.db"), "--force"]).unwrap_err();
        assert!(refused.contains("is open"), "{refused}");
        server.close().await;
    });
    assert!(sqal(&["verify", "--database", &path("sqal.db")]).unwrap().starts_with("sound: 100 samples"));
    // A damaged row inside a sound file.
    let sample = samples().into_iter().find(|sample| sample.spectrum.is_some()).unwrap();
    let frame = sqal_storage::samples::encode_frame(sample.tof.as_ref(), sample.spectrum.as_ref());
    let mut bytes = std::fs::read(path("monday.db")).unwrap();
    let at = bytes.windows(frame.len()).position(|window| window == frame).unwrap();
    bytes[at + 3] ^= 1;
    std::fs::write(path("monday.db"), bytes).unwrap();
    let refused = sqal(&["verify", "--database", &path("monday.db")]).unwrap_err();
    assert!(refused.contains("1 samples are damaged"), "{refused}");
    assert!(sqal(&["export", "--database", &path("monday.db"), "--device", "ESP32_001"]).is_err());
}

/// The output of psql for a database.
fn psql(database: &str, text: &str) -> String {
    let program = format!("{}/psql", variable("SQAL_TEST_POSTGRES_PROGRAMS"));
    let output = Command::new(program).args(["--dbname", database, "-qAtc", text]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "how the test command tells tests where servers are")]
fn variable(name: &str) -> String {
    std::env::var(name).expect("run `cargo xtask test`, which starts PostgreSQL")
}

/// Creates a new database on the server.
fn create(name: &str) -> String {
    let (server, name) = (variable("SQAL_TEST_POSTGRES_URL"), format!("{name}_{}", std::process::id()));
    psql(&server, &format!("CREATE DATABASE {name}"));
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

fn fill(database: &str) {
    block_on(async {
        let store = PostgresStore::open(&PostgresConfig::new(database).unwrap()).await.unwrap();
        store.insert(&samples()).await.unwrap();
        assert!(store.add(&decision()).await.unwrap());
        store.close().await;
    });
}

/// The printed entry has the hash of the printed token.
#[test]
fn a_token_is_made_with_its_entry() {
    for (arguments, grant) in [
        (&["--device", "ESP32_001"][..], "{ device: \"ESP32_001\" }"),
        (&["--gateway"], "gateway"),
        (&["--role", "quality-engineer"], "{ role: quality_engineer }"),
    ] {
        let said = sqal(&[&["token", "--name", "line 3"], arguments].concat()).unwrap();
        let lines: Vec<_> = said.lines().collect();
        let token = lines[0].strip_prefix("token, shown this once: sqal_").unwrap();
        assert_eq!(token.len(), 43, "256 bits");
        assert_eq!((lines[2], lines[3]), ("  - name: \"line 3\"", format!("    grant: {grant}").as_str()));
        let hash = Sha256::digest(format!("sqal_{token}"))
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(lines[4], format!("    sha256: {hash}"));
    }
    assert!(sqal(&["token", "--name", "nobody"]).is_err());
    assert!(sqal(&["token", "--name", "both", "--gateway", "--role", "viewer"]).is_err());
}

#[test]
fn who_is_erased_is_forgotten_in_redis_too() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("sqal.db").display().to_string();
    block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(&database)).await.unwrap();
        store.insert(&samples()).await.unwrap();
        assert!(store.add(&decision()).await.unwrap());
        store.close().await;
    });
    // A database of the Redis server other than the one in its URL.
    let server = variable("SQAL_TEST_REDIS_URL");
    let url = format!("{}/7", server.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"));
    let erase = |redis: &str| {
        sqal(&["erase", "--database", &database, "--device", "ESP32_001", "--redis", redis]).map_err(|said| {
            assert!(said.contains("erased 0 samples") && said.contains("25 minutes"), "{said}");
        })
    };
    block_on(async {
        let redis = Redis::connect(&url).unwrap();
        // The connection is made while the first call waits, which on a busy machine is longer than
        // a call may take.
        let connected = async {
            while redis.ping().await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), connected).await.unwrap();
        let cache = RedisCache::new(&redis, "sqal");
        let key = CacheKey::of_line(CacheKind::DeviceStats, "statistics");
        let nothing = cache.get(&key).await.unwrap();
        cache.put(&key, nothing.stamp, Arc::from(*b"all devices"), Duration::from_mins(1)).await.unwrap();
        assert!(cache.get(&key).await.unwrap().cached.is_some());
        assert!(erase(&url).unwrap().starts_with("erased 100 samples"));
        assert!(cache.get(&key).await.unwrap().cached.is_none(), "it is forgotten");
        redis.close().await.unwrap();
    });
    // No program listens on this port: the error states what was done and what was not.
    erase("redis://127.0.0.1:1/").unwrap_err();
}

#[test]
fn the_story_of_a_postgres() {
    let (database, scratch) = (create("story"), create("scratch"));
    fill(&database);
    let folder = tempfile::tempdir().unwrap();
    story(&database, &scratch, folder.path().join("monday.dump").to_str().unwrap());
    story_of_fields(&database);
}

/// The story of all commands on a database with compressed chunks.
///
/// Run with `RUSTFLAGS="--cfg timescale"` on a server that has `TimescaleDB` (see
/// `sqal-storage/tests/timescale.rs`).
#[cfg_attr(timescale, test)]
#[cfg_attr(not(timescale), allow(dead_code, reason = "compiled, so that it does not rot"))]
fn the_story_of_a_hypertable() {
    let (database, scratch) = (create("chunks"), create("no_chunks"));
    for database in [&database, &scratch] {
        psql(database, "CREATE EXTENSION IF NOT EXISTS timescaledb");
    }
    fill(&database);
    psql(&database, "SELECT compress_chunk(c) FROM show_chunks('sample') c");
    let chunks = "SELECT count(*), count(*) FILTER (WHERE is_compressed) FROM timescaledb_information.chunks";
    assert_eq!(psql(&database, chunks), "2|2");
    let folder = tempfile::tempdir().unwrap();
    story(&database, &scratch, folder.path().join("monday.dump").to_str().unwrap());
    let jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name = 'sample'";
    for restored in [&database, &scratch] {
        assert_eq!(psql(restored, chunks), "2|2", "compressed as it was");
        assert_eq!(psql(restored, jobs), "1", "and goes on compressing");
        assert_eq!(psql(restored, "SHOW timescaledb.restoring"), "off");
        // The restored samples are recognised as duplicates, and a new sample is stored.
        block_on(async {
            let store = PostgresStore::open(&PostgresConfig::new(restored).unwrap()).await.unwrap();
            // The other device was erased, and stays erased.
            let mut samples: Vec<_> =
                samples().into_iter().filter(|sample| sample.key.device_id.as_str() == "ESP32_001").collect();
            assert_eq!(store.insert(&samples).await.unwrap(), [Inserted::Duplicate; 100]);
            samples[0].key.timestamp = Timestamp::from_micros(1_794_900_000_000_000).unwrap();
            assert_eq!(store.insert(&samples[..1]).await.unwrap(), [Inserted::Stored]);
            store.close().await;
        });
        assert_eq!(psql(restored, chunks), "3|2");
    }
    story_of_fields(&database);
}

/// Makes a SQLite file with the samples and a decision.
fn filled(path: &str) {
    block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(path)).await.unwrap();
        store.insert(&samples()).await.unwrap();
        assert!(store.add(&decision()).await.unwrap());
        store.close().await;
    });
}

/// Stores samples until it is dropped, while commands read the database.
struct RunningLine {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RunningLine {
    /// Starts a line on the store that `open` opens. It stores a sample every 2 ms, so that the
    /// duration of a command stays constant.
    fn on<S: SampleStore>(open: impl AsyncFnOnce() -> S + Send + 'static) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let end = Arc::clone(&end);
            move || {
                block_on(async {
                    let store = open().await;
                    let pattern = samples();
                    let mut tick = tokio::time::interval(Duration::from_millis(2));
                    for (number, sample) in (1_i64..).zip(pattern.iter().cycle()) {
                        if end.load(Ordering::Relaxed) {
                            break;
                        }
                        let mut sample = sample.clone();
                        let at = Timestamp::from_micros(1_794_500_000_000_000 + number * 1_000_000).unwrap();
                        sample.key.timestamp = at;
                        sample.key.name = Name::new(&format!("tray {number}")).unwrap();
                        assert_eq!(store.insert(&[sample]).await.unwrap(), [Inserted::Stored]);
                        tick.tick().await;
                    }
                });
            }
        });
        Self { end, thread: Some(thread) }
    }

    fn stop(mut self) {
        self.end.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Runs the reading commands repeatedly: none reports a running line as damaged.
fn looks(database: &str, scratch: &str) {
    for _ in 0..5 {
        let sound = sqal(&["verify", "--database", database]).unwrap();
        assert!(sound.starts_with("sound: "), "{sound}");
        let lines = sqal(&["export", "--database", database, "--device", "ESP32_001"]).unwrap().lines().count();
        assert!(lines >= 100, "{lines}");
    }
    for _ in 0..2 {
        let passed = sqal(&["drill", "--database", database, "--scratch", scratch, "--force"]).unwrap();
        assert!(passed.starts_with("drill passed: "), "{passed}");
    }
}

#[test]
fn a_running_line_on_a_file_is_never_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    filled(&path("sqal.db"));
    let database = path("sqal.db");
    let line = RunningLine::on(async move || SqliteStore::open(&SqliteConfig::at(database)).await.unwrap());
    looks(&path("sqal.db"), &path("scratch.db"));
    line.stop();
}

#[test]
fn a_running_line_on_a_database_is_never_called_damaged() {
    let (database, scratch) = (create("running"), create("running_scratch"));
    fill(&database);
    let url = database.clone();
    let line = RunningLine::on(async move || PostgresStore::open(&PostgresConfig::new(&url).unwrap()).await.unwrap());
    looks(&database, &scratch);
    line.stop();
}

/// Changes bytes of a file without the program's knowledge.
fn tamper(path: &str, old: &[u8], new: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[at..at + new.len()].copy_from_slice(new);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn heads_are_signed_kept_elsewhere_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (database, heads) = (path("sqal.db"), path("heads.ndjson"));
    filled(&database);
    let keys = (MONDAY, "");
    let run = |arguments: &[&str]| sqal_with(keys, "", arguments);
    let public = run(&["audit", "key"]).unwrap();
    assert_eq!(public.len(), 64);
    let head = sqal(&["audit", "head", "--database", &database]).unwrap();
    assert!(head.starts_with("1 ") && head.len() == 66, "{head}");
    let said = run(&["audit", "sign", "--database", &database, "--heads", &heads]).unwrap();
    assert!(said.contains("stated 1 lines") && said.contains("signed with"), "{said}");
    let said = run(&["audit", "sign", "--database", &database, "--heads", &heads]).unwrap();
    assert!(said.contains("and 0 hours"), "what did not change is not stated again: {said}");
    let compare = |key: &str| sqal(&["verify", "--database", &database, "--heads", &heads, "--public-key", key]);
    let sound = compare(&public).unwrap();
    assert!(sound.contains("compared with 2 heads, all signed by the given keys"), "{sound}");
    let sound = run(&["audit", "verify", "--database", &database, "--heads", &heads]).unwrap();
    assert!(sound.contains("all signed by the ring"), "{sound}");
    let other = sqal_with((TUESDAY, ""), "", &["audit", "key"]).unwrap();
    assert!(compare(&other).unwrap_err().contains("none of those that are trusted"));
    // After a rotation, the older key still verifies the heads that it signed.
    let rotated = sqal_with((TUESDAY, MONDAY), "", &["verify", "--database", &database, "--heads", &heads]);
    assert!(rotated.unwrap().contains("all signed by the ring"));

    // If a device is deleted with its hours, the database is consistent with itself, and only the
    // heads show the difference.
    block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(&database)).await.unwrap();
        let line = |_: sqal_storage::custody::Gone| sqal_storage::audit::Action {
            at: Timestamp::from_micros(1_794_000_000_000_001).unwrap(),
            actor: Name::new("quinn").unwrap(),
            category: Name::new("cleaning").unwrap(),
            what: Name::new("nothing special").unwrap(),
        };
        let device = Name::new("ESP32_002").unwrap();
        sqal_storage::Custody::erase_device(&store, &device, &line).await.unwrap();
        store.close().await;
    });
    assert!(sqal(&["verify", "--database", &database]).unwrap().starts_with("sound: 100 samples"));
    let missed = compare(&public).unwrap_err();
    assert!(missed.contains("of ESP32_002 has 0 samples"), "{missed}");

    // A changed line is named.
    tamper(&heads, b"\"decisions\":1", b"\"decisions\":0");
    assert!(compare(&public).unwrap_err().contains("line 1 of the heads"));
    std::fs::remove_file(&heads).unwrap();
    let said = sqal_with(("", ""), "", &["audit", "sign", "--database", &database, "--heads", &heads]).unwrap();
    assert!(said.ends_with("not signed"), "{said}");
    let unsigned = sqal_with(("", ""), "", &["verify", "--database", &database, "--heads", &heads]).unwrap();
    assert!(unsigned.contains("1 of them are not signed and prove nothing"), "{unsigned}");
    assert!(compare(&public).unwrap_err().contains("is not signed"));
}

#[test]
fn after_a_restore_that_is_stated_the_heads_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (database, heads, backup) = (path("sqal.db"), path("heads.ndjson"), path("monday.db"));
    filled(&database);
    sqal(&["backup", "--database", &database, "--to", &backup]).unwrap();
    let run = |arguments: &[&str]| sqal_with((MONDAY, ""), "", arguments);
    sqal(&["purge", "--database", &database]).unwrap();
    run(&["audit", "sign", "--database", &database, "--heads", &heads]).unwrap();
    let restore = ["restore", "--from", &backup, "--database", &database, "--force"];
    run(&restore).unwrap();
    let verify = ["verify", "--database", &database, "--heads", &heads];
    assert!(run(&verify).unwrap_err().contains("audit log"), "the log is another one");
    run(&[&restore[..], &["--heads", &heads]].concat()).unwrap();
    let sound = run(&verify).unwrap();
    assert!(sound.contains("compared with 2 heads") && sound.contains("nothing before the restore"), "{sound}");
}

#[test]
fn what_was_erased_stays_erased_when_the_database_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (database, backup) = (path("sqal.db"), path("monday.db"));
    filled(&database);
    let keys = (MONDAY, "");
    let seal = ["seal", "--database", &database, "--subject", "user 7", "--field", "name"];
    sqal_with(keys, "Marie", &seal).unwrap();
    sqal(&["backup", "--database", &database, "--to", &backup]).unwrap();
    sqal(&["erase", "--database", &database, "--device", "ESP32_001"]).unwrap();
    sqal(&["erase", "--database", &database, "--subject", "user 7"]).unwrap();
    let list = std::fs::read_to_string(path("erasures.ndjson")).unwrap();
    assert!(list.contains("ESP32_001") && !list.contains("user 7"), "a subject's name is personal: {list}");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{database}{end}"));
    }
    let said = sqal(&["restore", "--from", &backup, "--database", &database]).unwrap();
    assert!(said.contains("100 samples of ESP32_001") && said.contains("1 fields of a subject"), "{said}");
    assert!(!said.contains("NOT KNOWN"), "{said}");
    let export = sqal_with(keys, "", &["export", "--database", &database, "--subject", "user 7"]).unwrap();
    assert_eq!(export, "");
    // Without the file the erasure is unknown, and the command reports that.
    for name in ["sqal.db", "sqal.db-wal", "sqal.db-shm", "erasures.ndjson"] {
        let _ = std::fs::remove_file(path(name));
    }
    let said = sqal(&["restore", "--from", &backup, "--database", &database]).unwrap();
    assert!(said.contains("ERASURES AFTER THE BACKUP ARE NOT KNOWN"), "{said}");
}

/// A field that was moved to another subject cannot be opened, and a holder of its key detects
/// that.
#[test]
fn a_field_that_was_moved_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (database, backup) = (path("sqal.db"), path("backup.db"));
    filled(&database);
    let seal = ["seal", "--database", &database, "--subject", "user 7", "--field", "name"];
    sqal_with((MONDAY, ""), "Marie", &seal).unwrap();
    sqal(&["backup", "--database", &database, "--to", &backup]).unwrap();
    let verify = |keys| sqal_with(keys, "", &["verify", "--database", &backup]);
    assert!(verify((MONDAY, "")).unwrap().contains("1 confidential fields opened"));
    assert!(verify((TUESDAY, "")).unwrap().contains("1 are under keys that are not given"));
    assert!(verify(("", "")).unwrap().contains("confidential fields are not opened"));
    tamper(&backup, b"user 7", b"user 8");
    assert!(verify((MONDAY, "")).unwrap_err().contains("1 confidential fields cannot be opened"));
}

#[test]
fn a_backup_with_a_foreign_view_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    filled(&path("sqal.db"));
    sqal(&["backup", "--database", &path("sqal.db"), "--to", &path("backup.db")]).unwrap();
    // A view of equal length that shows A+ as the grade of every sample.
    tamper(&path("backup.db"), b" grade AS fusion_final_grade", b" 'A+'  AS fusion_final_grade");
    let refused = sqal(&["restore", "--from", &path("backup.db"), "--database", &path("new.db")]).unwrap_err();
    assert!(refused.contains("view sensor_samples is not as the schema makes it"), "{refused}");
    assert!(!folder.path().join("new.db").exists());
    assert!(sqal(&["verify", "--database", &path("backup.db")]).unwrap_err().contains("view sensor_samples"));
}

#[test]
fn a_dump_with_a_trigger_is_refused_by_name() {
    let (database, scratch) = (create("acting"), create("acting_scratch"));
    fill(&database);
    psql(
        &database,
        "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER quiet BEFORE INSERT ON register FOR EACH ROW EXECUTE FUNCTION quiet()",
    );
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("acting.dump").display().to_string();
    sqal(&["backup", "--database", &database, "--to", &dump]).unwrap();
    let refused = sqal(&["restore", "--from", &dump, "--database", &scratch]).unwrap_err();
    assert!(refused.contains("TRIGGER public register quiet"), "{refused}");
    assert!(sqal(&["verify", "--database", &database]).unwrap_err().contains("trigger register.quiet"));
}

/// A restore drops our views before it makes those of the backup.
#[test]
fn a_view_of_another_program_stays_and_a_restore_fails_over_its_name() {
    let (database, shared) = (create("views"), create("views_shared"));
    fill(&database);
    psql(&shared, "CREATE VIEW \"TaskFailure\" AS SELECT 7 AS theirs");
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("views.dump").display().to_string();
    sqal(&["backup", "--database", &database, "--to", &dump]).unwrap();
    let restore: [&str; 6] = ["restore", "--from", &dump, "--database", &shared, "--force"];
    for arguments in [&restore[..5], &restore[..]] {
        let refused = sqal(arguments).unwrap_err();
        assert!(refused.contains("TaskFailure"), "{refused}");
        assert_eq!(psql(&shared, "SELECT theirs FROM \"TaskFailure\""), "7");
    }
    psql(&shared, "DROP VIEW \"TaskFailure\"");
    for arguments in [&restore[..5], &restore[..]] {
        assert!(sqal(arguments).unwrap().starts_with("restored 200 samples"));
    }
}

#[cfg(unix)]
#[test]
fn backups_and_restored_files_are_for_one_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    filled(&path("sqal.db"));
    sqal(&["backup", "--database", &path("sqal.db"), "--to", &path("backup.db")]).unwrap();
    sqal(&["restore", "--from", &path("backup.db"), "--database", &path("new.db")]).unwrap();
    sqal(&["erase", "--database", &path("new.db"), "--device", "ESP32_001"]).unwrap();
    sqal(&["audit", "sign", "--database", &path("new.db"), "--heads", &path("heads.ndjson")]).unwrap();
    for name in ["backup.db", "new.db", "erasures.ndjson", "heads.ndjson"] {
        let mode = std::fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[test]
fn a_url_is_read_from_a_file_and_a_password_in_an_argument_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    filled(&path("sqal.db"));
    std::fs::write(path("url"), path("sqal.db") + "\n").unwrap();
    assert!(sqal(&["verify", "--database-url-file", &path("url")]).unwrap().starts_with("sound: 200"));
    let warned = sqal(&["verify", "--database", "postgres://u:hunter2@127.0.0.1:1/sqal"]).unwrap_err();
    assert!(warned.contains("a password stands on the command line") && !warned.contains("hunter2"), "{warned}");
}
