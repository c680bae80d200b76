//! Independent tools against the real server: schemathesis, WebSocket, promtool, Prometheus.
//!
//! schemathesis sends all calls that the API description allows and forbids. A WebSocket library of
//! another language acts as a device. promtool checks the metrics, and a Prometheus scrapes them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use process::{Server, free_address, run};
use serde_json::Value;

#[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
fn tool(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("run `cargo xtask test`, which sets {variable}"))
}

/// A server with an administrator and a gateway, without quotas, and with a hundred samples.
fn server(data: &Path) -> Server {
    let file = data.join("tokens.yaml");
    let entry = |name: &str, grant: &str| {
        format!("  - name: {name}\n    grant: {grant}\n    sha256: {}\n", sqal_http::TokenHash::of(name))
    };
    std::fs::write(
        &file,
        format!("tokens:\n{}{}", entry("administrator", "{ role: administrator }"), entry("gateway", "gateway")),
    )
    .unwrap();
    let settings = [
        ("SQAL_TOKENS_FILE", file.to_str().unwrap()),
        ("SQAL_CALLS_PER_MINUTE", "0"),
        ("SQAL_SIGN_INS_PER_MINUTE", "0"),
    ];
    let server = Server::start_with(&settings, data, "127.0.0.1:0");
    let mut station = server.station(1);
    (station.count, station.token) = (Some(100), Some("gateway".to_owned()));
    assert_eq!(run(&station).persisted, 100);
    server
}

/// All checks of schemathesis, with examples from the description and sequences of dependent calls.
/// Endless responses (events) and those that are not JSON (the page) are left out.
#[test]
fn schemathesis_finds_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/strangers");
    let ask = |token: &str, paths: &[&str]| {
        let told = Command::new(tool("SQAL_TEST_SCHEMATHESIS"))
            .args(["--config-file", &format!("{here}/schemathesis.toml"), "--no-color", "run"])
            .arg(format!("http://{}/openapi/v1.json", server.address))
            .args([
                "--checks",
                "all",
                "--max-examples",
                "50",
                "--seed",
                "1",
                "--header",
                &format!("Authorization: Bearer {token}"),
            ])
            .args(paths)
            .env("SCHEMATHESIS_HOOKS", format!("{here}/schemathesis_hooks.py"))
            .current_dir(data.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.status.success(), "{said}\n{}", String::from_utf8_lossy(&told.stderr));
        let summary = said.lines().find(|line| line.contains(" generated, ")).unwrap_or_default().to_owned();
        println!("schemathesis as {token}: {}", summary.trim());
        let tested = said.lines().find_map(|line| line.trim().strip_prefix("Tested: ")).unwrap();
        tested.parse::<u32>().unwrap()
    };
    let left_out = ["/api/v1/events", "/api/v1/samples:batch", "/docs"].map(|path| ["--exclude-path", path]).concat();
    assert!(ask("administrator", &left_out) >= 43);
    assert_eq!(ask("gateway", &["--include-path", "/api/v1/samples:batch"]), 1);
}

/// A client library that shares no code with the server: every way of writing, and every close code
/// that a client can cause.
#[test]
fn an_independent_websocket_client_sees_what_is_documented() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let frame = data.path().join("frame.json");
    std::fs::write(&frame, fixtures::DOCUMENTED_FRAME).unwrap();
    let python = Path::new(&tool("SQAL_TEST_SCHEMATHESIS")).with_file_name("python");
    let told = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/strangers/websocket_client.py"))
        .args([&format!("ws://{}/ws/sensors", server.address), frame.to_str().unwrap(), "gateway"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.status.success(), "{said}\n{}", String::from_utf8_lossy(&told.stderr));
    assert_eq!(said.lines().count(), 22, "{said}");
}

#[test]
fn promtool_reads_the_metrics_without_a_complaint() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let metrics = server.get("/metrics").1;
    let mut promtool = Command::new(tool("SQAL_TEST_PROMTOOL"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_str().unwrap().as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let said = [said.stdout, said.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
}

/// A Prometheus process for one test.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_prometheus_scrapes_it() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let (address, config) = (free_address(), data.path().join("prometheus.yml"));
    let text = format!(
        "scrape_configs:\n  - job_name: sqal\n    scrape_interval: 1s\n    static_configs:\n      - targets: [\"{}\"]\n",
        server.address
    );
    std::fs::write(&config, text).unwrap();
    let _prometheus = Prometheus(
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", &tool("SQAL_TEST_PROMETHEUS"), "--config.file"])
            .arg(&config)
            .args(["--web.listen-address", &address, "--storage.tsdb.path"])
            .arg(data.path().join("tsdb"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let value = |query: &str| -> Option<String> {
        let mut answer = agent.get(format!("http://{address}/api/v1/query?query={query}")).call().ok()?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    };
    // Prometheus scrapes after its start, and then every second.
    let begun = process::now().micros();
    let until = |query: &str, wanted: &str| {
        while value(query).as_deref() != Some(wanted) {
            assert!(process::now().micros() - begun < 60_000_000, "{query} is {:?} after a minute", value(query));
        }
    };
    until("up", "1");
    until("websocket_messages_received_total", "100");
    until("sum(sample_processing_duration_seconds_count)", "100");
    // Some samples have a score, and no series has an unknown grade:
    // `count(sample_quality_score_count{grade!~"A[+]|A|B|C|REJECT"}) or vector(0)`.
    until("sum(sample_quality_score_count)%20%3E%20bool%200", "1");
    until("count(sample_quality_score_count%7Bgrade!~%22A%5B%2B%5D%7CA%7CB%7CC%7CREJECT%22%7D)%20or%20vector(0)", "0");
    until("circuit_breaker_state%7Bname%3D%22database%22%7D", "0");
}
