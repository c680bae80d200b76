//! The documented lines of the logs, read from the logs of real processes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use fixtures::logged::LoggedLines;
use process::{Server, free_address, now, run};
use reference_server::settings::{Asked, read};
use reference_server::{TraceKeeper, metrics_text, serve, wall_clock};
use serde_json::Value;
use tracing_subscriber::util::SubscriberInitExt;

/// The log of this thread.
fn lines() -> (LoggedLines, tracing::subscriber::DefaultGuard) {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    (lines, subscriber.finish().set_default())
}

fn status(address: std::net::SocketAddr, path: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    agent.get(format!("http://{address}{path}")).call().unwrap().status().as_u16()
}

/// MET-44: if the metrics of the process cannot be installed, the server goes on without them and
/// says so.
#[tokio::test]
async fn met_44_without_a_recorder_the_server_goes_on_and_says_so() {
    let (lines, _logging) = lines();
    let (_rendered, sweeping) = metrics_text().unwrap();
    let data = tempfile::tempdir().unwrap();
    let arguments = ["sqal-server", "--address", "127.0.0.1:0", "--data-dir", data.path().to_str().unwrap()];
    let Ok(Asked::Serve(settings)) = read(arguments, |_| None, wall_clock()) else { panic!("the settings are valid") };
    let (tell, told) = tokio::sync::oneshot::channel();
    let calls = async {
        let address = told.await.unwrap();
        let calls = move || ["/health/live", "/api/v1/samples", "/metrics"].map(|path| status(address, path));
        tokio::task::spawn_blocking(calls).await.unwrap()
    };
    let ready = move |address| tell.send(address).unwrap();
    tokio::select! {
        ended = serve(*settings, None, TraceKeeper::default(), ready) => panic!("{ended:?}"),
        statuses = calls => assert_eq!(statuses, [200, 200, 404]),
    }
    sweeping.abort();
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("[Prometheus] Middleware non disponible: ")).unwrap();
    assert!(line.contains("WARN"), "{line}");
    assert!(line.split("non disponible: ").nth(1).is_some_and(|cause| !cause.is_empty()), "{line}");
}

/// CCH-12, C-25: at level debug, each read of a cache is a line with kind and key. The level is
/// changed at run time, as an administrator does it.
#[test]
fn cch_12_hits_and_misses_are_logged_while_the_level_is_debug() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut config = server.station(1);
    config.count = Some(1);
    assert_eq!(run(&config).persisted, 1);
    let latest = || assert_eq!(server.get("/api/v1/samples/latest?device_id=STATION_1").0, 200);
    latest();
    let usual = server.get("/api/v1/system/log").1;
    assert_eq!((&usual["filter"], &usual["until"]), (&"info".into(), &Value::Null), "{usual}");
    let (status, state) = server.put("/api/v1/system/log", r#"{"filter":"sqal_storage::cache=debug"}"#);
    assert_eq!((status, &state["filter"]), (200, &"info,sqal_storage::cache=debug".into()), "{state}");
    latest();
    latest();
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let (before, after) = log.split_once("the filter of the log changes for a limited time").unwrap();
    assert!(!before.contains("Cache "), "at level info there is no line of a cache: {before}");
    let hit = after.lines().find(|line| line.contains("Cache HIT: latest_sample:STATION_1:latest"));
    assert!(hit.is_some_and(|line| line.contains("DEBUG")), "{after}");
    assert!(log.contains("filter=sqal_storage::cache=debug seconds=900.0"), "{log}");
}

/// OTL-06: an operator finds the samples of a simulator by `Échantillon`, and errors by `ERROR`.
#[test]
fn otl_06_the_simulator_names_each_sample_and_an_error_is_called_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let (lines, logging) = lines();
    let mut config = server.station(2);
    config.count = Some(5);
    assert_eq!(run(&config).persisted, 5);
    drop(logging);
    let text = lines.text();
    let samples: Vec<_> = text.lines().filter(|line| line.contains("Échantillon ")).collect();
    assert_eq!(samples.len(), 5, "{text}");
    assert!(samples.iter().all(|line| line.contains("INFO") && line.contains(" persisted: ")), "{text}");

    let (log, _) = Server::fails_to_start(tempfile::tempdir().unwrap().path(), &server.address);
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains(&server.address)), "{log}");
}

/// RTY-05: a station tells how long it waits before it connects again, and once for an outage.
#[tokio::test]
async fn rty_05_a_station_tells_its_first_try_to_connect_again() {
    use clap::Parser;
    let (lines, _logging) = lines();
    let url = format!("ws://{}/ws/sensors/", free_address());
    let config = device_simulator::Config::parse_from(["sqal-simulator", "--url", &url]);
    let told = || lines.text().lines().filter(|line| line.contains("Retrying connection in ")).count();
    let stop = async {
        while told() == 0 {
            tokio::task::yield_now().await;
        }
    };
    device_simulator::run(&config, now, stop).await.unwrap();
    let text = lines.text();
    let wait = text.split("Retrying connection in ").nth(1).and_then(|rest| rest.split(" seconds").next());
    assert!(wait.is_some_and(|wait| wait.parse::<f64>().is_ok_and(|wait| wait < 1.0)), "{text}");
    assert!(text.contains("WARN") && text.contains("connection: "), "{text}");
}

/// OTL-05: with `SQAL_LOG_FORMAT=json`, each line is one object with the documented members.
#[test]
fn otl_05_each_line_of_a_json_log_is_one_object() {
    let data = tempfile::tempdir().unwrap();
    let json = [("SQAL_LOG_FORMAT", "json"), ("SQAL_LOG", "debug")];
    let server = Server::start_with(&json, data.path(), "127.0.0.1:0");
    let mut config = server.station(3);
    config.count = Some(3);
    assert_eq!(run(&config).persisted, 3);
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.len() > 10, "{log}");
    for line in &lines {
        let text = |member: &str| line[member].as_str().unwrap_or_else(|| panic!("{member} in {line}"));
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&text("level")), "{line}");
        assert!(text("timestamp").ends_with('Z') && text("timestamp").len() == 27, "{line}");
        assert!(!text("target").is_empty() && line["message"].is_string(), "{line}");
    }
    let connected = lines.iter().find(|line| line["message"] == "device connected").unwrap();
    assert_eq!(connected["speech"], "json");
}
