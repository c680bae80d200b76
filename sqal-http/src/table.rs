//! The table of all routes, joined from what each resource declares.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::door::{gate, layers};
use crate::modules;
#[cfg(feature = "bugs")]
use crate::resources::bugs;
#[cfg(feature = "ws")]
use crate::resources::commands;
#[cfg(feature = "dashboard")]
use crate::resources::dashboard;
#[cfg(feature = "alerts")]
use crate::resources::{alert_deeds, alerts, doubtful, silences, stations};
use crate::resources::{
    batch, calibrations, capabilities, dead_letters, devices, events, health, hours, jobs, log_level, metrics,
    problems, profiles, queries, samples, schedules, session, versions,
};
use crate::route::objective::Objective;
use crate::route::{ApiVersion, Endpoint, Route};
use crate::services::Services;

/// The routes that do work. They are refused once the shutdown has begun.
fn work() -> Vec<Endpoint> {
    [
        samples::routes(),
        batch::routes(),
        dead_letters::routes(),
        events::routes(),
        devices::routes(),
        #[cfg(feature = "ws")]
        commands::routes(),
        calibrations::routes(),
        hours::routes(),
        profiles::routes(),
        jobs::routes(),
        schedules::routes(),
        #[cfg(feature = "alerts")]
        alerts::routes(),
        #[cfg(feature = "alerts")]
        alert_deeds::routes(),
        #[cfg(feature = "alerts")]
        silences::routes(),
        #[cfg(feature = "alerts")]
        stations::routes(),
        #[cfg(feature = "alerts")]
        doubtful::routes(),
        #[cfg(feature = "bugs")]
        bugs::routes(),
        capabilities::routes(),
        log_level::routes(),
        queries::routes(),
        session::routes(),
        problems::routes(),
        versions::routes(),
        #[cfg(feature = "openapi")]
        crate::openapi::routes(),
        #[cfg(feature = "ws")]
        crate::devices::routes(),
        #[cfg(feature = "dashboard")]
        dashboard::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The routes of monitoring, which are answered until the process has ended.
fn probes() -> Vec<Endpoint> {
    [health::routes(), metrics::routes()].into_iter().flatten().collect()
}

/// All routes.
#[must_use]
pub fn routes() -> Vec<Route> {
    work().into_iter().chain(probes()).map(|endpoint| endpoint.route).collect()
}

/// The description of the routes of a version as OpenAPI 3.1, in JSON with its members in order.
/// The description of the first version also has the un-versioned routes.
///
/// # Panics
///
/// Never: a test builds the description of every route.
#[cfg(feature = "openapi")]
#[must_use]
pub fn openapi(version: ApiVersion) -> String {
    crate::openapi::openapi(version, &routes())
}

/// The description of a version, made at the first request for it.
#[cfg(feature = "openapi")]
fn description(version: ApiVersion) -> &'static str {
    use std::sync::LazyLock;
    static FIRST: LazyLock<String> = LazyLock::new(|| openapi(ApiVersion::V1));
    static SECOND: LazyLock<String> = LazyLock::new(|| openapi(ApiVersion::V2));
    match version {
        ApiVersion::V1 => &FIRST,
        ApiVersion::V2 => &SECOND,
    }
}

/// Takes up the jobs that an earlier process has left in the queue. Without this call they wait
/// until the next job is begun here.
///
/// Call it within a runtime, when all parts are in place. The worker ends with the shutdown.
pub fn take_up_jobs(services: &Services) {
    // Only a process that is ending refuses, and it takes no job up.
    let _ = jobs::take_up(&Arc::new(services.clone()));
}

/// The router of the application, to serve or to nest in another router.
pub fn router(services: Services) -> Router {
    modules::tell_missing();
    router_of(work(), probes(), services)
}

/// The router of these routes.
fn router_of(work: Vec<Endpoint>, probes: Vec<Endpoint>, mut services: Services) -> Router {
    services.plant.versions = ApiVersion::among(work.iter().chain(&probes).map(|endpoint| endpoint.route.path));
    services.plant.starting = services.clock.now().saturating_duration_since(services.plant.started);
    #[cfg(feature = "openapi")]
    {
        services.plant.description = Some(description);
    }
    let services = Arc::new(services);
    let mut number = 0;
    let mut gated = |endpoints: Vec<Endpoint>, probe: bool| {
        endpoints.into_iter().fold(Router::new(), |router, Endpoint { route, answer }| {
            let route = Arc::new(route);
            let gate = gate::Gate { services: Arc::clone(&services), route: Arc::clone(&route), number, probe };
            number += 1;
            if route.objective.is_some() {
                Objective::begin(route.path);
            }
            router.route(route.path, answer.route_layer(from_fn_with_state(gate, gate::admit)))
        })
    };
    let (work, probes) = (gated(work, false), gated(probes, true));
    layers::around(work, probes, services)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{HeaderMap, Request};
    use serde_json::Value;
    use sqal_core::Timestamp;
    use sqal_grading::{Profile, Profiles};
    use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
    use tower::ServiceExt;

    use super::*;
    use crate::door::quota::Class;
    use crate::door::version::{Legacy, UNVERSIONED_SINCE};
    use crate::route::{EVERYONE, get, put};

    /// Since when the older route of a throw-away list is deprecated: 2030-03-17.
    const SINCE: i64 = 1_900_000_000;

    /// A route of a throw-away list.
    fn endpoint(path: &'static str) -> Endpoint {
        get(path, EVERYONE, Class::Unlimited, || async { "a text" })
    }

    /// A route of the first version that one of the second replaces.
    fn older() -> Endpoint {
        endpoint("/api/v1/older").replaced_by("/api/v2/newer", SINCE)
    }

    fn services() -> Services {
        let store = Arc::new(MemoryStore::new());
        let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
        let profiles = Profiles::new([("example".parse().unwrap(), Profile::example())]).unwrap();
        Services::new(store, writer, profiles, || Timestamp::from_micros(0).unwrap())
    }

    async fn asked(app: &Router, path: &str) -> (u16, HeaderMap, String) {
        let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Whether a route is the successor that a deprecated route names: of a newer version, and with
    /// the method of the other.
    fn replaces(other: &Route, route: &Route) -> bool {
        route.successor.is_some_and(|successor| successor.path == other.path)
            && route.method == other.method
            && ApiVersion::of(other.path) > ApiVersion::of(route.path)
    }

    /// The deprecated routes without a successor.
    fn premature(routes: &[Route]) -> Vec<&'static str> {
        let deprecated = routes.iter().filter(|route| route.successor.is_some());
        deprecated.filter(|route| !routes.iter().any(|other| replaces(other, route))).map(|route| route.path).collect()
    }

    /// In particular, a route of the first version is deprecated only once the second version has
    /// the operation.
    #[test]
    fn c_11_no_route_is_deprecated_before_its_successor_is_there() {
        assert!(premature(&routes()).is_empty(), "{:?}", premature(&routes()));
        let of = |list: Vec<Endpoint>| premature(&list.into_iter().map(|one| one.route).collect::<Vec<_>>());
        assert_eq!(of(vec![older()]), ["/api/v1/older"], "there is no successor");
        let by_put = put("/api/v2/newer", EVERYONE, Class::Unlimited, || async { "a text" });
        assert_eq!(of(vec![older(), by_put]), ["/api/v1/older"], "the successor has another method");
        let beside = endpoint("/api/v1/older").replaced_by("/api/v1/newer", SINCE);
        assert_eq!(of(vec![beside, endpoint("/api/v1/newer")]), ["/api/v1/older"], "both are of one version");
        assert!(of(vec![older(), endpoint("/api/v2/newer")]).is_empty());
    }

    /// The seam to the second version: a declaration adds a route to it, another one deprecates the
    /// route of the first version, which goes on answering when the un-versioned paths are switched
    /// off.
    #[tokio::test]
    async fn api_04_a_declaration_adds_a_route_to_the_second_version() {
        let mut services = services();
        services.door.legacy = Legacy::answering(false);
        let oldest = endpoint("/api/oldest").replaced_by("/api/v1/older", UNVERSIONED_SINCE);
        let app = router_of(vec![oldest, older(), endpoint("/api/v2/newer")], Vec::new(), services);
        let (status, headers, _) = asked(&app, "/api/v2/newer").await;
        assert_eq!((status, headers.get("deprecation")), (200, None));
        let (status, headers, _) = asked(&app, "/api/v1/older").await;
        assert_eq!((status, headers["deprecation"].to_str().unwrap()), (200, "@1900000000"));
        assert!(headers["link"].to_str().unwrap().starts_with("<../../api/v2/newer>; rel=\"successor-version\""));
        assert_eq!(asked(&app, "/api/oldest").await.0, 410);
        let (status, _, problem) = asked(&app, "/api/v2/none").await;
        assert!(status == 404 && problem.contains("no such path"), "{problem}");
    }

    #[tokio::test]
    async fn api_04_a_version_without_an_operation_says_so_and_names_the_one_to_use() {
        let app = router_of(vec![endpoint("/api/v1/older")], Vec::new(), services());
        for (path, detail) in [
            ("/api/v2", "/api/v2 has no operation yet: use /api/v1"),
            ("/api/v2/", "/api/v2 has no operation yet: use /api/v1"),
            ("/api/v2/older?limit=1", "/api/v2 has no operation yet: use /api/v1"),
            ("/api/v1/newer", "no such path"),
            ("/api/v3/older", "no such path"),
        ] {
            let (status, headers, problem) = asked(&app, path).await;
            let problem: Value = serde_json::from_str(&problem).unwrap();
            let kind = headers["content-type"].to_str().unwrap();
            assert_eq!((status, kind), (404, "application/problem+json"), "{path}");
            assert_eq!(
                (&problem["type"], &problem["detail"]),
                (&"/problems/not-found".into(), &detail.into()),
                "{path}"
            );
        }
    }
}
