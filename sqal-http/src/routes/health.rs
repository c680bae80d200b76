//! Probes with their documented bodies (HLT-01 to HLT-04, HLT-08, HLT-11); they read what is known and ask no dependency themselves.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use sqal_resilience::{Component, HealthReport, Status};
use std::sync::Arc;

use crate::Services;

/// What is known. Where nobody makes the checks (an embedder's choice), whoever asks first makes them, and again when what is known is old.
async fn known(services: &Services) -> HealthReport {
    let mut report = services.health.report();
    if report.components.iter().any(|component| component.status == Status::Unknown) {
        services.health.look().await;
        report = services.health.report();
    }
    for component in of_this_server(services) {
        let felt = if component.critical { component.status } else { Status::Degraded };
        report.status = report.status.max(felt);
        report.components.push(component);
    }
    report.ready = report.ready && report.status.works();
    report
}

/// What this server knows of itself and no check asks for; a part that is well is not named.
fn of_this_server(services: &Services) -> impl Iterator<Item = Component> {
    let disagreeing = services.presence.disagreeing(services.clock.now());
    let part = |name: &str, status: Status, complaint: &str| Component {
        name: name.to_owned(),
        status,
        critical: status == Status::Down,
        latency: None,
        complaint: Some(complaint.to_owned()),
    };
    let clock = disagreeing.servers_clock_is_wrong();
    let clock = clock.then(|| part("clock", Status::Down, "most devices have a clock ahead of this server's"));
    let profiles = if disagreeing.servers_profiles_are_wrong() {
        Some(part("profiles", Status::Down, "most devices ask for a profile that this server does not know"))
    } else if services.conflicts_of_profiles() {
        Some(part("profiles", Status::Degraded, "a profile of the file differs from the register's"))
    } else {
        None
    };
    clock.into_iter().chain(profiles)
}

const fn ok_or_503(ok: bool) -> StatusCode {
    if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn works(report: &HealthReport, name: &str) -> bool {
    report.components.iter().any(|component| component.name == name && component.status.works())
}

/// Adds why each component that does not work does not, by name; nothing if all do.
fn with_reasons(body: &mut Value, report: &HealthReport) {
    let failing = report.components.iter().filter(|component| component.status != Status::Up);
    let reason = |component: &Component| Some((component.name.clone(), Value::from(component.complaint.clone()?)));
    let reasons: Map<String, Value> = failing.filter_map(reason).collect();
    if !reasons.is_empty() {
        body["reasons"] = Value::Object(reasons);
    }
}

/// What each component is, by name.
fn by_name(report: &HealthReport, what: impl Fn(Status) -> Value) -> Map<String, Value> {
    report.components.iter().map(|component| (component.name.clone(), what(component.status))).collect()
}

/// `GET /health`: for people and containers.
pub(super) async fn basic(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let report = known(&services).await;
    let database = if works(&report, "database") { "connected" } else { "disconnected" };
    // A process that ends in order is no patient.
    let status = match report.status {
        Status::Up => "healthy",
        Status::Degraded => "degraded",
        Status::Unknown | Status::Down => "unhealthy",
    };
    let mut body = json!({ "status": status, "database": database });
    for component in report.components.iter().filter(|component| component.name != "database") {
        body[&component.name] = component.status.as_str().into();
    }
    with_reasons(&mut body, &report);
    (ok_or_503(report.status.works()), Json(body))
}

/// `GET /api/health`: it answers (HLT-08).
pub(super) async fn answers() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /health/live`: whether the process goes on; no dependency is asked.
pub(super) async fn live(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let alive = services.health.is_live();
    let status = if alive { "alive" } else { "stuck" };
    (ok_or_503(alive), Json(json!({ "status": status, "uptime": services.health.uptime().as_secs() })))
}

/// `GET /health/ready`: whether traffic should come here.
pub(super) async fn ready(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let report = known(&services).await;
    let ready = report.status.works() && services.shutdown.is_ready();
    let status = if ready { "ready" } else { "not ready" };
    let components = by_name(&report, |status| status.works().into());
    let mut body = json!({ "status": status, "components": components });
    with_reasons(&mut body, &report);
    (ok_or_503(ready), Json(body))
}

/// `GET /ready` and `GET /api/ready`: the same in the other documented words (HLT-08).
pub(super) async fn checks(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let report = known(&services).await;
    let ready = report.status.works() && services.shutdown.is_ready();
    let status = if ready { "ready" } else { "not ready" };
    let checks = by_name(&report, |status| if status.works() { "ok".into() } else { status.as_str().into() });
    let mut body = json!({ "status": status, "checks": checks });
    with_reasons(&mut body, &report);
    (ok_or_503(ready), Json(body))
}

/// `GET /health/startup`: the router exists only when everything has started; `duration` is how long that took.
pub(super) async fn startup(State(services): State<Arc<Services>>) -> Json<Value> {
    Json(json!({ "status": "started", "duration": services.starting.as_secs_f64() }))
}
