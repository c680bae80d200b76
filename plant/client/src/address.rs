//! [`is_public`]: whether an address is on the public Internet, or reachable only from inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Network;

/// Whether an address belongs to the Internet, so that a service may call it on behalf of others.
///
/// Not public are:
/// - this machine, private networks, and link-local networks with the metadata service of clouds
///   (`169.254.169.254`);
/// - carriers' NAT;
/// - addresses for documentation, benchmarks, multicast or the future, as IANA's registries of
///   special-purpose addresses have it (RFC 6890);
/// - `168.63.129.16`, which Azure answers from every virtual machine.
///
/// An address that carries an IPv4 address (mapped, NAT64, 6to4, Teredo) is judged by the IPv4
/// address. Any other IPv6 address is public only in `2000::/3`, from which all addresses of the
/// Internet are assigned.
///
/// ```
/// use sqal_client::is_public;
///
/// assert!(is_public("9.9.9.9".parse()?) && is_public("2620:fe::fe".parse()?));
/// for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"] {
///     assert!(!is_public(inside.parse()?), "{inside}");
/// }
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub const fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => v4_is_public(address),
        IpAddr::V6(address) => v6_is_public(address),
    }
}

const fn v4_is_public(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        // "This network", private, loopback; multicast, reserved and broadcast.
        [0 | 10 | 127 | 224..=255, ..]
            // Carriers' NAT (RFC 6598).
            | [100, 64..=127, ..]
            // Link-local, and the metadata of most clouds.
            | [169, 254, ..]
            // Private (RFC 1918).
            | [172, 16..=31, ..]
            | [192, 168, ..]
            // Protocol assignments (with Oracle's metadata at 192.0.0.192), documentation.
            | [192, 0, 0 | 2, _]
            // Relays of 6to4, which RFC 7526 withdrew.
            | [192, 88, 99, _]
            // Benchmarks (RFC 2544), documentation (RFC 5737).
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            // Azure's service address for its virtual machines.
            | [168, 63, 129, 16]
    )
}

const fn v6_is_public(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64 (RFC 6052), by which a network without IPv4 reaches IPv4 hosts; 6to4 (RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => v4_is_public(carried(high, low)),
        // Teredo (RFC 4380): a server, and a client with all bits inverted.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            v4_is_public(carried(server_high, server_low)) && v4_is_public(carried(!high, !low))
        }
        // Protocol assignments 2001::/23; documentation 2001:db8::/32 and 3fff::/20.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

const fn carried(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((high as u32) << 16 | low as u32)
}

/// The addresses that a client may call: the public Internet, and the allowed networks.
#[derive(Clone, Debug)]
pub(super) struct Reach(pub(super) Vec<Network>);

impl Reach {
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.0.iter().any(|network| network.contains(address))
    }
}
