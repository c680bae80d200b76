//! Health probes with their documented bodies (HLT-01 to HLT-04, HLT-08, HLT-09, HLT-11).
//!
//! They report the results of earlier checks. Only if no task runs the checks do they check
//! dependencies themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use sqal_resilience::health::{Component, HealthReport, Status};

use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{EVERYONE, Endpoint, get};
use crate::services::Services;

/// The routes of health.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/health", EVERYONE, Class::Unlimited, basic)
            .objective(Objective::ALIVE)
            .described("health", "Health", "The state of the server and of its parts")
            .gives_named("Health")
            .line(
                "`{\"status\":\"healthy\",\"database\":\"connected\",\"writer\":\"up\"}`, a member for each \
                 part; what `status` says: [below](#health). `dependencies` has each part that is checked, with the \
                 time that its last check took: `{\"database\":{\"status\":\"ok\",\"latency_ms\":0.4}}`",
                "5 s",
            ),
        get("/health/startup", EVERYONE, Class::Unlimited, startup)
            .objective(Objective::ALIVE)
            .described("startup", "Health", "Whether the server has started")
            .gives_named("Health")
            .line("`{\"status\":\"started\",\"duration\":2.5}`: how long starting took, in seconds", ""),
        get("/health/live", EVERYONE, Class::Unlimited, live)
            .objective(Objective::ALIVE)
            .described("live", "Health", "Whether the process works; no dependency is called")
            .gives_named("Health")
            .line("`{\"status\":\"alive\",\"uptime\":3600}`; calls no dependency", "0"),
        get("/health/ready", EVERYONE, Class::Unlimited, ready)
            .objective(Objective::READY)
            .described("ready", "Health", "Whether the server is ready for traffic")
            .gives_named("Health")
            .line(
                "`{\"status\":\"ready\",\"components\":{\"database\":true,\"writer\":true,\"cache\":true}}`, or 503. \
                 `cache` is present with a Redis, and its failure does not make the server unready. `spool` is present \
                 with a PostgreSQL; then the failure of `database` does not make the server unready while the spool \
                 accepts samples. `reasons` names the cause for each part that does not work",
                "5 s",
            ),
        get("/api/health", EVERYONE, Class::Unlimited, answers)
            .objective(Objective::ALIVE)
            .described("answers", "Health", "That it answers")
            .gives_named("Health")
            .line("`{\"status\":\"ok\"}`", ""),
        get("/ready", EVERYONE, Class::Unlimited, checks)
            .objective(Objective::READY)
            .described("readyChecks", "Health", "Whether the server is ready for traffic, in the older form")
            .gives_named("Health")
            .line(
                "the same as `/health/ready` as \
                 `{\"status\":\"ready\",\"checks\":{\"database\":\"ok\",\"writer\":\"ok\",\"redis\":\"ok\"}}`, \
                 where `redis` is the part `cache`",
                "5 s",
            ),
        get("/api/ready", EVERYONE, Class::Unlimited, checks)
            .objective(Objective::READY)
            .described("readyChecksOfTheApi", "Health", "Whether the server is ready for traffic, in the older form")
            .gives_named("Health")
            .line(
                "the same as `/health/ready` as \
                 `{\"status\":\"ready\",\"checks\":{\"database\":\"ok\",\"writer\":\"ok\",\"redis\":\"ok\"}}`, \
                 where `redis` is the part `cache`",
                "5 s",
            ),
    ]
}

/// The known state, and the number of its components that are checked, which are the first ones. If
/// no task runs the checks (an embedder's choice), the first probe runs them, and a later one again
/// once the results are too old.
async fn known(services: &Services) -> (HealthReport, usize) {
    let mut report = services.plant.health.report();
    if report.components.iter().any(|component| component.status == Status::Unknown) {
        services.plant.health.look().await;
        report = services.plant.health.report();
    }
    let checked = report.components.len();
    for component in of_this_server(services) {
        let felt = if component.critical { component.status } else { Status::Degraded };
        report.status = report.status.max(felt);
        report.components.push(component);
    }
    report.ready = report.ready && report.status.works();
    (report, checked)
}

/// The faults that this server finds by itself, without a check. A part without a fault is not
/// listed.
fn of_this_server(services: &Services) -> impl Iterator<Item = Component> {
    let disagreeing = services.line.presence.disagreeing(services.clock.now());
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
    } else if services.plant.decisions.differ() {
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

/// Adds the complaint of each component that is not up, by name. If all are up, adds nothing.
fn with_reasons(body: &mut Value, report: &HealthReport) {
    let failing = report.components.iter().filter(|component| component.status != Status::Up);
    let reason = |component: &Component| Some((component.name.clone(), Value::from(component.complaint.clone()?)));
    let reasons: Map<String, Value> = failing.filter_map(reason).collect();
    if !reasons.is_empty() {
        body["reasons"] = Value::Object(reasons);
    }
}

/// A value for the status of each component, by name.
fn by_name(report: &HealthReport, what: impl Fn(Status) -> Value) -> Map<String, Value> {
    report.components.iter().map(|component| (component.name.clone(), what(component.status))).collect()
}

/// The status of each component and the time of its last check in milliseconds, by name (HLT-09).
/// The time is null before the first check, and for a component that a breaker watches.
fn dependencies(components: &[Component]) -> Map<String, Value> {
    let one = |component: &Component| {
        let status = if component.status == Status::Up { "ok" } else { component.status.as_str() };
        let latency = component.latency.map(|took| (took.as_secs_f64() * 1e6).round() / 1e3);
        (component.name.clone(), json!({ "status": status, "latency_ms": latency }))
    };
    components.iter().map(one).collect()
}

/// `GET /health`: for people and containers.
pub(crate) async fn basic(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let (report, checked) = known(&services).await;
    let database = if works(&report, "database") { "connected" } else { "disconnected" };
    // An orderly shutdown does not make a process unhealthy.
    let status = match report.status {
        Status::Up => "healthy",
        Status::Degraded => "degraded",
        Status::Unknown | Status::Down => "unhealthy",
    };
    let mut body = json!({ "status": status, "database": database });
    for component in report.components.iter().filter(|component| component.name != "database") {
        body[&component.name] = component.status.as_str().into();
    }
    body["dependencies"] = dependencies(report.components.get(..checked).unwrap_or_default()).into();
    with_reasons(&mut body, &report);
    (ok_or_503(report.status.works()), Json(body))
}

/// `GET /api/health`: shows that the server answers (HLT-08).
pub(crate) async fn answers() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /health/live`: whether the process makes progress. No dependency is checked.
pub(crate) async fn live(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let alive = services.plant.health.is_live();
    let status = if alive { "alive" } else { "stuck" };
    (ok_or_503(alive), Json(json!({ "status": status, "uptime": services.plant.health.uptime().as_secs() })))
}

/// `GET /health/ready`: whether the server is ready for traffic.
pub(crate) async fn ready(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let (report, _) = known(&services).await;
    let ready = report.status.works() && services.shutdown.is_ready();
    let status = if ready { "ready" } else { "not ready" };
    let components = by_name(&report, |status| status.works().into());
    let mut body = json!({ "status": status, "components": components });
    with_reasons(&mut body, &report);
    (ok_or_503(ready), Json(body))
}

/// `GET /ready` and `GET /api/ready`: whether the server is ready for traffic, in the other
/// documented words (HLT-08). They call the shared cache by the name of its product.
pub(crate) async fn checks(State(services): State<Arc<Services>>) -> (StatusCode, Json<Value>) {
    let (mut report, _) = known(&services).await;
    for component in report.components.iter_mut().filter(|component| component.name == "cache") {
        "redis".clone_into(&mut component.name);
    }
    let ready = report.status.works() && services.shutdown.is_ready();
    let status = if ready { "ready" } else { "not ready" };
    let checks = by_name(&report, |status| if status.works() { "ok".into() } else { status.as_str().into() });
    let mut body = json!({ "status": status, "checks": checks });
    with_reasons(&mut body, &report);
    (ok_or_503(ready), Json(body))
}

/// `GET /health/startup`: the router exists only after everything has started. `duration` is the
/// time that the start took, in seconds.
pub(crate) async fn startup(State(services): State<Arc<Services>>) -> Json<Value> {
    Json(json!({ "status": "started", "duration": services.plant.starting.as_secs_f64() }))
}
