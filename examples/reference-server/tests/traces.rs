//! The traces of a station and its server, as a collector that shares no code with them receives
//! them.
#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collector;
mod mail;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use collector::{Receiver, TOKEN};
use device_simulator::{Config, Summary, Traces};
use fixtures::smtp::{Manners, SmtpServer, Tls};
use futures_util::{SinkExt, StreamExt};
use process::{Server, free_address, now};
use serde_json::{Value, json};
use sqal_http::TokenHash;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tracing_subscriber::layer::SubscriberExt;

/// A trace of a client, and a span of it.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Variables as the environment of a process has them.
fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Runs a station to its end, with its traces exported as these variables say.
fn run_traced(config: &Config, variables: &[(&'static str, String)]) -> Summary {
    let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let traces = Traces::read(variable).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(traces.layer()));
    runtime.block_on(traces.around(device_simulator::run(config, now, std::future::pending()))).unwrap()
}

/// The spans with this name.
fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

/// The only span with this name.
fn only<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let found = named(spans, name);
    assert_eq!(found.len(), 1, "{name}: {spans:#?}");
    found[0]
}

/// The spans right below this one.
fn below<'a>(spans: &'a [Value], span: &Value) -> Vec<&'a Value> {
    spans.iter().filter(|child| child["parent"] == span["span"] && child["trace"] == span["trace"]).collect()
}

/// Whether a span is a query, whose text has placeholders and none of these values.
fn is_query_without(span: &Value, values: &[&str]) -> bool {
    let text = span["attributes"]["db.query.text"].as_str().unwrap_or_default();
    span["kind"] == "client" && !text.is_empty() && !values.iter().any(|value| text.contains(value))
}

/// A page that watches the line: the head of its stream of events has come.
fn watch(server: &Server) -> TcpStream {
    let mut page = TcpStream::connect(&server.address).unwrap();
    write!(page, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut line = [0; 12];
    page.read_exact(&mut line).unwrap();
    assert_eq!(line, *b"HTTP/1.1 200");
    page
}

/// One trace: from the reading of a station over the frame, the judging, the commit with its
/// queries to the event.
fn one_reading_is_one_trace(protocol: &str, elsewhere: &[(&'static str, String)]) {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let settings = receiver.settings(protocol);
    let server = Server::start_with(&borrowed(&[settings.as_slice(), elsewhere].concat()), data.path(), "127.0.0.1:0");
    // A sample is an event only while a page watches.
    let _page = watch(&server);
    let mut station = server.station(1);
    station.count = Some(1);
    assert_eq!(run_traced(&station, &settings).persisted, 1);
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let spans = receiver.end();

    assert!(spans.iter().all(|span| span["authorized"] == true), "{spans:#?}");
    assert!(spans.iter().all(|span| span["over"] == protocol.split('/').next().unwrap()), "{spans:#?}");
    let reading = only(&spans, "reading");
    assert_eq!((&reading["parent"], &reading["kind"]), (&json!(""), &json!("producer")));
    assert_eq!(reading["resource"]["service.name"], "sqal-simulator");
    let trace: Vec<_> = spans.iter().filter(|span| span["trace"] == reading["trace"]).cloned().collect();
    let child = |parent: &Value, name: &str, kind: &str| {
        let child = only(&trace, name).clone();
        assert_eq!((&child["parent"], &child["kind"]), (&parent["span"], &json!(kind)), "{name}: {trace:#?}");
        let service = &child["resource"];
        assert_eq!((&service["service.name"], &service["service.version"]), (&json!("atmr-backend"), &json!("1.0")));
        child
    };
    let frame = child(reading, "frame", "consumer");
    let judge = child(&frame, "judge", "internal");
    let store = child(&frame, "store", "internal");
    let commit = child(&store, "commit", "client");
    let publish = only(&trace, "publish");
    assert!([&frame["span"], &store["span"]].contains(&&publish["parent"]), "{trace:#?}");
    let nanos = |span: &Value, end: &str| span[end].as_u64().unwrap();
    assert!(nanos(&frame, "start") <= nanos(&judge, "start") && nanos(&judge, "end") <= nanos(&frame, "end"));

    let sample = reading["attributes"]["sqal.sample_id"].as_str().unwrap();
    assert_eq!(store["attributes"]["sqal.sample_id"], sample);
    let queries = below(&trace, &commit);
    assert!(queries.iter().all(|query| is_query_without(query, &[sample, "STATION_1"])), "{queries:#?}");
    let inserts =
        |query: &Value| query["attributes"]["db.query.text"].as_str().is_some_and(|text| text.contains("INSERT"));
    assert!(queries.iter().any(|query| inserts(query)), "{queries:#?}");
}

#[test]
fn otl_01_one_reading_is_one_trace_from_the_station_to_the_event_over_grpc() {
    one_reading_is_one_trace("grpc", &[]);
}

#[test]
fn otl_01_one_reading_is_one_trace_from_the_station_to_the_event_over_http() {
    one_reading_is_one_trace("http/protobuf", &[]);
}

#[test]
fn otl_01_one_reading_is_one_trace_with_postgres() {
    one_reading_is_one_trace("grpc", &[("DATABASE_URL", postgres())]);
}

/// The URL of the test's PostgreSQL.
fn postgres() -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where servers are")]
    let url = std::env::var("SQAL_TEST_POSTGRES_URL");
    url.expect("run `cargo xtask test`, which starts PostgreSQL")
}

/// The trace of a client goes on in the server, with a span for each query that the server itself
/// counts.
#[test]
fn otl_02_a_request_belongs_to_the_trace_of_its_client_and_has_a_span_for_each_query() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let mut settings = receiver.settings("grpc").to_vec();
    settings.push(("ENABLE_DB_PROFILING", "true".to_owned()));
    settings.push(("DB_PROFILING_HEADERS", "true".to_owned()));
    let server = Server::start_with(&borrowed(&settings), data.path(), "127.0.0.1:0");
    let response = ureq::get(format!("http://{}/api/v1/samples", server.address))
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .call()
        .unwrap();
    let queries: usize = response.headers()["x-db-query-count"].to_str().unwrap().parse().unwrap();
    drop(response);
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let spans = receiver.end();
    let trace: Vec<_> = spans.into_iter().filter(|span| span["trace"] == TRACE).collect();
    let request = only(&trace, "GET /api/v1/samples");
    assert_eq!((&request["parent"], &request["kind"]), (&json!(PARENT), &json!("server")));
    assert_eq!(request["attributes"]["http.response.status_code"], 200);
    let found = trace.iter().filter(|span| is_query_without(span, &[])).count();
    assert!(queries > 0);
    assert_eq!(found, queries, "{trace:#?}");
}

/// Sends a text as a frame, and returns the answer.
fn answered(server: &Server, text: String) -> Value {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (mut socket, _) = connect_async(format!("ws://{}/ws/sensors", server.address)).await.unwrap();
        socket.send(Message::text(text)).await.unwrap();
        loop {
            if let Message::Text(answer) = socket.next().await.unwrap().unwrap() {
                return serde_json::from_str(&answer).unwrap();
            }
        }
    })
}

#[test]
fn otl_03_a_line_of_the_log_has_the_trace_of_its_frame() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let server = Server::start_with(&borrowed(&receiver.settings("grpc")), data.path(), "127.0.0.1:0");
    let frame = json!({ "type": "sensor_data", "traceparent": format!("00-{TRACE}-{PARENT}-01") });
    assert_eq!(answered(&server, frame.to_string())["status"], "rejected");
    let (log, _) = server.terminate();
    let line = log.lines().find(|line| line.contains("frame rejected")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(TRACE), "{line}");
    let spans = receiver.end();
    let frame = only(&spans, "frame");
    assert_eq!((&frame["trace"], &frame["parent"]), (&json!(TRACE), &json!(PARENT)));
    assert!(line.contains(frame["span"].as_str().unwrap()), "{line}");
}

/// A collector that is not there, and one that never answers.
#[test]
fn without_its_collector_the_line_goes_on_and_the_log_has_one_line_of_it() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let of_silent = silent.local_addr().unwrap().to_string();
    for (address, cause) in [(free_address(), "Connection refused"), (of_silent, "no answer in 200 ms")] {
        let data = tempfile::tempdir().unwrap();
        let endpoint = format!("http://{address}");
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "200"),
            ("OTEL_BSP_SCHEDULE_DELAY", "1"),
        ];
        let server = Server::start_with(&variables, data.path(), "127.0.0.1:0");
        let mut station = server.station(1);
        station.count = Some(50);
        assert_eq!(process::run(&station).persisted, 50);
        let begun = now().micros();
        let (log, orderly) = server.terminate();
        assert!(orderly, "{log}");
        assert!(now().micros() - begun < 20_000_000, "the end waits for the collector");
        let told: Vec<_> = log.lines().filter(|line| line.contains("collector does not accept traces")).collect();
        assert_eq!(told.len(), 1, "{log}");
        assert!(told[0].contains(&address) && told[0].contains(cause), "{}", told[0]);
    }
    drop(silent);
}

/// The text that no output may hold; every secret of the run holds it, but the key.
const PLANTED: &str = "PLANTED";

/// A key of 32 bytes.
const KEY: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e7abcd";

/// The tokens of a person and of a station, in a file.
fn tokens(folder: &Path) -> (String, String, String) {
    let (marie, station) = (format!("sqal_{PLANTED}_marie"), format!("sqal_{PLANTED}_station"));
    let entry = |name: &str, grant: &str, token: &str| {
        format!("  - name: {name}\n    grant: {grant}\n    sha256: {}\n", TokenHash::of(token))
    };
    let entries =
        entry("marie", "{ role: administrator }", &marie) + &entry("station", "{ device: STATION_1 }", &station);
    let file = folder.join("tokens.yaml");
    std::fs::write(&file, format!("tokens:\n{entries}")).unwrap();
    (file.to_str().unwrap().to_owned(), marie, station)
}

/// Lets callers with right and wrong tokens do what they do. Returns the secret part of a cookie,
/// and the metrics.
fn use_everything(server: &Server, marie: &str) -> (String, String) {
    assert_eq!(server.get_as(marie, "/api/v1/samples").0, 200);
    assert_eq!(server.get_as(&format!("{PLANTED}_guess"), "/api/v1/samples").0, 401);
    assert_eq!(server.get(&format!("/api/v1/samples?token={marie}")).0, 401);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let origin = format!("http://{}", server.address);
    let session = format!("{origin}/api/v1/session");
    let bearer = format!("Bearer {marie}");
    let begun = agent.post(&session).header("authorization", bearer).header("origin", &origin).send("").unwrap();
    assert_eq!(begun.status(), 200);
    let cookie = begun.headers()["set-cookie"].to_str().unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();
    assert_eq!(agent.get(&session).header("cookie", cookie).call().unwrap().status(), 200);
    let (_, value) = cookie.split_once('=').unwrap();
    let metrics = server.get_as(marie, "/metrics").1;
    (value.to_owned(), metrics.as_str().unwrap().to_owned())
}

/// A whole run in which every trace is exported: stations, people, a browser, mail and jobs. No
/// secret and no address of a person is in a line of the log, a span or a metric.
fn a_whole_run_shows_no_secret(elsewhere: &[(&'static str, String)], has_mail: bool) {
    let folder = tempfile::tempdir().unwrap();
    let (file, marie, token) = tokens(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpServer::new([Manners::usual()], Tls::Never));
    if has_mail {
        mail::queue(folder.path(), &format!("{PLANTED}.person@example.com"), "Station 3 is silent");
    }
    let receiver = Receiver::start();
    let mut variables = [receiver.settings("grpc").as_slice(), elsewhere].concat();
    variables.extend([
        ("SQAL_TOKENS_FILE", file),
        ("SQAL_LOG", "debug".to_owned()),
        ("MASTER_ENCRYPTION_KEY", KEY.to_owned()),
        ("SMTP_HOST", "127.0.0.1".to_owned()),
        ("SMTP_PORT", smtp.address.port().to_string()),
        ("SMTP_SECURITY", "plain".to_owned()),
        ("SMTP_USER", "sqal".to_owned()),
        ("SMTP_PASSWORD", format!("{PLANTED}_mail")),
        ("SMTP_FROM", format!("{PLANTED}.sender@plant.example")),
    ]);
    let server = Server::start_with(&borrowed(&variables), folder.path(), "127.0.0.1:0");
    let mut station = server.station(1);
    (station.count, station.token) = (Some(20), Some(token));
    assert_eq!(run_traced(&station, &variables).persisted, 20);
    let (cookie, metrics) = use_everything(&server, &marie);
    if has_mail {
        let arrives = async {
            while smtp.mails().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), arrives).await }).unwrap();
    }
    let (log, orderly) = server.terminate();
    assert!(orderly, "{log}");
    let spans = receiver.end();
    for name in ["reading", "frame", "commit", "GET /api/v1/samples", "POST /api/v1/session"] {
        assert!(!named(&spans, name).is_empty(), "{name}: the spans are read");
    }
    assert!(!has_mail || !named(&spans, "job").is_empty(), "the spans of jobs are read");
    assert!(log.contains("a wrong token was shown") && metrics.contains("wrong_tokens_total"), "{log}");
    let spans = spans.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for secret in [PLANTED, KEY, TOKEN, cookie.as_str()] {
        for (place, text) in [("log", &log), ("spans", &spans), ("metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} is in the {place}: {line:?}");
        }
    }
}

#[test]
fn a_whole_run_with_every_trace_exported_shows_no_secret() {
    a_whole_run_shows_no_secret(&[], true);
}

#[test]
fn a_whole_run_with_a_password_of_the_database_shows_no_secret() {
    let url = postgres().replacen("sqal@", &format!("sqal:{PLANTED}_database@"), 1);
    assert!(url.contains(PLANTED), "the URL has a password");
    a_whole_run_shows_no_secret(&[("DATABASE_URL", url)], false);
}
