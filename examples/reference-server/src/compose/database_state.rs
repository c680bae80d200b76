//! How operators see the state of the database: health checks and gauges.

use std::sync::Arc;

use sqal_resilience::health::CheckConfig;
use sqal_resilience::{Clock, HealthRegistry};
use tracing::warn;

use super::database::Database;

impl Database {
    /// Registers separate health checks for the database and its spool. While the database is
    /// unavailable, the line continues as long as the spool accepts samples.
    pub(super) fn watch(&self, health: &HealthRegistry<Arc<dyn Clock>>) {
        let Some(spooled) = &self.spooled else { return };
        health.remove("database");
        let store = Arc::clone(spooled);
        let database = move || {
            let store = Arc::clone(&store);
            async move { store.ping_store().await }
        };
        let store = Arc::clone(spooled);
        let spool = move || {
            let store = Arc::clone(&store);
            async move { store.takes().await }
        };
        let registered = [
            health.register("database", CheckConfig::optional(), database),
            health.register("spool", CheckConfig::critical(), spool),
        ];
        for twice in registered.into_iter().filter_map(Result::err) {
            warn!(%twice, "a part of the database is not watched");
        }
    }

    /// Gives a function that updates the gauges of the pools and of the spool when it is called.
    pub(super) fn report(&self) -> impl Fn() + Send + Sync + 'static {
        let connections = Arc::clone(&self.connections);
        let spooled = self.spooled.clone();
        move || {
            connections.report();
            let (waiting, damaged) = spooled.as_ref().map_or((0, 0), |spooled| (spooled.waiting(), spooled.damaged()));
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a floating number")]
            let [waiting, damaged] = [waiting, damaged].map(|samples: u64| samples as f64);
            metrics::gauge!("spool_samples_waiting").set(waiting);
            metrics::gauge!("spool_samples_damaged").set(damaged);
        }
    }
}
