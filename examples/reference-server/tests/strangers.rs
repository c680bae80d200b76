//! Independent tools against the real server: schemathesis, WebSocket, promtool, Prometheus.
//!
//! schemathesis sends all calls that the API description allows and forbids. A WebSocket library of
//! another language acts as a device. promtool checks the metrics, and a Prometheus scrapes them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
mod prometheus;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use process::{Server, run};
use prometheus::Prometheus;

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

/// Asks a Prometheus until a query has a value. The query is written as in a URL.
fn until(prometheus: &Prometheus, query: &str, wanted: &str) {
    prometheus.until(&format!("/api/v1/query?query={query}"), |data| data["result"][0]["value"][1] == wanted);
}

#[test]
fn a_prometheus_scrapes_it() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let text = format!(
        "scrape_configs:\n  - job_name: sqal\n    scrape_interval: 1s\n    static_configs:\n      - targets: [\"{}\"]\n",
        server.address
    );
    // Prometheus scrapes after its start, and then every second.
    let prometheus = Prometheus::start(&tool("SQAL_TEST_PROMETHEUS"), &text, &[], data.path());
    for (query, wanted) in [
        ("up", "1"),
        ("websocket_messages_received_total", "100"),
        ("sum(sample_processing_duration_seconds_count)", "100"),
        // Some samples have a score, and no series has an unknown grade:
        // `count(sample_quality_score_count{grade!~"A[+]|A|B|C|REJECT"}) or vector(0)`.
        ("sum(sample_quality_score_count)%20%3E%20bool%200", "1"),
        ("count(sample_quality_score_count%7Bgrade!~%22A%5B%2B%5D%7CA%7CB%7CC%7CREJECT%22%7D)%20or%20vector(0)", "0"),
        ("circuit_breaker_state%7Bname%3D%22database%22%7D", "0"),
    ] {
        until(&prometheus, query, wanted);
    }
}

/// MET-46: the shipped configuration is valid, and scrapes a server by both documented conventions.
/// The targets are this server instead of the plant's.
#[test]
fn met_46_the_shipped_scrape_configuration_scrapes_a_server() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus/prometheus.yml");
    let told = Command::new(tool("SQAL_TEST_PROMTOOL")).args(["check", "config", shipped]).output().unwrap();
    let said = [told.stdout, told.stderr].concat();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&said));
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let text = std::fs::read_to_string(shipped).unwrap();
    let text = ["backend:8000", "api:5000"].iter().fold(text, |text, target| {
        assert!(text.contains(target), "{target} is no target of the configuration");
        text.replace(target, &server.address)
    });
    let prometheus = Prometheus::start(&tool("SQAL_TEST_PROMETHEUS"), &text, &[], data.path());
    for job in ["gaveurs-backend", "atmr-backend-http"] {
        until(&prometheus, &format!("up%7Bjob%3D%22{job}%22%7D"), "1");
        until(&prometheus, &format!("websocket_messages_received_total%7Bjob%3D%22{job}%22%7D"), "100");
    }
}
