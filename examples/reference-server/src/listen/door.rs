//! [`Door`]: which new connections are admitted, and for how long they may be idle.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sqal_http::door::{Budget, Connection};

/// The limits for new connections.
#[derive(Debug)]
pub(crate) struct Door {
    /// The most time for the head of a request, the first as well as the next.
    pub(crate) idle: Duration,
    /// The budget that counts the connections of each address until their callers are
    /// authenticated.
    pub(crate) budget: Arc<Budget>,
    /// Whether connections are counted. A server without tokens authenticates no caller, and is
    /// reached from its own machine only.
    pub(crate) counts_addresses: bool,
    /// The addresses of proxies, which are not counted because each proxy forwards connections of
    /// several clients.
    pub(crate) proxies: Vec<IpAddr>,
}

impl Door {
    /// Admits the connection of a peer; `None` if its address has reached its limit.
    pub(super) fn connection(&self, peer: IpAddr) -> Option<Connection> {
        if self.counts_addresses && !self.proxies.contains(&peer.to_canonical()) {
            // The budget counts the refusal. It is not logged, so that an attacker cannot fill the
            // log.
            self.budget.connect(peer).ok()
        } else {
            Some(Connection::uncounted())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connections_of_an_address_are_counted_until_it_is_a_trusted_proxy() {
        let peer = |text: &str| text.parse::<IpAddr>().unwrap();
        let door = |counts_addresses| Door {
            idle: Duration::from_secs(1),
            budget: Arc::default(),
            counts_addresses,
            proxies: vec![peer("192.0.2.9")],
        };
        let most = usize::try_from(sqal_http::door::Resource::Connections.usual().address).unwrap();
        for (counts, address, admitted) in [
            (true, "192.0.2.1", most),
            (true, "192.0.2.9", most + 5),
            (true, "::ffff:192.0.2.9", most + 5),
            (false, "192.0.2.1", most + 5),
        ] {
            let door = door(counts);
            let held: Vec<_> = (0..most + 5).filter_map(|_| door.connection(peer(address))).collect();
            assert_eq!(held.len(), admitted, "{address}");
            drop(held);
            assert!(door.connection(peer(address)).is_some(), "{address}: what has ended is counted no more");
        }
    }
}
