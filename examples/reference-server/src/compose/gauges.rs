//! [`shown`]: the metrics of the process, with the gauges of states as old as the rendering.

use std::path::Path;
use std::sync::Arc;

use sqal_http::Services;
use sqal_http::services::MetricsText;
use sqal_resilience::{Clock, SystemClock};
use sqal_storage::metered::report_caches;

use super::database::Database;
use crate::observe::{Machine, report_health, shown_with};
use crate::wall_clock::wall_clock;

/// The metrics of the process. Each rendering updates the gauges of the database, the caches, the
/// devices, the stations, the health checks and the machine first, whether a scraper or the rules
/// of alerts read them.
pub(super) fn shown(render: MetricsText, database: &Database, services: &Services, data_dir: &Path) -> MetricsText {
    let machine = Machine::new(data_dir, wall_clock());
    let (caches, presence) = (Arc::clone(&services.line.caches), Arc::clone(&services.line.presence));
    let health = services.plant.health.clone();
    let stations = services.plant.alerts.as_ref().map(|parts| Arc::clone(&parts.stations));
    shown_with(shown_with(render, database.report()), move || {
        report_caches(&caches.stats());
        presence.report(SystemClock.now());
        report_health(&health);
        machine.report(&SystemClock, wall_clock);
        if let Some(stations) = &stations {
            stations.report(wall_clock());
        }
    })
}
