//! Gives the routes their store, their profiles, and the beginning and end of the process.

use std::sync::Arc;
use std::time::Instant;

use sqal_http::Services;
use sqal_resilience::Shutdown;
use sqal_storage::WriterHandle;

use super::database::Database;
use crate::settings::ProfileSettings;
use crate::wall_clock::wall_clock;

/// The services over a database, before their door is set.
pub(super) fn over(
    database: &Database,
    writer: WriterHandle,
    profiles: ProfileSettings,
    shutdown: &Shutdown,
    begun: Instant,
) -> Services {
    let ProfileSettings { profiles, are_placeholders } = profiles;
    let services = Services::new(Arc::clone(&database.store), writer, profiles, wall_clock);
    let mut services = services.ending_with(shutdown).begun_at(begun);
    if are_placeholders {
        services = services.with_placeholder_profiles();
    }
    services.storage.register = Some(Arc::clone(&database.register));
    services.storage.queue = Arc::clone(&database.queue);
    services.storage.custody = Some(Arc::clone(&database.custody));
    services.storage.database = Some(database.name.clone());
    database.watch(&services.plant.health);
    services
}
