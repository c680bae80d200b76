//! Sets which callers are let in, how often they may call, and how much each may hold.

use std::path::Path;
use std::sync::Arc;

use sqal_http::door::{Budget, ConnectLimit, Resource, Share};
use sqal_http::{Access, Services};

use crate::listen::Door;
use crate::server_error::ServerError;
use crate::session_key;
use crate::settings::{LimitSettings, OriginSettings};

/// Sets the access, the quotas and the budget of the services. Returns the limits for new
/// connections.
pub(super) fn set(
    services: &mut Services,
    access: Access,
    limits: LimitSettings,
    origins: OriginSettings,
    data_dir: &Path,
) -> Result<Door, ServerError> {
    let door = &mut services.door;
    door.access = Arc::new(if access.is_open() {
        access
    } else {
        let key = session_key::of(data_dir).map_err(ServerError::data_dir(data_dir))?;
        access.with_session_key(key)
    });
    door.quotas = Arc::new(limits.quotas);
    door.connect_limit = limits.connections.map(|quota| {
        // Every count per minute is a valid rate for a bucket.
        Arc::new(ConnectLimit::new(quota).unwrap_or_else(|error| unreachable!("{error}")))
    });
    door.trusted_proxies = origins.trusted_proxies;
    door.allowed_hosts = origins.allowed_hosts;
    let per_address = limits.connections_per_address;
    door.budget = Arc::new(budget_for(per_address));
    Ok(Door {
        idle: limits.idle,
        budget: Arc::clone(&door.budget),
        counts_addresses: per_address > 0 && !door.access.is_open(),
        proxies: door.trusted_proxies.clone(),
    })
}

/// The usual budget with this limit of connections for an address whose callers are not
/// authenticated.
fn budget_for(connections_per_address: u32) -> Budget {
    let usual = Resource::Connections.usual();
    Budget::usual().with(Resource::Connections, Share { address: connections_per_address.into(), ..usual })
}
