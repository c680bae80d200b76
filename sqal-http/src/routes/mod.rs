//! The table of all routes: path, callers, quota, and the successor of an older path.

mod batch;
mod body;
mod calibrations;
mod capabilities;
mod caught;
mod coding;
#[cfg(feature = "ws")]
mod commands;
mod conditions;
mod dead_letters;
mod devices;
mod events;
mod gate;
mod health;
mod hours;
mod jobs;
mod metrics;
mod parameters;
mod problems;
mod profiles;
mod samples;
mod session;
mod span;

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{self, MethodRouter};

#[cfg(feature = "dashboard")]
pub(crate) use conditions::{is_known, tag};
#[cfg(feature = "ws")]
pub(crate) use gate::peer;

use crate::access::{Role, Who};
use crate::quota::Class::{self, Create, Read, SignIn, Summary, Unlimited};
use crate::slo::Objective;
use crate::{Services, layers};

const EVERYONE: Who = Who::Everyone;
const DEVICE: Who = Who::Device;
const VIEWER: Who = Who::Person(Role::Viewer);
const ENGINEER: Who = Who::Person(Role::QualityEngineer);
const ADMINISTRATOR: Who = Who::Person(Role::Administrator);

/// The routes that do work. They are refused once the shutdown has begun.
fn work() -> Vec<Entry> {
    vec![
        // Samples.
        get("/api/v1/samples/latest", VIEWER, Read, samples::latest),
        get("/api/sqal/latest", VIEWER, Read, samples::latest).instead("/api/v1/samples/latest"),
        get("/api/v1/samples", VIEWER, Read, samples::list),
        get("/api/v1/samples/{id}", VIEWER, Read, samples::one),
        post("/api/v1/samples:batch", DEVICE, Create, batch::take),
        get("/api/v1/dead-letters", ENGINEER, Read, dead_letters::list),
        delete("/api/v1/dead-letters", ADMINISTRATOR, Create, dead_letters::erase),
        post("/api/v1/dead-letters:replay", ENGINEER, Create, dead_letters::replay).once_a_key(),
        get("/api/v1/events", VIEWER, Read, events::stream),
        // Devices and hours.
        get("/api/v1/devices", VIEWER, Summary, devices::list),
        get("/api/v1/devices/{device_id}", VIEWER, Read, devices::one),
        #[cfg(feature = "ws")]
        post("/api/v1/devices/{device_id}/commands", ADMINISTRATOR, Create, commands::ask).once_a_key(),
        get("/api/v1/devices/{device_id}/calibrations", VIEWER, Read, calibrations::list),
        post("/api/v1/devices/{device_id}/calibrations", ENGINEER, Create, calibrations::record),
        get("/api/v1/aggregates/hourly", VIEWER, Summary, hours::hourly),
        get("/api/v1/dashboard/metrics", VIEWER, Summary, hours::dashboard),
        get("/api/dashboard/metrics/", VIEWER, Summary, hours::dashboard).instead("/api/v1/dashboard/metrics"),
        // Profiles, by which products are judged; jobs and capabilities.
        get("/api/v1/profiles", VIEWER, Read, profiles::list),
        get("/api/v1/profiles/{name}", VIEWER, Read, profiles::one),
        put("/api/v1/profiles/{name}", ENGINEER, Create, profiles::decide),
        get("/api/v1/profiles/{name}/decisions", VIEWER, Read, profiles::decisions),
        post("/api/v1/profiles/{name}/dry-run", ENGINEER, Summary, profiles::dry_run),
        get("/api/v1/jobs", VIEWER, Read, jobs::list),
        post("/api/v1/jobs", ENGINEER, Create, jobs::begin).once_a_key(),
        get("/api/v1/jobs/{id}", VIEWER, Read, jobs::one),
        delete("/api/v1/jobs/{id}", ENGINEER, Create, jobs::stop),
        get("/api/v1/system/capabilities", EVERYONE, Read, capabilities::show),
        // The session of the caller.
        get("/api/v1/session", EVERYONE, Read, session::show),
        post("/api/v1/session", EVERYONE, SignIn, session::begin),
        delete("/api/v1/session", EVERYONE, SignIn, session::end),
        // What a problem's type means.
        get("/problems/{name}", EVERYONE, Unlimited, problems::page),
        // The description of the interface.
        #[cfg(feature = "openapi")]
        get("/openapi/v1.json", EVERYONE, Unlimited, crate::openapi::description),
        #[cfg(feature = "openapi")]
        get("/docs", EVERYONE, Unlimited, crate::openapi::docs),
        #[cfg(feature = "openapi")]
        get("/docs/{*file}", EVERYONE, Unlimited, crate::openapi::file),
        // Devices. Both spellings are documented (C-04), and a WebSocket client follows no
        // redirect. Connections have a limit of their own.
        #[cfg(feature = "ws")]
        get("/ws/sensors", DEVICE, Unlimited, crate::ingest::upgrade),
        #[cfg(feature = "ws")]
        get("/ws/sensors/", DEVICE, Unlimited, crate::ingest::upgrade),
        #[cfg(feature = "dashboard")]
        get("/", EVERYONE, Unlimited, crate::dashboard::page),
        #[cfg(feature = "dashboard")]
        get("/dashboard.css", EVERYONE, Unlimited, crate::dashboard::style),
        #[cfg(feature = "dashboard")]
        get("/dashboard.js", EVERYONE, Unlimited, crate::dashboard::script),
    ]
}

/// The routes of monitoring, which are answered until the process has ended.
fn probes() -> Vec<Entry> {
    vec![
        get("/health", EVERYONE, Unlimited, health::basic),
        get("/health/startup", EVERYONE, Unlimited, health::startup),
        get("/health/live", EVERYONE, Unlimited, health::live),
        get("/health/ready", EVERYONE, Unlimited, health::ready),
        get("/api/health", EVERYONE, Unlimited, health::answers),
        get("/ready", EVERYONE, Unlimited, health::checks),
        get("/api/ready", EVERYONE, Unlimited, health::checks),
        get("/metrics", EVERYONE, Unlimited, metrics::text),
    ]
}

/// A route of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// Its path as a template.
    pub path: &'static str,
    /// The callers that it admits.
    pub who: Who,
    /// The quota that limits how often it may be called.
    pub class: Class,
    /// The path that replaces it, if it is an older one.
    pub successor: Option<&'static str>,
    /// Whether each call has a new effect, unless an `Idempotency-Key` shows that the call was
    /// executed.
    pub repeatable: bool,
}

impl Route {
    /// Whether a call may change something.
    const fn writes(self) -> bool {
        matches!(self.who, Who::Device) || !matches!(self.method.as_bytes(), b"GET")
    }
}

/// A route and its handler.
struct Entry {
    route: Route,
    answer: MethodRouter<Arc<Services>>,
}

macro_rules! entry {
    ($name:ident, $method:literal) => {
        fn $name<H, T>(path: &'static str, who: Who, class: Class, handler: H) -> Entry
        where
            H: Handler<T, Arc<Services>>,
            T: 'static,
        {
            let route = Route { method: $method, path, who, class, successor: None, repeatable: false };
            Entry { route, answer: routing::$name(handler) }
        }
    };
}

entry!(get, "GET");
entry!(post, "POST");
entry!(put, "PUT");
entry!(delete, "DELETE");

impl Entry {
    /// Marks the route as an older path, which `successor` replaces.
    fn instead(mut self, successor: &'static str) -> Self {
        self.route.successor = Some(successor);
        self
    }

    /// Marks the route: each call has a new effect, unless an `Idempotency-Key` shows that the call
    /// was executed.
    const fn once_a_key(mut self) -> Self {
        self.route.repeatable = true;
        self
    }
}

/// All routes.
#[must_use]
pub fn routes() -> Vec<Route> {
    work().into_iter().chain(probes()).map(|entry| entry.route).collect()
}

/// The types that routes answer with.
#[cfg(feature = "openapi")]
pub(crate) fn schemas_of_answers(schemas: &mut crate::openapi::Schemas<'_>) {
    schemas.add::<batch::Results>();
    schemas.add::<profiles::Listed>();
    schemas.add::<profiles::Whole>();
    schemas.add::<profiles::Decisions>();
    schemas.add::<crate::trial::DryRun>();
    schemas.add::<dead_letters::Letters>();
    schemas.add::<dead_letters::Replayed>();
    schemas.add::<dead_letters::Erased>();
    #[cfg(feature = "ws")]
    schemas.add::<commands::Asked>();
    #[cfg(feature = "ws")]
    schemas.add::<commands::Answered>();
    schemas.add::<calibrations::Wanted>();
    schemas.add::<calibrations::Calibration>();
    schemas.add::<calibrations::Calibrations>();
    schemas.add::<capabilities::Capabilities>();
    schemas.add::<jobs::NewJob>();
    schemas.add::<jobs::JobList>();
    schemas.add::<devices::Device>();
    schemas.add::<devices::Devices>();
    schemas.add::<hours::Hours>();
    schemas.add::<hours::Dashboard>();
    schemas.add::<session::Session>();
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
    services.starting = services.clock.now().saturating_duration_since(services.started);
    let services = Arc::new(services);
    let mut number = 0;
    let mut gated = |entries: Vec<Entry>, probe: bool| {
        entries.into_iter().fold(Router::new(), |router, Entry { route, answer }| {
            let objective = Objective::of(&route);
            let gate = gate::Gate { services: Arc::clone(&services), route, number, objective, probe };
            number += 1;
            if objective.is_some() {
                Objective::begin(route.path);
            }
            router.route(route.path, answer.route_layer(from_fn_with_state(gate, gate::admit)))
        })
    };
    let (work, probes) = (gated(work(), false), gated(probes(), true));
    layers::around(work, probes, services)
}
