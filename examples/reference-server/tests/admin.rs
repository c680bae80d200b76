//! The listener of administrators: which callers it lets in, CPU and heap profiles, one at a time,
//! ended by callers that leave and by the end of the server, and the weekly profiles.
#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use process::{Server, free_address};
use serde_json::Value;
use sqal_http::TokenHash;
use sqal_storage::{Custody, SqliteStore, sqlite::SqliteConfig};
use tempfile::TempDir;

/// The program that also takes heap profiles.
#[cfg(feature = "heap")]
const HEAP_PROFILED: &str = env!("CARGO_BIN_EXE_sqal-server-heap");

/// An answer of the listener.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn is_packed(&self) -> bool {
        self.body.starts_with(&[0x1f, 0x8b])
    }
}

/// Asks the listener at an address for a path, with these lines in the head of the request.
fn ask(address: &str, path: &str, lines: &str) -> Answer {
    let mut stream = begin(address, path, lines);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer {
        status: head[9..12].parse().unwrap(),
        headers: head.lines().filter_map(header).collect(),
        body: answer.split_off(end + 4),
    }
}

/// Sends a request, and leaves the answer in the connection.
fn begin(address: &str, path: &str, lines: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let host = if lines.contains("Host: ") { String::new() } else { format!("Host: {address}\r\n") };
    write!(stream, "GET {path} HTTP/1.1\r\n{host}Connection: close\r\n{lines}\r\n").unwrap();
    stream
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A server with its listener of administrators.
struct Plant {
    server: Server,
    admin: String,
    data: TempDir,
}

impl Plant {
    /// A server whose every caller may do everything.
    fn open(variables: &[(&str, &str)]) -> Self {
        let (data, admin) = (tempfile::tempdir().unwrap(), free_address());
        let variables = [&[("SQAL_ADMIN_LISTEN", admin.as_str()), ("SQAL_CALLS_PER_MINUTE", "0")], variables].concat();
        let server = Server::start_with(&variables, data.path(), "127.0.0.1:0");
        Self { server, admin, data }
    }

    /// A server with tokens: that of `ada`, an administrator, is `ada-token`; an engineer `quinn`,
    /// a viewer `vera` and a station `cam` have theirs.
    fn with_tokens(variables: &[(&str, &str)]) -> Self {
        let (data, admin) = (tempfile::tempdir().unwrap(), free_address());
        let file = data.path().join("tokens.yaml");
        let mut text = "tokens:\n".to_owned();
        for (name, grant) in [
            ("ada", "{ role: administrator }"),
            ("quinn", "{ role: quality_engineer }"),
            ("vera", "{ role: viewer }"),
            ("cam", "{ device: D1 }"),
        ] {
            let hash = TokenHash::of(&format!("{name}-token"));
            writeln!(text, "  - name: {name}\n    grant: {grant}\n    sha256: {hash}").unwrap();
        }
        std::fs::write(&file, text).unwrap();
        let tokens = [("SQAL_ADMIN_LISTEN", admin.as_str()), ("SQAL_TOKENS_FILE", file.to_str().unwrap())];
        let server = Server::start_with(&[&tokens[..], variables].concat(), data.path(), "127.0.0.1:0");
        Self { server, admin, data }
    }

    fn ask_as(&self, token: &str, path: &str) -> Answer {
        ask(&self.admin, path, &bearer(token))
    }

    fn ask(&self, path: &str) -> Answer {
        ask(&self.admin, path, "")
    }

    /// A connection on which a profile of 300 seconds is being taken: another one is refused.
    fn long_profile(&self) -> TcpStream {
        until(|| {
            let stream = begin(&self.admin, "/debug/pprof/profile?seconds=300", "");
            // If this one comes first, the long one is refused, and its connection is given up.
            let is_busy = self.ask("/debug/pprof/profile?seconds=1").status == 503;
            stream.set_nonblocking(true).unwrap();
            let has_no_answer = stream.peek(&mut [0]).is_err();
            stream.set_nonblocking(false).unwrap();
            (is_busy && has_no_answer).then_some(stream)
        })
    }
}

/// Asks until there is an answer.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    (0..1_000_000).find_map(|_| ask()).expect("the server comes to it")
}

/// The lines of the audit log about profiles, with their actors.
fn audited(data: &Path) -> Vec<String> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(data.join("sqal.db"))).await.unwrap();
        let entries = store.audit(0, 1_000).await.unwrap();
        store.close().await;
        let profiles =
            entries.into_iter().map(|entry| entry.action).filter(|action| action.category.as_str() == "profile");
        profiles.map(|action| format!("{}: {}", action.actor.as_str(), action.what.as_str())).collect()
    })
}

const PATHS: [&str; 6] = [
    "/debug/pprof/",
    "/debug/pprof/profile?seconds=1",
    "/debug/pprof/heap",
    "/debug/profiles",
    "/debug/profiles/report",
    "/nothing",
];

#[test]
fn administrators_alone_are_let_in_and_stations_and_browsers_see_nothing_of_it() {
    let plant = Plant::with_tokens(&[("SQAL_SIGN_INS_PER_MINUTE", "0")]);
    for path in PATHS {
        let stranger = plant.ask(path);
        assert_eq!((stranger.status, stranger.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert_eq!(plant.ask_as("wrong", path).status, 401, "{path}");
        for token in ["quinn-token", "vera-token", "cam-token"] {
            assert_eq!(plant.ask_as(token, path).status, 403, "{token} {path}");
        }
        assert_eq!(plant.server.get_as("ada-token", path).0, 404, "{path} is not at the address of the server");
    }
    let statuses = PATHS.map(|path| plant.ask_as("ada-token", path).status);
    assert_eq!(statuses, [200, 200, 404, 200, 200, 404]);
    let (log, orderly) = plant.server.terminate();
    assert!(orderly && log.contains(&format!("http://{}/debug/pprof/", plant.admin)), "{log}");
    assert_eq!(audited(plant.data.path()), ["ada: CPU profile of 1 s at 100 Hz"], "refused callers begin none");
}

#[test]
fn an_address_that_guesses_tokens_is_slowed_down() {
    let plant = Plant::with_tokens(&[]);
    let statuses: Vec<_> =
        (0..6).map(|guess| plant.ask_as(&format!("guess-{guess}"), "/debug/pprof/").status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}

#[test]
fn of_two_profiles_at_once_one_is_taken_and_the_other_is_told_when_to_come_back() {
    const PATH: &str = "/debug/pprof/profile?seconds=3&frequency=250";
    let plant = Plant::open(&[]);
    let mut answers = std::thread::scope(|scope| {
        [0, 1].map(|_| scope.spawn(|| plant.ask(PATH))).map(|asking| asking.join().unwrap())
    });
    answers.sort_by_key(|answer| answer.status);
    let [taken, refused] = &answers;
    assert_eq!((taken.status, refused.status), (200, 503));
    assert!(taken.is_packed(), "a gzipped protobuf");
    assert_eq!(taken.header("content-disposition"), "attachment; filename=\"cpu.pb.gz\"");
    assert_eq!((taken.header("cache-control"), taken.header("x-content-type-options")), ("no-store", "nosniff"));
    let problem = refused.json();
    assert_eq!(problem["type"], "/problems/busy", "{problem}");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3).contains(&seconds), "{problem}");
    // The turn is free again.
    assert_eq!(plant.ask("/debug/pprof/profile?seconds=1").status, 200);
    plant.server.terminate();
    let lines = ["anybody: CPU profile of 3 s at 250 Hz", "anybody: CPU profile of 1 s at 100 Hz"];
    assert_eq!(audited(plant.data.path()), lines, "a refused profile was not begun");
}

#[test]
fn a_caller_that_leaves_ends_its_profile() {
    let plant = Plant::open(&[]);
    drop(plant.long_profile());
    until(|| (plant.ask("/debug/pprof/profile?seconds=1").status == 200).then_some(()));
}

#[test]
fn the_end_of_the_server_ends_a_profile() {
    let plant = Plant::open(&[]);
    let mut stream = plant.long_profile();
    let (log, orderly) = plant.server.terminate();
    assert!(orderly, "{log}");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("/problems/shutting-down"), "{answer}");
}

#[test]
fn every_value_of_a_query_that_is_not_valid_is_named() {
    let plant = Plant::open(&[]);
    let told = plant.ask("/debug/pprof/profile?seconds=301&frequency=0");
    let problem = told.json();
    let named: Vec<_> = problem["violations"].as_array().unwrap().iter().map(|found| &found["pointer"]).collect();
    assert_eq!(told.status, 400);
    assert_eq!(named, ["?seconds", "?frequency"], "{problem}");
    for (path, name) in [("?format=html", "?format"), ("?format=text&language=de", "?language")] {
        let told = plant.ask(&format!("/debug/profiles/report{path}"));
        assert_eq!((told.status, &told.json()["violations"][0]["pointer"]), (400, &name.into()), "{path}");
    }
}

/// The browser of an administrator reaches the listener, and so do the pages in it.
#[test]
fn a_page_of_another_site_takes_no_profile_of_a_server_without_tokens() {
    let plant = Plant::open(&[]);
    for lines in ["Host: evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", "X-Forwarded-For: 192.0.2.1\r\n"] {
        assert_eq!(ask(&plant.admin, "/debug/pprof/profile?seconds=1", lines).status, 403, "{lines}");
    }
    for lines in ["Host: localhost\r\n", "Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: same-origin\r\n"] {
        let page = ask(&plant.admin, "/debug/pprof/", lines);
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{lines}");
        // Every link of the page leads to something; this server has no heap profiler.
        for link in page.text().split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let path =
                format!("/debug/pprof/{link}").replace("pprof/../", "").replace("&amp;", "&").replace("=30", "=1");
            let expected = if link == "heap" { 404 } else { 200 };
            assert_eq!(plant.ask(&path).status, expected, "{path}");
        }
    }
}

#[test]
fn prf_01_prf_02_a_weekly_profile_is_kept_and_reported_in_both_languages() {
    let plant = Plant::open(&[("PROFILING_DURATION_SECONDS", "1")]);
    assert_eq!(plant.ask("/debug/profiles").json()["items"], Value::Array(vec![]));
    assert_eq!(plant.server.post("/api/v1/schedules/weekly-profiling/run", "").0, 202);
    let record = until(|| plant.ask("/debug/profiles").json()["items"].get(0).cloned());
    assert_eq!((&record["frequency_hz"], &record["previous"]), (&100.into(), &Value::Null), "{record}");
    assert!(record["functions"].as_array().is_some_and(|functions| functions.len() <= 10), "{record}");
    assert!(record["process"]["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{record}");
    assert!(record["system"]["memory_total_bytes"].is_u64(), "{record}");
    let json = plant.ask("/debug/profiles/report").json();
    assert_eq!(json["profiles"][0]["week"], record["week"], "{json}");
    assert!(json["recommendations"][0]["french"].is_string(), "{json}");
    for (language, title) in [("en", "Profiles of the server: "), ("fr", "Profils du serveur: ")] {
        let told = plant.ask(&format!("/debug/profiles/report?format=text&language={language}"));
        assert_eq!(
            (told.header("content-language"), told.header("content-type")),
            (language, "text/plain; charset=utf-8")
        );
        assert!(told.text().starts_with(title), "{}", told.text());
    }
    let done = until(|| {
        let (_, schedule) = plant.server.get("/api/v1/schedules/weekly-profiling");
        (schedule["last"]["state"] == "succeeded").then_some(schedule)
    });
    assert_eq!((&done["frequency"], &done["kind"]), (&"weekly".into(), &"run_weekly_profiling".into()), "{done}");
}

#[test]
fn a_server_without_a_weekly_profile_has_no_schedule_for_one() {
    let plant = Plant::open(&[("PROFILING_DURATION_SECONDS", "0")]);
    assert_eq!(plant.server.get("/api/v1/schedules/weekly-profiling").0, 404);
}

#[test]
fn an_address_that_is_taken_is_told_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_sqal-server"))
        .args(["--address", "127.0.0.1:0", "--admin-listen", &address, "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{log}");
    assert!(log.contains(&address) && log.contains("choose another with --admin-listen"), "{log}");
}

#[cfg(feature = "heap")]
#[test]
fn a_heap_profile_is_taken_if_the_allocator_profiles_and_otherwise_its_remedy_is_told() {
    const CONFIG: &str = "prof:true,prof_active:true,lg_prof_sample:19";
    for (config, status) in [("prof:false", 404), ("prof:true,prof_active:false", 404), (CONFIG, 200)] {
        let (data, admin) = (tempfile::tempdir().unwrap(), free_address());
        let variables = [("_RJEM_MALLOC_CONF", config), ("SQAL_ADMIN_LISTEN", admin.as_str())];
        let server = Server::start_program(HEAP_PROFILED, &variables, data.path(), "127.0.0.1:0");
        let answer = ask(&admin, "/debug/pprof/heap", "");
        assert_eq!(answer.status, status, "{config}");
        if status == 200 {
            assert!(answer.is_packed());
            assert_eq!(answer.header("content-disposition"), "attachment; filename=\"heap.pb.gz\"");
        } else {
            let problem = answer.json();
            assert!(problem["detail"].as_str().unwrap().contains(&format!("_RJEM_MALLOC_CONF={CONFIG}")), "{problem}");
        }
        // A CPU profile is taken beside it.
        assert_eq!(ask(&admin, "/debug/pprof/profile?seconds=1&frequency=1000", "").status, 200, "{config}");
        server.terminate();
        let lines = audited(data.path());
        assert_eq!(lines.contains(&"anybody: heap profile".to_owned()), status == 200, "{lines:?}");
    }
}

#[cfg(not(feature = "heap"))]
#[test]
fn a_server_without_a_heap_profiler_names_the_program_that_has_one() {
    let told = Plant::open(&[]).ask("/debug/pprof/heap");
    assert_eq!(told.status, 404);
    assert!(told.text().contains("sqal-server-heap"), "{}", told.text());
}
