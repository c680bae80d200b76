//! A valid and an invalid call of every route, through the router as it is served.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use fixtures::scene::{Fault, Scene, Station};
use serde_json::Value;
use sqal_core::{Name, Sample, SampleKey, Timestamp, sample::Meta};
use sqal_http::services::MetricsText;
use sqal_http::{Caches, Profile, Profiles, Services, router};
use sqal_resilience::{Clock, ManualClock, Shutdown, health::CheckConfig};
use sqal_storage::{BatchWriter, MemoryStore, SampleStore, WriterConfig, cache::CacheKind};
use tower::ServiceExt;

async fn app(samples: usize) -> (Router, Services, Vec<Sample>) {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let name = "foiegras_standard_barquette".parse().unwrap();
    let profiles = Profiles::new([(name, Profile::example())]).unwrap();
    let mut station = Station::new(1);
    let mut made = Vec::new();
    for k in 0..samples {
        let reading = station.read(Scene::GOOD, Fault::None);
        let (inspection, profile) = profiles.inspect(&name, reading.frame.as_ref(), reading.spectrum.as_ref()).unwrap();
        let timestamp = Timestamp::from_micros(1_729_983_600_000_000 + i64::try_from(k).unwrap()).unwrap();
        let device = if k % 2 == 0 { "EVEN" } else { "ODD" };
        let key =
            SampleKey { device_id: Name::new(device).unwrap(), timestamp, name: Name::new(&format!("S{k}")).unwrap() };
        let meta = Meta { firmware_version: None, temperature_c: None, humidity_percent: None };
        let (tof, spectrum) = (reading.frame, reading.spectrum);
        made.push(Sample {
            key,
            received_at: timestamp,
            tof,
            spectrum,
            inspection,
            reported: None,
            meta,
            profile,
            processing_micros: 5,
            beside: sqal_core::beside::Beside::default(),
            purpose: sqal_core::Purpose::Product,
        });
    }
    store.insert(&made).await.unwrap();
    let mut services = Services::new(store, writer, profiles, || Timestamp::from_micros(0).unwrap());
    services.plant.metrics = Some(MetricsText::new(|| "up 1\n".to_owned()));
    (router(services.clone()), services, made)
}

async fn get(app: &Router, path: &str) -> (StatusCode, Value, axum::http::HeaderMap) {
    let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)), headers)
}

#[tokio::test]
async fn the_latest_sample_has_every_documented_field() {
    let (app, _, made) = app(3).await;
    let (status, latest, _) = get(&app, "/api/sqal/latest").await;
    assert_eq!((status, latest["sample_id"].as_str()), (StatusCode::OK, Some("S2")));
    let documented: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    for (name, block) in documented.as_object().unwrap() {
        for field in block.as_object().into_iter().flat_map(|block| block.keys()) {
            assert!(latest[name].get(field).is_some(), "{name}.{field} is missing");
        }
        assert!(latest.get(name).is_some(), "{name} is missing");
    }
    assert_eq!(latest["id"], made[2].id().to_string());
    let (_, odd, _) = get(&app, "/api/sqal/latest?device_id=ODD").await;
    assert_eq!(odd["sample_id"], "S1");
}

#[tokio::test]
async fn without_a_sample_the_latest_is_a_404_problem() {
    let (app, ..) = app(0).await;
    let (status, problem, headers) = get(&app, "/api/sqal/latest").await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::NOT_FOUND, Some("/problems/not-found")));
    assert_eq!(headers["content-type"], "application/problem+json");
    let (status, page, _) = get(&app, "/problems/not-found").await;
    assert!(status == StatusCode::OK && page.as_str().unwrap().contains("does not know the path"));
    assert_eq!(get(&app, "/problems/nonsense").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_follow_each_other_and_filter() {
    let (app, _, made) = app(7).await;
    let (_, page, _) = get(&app, "/api/v1/samples?limit=5").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 5);
    let next = page["next"].as_str().unwrap();
    let (_, rest, _) = get(&app, &format!("/api/v1/samples?limit=5&after={next}")).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null));
    let (_, even, _) = get(&app, "/api/v1/samples?device_id=EVEN").await;
    assert_eq!(even["items"].as_array().unwrap().len(), 4);
    let (_, one, _) = get(&app, &format!("/api/v1/samples/{}", made[4].id())).await;
    assert_eq!(one["sample_id"], "S4");
}

/// A sample is the latest at once in the process that stored it, and after ten seconds in another
/// process.
#[tokio::test]
async fn the_latest_is_remembered_for_ten_seconds() {
    let (_, mut services, made) = app(2).await;
    let clock = ManualClock::new();
    services.line.caches = Arc::new(Caches::near(&(Arc::new(clock.clone()) as Arc<dyn Clock>)));
    let app = router(services.clone());
    assert_eq!(get(&app, "/api/sqal/latest").await.1["sample_id"], "S1");
    let mut later = made[1].clone();
    later.key.timestamp = Timestamp::from_micros(made[1].key.timestamp.micros() + 9).unwrap();
    later.key.name = Name::new("S9").unwrap();
    services.storage.store.insert(&[later]).await.unwrap();
    let (_, latest, headers) = get(&app, "/api/sqal/latest").await;
    assert_eq!((&latest["sample_id"], &headers["content-type"]), (&"S1".into(), &"application/json".parse().unwrap()));
    clock.advance(Duration::from_secs(11));
    assert_eq!(get(&app, "/api/sqal/latest").await.1["sample_id"], "S9");
    let [(kind, stats), ..] = services.line.caches.stats();
    assert_eq!((kind, stats.hits, stats.misses), (CacheKind::LatestSample, 1, 2));
    // After the caches are cleared, the next call reads the store.
    services.line.caches.clear().await.unwrap();
    assert_eq!(get(&app, "/api/sqal/latest").await.0, StatusCode::OK);
    assert_eq!(services.line.caches.stats()[0].1.misses, 3);
}

/// The samples of `app` lie in the hour from 23:00 of 2024-10-26. In this app it is 23:30.
async fn that_night(samples: usize) -> (Router, Vec<Sample>) {
    let (_, services, made) = app(samples).await;
    let now = || Timestamp::from_micros(1_729_985_400_000_000).unwrap();
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    (router(Services::new(services.storage.store, services.storage.writer, profiles, now)), made)
}

#[tokio::test]
async fn devices_are_listed_with_what_their_samples_come_to() {
    let (app, made) = that_night(5).await;
    let (status, devices, _) = get(&app, "/api/v1/devices").await;
    assert_eq!((status, devices["hours"].as_i64()), (StatusCode::OK, Some(10_000)));
    let items = devices["items"].as_array().unwrap();
    let of =
        |item: &Value| (item["device_id"].clone(), item["presence"].clone(), item["statistics"]["samples"].clone());
    let wanted = [("EVEN", 3), ("ODD", 2)].map(|(name, n)| (name.into(), "offline".into(), n.into()));
    assert_eq!(items.iter().map(of).collect::<Vec<_>>(), wanted);
    let (status, even, _) = get(&app, "/api/v1/devices/EVEN").await;
    assert_eq!((status, of(&even)), (StatusCode::OK, of(&items[0])));
    let scores: Vec<f64> =
        made.iter().step_by(2).map(|sample| sample.inspection.verdict.score.unwrap().value()).collect();
    let mean = even["statistics"]["average_quality_score"].as_f64().unwrap();
    assert!((mean - scores.iter().sum::<f64>() / 3.0).abs() < 1e-9, "{mean} {scores:?}");
    assert_eq!(even["statistics"]["first_sample_at"], "2024-10-26T23:00:00Z");
    assert_eq!(even["statistics"]["conformity_rate_percent"], 100.0);
    for unknown in ["EVE", "%ff", "%00", &"x".repeat(101)] {
        assert_eq!(get(&app, &format!("/api/v1/devices/{unknown}")).await.0, StatusCode::NOT_FOUND, "{unknown}");
    }
    let empty = that_night(0).await.0;
    assert_eq!(get(&empty, "/api/v1/devices").await.1["items"], serde_json::json!([]));
}

#[tokio::test]
async fn hours_are_listed_in_their_span() {
    let (app, _) = that_night(5).await;
    let (status, hours, _) = get(&app, "/api/v1/aggregates/hourly").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&hours["from"], &hours["until"]), (&"2024-10-26T00:00:00Z".into(), &"2024-10-27T00:00:00Z".into()));
    let hour = &hours["items"].as_array().unwrap()[0];
    assert_eq!((&hour["hour"], &hour["statistics"]["samples"]), (&"2024-10-26T23:00:00Z".into(), &5.into()));
    let path = "/api/v1/aggregates/hourly?from=2024-10-26T23:59:59Z&until=2024-10-27T00:00:00%2B00:00&device_id=ODD";
    assert_eq!(get(&app, path).await.1["items"][0]["statistics"]["samples"], 2);
    let (_, before, _) = get(&app, "/api/v1/aggregates/hourly?until=2024-10-26T23:59:59Z").await;
    assert_eq!(before["items"], serde_json::json!([]), "the hour of the end is not part of the span");
    for (query, pointer) in [
        ("from=yesterday", "?from"),
        ("until=2024-10-26", "?until"),
        ("device_id=", "?device_id"),
        ("from=2024-10-26T00:00:00Z&until=2024-10-25T00:00:00Z", "?from"),
        ("from=2020-01-01T00:00:00Z", "?from"),
        ("from=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", "?from"),
        ("from=2024-10-26T00:00:00Z&from=2024-10-26T00:00:00Z", "?"),
    ] {
        let (status, problem, _) = get(&app, &format!("/api/v1/aggregates/hourly?{query}")).await;
        let named = problem["violations"][0]["pointer"].as_str();
        assert_eq!((status, named), (StatusCode::BAD_REQUEST, Some(pointer)), "{query}: {problem}");
    }
    for edge in ["until=0000-01-01T00:00:00Z", "until=9999-12-31T23:59:59Z"] {
        assert_eq!(get(&app, &format!("/api/v1/aggregates/hourly?{edge}")).await.0, StatusCode::OK, "{edge}");
    }
}

#[tokio::test]
async fn the_dashboard_shows_the_last_day_under_both_paths() {
    let (app, _) = that_night(5).await;
    let (status, line, _) = get(&app, "/api/dashboard/metrics/").await;
    assert_eq!((status, &line["statistics"]["samples"], &line["hours"]), (StatusCode::OK, &5.into(), &24.into()));
    assert_eq!(line["devices"], serde_json::json!({ "online": 0, "late": 0, "offline": 0 }));
    assert_eq!(line["statistics"]["reject_rate_percent"], 0.0);
    assert_eq!(get(&app, "/api/v1/dashboard/metrics").await.1, line);
    let (_, nothing, _) = get(&that_night(0).await.0, "/api/dashboard/metrics/").await;
    assert_eq!(nothing["statistics"]["samples"], 0);
    assert_eq!(nothing["statistics"]["average_quality_score"], Value::Null, "unknown is no number");
}

async fn post(app: &Router, body: impl Into<Body>, origin: Option<&str>) -> (StatusCode, Value, axum::http::HeaderMap) {
    let mut request = Request::post("/api/v1/samples:batch").header("host", "127.0.0.1:8000");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    let response = app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap(), headers)
}

/// The documented frame with this name.
fn frame(sample_id: &str) -> String {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["sample_id"] = sample_id.into();
    frame.to_string()
}

#[tokio::test]
async fn a_batch_has_a_result_for_each_row() {
    let (app, _) = that_night(0).await;
    let body =
        [frame("one"), String::new(), "{}".to_owned(), frame("two"), frame("one"), "nonsense".to_owned()].join("\r\n");
    let (status, results, _) = post(&app, body, None).await;
    assert_eq!(status, StatusCode::OK, "{results}");
    let items = results["items"].as_array().unwrap();
    let of = |item: &Value| (item["sequence"].as_u64().unwrap(), item["status"].as_str().unwrap().to_owned());
    let rows: Vec<_> = items.iter().map(of).collect();
    let wanted = [(1, "persisted"), (2, "rejected"), (3, "persisted"), (4, "duplicate"), (5, "rejected")];
    assert_eq!(rows, wanted.map(|(row, status)| (row, status.to_owned())), "{results}");
    assert_eq!([&results["persisted"], &results["duplicate"], &results["rejected"]], [2, 1, 2]);
    assert_eq!(items[1]["problem"]["type"], "/problems/invalid-frame");
    assert_eq!((&items[0]["sample_id"], &items[3]["id"]), (&"one".into(), &items[0]["id"]));
    // What was stored can be read at once: the sample, its device, its hour.
    let (_, one, _) = get(&app, &format!("/api/v1/samples/{}", items[2]["id"].as_str().unwrap())).await;
    assert_eq!(one["sample_id"], "two");
    let device = one["device_id"].as_str().unwrap();
    assert_eq!(get(&app, &format!("/api/v1/devices/{device}")).await.1["presence"], "online");
    assert_eq!(get(&app, &format!("/api/sqal/latest?device_id={device}")).await.0, StatusCode::OK);
    let nothing = serde_json::json!({ "items": [], "persisted": 0, "duplicate": 0, "rejected": 0, "try_again": 0, "retry_after": null });
    assert_eq!(post(&app, "\n \n", None).await.1, nothing);
}

/// A client that reads only the head of an answer, or its first bytes, learns that rows are to be
/// sent again, and when.
#[tokio::test]
async fn a_batch_tells_at_its_head_what_is_to_be_sent_again() {
    let (app, _) = that_night(0).await;
    let later = frame("later").replace("foiegras_standard_barquette", "not known yet");
    let body = [frame("now"), later.clone(), "{}".to_owned(), later].join("\n");
    let request =
        Request::post("/api/v1/samples:batch").header("host", "127.0.0.1:8000").body(Body::from(body)).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!((response.status(), &response.headers()["retry-after"]), (StatusCode::OK, &"5".parse().unwrap()));
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    let head = r#"{"persisted":1,"duplicate":0,"rejected":3,"try_again":2,"retry_after":5,"items":["#;
    assert!(bytes.starts_with(head.as_bytes()), "{}", String::from_utf8_lossy(&bytes));
}

/// Sends a batch whose body has this content coding.
async fn post_coded(app: &Router, coding: &str, body: Vec<u8>) -> (StatusCode, Value, axum::http::HeaderMap) {
    let request = Request::post("/api/v1/samples:batch").header("content-encoding", coding).body(Body::from(body));
    let response = app.clone().oneshot(request.unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap(), headers)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_batch_may_come_as_gzip_and_in_no_other_coding() {
    let (app, _) = that_night(0).await;
    let (status, results, _) = post_coded(&app, "gzip", gzip(frame("packed").as_bytes())).await;
    assert_eq!((status, &results["persisted"]), (StatusCode::OK, &1.into()), "{results}");
    // The limit applies to the unpacked body: 17 KB can become 16 MB.
    let bomb = gzip(&vec![b' '; 16 * 1024 * 1024]);
    let (status, problem, _) = post_coded(&app, "gzip", bomb).await;
    assert_eq!((status, &problem["type"]), (StatusCode::PAYLOAD_TOO_LARGE, &"/problems/batch-too-large".into()));
    let (status, problem, _) = post_coded(&app, "gzip", frame("bare").into_bytes()).await;
    assert_eq!((status, &problem["type"]), (StatusCode::BAD_REQUEST, &"/problems/invalid-body".into()));
    assert!(problem["detail"].as_str().unwrap().contains("gzip (RFC 1952)"), "{problem}");
    let (status, problem, headers) = post_coded(&app, "br", frame("brotli").into_bytes()).await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, &"/problems/unsupported-coding".into())
    );
    assert_eq!(headers["accept-encoding"], "gzip");
}

#[tokio::test]
async fn a_byte_order_mark_before_a_row_is_ignored() {
    let (app, _) = that_night(0).await;
    let body = format!("\u{feff}{}\n\u{feff}{}\n", frame("first"), frame("second"));
    let (_, results, _) = post(&app, body, None).await;
    assert_eq!((&results["persisted"], &results["rejected"]), (&2.into(), &0.into()), "{results}");
}

#[tokio::test]
async fn a_frame_over_several_lines_is_one_refusal() {
    let (app, _) = that_night(0).await;
    let (status, results, _) = post(&app, fixtures::DOCUMENTED_FRAME, None).await;
    assert_eq!((status, &results["rejected"]), (StatusCode::OK, &1.into()), "{results}");
    let items = results["items"].as_array().unwrap();
    let lines = fixtures::DOCUMENTED_FRAME.lines().count();
    let told = format!("a frame must be on one line (NDJSON); this body is one JSON document over {lines} lines");
    assert_eq!((items.len(), items[0]["problem"]["detail"].as_str()), (1, Some(told.as_str())));
    assert_eq!(items[0]["sample_id"], "SAMPLE-20241026-230000-0001");
    assert_eq!(get(&app, "/api/v1/dead-letters").await.1["items"].as_array().map(Vec::len), Some(1));
    // Several pretty-printed frames in one body are one error too. A broken row among good ones
    // costs only itself.
    let two = format!("{}\n{}", fixtures::DOCUMENTED_FRAME, fixtures::DOCUMENTED_FRAME);
    assert_eq!(post(&app, two, None).await.1["rejected"], 1);
    let (_, results, _) = post(&app, format!("{{\n{}\n", frame("good")), None).await;
    assert_eq!((&results["persisted"], &results["rejected"]), (&1.into(), &1.into()), "{results}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_cannot_be_taken_is_refused_as_a_whole() {
    let (app, _) = that_night(0).await;
    let kind = |problem: &Value| problem["type"].as_str().unwrap().to_owned();
    let too_many = "{}\n".repeat(1001);
    let too_large = " ".repeat(8 * 1024 * 1024 + 1);
    for (body, status, name) in [
        (Body::from(too_many), StatusCode::PAYLOAD_TOO_LARGE, "batch-too-large"),
        (Body::from(too_large), StatusCode::PAYLOAD_TOO_LARGE, "batch-too-large"),
        (Body::from(vec![b'{', 0xff, b'}']), StatusCode::BAD_REQUEST, "not-text"),
        // A client that never ends its body.
        (
            Body::from_stream(futures_util::stream::pending::<Result<String, String>>()),
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
        ),
        (
            Body::from_stream(futures_util::stream::iter([Err::<String, _>("gone")])),
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
        ),
    ] {
        let (found, problem, headers) = post(&app, body, None).await;
        assert_eq!((found, kind(&problem)), (status, format!("/problems/{name}")));
        assert_eq!(headers["content-type"], "application/problem+json");
    }
    // A page of another site may not act as a device; the server's own page may.
    let (status, problem, _) = post(&app, frame("x"), Some("https://evil.example")).await;
    assert_eq!((status, kind(&problem)), (StatusCode::FORBIDDEN, "/problems/forbidden-origin".to_owned()));
    assert_eq!(post(&app, frame("x"), Some("http://127.0.0.1:8000")).await.0, StatusCode::OK);
}

/// Four batches are stored at a time. The fifth is refused with the time after which to come back,
/// and is accepted when the four are done.
#[tokio::test]
async fn a_fifth_batch_is_told_to_come_back() {
    let (app, _) = that_night(0).await;
    // The bodies are there at once. The first four take the places, and keep them until their rows
    // are durable.
    let five = (0..5).map(|k| post(&app, frame(&k.to_string()), None));
    let mut answers = futures_util::future::join_all(five).await;
    let (status, problem, headers) = answers.pop().unwrap();
    assert_eq!((status, &problem["type"]), (StatusCode::SERVICE_UNAVAILABLE, &"/problems/busy".into()));
    assert_eq!(headers["retry-after"], "1");
    assert!(answers.iter().all(|(status, ..)| *status == StatusCode::OK), "{answers:?}");
    assert_eq!(post(&app, frame("x"), None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let (app, ..) = app(1).await;
    for (query, pointer) in [
        ("limit=0", "?limit"),
        ("limit=501", "?limit"),
        ("limit=x", "?limit"),
        ("after=zz", "?after"),
        ("device_id=", "?device_id"),
    ] {
        let (status, problem, _) = get(&app, &format!("/api/v1/samples?{query}")).await;
        assert_eq!(
            (status, problem["violations"][0]["pointer"].as_str()),
            (StatusCode::BAD_REQUEST, Some(pointer)),
            "{problem}"
        );
    }
    for id in ["nonsense", "00000000-0000-7000-8000-000000000000", "+1aaaaaa-0000-7000-8000-000000000000"] {
        assert_eq!(get(&app, &format!("/api/v1/samples/{id}")).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(get(&app, "/no/such/path").await.0, StatusCode::NOT_FOUND);
    for (path, status) in [
        ("/api/v1/samples?limit=1&limit=2", StatusCode::BAD_REQUEST),
        ("/api/v1/samples/%ff", StatusCode::NOT_FOUND),
        ("/ws/sensors", StatusCode::BAD_REQUEST),
    ] {
        let (got, problem, headers) = get(&app, path).await;
        assert_eq!(
            (got, &headers["content-type"]),
            (status, &"application/problem+json".parse().unwrap()),
            "{path}: {problem}"
        );
    }
    let post = app.clone().oneshot(Request::post("/health").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.headers()["content-type"], "application/problem+json");
}

/// HLT-01 to HLT-04: the documented bodies of the probes. Readiness turns before the process ends.
#[tokio::test]
async fn hr_15_probes_have_their_documented_bodies() {
    let (app, ..) = app(0).await;
    let (_, mut health, _) = get(&app, "/health").await;
    // The times of the checks, which HLT-09 added.
    health.as_object_mut().unwrap().remove("dependencies").unwrap();
    assert_eq!(health, serde_json::json!({ "status": "healthy", "database": "connected", "writer": "up" }));
    assert_eq!(get(&app, "/health/live").await.1["status"], "alive");
    assert_eq!(get(&app, "/health/startup").await.1["status"], "started");
    let (status, ready, _) = get(&app, "/health/ready").await;
    assert_eq!((status, ready["components"]["database"].as_bool()), (StatusCode::OK, Some(true)));
    // The other documented bodies (HLT-08, HLT-11).
    assert_eq!(get(&app, "/api/health").await.1, serde_json::json!({ "status": "ok" }));
    for path in ["/ready", "/api/ready"] {
        let checks = serde_json::json!({ "database": "ok", "writer": "ok" });
        assert_eq!(get(&app, path).await.1, serde_json::json!({ "status": "ready", "checks": checks }));
    }
}

/// An embedder's own part: if it is critical and down, the server is not ready. If it is optional,
/// everything goes on.
#[tokio::test]
async fn an_embedders_own_parts_are_checked_too() {
    let (app, services, _) = app(0).await;
    services.plant.health.register("cache", CheckConfig::optional(), || async { Err("connection refused") }).unwrap();
    let (status, ready, _) = get(&app, "/health/ready").await;
    assert_eq!((status, &ready["components"]["cache"]), (StatusCode::OK, &false.into()));
    for path in ["/ready", "/api/ready"] {
        // The documents of these older paths call the shared cache by its product (HLT-08).
        let ready = get(&app, path).await.1;
        assert_eq!((&ready["checks"]["redis"], &ready["checks"]["cache"]), (&"down".into(), &Value::Null), "{path}");
        assert_eq!(ready["reasons"], serde_json::json!({ "redis": "connection refused" }), "{path}");
    }
    let (status, health, _) = get(&app, "/health").await;
    assert_eq!(
        (status, &health["status"]),
        (StatusCode::OK, &"degraded".into()),
        "not as it should be, and it goes on"
    );
    assert_eq!(health["reasons"], serde_json::json!({ "cache": "connection refused" }));
    services.plant.health.register("scale", CheckConfig::critical(), || async { Err("unplugged") }).unwrap();
    let (status, ready, _) = get(&app, "/health/ready").await;
    assert_eq!((status, &ready["reasons"]["scale"]), (StatusCode::SERVICE_UNAVAILABLE, &"unplugged".into()));
    let (status, health, _) = get(&app, "/health").await;
    assert_eq!(
        (status, &health["status"], &health["scale"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"unhealthy".into(), &"down".into())
    );
    assert_eq!(get(&app, "/health/live").await.0, StatusCode::OK, "no dependency makes it dead");
}

/// HLT-09: `/health` gives the status and the time of the last check of each dependency. What the
/// server finds by itself is a member, and no dependency.
#[tokio::test(start_paused = true)]
async fn hlt_09_health_gives_the_status_and_the_latency_of_each_dependency() {
    let (app, services, _) = app(0).await;
    let health = &services.plant.health;
    let answers = |takes: u64, works: bool| {
        move || async move {
            tokio::time::sleep(Duration::from_millis(takes)).await;
            if works { Ok(()) } else { Err("connection refused") }
        }
    };
    health.register("messages", CheckConfig::optional(), answers(120, true)).unwrap();
    health.register("scale", CheckConfig::optional(), answers(45, false)).unwrap();
    let (status, body, _) = get(&app, "/health").await;
    assert_eq!((status, &body["status"]), (StatusCode::OK, &"degraded".into()), "{body}");
    let wanted = serde_json::json!({
        "database": { "status": "ok", "latency_ms": 0.0 },
        "messages": { "status": "ok", "latency_ms": 120.0 },
        "scale": { "status": "down", "latency_ms": 45.0 },
        "writer": { "status": "ok", "latency_ms": 0.0 },
    });
    assert_eq!(body["dependencies"], wanted, "{body}");
    // The liveness path asks no dependency, and tells nothing about one (HLT-08).
    assert_eq!(get(&app, "/api/health").await.1, serde_json::json!({ "status": "ok" }));
}

/// A supervisor that kills a process that does not answer must not kill one that ends in order.
#[tokio::test]
async fn sd_07_while_it_ends_a_process_is_alive_and_not_ready() {
    let (_, services, _) = app(0).await;
    let shutdown = Shutdown::default();
    let services = services.ending_with(&shutdown);
    let app = router(services.clone());
    shutdown.begin("SIGTERM");
    assert!(services.plant.health.report().ending);
    assert_eq!(get(&app, "/health/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&app, "/health/live").await.0, StatusCode::OK);
    assert_eq!(get(&app, "/api/health").await.0, StatusCode::OK);
    assert_eq!(get(&app, "/metrics").await.0, StatusCode::OK);
    for path in ["/ready", "/api/ready"] {
        let (status, ready, _) = get(&app, path).await;
        assert_eq!((status, &ready["status"]), (StatusCode::SERVICE_UNAVAILABLE, &"not ready".into()), "{path}");
    }
    assert_eq!(get(&app, "/api/v1/dashboard/metrics").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (status, problem, headers) = get(&app, "/api/sqal/latest").await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("/problems/shutting-down")));
    assert_eq!(headers["retry-after"], "5");
}

/// The page of bugs and its assets.
#[cfg(feature = "bugs")]
const OF_BUGS: [&str; 3] = ["/bugs", "/bugs.css", "/bugs.js"];
/// A server without bugs has no page of bugs.
#[cfg(not(feature = "bugs"))]
const OF_BUGS: [&str; 0] = [];

/// If a browser names the newest version of an asset, the asset is not sent again.
#[tokio::test]
async fn assets_are_sent_once() {
    let (app, ..) = app(0).await;
    for path in ["/dashboard.css", "/dashboard.js"].into_iter().chain(OF_BUGS.into_iter().skip(1)) {
        let (status, text, headers) = get(&app, path).await;
        assert!(status == StatusCode::OK && !text.as_str().unwrap().is_empty());
        let ask = |tag: &axum::http::HeaderValue| {
            let request = Request::get(path).header("if-none-match", tag).body(Body::empty()).unwrap();
            app.clone().oneshot(request)
        };
        let again = ask(&headers["etag"]).await.unwrap();
        assert_eq!((again.status(), &again.headers()["etag"]), (StatusCode::NOT_MODIFIED, &headers["etag"]));
        assert!(axum::body::to_bytes(again.into_body(), 1).await.unwrap().is_empty());
        let older = ask(&axum::http::HeaderValue::from_static("\"older\"")).await.unwrap();
        assert_eq!(older.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn metrics_are_text_and_the_page_needs_nothing_from_elsewhere() {
    let (app, ..) = app(0).await;
    assert_eq!(get(&app, "/metrics").await.1, "up 1\n");
    for path in ["/", "/dashboard.css", "/dashboard.js"].into_iter().chain(OF_BUGS) {
        let (status, text, headers) = get(&app, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let text = text.as_str().unwrap();
        let foreign = text.split("://").skip(1).filter(|rest| !rest.starts_with("www.w3.org/")).count();
        assert_eq!(foreign, 0, "{path} names another place");
    }
}
