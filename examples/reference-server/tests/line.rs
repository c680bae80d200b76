//! The whole line: recordings and simulated products through a real server.
//!
//! It includes kills, restarts and an orderly end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::collections::HashSet;

use process::{Redis, Server, free_address, never_set, run, run_with_clock};

/// The proof of the line: every recorded frame of real sensors is sent, acknowledged and stored as
/// a row.
#[test]
fn recorded_captures_of_real_sensors_are_sent_acknowledged_and_stored_one_for_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(1);
    config.replay = true;
    let summary = run(&config);
    assert_eq!((summary.measured, summary.persisted, summary.duplicate, summary.rejected), (45, 45, 0, 0));

    let samples = server.samples();
    assert_eq!(samples.len(), 45);
    let stored: HashSet<_> = samples.iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert!(summary.ids.iter().all(|id| stored.contains(id.as_str())));
    // Raw data and analysis: the recorded numbers are stored, and the verdict gives its reasons.
    for sample in &samples {
        assert_eq!(sample["vl53l8ch"]["distance_matrix"].as_array().unwrap().len(), 8);
        assert!(sample["as7341"]["full_scale"].as_u64().unwrap() > 0);
        assert!(sample["fusion"]["explanation"]["en"].as_str().unwrap().contains("REJECT"), "{}", sample["fusion"]);
    }
    let verdicts: Vec<_> =
        samples.iter().rev().step_by(20).map(|s| s["fusion"]["explanation"]["en"].as_str().unwrap()).collect();
    println!("three verdicts on recorded readings:\n{}", verdicts.join("\n"));
}

/// SIM-01: products are read through bus, device and driver, then analysed, fused and stored by the
/// server. The drivers are published crates.
#[test]
fn products_read_over_i2c_by_the_drivers_of_others_are_graded_and_stored() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let (mut wired, mut direct) = (server.station(5), server.station(5));
    (wired.i2c, wired.count, wired.device_id) = (true, Some(60), "WIRED".to_owned());
    (direct.count, direct.device_id) = (Some(60), "DIRECT".to_owned());
    assert_eq!((run(&wired).persisted, run(&direct).persisted), (60, 60));
    let samples = server.samples();
    let of = |device: &str| -> Vec<_> { samples.iter().filter(|s| s["device_id"] == device).collect() };
    let (wired, direct) = (of("WIRED"), of("DIRECT"));
    // The products are equal. The driver's loss (fractions of a millimetre) changes hardly any
    // grade.
    let same = wired.iter().zip(&direct).filter(|(a, b)| a["fusion"]["final_grade"] == b["fusion"]["final_grade"]);
    let same = same.count();
    println!("same grade over I2C: {same} of 60");
    assert!(same >= 50, "{same} of 60");
    for (a, b) in wired.iter().zip(&direct) {
        let volume = |s: &serde_json::Value| s["vl53l8ch"]["volume_mm3"].as_f64();
        if let (Some(a), Some(b)) = (volume(a), volume(b)) {
            assert!((a - b).abs() < 0.6 * 6300.0, "{a} {b}");
        }
        let dark = |s: &serde_json::Value| s["as7341"].is_null();
        assert_eq!(dark(a), dark(b));
    }
}

#[test]
fn simulated_products_get_grades_and_their_truth_is_exported() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(5);
    config.count = Some(60);
    config.truth = Some(data.path().join("truth.jsonl"));
    let summary = run(&config);
    assert_eq!(summary.persisted, 60);
    let samples = server.samples();
    let grades: HashSet<_> = samples.iter().map(|s| s["fusion"]["final_grade"].as_str().unwrap().to_owned()).collect();
    assert!(grades.contains("REJECT") && grades.len() >= 3, "{grades:?}");

    // The truth of every sample is exported, and most volumes lie within two standard uncertainties
    // of it.
    let text = std::fs::read_to_string(config.truth.unwrap()).unwrap();
    let (mut within, mut known) = (0, 0);
    for line in text.lines() {
        let truth: serde_json::Value = serde_json::from_str(line).unwrap();
        let sample = samples.iter().find(|s| s["sample_id"] == truth["sample_id"]).unwrap();
        let block = &sample["vl53l8ch"];
        if let (Some(v), Some(u)) = (block["volume_mm3"].as_f64(), block["uncertainty"]["volume_mm3"].as_f64()) {
            known += 1;
            within += usize::from((v - truth["volume_mm3"].as_f64().unwrap()).abs() <= 2.0 * u);
        }
    }
    assert!(known >= 55 && within * 10 >= known * 8, "{within} of {known}");
}

/// A server is killed repeatedly without warning while a station sends. Every acknowledged sample
/// is stored, once.
#[test]
fn every_acknowledged_sample_survives_kills_and_restarts() {
    survives_kills_and_restarts(&[]);
}

/// A server with a PostgreSQL is killed repeatedly without warning while a station sends. Every
/// acknowledged sample is stored, once.
#[test]
fn every_acknowledged_sample_survives_kills_and_restarts_with_postgres() {
    survives_kills_and_restarts(&[("DATABASE_URL", &postgres())]);
}

/// The URL of the test's PostgreSQL.
fn postgres() -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where servers are")]
    let url = std::env::var("SQAL_TEST_POSTGRES_URL");
    url.expect("run `cargo xtask test`, which starts PostgreSQL")
}

fn survives_kills_and_restarts(elsewhere: &[(&str, &str)]) {
    let data = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = Server::start_with(elsewhere, data.path(), &address);
    let mut config = server.station(9);
    config.count = Some(1000);
    let station = std::thread::spawn(move || run(&config));
    for kill_after in [40, 130, 90] {
        // The station continues to send. The server is killed at an arbitrary moment after
        // `kill_after` answers since its start.
        while answers(&server) < kill_after && !station.is_finished() {}
        server.kill();
        server = Server::start_with(elsewhere, data.path(), &address);
    }
    let summary = station.join().unwrap();
    assert_eq!(summary.persisted + summary.duplicate, 1000);
    assert!(summary.connections >= 4, "{} connections", summary.connections);
    let samples = server.samples();
    let stored: HashSet<_> = samples.iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(stored.len(), samples.len(), "a sample is stored twice");
    for id in &summary.ids {
        assert!(stored.contains(id.as_str()), "{id} was acknowledged and is gone");
    }
}

/// The number of answers that a server has sent since it started.
fn answers(server: &Server) -> u32 {
    let (_, metrics) = server.get("/metrics");
    let line = metrics.as_str().unwrap().lines().find_map(|line| line.strip_prefix("websocket_messages_sent_total "));
    line.map_or(0, |count| count.parse().unwrap())
}

/// SHD-04: during orderly restarts while a station sends, no acknowledged sample is lost, and none
/// is rejected.
#[test]
fn sd_25_a_station_loses_nothing_over_orderly_restarts() {
    let data = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = Server::start(data.path(), &address);
    let mut config = server.station(11);
    config.count = Some(600);
    let station = std::thread::spawn(move || run(&config));
    for restart_after in [60, 90, 40] {
        while answers(&server) < restart_after && !station.is_finished() {}
        let (log, orderly) = server.terminate();
        assert!(orderly, "{log}");
        server = Server::start(data.path(), &address);
    }
    let summary = station.join().unwrap();
    assert_eq!((summary.persisted + summary.duplicate, summary.rejected), (600, 0));
    let samples = server.samples();
    let stored: HashSet<_> = samples.iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(stored.len(), samples.len(), "a sample is stored twice");
    assert!(summary.ids.iter().all(|id| stored.contains(id.as_str())), "one was acknowledged and is gone");
}

/// An idle connection is closed at once when the server ends, because it has no unanswered request.
#[test]
fn sd_14_an_idle_connection_is_closed_at_once() {
    use std::io::{Read, Write};
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut idle = std::net::TcpStream::connect(&server.address).unwrap();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: line\r\n\r\n").unwrap();
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let took = log.lines().find_map(|line| line.split("Graceful shutdown completed in ").nth(1)).unwrap();
    assert!(took.trim_end_matches('s').parse::<f64>().unwrap() < 5.0, "nobody waited for it: {took}");
    let mut rest = Vec::new();
    assert!(idle.read_to_end(&mut rest).is_ok(), "it ends, and is not reset");
}

/// SHD-03: the documented lines are logged in order, and the exit is clean.
#[test]
fn sigterm_ends_in_order_and_says_so() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(2);
    config.count = Some(5);
    run(&config);
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let mut rest = log.as_str();
    for line in [
        "Shutdown signal received (SIGTERM)",
        "Rejecting new requests (503)",
        "All requests completed",
        "Closing WebSocket connections (",
        "Closing database pool",
        "Graceful shutdown completed in ",
    ] {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line:?} is missing or out of order in:\n{log}"));
        rest = &rest[at + line.len()..];
    }
}

/// CFG-01: the exit code 78 tells a supervisor that a new try does not help.
#[test]
fn what_cannot_be_configured_is_told_at_once_with_78() {
    let server = std::process::Command::new(env!("CARGO_BIN_EXE_sqal-server"))
        .args(["--address", "0.0.0.0:8000"])
        .env("DATABASE_URL", "mysql://db")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&server.stderr).into_owned();
    assert_eq!(server.status.code(), Some(78), "{log}");
    assert!(log.contains("2 settings cannot be used") && log.contains("DATABASE_URL (environment)"), "{log}");
    assert!(log.contains("set SQAL_TOKENS_FILE"), "{log}");
}

/// Tokens are in a file that is read again when it changes. A station continues while its token is
/// replaced.
#[test]
fn stations_and_people_are_known_by_their_tokens() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("tokens.yaml");
    let entry = |name: &str, grant: &str, token: &str| {
        format!("  - name: {name}\n    grant: {grant}\n    sha256: {}\n", sqal_http::TokenHash::of(token))
    };
    let write = |entries: &[String]| std::fs::write(&file, format!("tokens:\n{}", entries.concat())).unwrap();
    let marie = entry("marie", "{ role: viewer }", "marie");
    write(&[marie.clone(), entry("camera", "{ device: STATION_1 }", "old")]);
    let tokens = [("SQAL_TOKENS_FILE", file.to_str().unwrap())];
    let server = Server::start_with(&tokens, data.path(), "0.0.0.0:0");
    assert_eq!(server.get("/api/v1/samples").0, 401);
    assert_eq!(server.get("/health/ready").0, 200);
    assert_eq!(server.get_as("marie", "/api/v1/samples").0, 200);
    let mut config = server.station(1);
    (config.count, config.token) = (Some(3), Some("old".to_owned()));
    assert_eq!(run(&config).persisted, 3);

    write(&[marie, entry("camera", "{ device: STATION_1 }", "new")]);
    // The server applies a change of the file after two equal checks, a second apart. No output
    // shows the moment.
    config.token = Some("new".to_owned());
    let summary = run(&config);
    assert_eq!(summary.persisted + summary.duplicate, 3);
    let (log, orderly) = server.terminate();
    assert!(orderly && log.contains("other tokens from now on"), "{log}");
    assert!(log.contains("caller=\"camera\""), "who connects is said by name: {log}");
    for secret in ["\"old\"", "Bearer", "\"new\""] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// Decisions made over the interface are still valid after a kill, and on another server with the
/// same database.
#[test]
fn decisions_outlive_the_server() {
    decisions_outlive(&[], true);
}

#[test]
fn decisions_outlive_the_server_with_postgres() {
    decisions_outlive(&[("DATABASE_URL", &postgres())], false);
}

fn decisions_outlive(elsewhere: &[(&str, &str)], same_folder: bool) {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start_with(elsewhere, data.path(), "127.0.0.1:0");
    let (_, all) = server.get("/api/v1/profiles");
    let path = format!("/api/v1/profiles/{}", all["items"][0]["name"].as_str().unwrap());
    let mut profile = server.get(&path).1["profile"].clone();
    let version = profile["version"].as_u64().unwrap() + 1;
    profile["version"] = version.into();
    let (status, decided) = server.put(&path, &profile.to_string());
    assert_eq!(status, 200, "{decided}");
    server.kill();
    let folder = if same_folder { data.path() } else { other.path() };
    let server = Server::start_with(elsewhere, folder, "127.0.0.1:0");
    assert_eq!(server.get(&path).1, decided);
    let (_, told) = server.get(&format!("{path}/decisions"));
    assert_eq!(told["items"][0]["hash"], decided["hash"], "{told}");
    let (_, is) = server.get("/api/v1/system/capabilities");
    assert!(is["database"].as_str().unwrap().starts_with(if same_folder { "SQLite" } else { "PostgreSQL" }), "{is}");
}

/// SIM-05: a simulated station is paused, set to another pace, and resumed through the interface.
#[test]
fn a_simulator_is_controlled_through_the_interface() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(7);
    config.count = Some(500);
    let station = std::thread::spawn(move || run(&config));
    let ask = |body: &str| server.post("/api/v1/devices/STATION_7/commands", body);
    while ask(r#"{"name":"simulator.pause"}"#).0 != 200 {}
    let paused = server.samples().len();
    assert_eq!(ask(r#"{"name":"simulator.interval","arguments":{"seconds":0.001}}"#).1["result"]["seconds"], 0.001);
    let refused = ask(r#"{"name":"simulator.fly"}"#).1;
    assert_eq!(
        (&refused["status"], refused["detail"].as_str().unwrap().contains("not known")),
        (&"refused".into(), true)
    );
    // Frames sent before the pause are answered meanwhile; no new frame was measured.
    assert!(server.samples().len() <= paused + 64);
    assert_eq!(ask(r#"{"name":"simulator.resume"}"#).1["status"], "done");
    assert_eq!(station.join().unwrap().persisted, 500);
}

/// DBP-01 to DBP-04: if query counting is enabled, a response states the number of its queries, and
/// an administrator reads the queries of all requests.
#[test]
fn an_answer_says_how_many_queries_it_took() {
    let data = tempfile::tempdir().unwrap();
    let settings = [("ENABLE_DB_PROFILING", "true"), ("DB_PROFILING_HEADERS", "true")];
    let server = Server::start_with(&settings, data.path(), "127.0.0.1:0");
    let mut config = server.station(3);
    config.count = Some(3);
    run(&config);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let asked = |path: &str| {
        let answer = agent.get(format!("http://{}{path}", server.address)).call().unwrap();
        let field =
            |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().parse::<f64>().unwrap());
        (field("x-db-query-count"), field("x-db-total-time-ms"))
    };
    let id = server.samples()[0]["id"].as_str().unwrap().to_owned();
    // A new connection to the database sends queries of its own.
    let one = (0..20).map(|_| asked(&format!("/api/v1/samples/{id}"))).find(|(count, _)| *count == Some(1.0));
    assert!(one.is_some_and(|(_, time)| time > Some(0.0)), "{one:?}");
    asked("/api/v1/samples/latest");
    assert_eq!(asked("/api/v1/samples/latest"), (Some(0.0), Some(0.0)), "it is remembered");
    assert_eq!(asked("/health/live"), (Some(0.0), Some(0.0)));
    let mut report = agent.get(format!("http://{}/api/v1/system/queries", server.address)).call().unwrap();
    let timing = report.headers()["server-timing"].to_str().unwrap().to_owned();
    assert!(timing.starts_with("db;dur=0.000;desc=\"0 queries\""), "{timing}");
    let text = report.body_mut().read_to_string().unwrap();
    assert!(text.starts_with("Database queries: ") && text.contains("\nGET /health/live\n"), "{text}");
    let sample = text.split_once("\nGET /api/v1/samples/{id}\n").unwrap().1;
    assert!(sample.split("\nGET ").next().unwrap().contains(": SELECT "), "{text}");
    drop(server);
    let other = tempfile::tempdir().unwrap();
    let server = Server::start(other.path(), "127.0.0.1:0");
    let answer = agent.get(format!("http://{}/api/v1/samples", server.address)).call().unwrap();
    assert!(!answer.headers().contains_key("x-db-query-count") && !answer.headers().contains_key("server-timing"));
    assert_eq!(server.get("/api/v1/system/queries").0, 404);
}

/// A proxy would make a server on loopback reachable from the network, so a server without tokens
/// refuses requests through a proxy.
#[test]
fn an_open_server_answers_no_proxy() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for field in ["X-Forwarded-For", "X-Real-IP", "Forwarded"] {
        let answer = agent.get(format!("http://{}/api/v1/samples", server.address)).header(field, "192.0.2.1").call();
        assert_eq!(answer.unwrap().status(), 403, "{field}");
    }
    assert_eq!(server.get("/api/v1/samples").0, 200);
}

#[test]
fn what_is_in_use_is_said_with_what_to_do() {
    let (data, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), "127.0.0.1:0");
    // Two servers in one folder would overwrite each other's dead letters, because each writes the
    // whole file.
    for (address, folder, said) in [
        (server.address.as_str(), elsewhere.path(), "choose another with --address"),
        ("127.0.0.1:0", data.path(), "another server uses it"),
    ] {
        let mut other = std::process::Command::new(env!("CARGO_BIN_EXE_sqal-server"));
        let other = other.args(["--address", address, "--data-dir"]).arg(folder).output().unwrap();
        let log = String::from_utf8_lossy(&other.stderr).into_owned();
        assert!(!other.status.success() && log.contains(said), "{log}");
    }
    // The lock of a killed server is released.
    server.kill();
    let _next = Server::start(data.path(), "127.0.0.1:0");
}

#[test]
fn probes_and_metrics_answer() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(3);
    config.count = Some(3);
    run(&config);
    assert_eq!(server.get("/health").1["database"], "connected");
    assert_eq!(server.get("/health/ready").0, 200);
    let (_, latest) = server.get("/api/sqal/latest");
    // The latest sample is available at once, and its device is listed.
    assert_eq!(latest["sample_id"], server.samples()[0]["sample_id"]);
    let device = format!("/api/v1/devices/{}", latest["device_id"].as_str().unwrap());
    assert_eq!(server.get(&device).1["presence"], "online");
    assert_eq!(server.get("/api/dashboard/metrics/").1["devices"]["online"], 1);
    let (_, metrics) = server.get("/metrics");
    let metrics = metrics.as_str().unwrap();
    for line in [
        "circuit_breaker_state{name=\"database\"} 0",
        "circuit_breaker_state{name=\"database_reads\"} 0",
        "websocket_messages_received_total 3",
        "websocket_messages_sent_total 3",
        "sample_processing_duration_seconds_count 3",
        "db_query_duration_seconds_count{query_type=\"insert\"}",
        "db_query_duration_seconds_bucket{query_type=\"select\",le=\"0.001\"}",
        "db_connection_pool_size ",
        "cache_misses_total{cache_type=\"latest_sample\"} 1",
        "cache_hits_total{cache_type=\"hourly_aggregates\"} 0",
        "spool_samples_waiting 0",
        "cache_bypass_total{cache_type=\"latest_sample\"} 0",
        "cache_hit_rate ",
        "cache_hit_ratio ",
        "samples_throughput_per_second ",
        "conformity_rate_percent ",
        "conformity_rate_ratio ",
        "reject_rate_percent ",
        "reject_rate_ratio ",
        "average_quality_score 0.",
        "http_requests_in_progress{method=\"GET\",endpoint=\"/metrics\"} 1",
        "http_response_size_bytes_count ",
        "http_request_size_bytes_count ",
        "db_connection_pool_available ",
        "api_slo_latency_breach_total{endpoint=\"/api/v1/devices\"} 0",
        "api_slo_availability_breach_total{endpoint=\"/api/v1/samples:batch\"} 0",
        "api_slo_error_breach_total{endpoint=\"/ready\"} 0",
        "api_slo_request_duration_seconds_bucket{endpoint=\"/api/sqal/latest\",le=\"0.25\"}",
        "dead_letters_dropped_total 0",
        "samples_conflict_total 0",
        "db_connections_in_use{pool=\"readers\"} ",
        "http_requests_total{method=\"GET\",endpoint=\"/health\",status=\"200\"} 1",
        "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/health\",status=\"200\",le=\"0.005\"}",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
}

/// ARC-13: a Redis is shared, checked, measured and closed last. Without it, and after it fails,
/// all requests are answered.
#[test]
fn a_redis_is_shared_and_nothing_fails_without_it() {
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let url = format!("redis://127.0.0.1:{port}/0");
    let elsewhere = [("REDIS_URL", url.as_str())];
    let data = tempfile::tempdir().unwrap();
    // Redis does not run when the server starts.
    let server = Server::start_with(&elsewhere, data.path(), "127.0.0.1:0");
    let mut config = server.station(3);
    config.count = Some(5);
    run(&config);
    let samples = |server: &Server| server.get("/api/dashboard/metrics/").1["statistics"]["samples"].clone();
    assert_eq!((samples(&server), server.get("/health/ready").0), (5.into(), 200));
    assert_eq!(server.get("/health/ready").1["components"]["cache"], false);

    let mut redis = Redis::start(&port);
    while server.get("/health/ready").1["components"]["cache"] != true {}
    // Two servers share one Redis: a value that one of them has cached is served by the other,
    // although its own database is empty.
    let one = tempfile::tempdir().unwrap();
    let one = Server::start_with(&elsewhere, one.path(), "127.0.0.1:0");
    let other = tempfile::tempdir().unwrap();
    let other = Server::start_with(&elsewhere, other.path(), "127.0.0.1:0");
    while [&one, &other].iter().any(|server| server.get("/health/ready").1["components"]["cache"] != true) {}
    let mut config = one.station(4);
    config.count = Some(7);
    run(&config);
    assert_eq!((samples(&one), samples(&other)), (7.into(), 7.into()));
    let metrics = other.get("/metrics").1;
    for line in [
        "cache_hits_total{cache_type=\"dashboard_metrics\"} 1",
        "cache_latency_seconds_count{operation=\"get\"}",
        "cache_size_bytes ",
        "circuit_breaker_state{name=\"cache_dashboard\"} 0",
        "circuit_breaker_state{name=\"cache_devices\"} 0",
        "circuit_breaker_state{name=\"cache_hours\"} 0",
    ] {
        assert!(metrics.as_str().unwrap().contains(line), "{line} is missing in\n{metrics}");
    }

    redis.kill();
    assert_eq!(server.get("/api/v1/devices").0, 200);
    assert_eq!(server.get("/api/v1/aggregates/hourly").0, 200);
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let closing: Vec<_> = log
        .lines()
        .filter_map(|line| line.split(" INFO ").nth(1))
        .map(str::trim)
        .filter(|line| line.starts_with("Closing "))
        .collect();
    assert_eq!(closing[closing.len() - 2..], ["Closing database pool", "Closing Redis cache"], "{log}");
}

/// If the database file is removed, later samples would be lost at the next start. The server
/// reports itself as not ready, and still answers from the data that it has.
#[test]
fn m4_a_database_file_that_is_removed_is_not_ready_by_name() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(5);
    config.count = Some(2);
    assert_eq!(run(&config).persisted, 2);
    assert_eq!(server.get("/health/ready").0, 200);
    std::fs::remove_file(data.path().join("sqal.db")).unwrap();
    // Checks run every five seconds.
    let ready = loop {
        let (status, ready) = server.get("/health/ready");
        if status == 503 {
            break ready;
        }
    };
    assert!(ready["reasons"]["database"].as_str().unwrap().contains("file removed"), "{ready}");
    assert_eq!(server.get("/health").1["status"], "unhealthy");
    assert_eq!(server.get("/health/live").0, 200, "a restart would lose what is still open");
    assert_eq!(server.samples().len(), 2);
}

/// If a start fails, all that it has opened is closed in order, as at a requested end.
#[test]
fn a_start_that_fails_after_the_database_was_opened_closes_it() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(first.path(), "127.0.0.1:0");
    let (log, code) = Server::fails_to_start(second.path(), &server.address);
    assert_eq!(code, Some(1), "{log}");
    let mut rest = log.as_str();
    for line in ["database ready", "Shutdown signal received (", "Closing database pool", "cannot listen on "] {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line} is missing, or not in its place, in\n{log}"));
        rest = &rest[at..];
    }
}

/// A closed log stops neither the line nor an orderly end.
#[test]
fn a_server_whose_log_is_closed_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), "127.0.0.1:0");
    server.close_log();
    let mut config = server.station(4);
    config.count = Some(20);
    assert_eq!(run(&config).persisted, 20);
    assert!(server.terminate().1, "the end was not orderly");
}

/// A log that is open but not read does not stop the line. A pipe holds 64 KiB, and this log is
/// three times as large.
#[test]
fn a_server_whose_log_is_not_read_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(6);
    config.count = Some(900);
    assert_eq!(run_with_clock(&config, never_set).rejected, 900);
    let mut config = server.station(4);
    config.count = Some(20);
    assert_eq!(run(&config).persisted, 20);
}

/// A station whose frames are all refused ends too, and reports their number.
#[test]
fn a_station_whose_every_frame_is_refused_ends_with_its_count() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(6);
    config.count = Some(3);
    let summary = run_with_clock(&config, never_set);
    assert_eq!((summary.measured, summary.rejected, summary.persisted), (3, 3, 0));
    assert_eq!(server.samples().len(), 0);
}
