//! Probes with their documented bodies (HLT-01 to HLT-04); liveness never checks a dependency.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::Services;

/// How long the database may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(2);

async fn database_answers(services: &Services) -> bool {
    tokio::time::timeout(PATIENCE, services.store.ping()).await.is_ok_and(|answer| answer.is_ok())
}

const fn ok_or_503(ok: bool) -> StatusCode {
    if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// `GET /health`: for people and containers.
pub(super) async fn basic(State(services): State<Services>) -> (StatusCode, Json<Value>) {
    let connected = database_answers(&services).await;
    let (status, database) = if connected { ("healthy", "connected") } else { ("unhealthy", "disconnected") };
    (ok_or_503(connected), Json(json!({ "status": status, "database": database })))
}

/// `GET /health/live`: the process answers, so it lives.
pub(super) async fn live(State(services): State<Services>) -> Json<Value> {
    let uptime = services.clock.now().saturating_duration_since(services.started);
    Json(json!({ "status": "alive", "uptime": uptime.as_secs() }))
}

/// `GET /health/ready`: whether traffic should come here.
pub(super) async fn ready(State(services): State<Services>) -> (StatusCode, Json<Value>) {
    let database = database_answers(&services).await;
    let writer = services.writer.is_open();
    let ready = database && writer && services.shutdown.is_ready();
    let status = if ready { "ready" } else { "not ready" };
    (ok_or_503(ready), Json(json!({ "status": status, "components": { "database": database, "writer": writer } })))
}

/// `GET /health/startup`: the router exists only when everything has started.
pub(super) async fn startup(State(services): State<Services>) -> Json<Value> {
    let duration = services.clock.now().saturating_duration_since(services.started);
    Json(json!({ "status": "started", "duration": duration.as_secs_f64() }))
}
