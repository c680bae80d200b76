//! The alerts of the server: their book, the silences and the stations for the routes, and the task
//! that evaluates the rules and tells people.

mod alert_log;
mod evaluation;
mod watch;

use std::sync::Arc;

use sqal_alerts::notify::{NotifierBook, NotifyPlan};
use sqal_alerts::state::{AlertBook, SilenceBook};
use sqal_alerts::station::Stations;
use sqal_http::Services;
use sqal_http::line::StationFeed;
use sqal_http::services::AlertParts;
use sqal_resilience::Shutdown;
use sqal_work::outbox::{Outbox, StormLimits};
use tracing::{info, warn};

use super::background::Background;
use super::database::Database;
use crate::settings::AlertSettings;
use crate::wall_clock::wall_clock;
use watch::AlertWatch;

/// Gives the routes the alerts, the silences and the stations of a database, and the line the feed
/// that watches the stations.
pub(super) fn share(services: &mut Services, database: &Database, background: &mut Background, shutdown: &Shutdown) {
    let (records, register) = (|| Arc::clone(&database.records), || Arc::clone(&database.register));
    let stations = Arc::new(Stations::new(records()));
    let (feed, taking) = StationFeed::new(Arc::clone(&stations), Arc::new(wall_clock));
    // Takes what stored samples say about their stations.
    background.until_closing(taking, shutdown);
    services.line.stations = Some(feed);
    services.plant.alerts = Some(AlertParts {
        book: Arc::new(AlertBook::new(records(), register())),
        silences: Arc::new(SilenceBook::new(records(), register())),
        stations,
    });
}

/// Begins to evaluate the rules and to tell people by the plan. That ends when the process drains:
/// before the database is closed.
pub(super) fn begin(services: &Services, database: &Database, settings: AlertSettings, shutdown: &Shutdown) {
    let (Some(parts), Some(metrics)) = (services.plant.alerts.clone(), services.plant.metrics.clone()) else {
        warn!("no alerts are evaluated: this process has no metrics of its own");
        return;
    };
    if !settings.is_on {
        info!("no alerts are evaluated by this server: SQAL_ALERTS is off");
    }
    let rules = settings.rules();
    let notifier = notifier(database, settings.plan);
    let watch = AlertWatch::new(rules, settings.server, metrics, parts, notifier);
    let ends = shutdown.clone();
    if let Err(rejected) = shutdown.spawn("alerts", async move { watch.run(&ends).await }) {
        warn!(%rejected, "alerts are not evaluated: the server ends");
    }
}

/// What decides who is told, if there is a plan.
fn notifier(database: &Database, plan: Option<NotifyPlan>) -> Option<NotifierBook> {
    let Some(plan) = plan else {
        info!("no SQAL_ALERT_PLAN_FILE: alerts are kept and shown, and no person is told");
        return None;
    };
    for warning in plan.warnings() {
        let (place, what) = (warning.place.as_str(), warning.what.as_str());
        warn!(place, what, "the plan of alerts may not say what is meant");
    }
    let records = || Arc::clone(&database.records);
    let outbox = Outbox::new(Arc::clone(&database.queue), records(), StormLimits::default());
    Some(NotifierBook::new(records(), outbox, plan))
}
