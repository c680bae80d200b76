//! The metrics of a real server: what is scraped is what the inventory says, and counts what
//! happened.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exposition;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::io::Write;
use std::net::TcpStream;

use exposition::{scrape, value};
use futures_util::{SinkExt, StreamExt};
use process::{Redis, Server, free_address, now, run};
use reference_server::inventory::{GROUPS, LabelValues, Metric, MetricKind, MetricLabel, all};
use rustix::process::Signal;
use serde_json::Value;
use sqal_http::routes;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// Asks until there is an answer, for at most a minute.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = now().micros();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now().micros() - begun < 60_000_000, "{what}: not after a minute");
    }
}

/// The values of a label, as the inventory shows them.
fn label_values(label: &MetricLabel) -> String {
    let values = match label.values {
        LabelValues::Known(values) => values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "),
        LabelValues::Described(values) => values.to_owned(),
    };
    format!("`{}`: {values}", label.name)
}

/// The row of a metric in `docs/metrics.md`.
fn row(Metric { name, kind, unit, labels, meaning, requirement, only_with, .. }: &Metric) -> String {
    let labels = labels.iter().map(label_values).collect::<Vec<_>>().join("; ");
    let only = only_with.map(|setting| format!(" (only with `{setting}`)")).unwrap_or_default();
    let (kind, unit, requirement) = (kind.as_str(), unit.as_str(), requirement.unwrap_or("–"));
    format!("| `{name}` | {kind} | {unit} | {labels} | {meaning}{only} | {requirement} |\n").replace("|  |", "| |")
}

/// `docs/metrics.md` has the inventory as the server has it.
///
/// `SQAL_WRITE=1 cargo test -p reference-server --test metrics` writes it anew.
#[test]
fn the_inventory_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, _) = text.split_once("\n## Inventory\n").unwrap();
    let head = "| name | type | unit | labels | meaning | requirement |\n|---|---|---|---|---|---|\n";
    let tables = GROUPS
        .map(|(title, metrics)| format!("\n### {title}\n\n{head}{}", metrics.iter().map(row).collect::<String>()));
    let written = format!("{before}\n## Inventory\n{}", tables.concat());
    if std::env::var_os("SQAL_WRITE").is_some() {
        std::fs::write(path, &written).unwrap();
    } else {
        assert!(text == written, "docs/metrics.md is not the inventory; SQAL_WRITE=1 writes it anew");
    }
}

/// A scrape of a server with everything that a server can have, after traffic: each family stands
/// in the inventory with its type, its help and exactly its labels, and each entry is scraped.
#[test]
fn every_scraped_metric_is_in_the_inventory_and_every_entry_is_scraped() {
    let data = tempfile::tempdir().unwrap();
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let _redis = Redis::start(&port);
    let url = format!("redis://127.0.0.1:{port}/0");
    let settings = [
        ("REDIS_URL", url.as_str()),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", "9"),
        ("SMTP_SECURITY", "plain"),
        ("SMTP_FROM", "sqal@plant.example"),
    ];
    let server = Server::start_with(&settings, data.path(), "127.0.0.1:0");
    let mut station = server.station(1);
    station.count = Some(20);
    run(&station);
    for path in ["/health", "/api/sqal/latest", "/api/v1/devices", "/api/dashboard/metrics/", "/api/v1/nothing"] {
        server.get(path);
    }
    assert_eq!(server.post("/api/v1/samples:batch", "{}").1["rejected"], 1);
    let families = until("every entry of the inventory", || {
        let families = scrape(&server);
        // This server posts no notice: see alerting.rs.
        let mut scraped = all().filter(|metric| metric.only_with != Some("SQAL_NOTICE_CHANNELS_FILE"));
        scraped.all(|metric| families.contains_key(metric.name)).then_some(families)
    });
    for (name, family) in &families {
        let metric =
            all().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is not in the inventory"));
        assert_eq!((family.kind.as_str(), family.help.as_str()), (metric.kind.as_str(), metric.meaning), "{name}");
        assert!(!family.samples.is_empty(), "{name} has no series");
        for sample in &family.samples {
            let is_bound = |label: &str| metric.kind == MetricKind::Histogram && label == "le";
            let labels: Vec<_> = sample.labels.iter().filter(|(label, _)| !is_bound(label)).collect();
            let names = labels.iter().map(|(label, _)| label.as_str());
            assert!(names.eq(metric.labels.iter().map(|label| label.name)), "{name}: {sample:?}");
            for ((_, found), label) in labels.into_iter().zip(metric.labels) {
                let names_device = found.contains("STATION");
                assert!(!found.is_empty() && names_device == (label.name == "device"), "{name}: {sample:?}");
                if let LabelValues::Known(values) = label.values {
                    assert!(values.contains(&found.as_str()), "{name}: {sample:?} has a value that is not known");
                }
            }
        }
    }
    let build = &families["sqal_build_info"].samples;
    assert_eq!((build.len(), build[0].labels[0].1.as_str()), (1, env!("CARGO_PKG_VERSION")), "{build:?}");
}

/// C-26: a rate does not see the event that creates its series. So the counters whose labels are
/// known are there before the first request, and of each route those of success, 500, 503, panics
/// and the objective.
#[test]
fn c_26_what_rates_are_computed_from_begins_at_zero() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let families = scrape(&server);
    let zero = |name: &str, labels: &[(&str, &str)]| {
        assert_eq!(value(&families, name, labels), Some(0.0), "{name} {labels:?}");
    };
    for metric in all().filter(|metric| metric.kind == MetricKind::Counter && metric.only_with.is_none()) {
        metric.known_series().into_iter().flatten().for_each(|labels| zero(metric.name, &labels));
    }
    for route in routes() {
        let endpoint = ("endpoint", route.path);
        for status in route.succeeds_with().iter().chain(&[500, 503]).map(u16::to_string) {
            zero("http_requests_total", &[("method", route.method), endpoint, ("status", status.as_str())]);
        }
        zero("request_panics_total", &[endpoint]);
        if route.objective.is_some() {
            for breach in ["latency", "error", "availability"] {
                zero(&format!("api_slo_{breach}_breach_total"), &[endpoint]);
            }
            zero("api_slo_request_duration_seconds_count", &[endpoint]);
            zero("api_slo_request_duration_seconds_bucket", &[endpoint, ("le", "+Inf")]);
        }
    }
    // What no request has had yet is not made up: a series for each status of each route would be
    // many thousands. A route has about twenty lines, most of them buckets of its latency.
    let series = families.values().map(|family| family.samples.len()).sum::<usize>();
    assert!(series < 400 + 24 * routes().len(), "{series} lines before the first request");
}

/// MET-45: ten real requests, with the documented labels in their order, and all documented
/// buckets.
#[test]
fn met_45_ten_requests_are_in_the_documented_buckets() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    for _ in 0..10 {
        assert_eq!(server.get("/health").0, 200);
    }
    let families = scrape(&server);
    let labels = [("method", "GET"), ("endpoint", "/health"), ("status", "200")];
    let of = |name: &str| value(&families, name, &labels).unwrap();
    let buckets: Vec<(&str, f64)> = families["http_request_duration_seconds"]
        .samples
        .iter()
        .filter(|sample| sample.name.ends_with("_bucket"))
        .filter_map(|sample| {
            let (bound, before) = sample.labels.split_last()?;
            let before = before.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            before.eq(labels).then_some((bound.1.as_str(), sample.value))
        })
        .collect();
    let bounds = buckets.iter().map(|(bound, _)| bound.parse::<f64>().unwrap().to_bits());
    let documented = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, f64::INFINITY];
    assert!(bounds.eq(documented.map(f64::to_bits)), "{buckets:?}");
    assert_eq!(buckets.last(), Some(&("+Inf", 10.0)));
    assert!(buckets.is_sorted_by_key(|(_, count)| *count), "{buckets:?}");
    assert_eq!((of("http_request_duration_seconds_count"), of("http_requests_total")), (10.0, 10.0));
    assert!(of("http_request_duration_seconds_sum") > 0.0);
}

/// SLO-03: what a draining server refuses is counted among its requests and against the objective
/// of the route, as a scraper reads it.
#[test]
fn slo_03_what_a_draining_server_refuses_is_counted() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    // The body of this request does not come, so the server waits for it before it ends.
    let mut held = TcpStream::connect(&server.address).unwrap();
    held.write_all(b"POST /api/v1/samples:batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n").unwrap();
    let batch = [("method", "POST"), ("endpoint", "/api/v1/samples:batch")];
    until("the batch is under way", || {
        value(&scrape(&server), "http_requests_in_progress", &batch).filter(|count| *count > 0.0)
    });
    server.signal(Signal::TERM);
    for _ in 0..3 {
        until("the server refuses", || Some(server.get("/api/v1/samples").0).filter(|status| *status == 503));
    }
    let families = scrape(&server);
    let endpoint = ("endpoint", "/api/v1/samples");
    for (name, labels) in [
        ("http_requests_total", vec![("method", "GET"), endpoint, ("status", "503")]),
        ("http_request_duration_seconds_count", vec![("method", "GET"), endpoint, ("status", "503")]),
        ("api_slo_availability_breach_total", vec![endpoint]),
        ("api_slo_error_breach_total", vec![endpoint]),
    ] {
        assert_eq!(value(&families, name, &labels), Some(3.0), "{name}");
    }
}

/// MET-15, MET-18: open device connections are shown while they are open, and a refused frame is
/// counted.
#[test]
fn met_15_18_connections_of_devices_and_their_errors_are_shown() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let shown = |name: &str| value(&scrape(&server), name, &[]).unwrap();
    assert_eq!((shown("websocket_connections_active"), shown("websocket_errors_total")), (0.0, 0.0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut device = runtime.block_on(async {
        let (mut device, _) = connect_async(format!("ws://{}/ws/sensors", server.address)).await.unwrap();
        device.send(Message::text("{}")).await.unwrap();
        let answer: Value = serde_json::from_str(device.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
        assert_eq!(answer["status"], "rejected", "{answer}");
        device
    });
    assert_eq!((shown("websocket_connections_active"), shown("websocket_errors_total")), (1.0, 1.0));
    runtime.block_on(async { device.close(None).await.unwrap() });
    until("the connection is closed", || (shown("websocket_connections_active") < 1.0).then_some(()));
}

/// MET-46: the shipped configuration has the documented jobs, and lists no file of rules that is
/// not there.
#[test]
fn met_46_the_shipped_scrape_configuration_has_the_documented_jobs() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus"));
    let text = std::fs::read_to_string(folder.join("prometheus.yml")).unwrap();
    let configuration: Value = serde_saphyr::from_str(&text).unwrap();
    let jobs = configuration["scrape_configs"].as_array().unwrap();
    let job = |job: &Value| {
        let of = |name: &str| job[name].as_str().unwrap().to_owned();
        let targets = job["static_configs"][0]["targets"].as_array().unwrap();
        assert_eq!(targets.len(), 1, "{job}");
        [of("job_name"), of("scrape_interval"), of("metrics_path"), targets[0].as_str().unwrap().to_owned()]
    };
    let documented = [
        ["gaveurs-backend", "15s", "/metrics", "backend:8000"],
        ["atmr-backend-http", "10s", "/prometheus/metrics-http", "api:5000"],
    ];
    assert_eq!(jobs.iter().map(job).collect::<Vec<_>>(), documented);
    for rules in configuration["rule_files"].as_array().into_iter().flatten() {
        assert!(folder.join(rules.as_str().unwrap()).is_file(), "{rules} is not there");
    }
    for [_, _, path, _] in documented {
        assert!(routes().iter().any(|route| route.path == path), "{path} is no path of the server");
    }
}
