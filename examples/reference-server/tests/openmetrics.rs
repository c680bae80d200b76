//! OpenMetrics with exemplars of a real server, read by programs that share no code with it: the
//! parser of Python's official client, and a Prometheus with storage for exemplars.
#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
mod prometheus;

use std::path::Path;
use std::process::Command;

use futures_util::{SinkExt, StreamExt};
use process::{Server, free_address, now, run};
use prometheus::Prometheus;
use serde_json::Value;
use sqal_http::sqal_protocol::time::rfc3339;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// The trace of a frame, the trace of a request, and one that its sender does not keep.
const OF_FRAME: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OF_REQUEST: &str = "0af7651916cd43dd8448eb211c80319c";
const NOT_SAMPLED: &str = "11111111111111111111111111111111";

#[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
fn tool(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("run `cargo xtask test`, which sets {variable}"))
}

/// A server that follows the traces that are sampled where they begin. Its collector is away, which
/// no scrape may feel.
fn server(data: &Path) -> Server {
    let collector = format!("http://{}", free_address());
    let settings = [
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ];
    Server::start_with(&settings, data, "127.0.0.1:0")
}

fn traceparent(trace: &str) -> String {
    format!("00-{trace}-00f067aa0ba902b7-{}", if trace == NOT_SAMPLED { "00" } else { "01" })
}

/// Sends frames that were measured now, each as a part of a trace, and waits until they are stored.
fn send(server: &Server, traces: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (mut device, _) = connect_async(format!("ws://{}/ws/sensors", server.address)).await.unwrap();
        for trace in traces {
            let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
            frame["timestamp"] = rfc3339(now()).into();
            frame["traceparent"] = traceparent(trace).into();
            device.send(Message::text(frame.to_string())).await.unwrap();
            let answer: Value = serde_json::from_str(device.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
            assert_eq!(answer["status"], "persisted", "{answer}");
        }
        device.close(None).await.unwrap();
    });
}

/// Requests samples as a part of a trace.
fn request(server: &Server, trace: &str) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.get(format!("http://{}/api/v1/samples", server.address));
    assert_eq!(request.header("traceparent", traceparent(trace)).call().unwrap().status().as_u16(), 200);
}

/// What the parser of Python's client reads in a compressed scrape of OpenMetrics.
fn read_by_a_stranger(server: &Server, path: &str) -> Value {
    let python = Path::new(&tool("SQAL_TEST_SCHEMATHESIS")).with_file_name("python");
    let told = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/strangers/openmetrics_reader.py"))
        .arg(format!("http://{}{path}", server.address))
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// The traces of the exemplars of a family.
fn traces<'a>(read: &'a Value, family: &str) -> Vec<&'a str> {
    let exemplars = read["exemplars"].as_array().unwrap().iter().filter(|exemplar| exemplar["family"] == family);
    exemplars.map(|exemplar| exemplar["labels"]["trace_id"].as_str().unwrap()).collect()
}

#[test]
fn an_independent_parser_reads_each_scrape_under_traffic_and_finds_the_traces() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let mut station = server.station(1);
    station.count = Some(300);
    let traffic = std::thread::spawn(move || run(&station).persisted);
    while !traffic.is_finished() {
        let read = read_by_a_stranger(&server, "/metrics");
        assert_eq!(read["exemplars"].as_array().unwrap().len(), 0, "no sampled trace was sent yet: {read}");
    }
    assert_eq!(traffic.join().unwrap(), 300);

    send(&server, &[NOT_SAMPLED, OF_FRAME]);
    request(&server, NOT_SAMPLED);
    request(&server, OF_REQUEST);
    let read = read_by_a_stranger(&server, "/prometheus/metrics-http");
    assert_eq!(read["content_type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    for (family, kind, unit) in [
        ("http_requests", "counter", ""),
        ("websocket_messages_received", "counter", ""),
        ("cache_size_bytes", "gauge", "bytes"),
        ("sample_quality_score", "histogram", ""),
        ("sample_processing_duration_seconds", "histogram", "seconds"),
        ("http_response_size_bytes", "histogram", "bytes"),
    ] {
        assert_eq!(
            (&read["families"][family]["type"], &read["families"][family]["unit"]),
            (&kind.into(), &unit.into()),
            "{family}"
        );
    }
    assert_eq!(traces(&read, "sample_processing_duration_seconds"), [OF_FRAME]);
    for family in ["http_request_duration_seconds", "api_slo_request_duration_seconds"] {
        assert_eq!(traces(&read, family), [OF_REQUEST], "{family}");
    }
    for exemplar in read["exemplars"].as_array().unwrap() {
        let trace = exemplar["labels"]["trace_id"].as_str().unwrap();
        assert!(trace == OF_FRAME || trace == OF_REQUEST, "{exemplar}");
        assert_eq!(exemplar["labels"]["span_id"].as_str().unwrap().len(), 16, "{exemplar}");
        let seconds = f64::from(u32::try_from(now().micros() / 1_000_000).unwrap());
        let age = seconds - exemplar["timestamp"].as_f64().unwrap();
        assert!((-2.0..60.0).contains(&age), "{exemplar} is {age} s old");
    }
}

/// MET-45: the series of both formats are the same, so that a change of the format changes no
/// query. Only `le` is written as OpenMetrics has it.
#[test]
fn both_formats_have_the_same_series() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    send(&server, &[OF_FRAME]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let series = |accept: &str| {
        let answer = agent.get(format!("http://{}/metrics", server.address)).header("accept", accept).call();
        let text = answer.unwrap().body_mut().read_to_string().unwrap();
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut series: Vec<_> = samples
            .map(|line| {
                let sample = line.split(" # ").next().unwrap();
                let (series, _) = sample.rsplit_once(' ').unwrap();
                if !series.contains("_bucket{") {
                    return series.to_owned();
                }
                let (labels, bound) = series.rsplit_once("le=\"").unwrap();
                format!("{labels}{}", bound.trim_end_matches("\"}").parse::<f64>().unwrap())
            })
            .collect();
        series.sort();
        series
    };
    // A series may begin between two scrapes: that of the first scrape, or of work in the
    // background.
    let mut both = (series("text/plain"), series("application/openmetrics-text"));
    for _ in 0..20 {
        if both.0 != both.1 {
            both = (series("text/plain"), series("application/openmetrics-text"));
        }
    }
    assert!(both.0.len() > 200, "{}", both.0.len());
    assert_eq!(both.0, both.1);
}

#[test]
fn a_prometheus_with_storage_for_exemplars_finds_the_trace_of_a_frame() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let configuration = format!(
        "scrape_configs:\n  - job_name: sqal\n    scrape_interval: 1s\n    static_configs:\n      - targets: [\"{}\"]\n",
        server.address
    );
    let program = tool("SQAL_TEST_PROMETHEUS");
    let arguments = ["--enable-feature=exemplar-storage"];
    let prometheus = Prometheus::start(&program, &configuration, &arguments, data.path());
    send(&server, &[OF_FRAME]);
    let (from, until) = (now().micros() / 1_000_000 - 600, now().micros() / 1_000_000 + 600);
    let query = format!("query=sample_processing_duration_seconds_bucket&start={from}&end={until}");
    let found = prometheus.until(&format!("/api/v1/query_exemplars?{query}"), |found| found[0].is_object());
    let exemplar = &found[0]["exemplars"][0];
    assert_eq!(exemplar["labels"]["trace_id"], OF_FRAME, "{found}");
    // The value is within its bucket.
    let bound: f64 = found[0]["seriesLabels"]["le"].as_str().unwrap().parse().unwrap();
    assert!(exemplar["value"].as_str().unwrap().parse::<f64>().unwrap() <= bound, "{found}");
    // Only OpenMetrics has units.
    let path = "/api/v1/metadata?metric=sample_processing_duration_seconds";
    let about = prometheus.until(path, |about| about["sample_processing_duration_seconds"].is_array());
    assert_eq!(about["sample_processing_duration_seconds"][0]["unit"], "seconds", "{about}");
    prometheus.until("/api/v1/query?query=up", |up| up["result"][0]["value"][1] == "1");
}
