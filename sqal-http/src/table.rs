//! The table of all routes, joined from what each resource declares.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::door::{gate, layers};
#[cfg(feature = "ws")]
use crate::resources::commands;
#[cfg(feature = "dashboard")]
use crate::resources::dashboard;
use crate::resources::{
    batch, calibrations, capabilities, dead_letters, devices, events, health, hours, jobs, metrics, problems, profiles,
    samples, schedules, session,
};
use crate::route::objective::Objective;
use crate::route::{Endpoint, Route};
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
        capabilities::routes(),
        session::routes(),
        problems::routes(),
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

/// The description of every route as OpenAPI 3.1, in JSON with its members in order.
///
/// # Panics
///
/// Never: a test builds the description of every route.
#[cfg(feature = "openapi")]
#[must_use]
pub fn openapi() -> String {
    crate::openapi::openapi(&routes())
}

/// The description, made at the first request for it.
#[cfg(feature = "openapi")]
fn description() -> &'static str {
    static WRITTEN: std::sync::LazyLock<String> = std::sync::LazyLock::new(openapi);
    &WRITTEN
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
pub fn router(mut services: Services) -> Router {
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
    let (work, probes) = (gated(work(), false), gated(probes(), true));
    layers::around(work, probes, services)
}
