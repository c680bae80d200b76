//! [`peer`]: the address of a client, also behind a proxy.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderName, header};
use sqal_resilience::address::{client_address, forwarded_client};

use crate::services::Services;

/// The address at the other end of the connection: the client, or the last proxy.
pub(crate) fn direct_peer(request: &Request) -> Option<IpAddr> {
    Some(request.extensions().get::<ConnectInfo<SocketAddr>>()?.0.ip())
}

/// Whether an address is that of a trusted proxy.
pub(crate) fn is_trusted(services: &Services, address: IpAddr) -> bool {
    services.door.trusted_proxies.contains(&address.to_canonical())
}

/// The address of the client. If the connection comes from a trusted proxy, the address that the
/// proxy reports is used. If its two fields name different clients, neither is used: a proxy writes
/// one of them, and the other may be the client's own.
pub(crate) fn peer(services: &Services, request: &Request) -> Option<IpAddr> {
    const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    let peer = direct_peer(request)?.to_canonical();
    if !is_trusted(services, peer) {
        return Some(peer);
    }
    let trusted = |address| is_trusted(services, address);
    // A proxy may add a line of its own after the client's: they are one list (RFC 9110, 5.3). A
    // value that is not text is not an address.
    let list = |name: HeaderName| {
        let lines: Vec<_> = request.headers().get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        (!lines.is_empty()).then(|| lines.join(","))
    };
    let by_list = list(FORWARDED_FOR).map(|list| client_address(peer, Some(&list), trusted));
    let by_field = list(header::FORWARDED).map(|list| forwarded_client(peer, &list, trusted));
    Some(match (by_list, by_field) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    })
}
