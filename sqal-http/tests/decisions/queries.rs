//! Administrators read the database queries of the process, as a text or as JSON.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use sqal_http::{Access, Grant, Role, TokenFile, router};
use sqal_storage::MemoryStore;
use sqal_storage::queries::{QueryLayer, QueryLimits, QueryProfiler, QueryScope};
use tower::ServiceExt;
use tracing_subscriber::prelude::*;

use crate::line::{Server, ask, engineer, server, token};

const QUERIES: &str = "/api/v1/system/queries";

/// The queries of a call that has sent one statement six times, as the driver says it.
fn profiled() -> QueryProfiler {
    let profiler = QueryProfiler::default();
    let subscriber = tracing_subscriber::registry().with(QueryLayer::new(QueryLimits::default()));
    tracing::subscriber::with_default(subscriber, || {
        let scope = QueryScope::begin();
        scope.span().in_scope(|| {
            for _ in 0..6 {
                tracing::debug!(target: "sqlx::query", summary = "SELECT ?", elapsed_secs = 0.0005);
            }
        });
        profiler.record("GET /api/v1/devices", &scope.report());
    });
    profiler
}

/// The answer to an administrator who accepts this.
async fn read(app: &Router, accept: &str) -> (HeaderMap, String) {
    let request = Request::get(QUERIES).header("authorization", "Bearer anne").header("accept", accept);
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200, "{accept}");
    let headers = response.headers().clone();
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
    (headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn an_administrator_reads_the_queries_as_a_text_or_as_json() {
    let Server { mut services, .. } = server(&Arc::new(MemoryStore::new()), 1);
    services.plant.queries = Some(Arc::new(profiled()));
    let tokens = vec![token("anne", Grant::Role(Role::Administrator)), engineer("marie")];
    services.door.access = Arc::new(Access::of(TokenFile { tokens }).unwrap());
    let app = router(services);
    let refused = ask(&app, "GET", QUERIES, &[("authorization", "Bearer marie")], &Value::Null).await;
    assert_eq!(refused.status, 403);

    for accept in ["*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "text/plain"] {
        let (headers, text) = read(&app, accept).await;
        assert_eq!(
            (&headers["content-type"], &headers["vary"]),
            (&"text/plain; charset=utf-8".parse().unwrap(), &"accept".parse().unwrap())
        );
        assert!(text.starts_with("Database queries: 1 calls, 6 queries in 3.0 ms, 0 slow\n"), "{text}");
        assert!(text.contains("\nGET /api/v1/devices\n") && text.contains("up to 6 times in one"), "{text}");
    }
    let (headers, text) = read(&app, "application/json").await;
    assert_eq!(
        (&headers["content-type"], &headers["vary"]),
        (&"application/json".parse().unwrap(), &"accept".parse().unwrap())
    );
    let all: Value = serde_json::from_str(&text).unwrap();
    let statement = json!({
        "statement": "SELECT ?", "executions": 6, "time_ms": 3.0, "max_ms": 0.5, "slow": 0, "most_in_a_call": 6,
        "repeating_calls": 1,
    });
    let endpoint = json!({
        "endpoint": "GET /api/v1/devices", "calls": 1, "queries": 6, "most_queries": 6, "time_ms": 3.0, "p50_ms": 3.0,
        "p95_ms": 3.0, "max_ms": 3.0, "slow": 0, "repeating_calls": 1, "statements": [statement], "other_queries": 0,
    });
    assert_eq!(all, json!({ "calls": 1, "queries": 6, "time_ms": 3.0, "slow": 0, "endpoints": [endpoint] }));
}

#[tokio::test]
async fn a_program_that_does_not_profile_its_queries_says_so() {
    let app = server(&Arc::new(MemoryStore::new()), 1).app;
    let answer = ask(&app, "GET", QUERIES, &[], &Value::Null).await;
    assert_eq!((answer.status, &answer.body["type"]), (404, &json!("/problems/not-found")));
    assert!(answer.body["detail"].as_str().unwrap().contains("profiling is off"), "{}", answer.body);
}
