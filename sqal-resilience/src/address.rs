//! [`limited_as`] and [`client_address`]: who a client is for a limit.

use std::net::{IpAddr, Ipv6Addr};

/// The address that a limit counts for a client: an IPv6 client owns its whole /64 and could be somebody else with every request, so the /64 counts; an
/// IPv4 address written as IPv6 is that IPv4 address.
///
/// ```
/// use sqal_resilience::limited_as;
///
/// assert_eq!(limited_as("2001:db8:1:2:aaaa::1".parse()?), limited_as("2001:db8:1:2:bbbb::9".parse()?));
/// assert_eq!(limited_as("::ffff:192.0.2.1".parse()?), "192.0.2.1".parse::<std::net::IpAddr>()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn limited_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The client behind proxies: the last address of `X-Forwarded-For` that is not a trusted proxy's, if the peer is one. Whoever is not trusted says what it
/// likes and is not believed; neither is anything before an entry that is no address.
#[must_use]
pub fn client_address(peer: IpAddr, forwarded_for: Option<&str>, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer.to_canonical();
    for entry in forwarded_for.unwrap_or_default().rsplit(',') {
        if !trusted(client) {
            break;
        }
        let entry = entry.trim().trim_matches(|c| matches!(c, '[' | ']'));
        let Ok(address) = entry.parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}
