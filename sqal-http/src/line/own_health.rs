//! The parts of the health that every server has: the database, and the writer.

use std::sync::Arc;

use sqal_resilience::health::CheckConfig;
use sqal_resilience::{Clock, HealthRegistry, Shutdown};
use sqal_storage::{SampleStore, WriterHandle};

/// After this number of batches in a row that the store did not accept, the part `writer` is down
/// until a probe finds that the store accepts samples.
const FAILED_BATCHES: u32 = 3;

/// Whether samples that are handed in are stored.
async fn writes(store: &dyn SampleStore, writer: &WriterHandle) -> Result<(), String> {
    if !writer.is_open() {
        return Err("the writer has stopped".to_owned());
    }
    let failed = writer.failed_in_a_row();
    if failed < FAILED_BATCHES {
        return Ok(());
    }
    store.ping().await.map_err(|error| format!("the last {failed} batches were not stored: {error}"))?;
    writer.store_is_back();
    Ok(())
}

/// A registry with the parts that every server has. Without either of them, no sample can be
/// acknowledged.
pub(crate) fn own_health(
    store: &Arc<dyn SampleStore>,
    writer: &WriterHandle,
    clock: &Arc<dyn Clock>,
    shutdown: &Shutdown,
) -> HealthRegistry<Arc<dyn Clock>> {
    let health = HealthRegistry::new(Arc::clone(clock), shutdown.clone());
    let asked = Arc::clone(store);
    let database = move || {
        let store = Arc::clone(&asked);
        async move { store.ping().await }
    };
    let (store, writer) = (Arc::clone(store), writer.clone());
    let writing = move || {
        let (store, writer) = (Arc::clone(&store), writer.clone());
        async move { writes(&*store, &writer).await }
    };
    // The registry is new and the settings are its own, so registering does not fail.
    let _ = health.register("database", CheckConfig::critical(), database);
    let _ = health.register("writer", CheckConfig::critical(), writing);
    health
}
