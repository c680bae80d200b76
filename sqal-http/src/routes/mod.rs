//! Every route, on one screen.

mod batch;
mod devices;
mod events;
mod health;
mod hours;
mod metrics;
mod problems;
mod samples;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use batch::at_a_time;

use crate::{Services, layers};

/// The application: serve it, or nest it in your own.
pub fn router(services: Services) -> Router {
    let routes = Router::new()
        // Samples.
        .route("/api/sqal/latest", get(samples::latest))
        .route("/api/v1/samples", get(samples::list))
        .route("/api/v1/samples/{id}", get(samples::one))
        .route("/api/v1/samples:batch", post(batch::take))
        .route("/api/v1/events", get(events::stream))
        // Devices and hours.
        .route("/api/v1/devices", get(devices::list))
        .route("/api/v1/devices/{device_id}", get(devices::one))
        .route("/api/v1/aggregates/hourly", get(hours::hourly))
        .route("/api/v1/dashboard/metrics", get(hours::dashboard))
        .route("/api/dashboard/metrics/", get(hours::dashboard))
        // What a problem's type means.
        .route("/problems/{name}", get(problems::page));
    // Whoever watches the process: answered to its end.
    let probes = Router::new()
        .route("/health", get(health::basic))
        .route("/health/startup", get(health::startup))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/api/health", get(health::answers))
        .route("/ready", get(health::checks))
        .route("/api/ready", get(health::checks))
        .route("/metrics", get(metrics::text));
    // Devices. Both spellings are documented (C-04), and a WebSocket client follows no redirect.
    #[cfg(feature = "ws")]
    let routes =
        routes.route("/ws/sensors", get(crate::ingest::upgrade)).route("/ws/sensors/", get(crate::ingest::upgrade));
    #[cfg(feature = "dashboard")]
    let routes = routes.merge(crate::dashboard::routes());
    layers::around(routes, probes, services)
}
