//! Every route with a good and a bad call, through the router as it is served.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use fixtures::scene::{Fault, Scene, Station};
use serde_json::Value;
use sqal_core::{Meta, Name, Sample, SampleKey, Timestamp};
use sqal_http::{Profile, Profiles, Services, router};
use sqal_storage::{BatchWriter, MemoryStore, SampleStore, WriterConfig};
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
        let key = SampleKey {
            device_id: Name::new(device).unwrap(),
            timestamp,
            sample_id: Name::new(&format!("S{k}")).unwrap(),
        };
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
        });
    }
    store.insert(&made).await.unwrap();
    let mut services = Services::new(store, writer, profiles, || Timestamp::from_micros(0).unwrap());
    services.metrics = Some(Arc::new(|| "up 1\n".to_owned()));
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
    assert!(status == StatusCode::OK && page.as_str().unwrap().contains("not known here"));
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

/// HLT-01 to HLT-04, and readiness that turns before the process ends.
#[tokio::test]
async fn hr_15_probes_have_their_documented_bodies() {
    let (app, ..) = app(0).await;
    let (_, health, _) = get(&app, "/health").await;
    assert_eq!(health, serde_json::json!({ "status": "healthy", "database": "connected" }));
    assert_eq!(get(&app, "/health/live").await.1["status"], "alive");
    assert_eq!(get(&app, "/health/startup").await.1["status"], "started");
    let (status, ready, _) = get(&app, "/health/ready").await;
    assert_eq!((status, ready["components"]["database"].as_bool()), (StatusCode::OK, Some(true)));
}

/// A supervisor that kills what does not answer must not kill a process that ends in order.
#[tokio::test]
async fn sd_07_while_it_ends_a_process_is_alive_and_not_ready() {
    let (app, services, _) = app(0).await;
    services.shutdown.begin("SIGTERM");
    assert_eq!(get(&app, "/health/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&app, "/health/live").await.0, StatusCode::OK);
    let (status, problem, headers) = get(&app, "/api/sqal/latest").await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("/problems/shutting-down")));
    assert_eq!(headers["retry-after"], "5");
}

#[tokio::test]
async fn metrics_are_text_and_the_page_needs_nothing_from_elsewhere() {
    let (app, ..) = app(0).await;
    assert_eq!(get(&app, "/metrics").await.1, "up 1\n");
    for path in ["/", "/dashboard.css", "/dashboard.js"] {
        let (status, text, headers) = get(&app, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let text = text.as_str().unwrap();
        let foreign = text.split("://").skip(1).filter(|rest| !rest.starts_with("www.w3.org/")).count();
        assert_eq!(foreign, 0, "{path} names another place");
    }
}
