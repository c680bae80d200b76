//! Which addresses the client calls, against the tables of IANA's registries.
//!
//! The connections themselves are checked too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;
use sqal_client::{
    AddressRefusedError, HttpClient, HttpClientConfig, InvalidDestination, InvalidNetwork, Network, SendError,
    SystemResolver, Trust, is_public,
};
use sqal_resilience::idempotency::Sent;

use crate::names::Script;
use crate::server::{Server, Step, ok};
use crate::{at, client_with, config};

/// The networks of IANA's IPv4 special-purpose address registry that are not globally reachable,
/// multicast, and Azure's platform address.
const INSIDE_V4: [&str; 18] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "233.252.0.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
];

/// The networks of IANA's IPv6 special-purpose address registry that are not globally reachable,
/// and those that IANA has not given out. Teredo, 6to4 and NAT64 are judged by the IPv4 address
/// that they carry.
const INSIDE_V6: [&str; 19] = [
    "::/96",
    "::ffff:0:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:40::/26",
    "2001:80::/25",
    "2001:100::/24",
    "2001:db8::/32",
    "3fff::/20",
    "4000::/2",
    "5f00::/16",
    "8000::/1",
    "fe80::/10",
    "ff00::/8",
];

/// Whether an address, as a number of this many bits, is in a network of a table. Computed by plain
/// arithmetic.
fn listed(table: &[&str], address: u128, bits: u32) -> bool {
    table.iter().any(|network| {
        let (first, prefix) = network.split_once('/').unwrap();
        let first = match first.parse().unwrap() {
            IpAddr::V4(first) => u128::from(u32::from(first)),
            IpAddr::V6(first) => u128::from(first),
        };
        let size = 1_u128.checked_shl(bits - prefix.parse::<u32>().unwrap()).unwrap();
        address >= first && address - first < size
    })
}

fn inside_v4(address: u32) -> bool {
    listed(&INSIDE_V4, address.into(), 32)
}

fn inside_v6(address: u128) -> bool {
    let word = |from: u32| u32::try_from(address >> from & 0xffff_ffff).unwrap();
    if [0xffff, 0x0064_ff9b_0000_0000_0000_0000].contains(&(address >> 32)) {
        inside_v4(word(0))
    } else if address >> 112 == 0x2002 {
        inside_v4(word(80))
    } else if address >> 96 == 0x2001_0000 {
        inside_v4(word(64)) || inside_v4(!word(0))
    } else if address >> 105 == 0x2001_0000 >> 9 {
        // Protocol assignments: a network that is not listed is not given out, or is for special
        // use.
        true
    } else {
        listed(&INSIDE_V6, address, 128) || address >> 125 != 1
    }
}

fn v4(address: u32) -> IpAddr {
    Ipv4Addr::from(address).into()
}

fn v6(address: u128) -> IpAddr {
    Ipv6Addr::from(address).into()
}

/// All forms in which IPv6 carries an IPv4 address.
fn carrying(address: u32) -> [Ipv6Addr; 5] {
    let (high, low) = ((address >> 16) as u16, (address & 0xffff) as u16);
    let (server_high, server_low) = (0x0808, 0x0808);
    [
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 1, 2, 3, 4, 5),
        Ipv6Addr::new(0x2001, 0, high, low, 0, 0x1234, !server_high, !server_low),
        Ipv6Addr::new(0x2001, 0, server_high, server_low, 0, 0x1234, !high, !low),
    ]
}

/// The first and last addresses of each network of a table, and their neighbours outside.
fn edges(table: &[&str], bits: u32) -> Vec<u128> {
    let edges = table.iter().flat_map(|network| {
        let (first, prefix) = network.split_once('/').unwrap();
        let first = match first.parse().unwrap() {
            IpAddr::V4(first) => u128::from(u32::from(first)),
            IpAddr::V6(first) => u128::from(first),
        };
        let last = first + ((1_u128 << (bits - prefix.parse::<u32>().unwrap())) - 1);
        [first.checked_sub(1), Some(first), Some(last), last.checked_add(1)]
    });
    let most = if bits == 32 { u128::from(u32::MAX) } else { u128::MAX };
    edges.flatten().filter(|address| *address <= most).collect()
}

#[test]
fn at_every_edge_of_the_registries_the_guard_says_what_they_say() {
    for address in edges(&INSIDE_V4, 32) {
        let address = u32::try_from(address).unwrap();
        assert_eq!(is_public(v4(address)), !inside_v4(address), "{}", v4(address));
    }
    let carriers = ["::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2001::/23", "2002::/16", "2000::/3"];
    for address in edges(&INSIDE_V6, 128).into_iter().chain(edges(&carriers, 128)) {
        assert_eq!(is_public(v6(address)), !inside_v6(address), "{}", v6(address));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of addresses")]
fn what_attackers_ask_for_is_inside() {
    for address in [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:7f00:1::",
        "2001:0:808:808:0:1:5601:5601",
        "2001:db8::1",
        "3fff::1",
        "100::1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "168.63.129.15",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2001:0:808:808:0:1:f7f7:f7f7",
        "2001:200::1",
        "2606:4700::1111",
        "2a00:1450::1",
        "3ffe::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_guard_says_what_the_registries_say(
        address in any::<u32>(), wide in any::<u128>(), start in prop::sample::select(&[
            0, 0xffff << 32, 0x64_ff9b << 96, 0x2001 << 112, 0x2001_0000 << 96, 0x2002 << 112, 0x3fff << 112, 0xfe80 << 112, 1 << 125,
        ][..]), bits in 0..128_u32,
    ) {
        prop_assert_eq!(is_public(v4(address)), !inside_v4(address));
        // One of the prefixes that have a meaning, followed by any bits.
        let wide = start | wide >> bits;
        prop_assert_eq!(is_public(v6(wide)), !inside_v6(wide), "{}", v6(wide));
    }

    #[test]
    fn no_private_address_gets_through_in_any_coat(network in prop::sample::select(&INSIDE_V4[..]), offset in any::<u32>()) {
        let (first, prefix) = network.split_once('/').unwrap();
        let host = u32::MAX.checked_shr(prefix.parse().unwrap()).unwrap_or(0);
        let address = u32::from(first.parse::<Ipv4Addr>().unwrap()) | offset & host;
        prop_assert!(!is_public(v4(address)));
        for coat in carrying(address) {
            prop_assert!(!is_public(coat.into()), "{coat} carries {}", v4(address));
        }
    }

    #[test]
    fn a_public_address_does_in_every_coat(address in any::<u32>().prop_filter("public", |address| !inside_v4(*address))) {
        for coat in carrying(address) {
            prop_assert!(is_public(coat.into()), "{coat} carries {}", v4(address));
        }
    }

    #[test]
    fn a_network_holds_what_begins_as_it_does(address in any::<u128>(), other in any::<u128>(), prefix in 0..=128_u32, agree in 0..=128_u32) {
        let above = |bits: u32| u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        let first = address & above(prefix);
        // An address that agrees with the network in at least `agree` bits.
        let other = address & above(agree) | other & !above(agree);
        let mapped = |address: u128| address >> 32 == 0xffff;
        prop_assume!(!mapped(first) && !mapped(other));
        let network: Network = format!("{}/{prefix}", v6(first)).parse().unwrap();
        prop_assert_eq!(network.contains(v6(other)), other & above(prefix) == first);
        prop_assert_eq!(network.to_string().parse(), Ok(network));
        prop_assert!(!network.contains(v4(1)));
    }

    #[test]
    fn a_network_of_ipv4_does_so_too(address in any::<u32>(), other in any::<u32>(), prefix in 0..=32_u32, agree in 0..=32_u32) {
        let above = |bits: u32| u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let first = address & above(prefix);
        let other = address & above(agree) | other & !above(agree);
        let network: Network = format!("{}/{prefix}", v4(first)).parse().unwrap();
        prop_assert_eq!(network.contains(v4(other)), other & above(prefix) == first);
        prop_assert_eq!(network.contains(Ipv4Addr::from(other).to_ipv6_mapped().into()), other & above(prefix) == first);
        prop_assert_eq!(network.to_string().parse(), Ok(network));
    }
}

#[test]
fn what_is_no_network_is_named() {
    for text in [
        "",
        "10.0.0.0",
        "10.0.0.0/",
        "/8",
        "10.0.0/8",
        "ten/8",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.0/99999999999",
    ] {
        assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::Form(text.into())), "{text}");
    }
    let said = |text: &str| text.parse::<Network>().unwrap_err().to_string();
    assert_eq!(said("10.0.0.0/33"), r#"network "10.0.0.0/33": 33 bits, expected at most 32"#);
    assert_eq!(said("fd00::/129"), r#"network "fd00::/129": 129 bits, expected at most 128"#);
    assert_eq!(
        said("10.20.30.40/16"),
        r#"network "10.20.30.40/16": the address has bits behind the first 16, expected 10.20.0.0/16"#
    );
    assert_eq!(said("fd00::1/8"), r#"network "fd00::1/8": the address has bits behind the first 8, expected fd00::/8"#);
    assert!(matches!("::ffff:10.0.0.0/104".parse::<Network>(), Err(InvalidNetwork::Mapped(_))));
    for text in ["0.0.0.0/0", "10.0.0.1/32", "::/0", "::1/128"] {
        assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
    }
}

/// Every spelling that `http`, the standard library or the machine's resolver takes for this
/// machine is refused without a connection.
#[tokio::test]
async fn this_machine_is_refused_however_it_is_spelled() {
    let server = Server::new([ok()]).await;
    let port = server.address.port();
    let client = client_with(|config| {
        config.allowed = Vec::new();
        config.resolver = Arc::new(SystemResolver);
    });
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[::127.0.0.1]",
        "127.0.0.1.",
        "[127.0.0.1]",
    ] {
        let mut there = at(server.address);
        let Ok(origin) = format!("http://{host}:{port}").parse() else { continue };
        there.origin = origin;
        there.retries.max_retries = 0;
        match client.destination("inside", there) {
            Err(InvalidDestination::AddressRefused(refused)) => assert_eq!(refused.host, host),
            Err(other) => panic!("{host}: {other}"),
            Ok(destination) => match destination.get("/").await.unwrap_err() {
                SendError::AddressRefused(refused) => assert_eq!(refused.host, host),
                // A spelling may be unknown on this machine.
                SendError::NotSent { .. } => {}
                other => panic!("{host}: {other}"),
            },
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_and_the_error_names_both() {
    for addresses in ["169.254.169.254", "10.0.0.1 192.168.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        let resolver = Arc::new(Script::new(&[addresses]));
        let client = client_with(|config| {
            config.allowed = Vec::new();
            config.resolver = resolver.clone();
        });
        let mut there = at("127.0.0.1:1".parse().unwrap());
        there.origin = "http://inside.test:1".parse().unwrap();
        let destination = client.destination("inside", there).unwrap();
        let failed = destination.get("/").await.unwrap_err();
        let first: IpAddr = addresses.split(' ').next().unwrap().parse().unwrap();
        let SendError::AddressRefused(refused) = &failed else { panic!("{failed:?}") };
        assert_eq!(*refused, AddressRefusedError { host: "inside.test".into(), address: first });
        assert_eq!(
            failed.to_string(),
            format!("host inside.test is {first}, which is not of the Internet and in no allowed network")
        );
        // The name is resolved once, because resolving again does not help. The destination has not
        // failed.
        assert_eq!((failed.sent(), failed.is_transient(), resolver.asked()), (Sent::No, false, 1));
        assert_eq!(destination.breaker().snapshot().failures_in_a_row, 0);
    }
}

/// Two servers on one port: one in an allowed network, and one in a network that is not allowed.
async fn allowed_and_forbidden(step: Step) -> (Server, Server, HttpClientConfig) {
    let allowed = Server::on("127.0.0.2:0".parse().unwrap(), [step]).await;
    let forbidden = Server::on(([127, 0, 0, 1], allowed.address.port()).into(), [ok()]).await;
    let mut config = config();
    config.allowed = vec!["127.0.0.2/32".parse().unwrap()];
    (allowed, forbidden, config)
}

#[tokio::test]
async fn a_name_that_means_something_else_a_moment_later_gains_nothing() {
    let close = Step::Last("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into());
    let (allowed, forbidden, mut config) = allowed_and_forbidden(close).await;
    let names = Arc::new(Script::new(&["127.0.0.2", "127.0.0.1"]));
    config.resolver = names.clone();
    let client = HttpClient::new(config);
    let mut there = at(allowed.address);
    there.origin = format!("http://rebinding.test:{}", allowed.address.port()).parse().unwrap();
    let destination = client.destination("rebinding", there).unwrap();
    // The name is resolved once for each connection, so it cannot change between the check and the
    // use.
    assert_eq!(destination.get("/").await.unwrap().status(), 200);
    assert_eq!(names.asked(), 1);
    let failed = destination.get("/").await.unwrap_err();
    assert!(
        matches!(&failed, SendError::AddressRefused(refused) if refused.address.to_string() == "127.0.0.1"),
        "{failed}"
    );
    assert_eq!((names.asked(), allowed.connections(), forbidden.connections()), (2, 1, 0));
}

#[tokio::test]
async fn of_several_addresses_those_that_are_allowed_are_used() {
    for addresses in ["127.0.0.1 127.0.0.2", "127.0.0.2 127.0.0.1", "::1 10.0.0.1 ::ffff:127.0.0.2"] {
        let (allowed, forbidden, mut config) = allowed_and_forbidden(ok()).await;
        config.resolver = Arc::new(Script::new(&[addresses]));
        let client = HttpClient::new(config);
        let mut there = at(allowed.address);
        there.origin = format!("http://both.test:{}", allowed.address.port()).parse().unwrap();
        let answer = client.destination("both", there).unwrap().get("/").await;
        // A machine without IPv6 cannot call an IPv4 address through IPv6.
        if !addresses.contains("::ffff") {
            assert_eq!(answer.unwrap().status(), 200, "{addresses}");
        }
        assert_eq!(forbidden.connections(), 0, "{addresses}");
    }
}

#[test]
fn an_allowed_network_is_allowed_and_its_neighbour_is_not() {
    let allowed = vec!["10.20.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()];
    let mut config = HttpClientConfig::usual(Trust::none());
    config.allowed = allowed;
    let client = HttpClient::new(config);
    for (host, may) in [
        ("10.20.0.0", true),
        ("10.20.255.255", true),
        ("[::ffff:10.20.0.1]", true),
        ("[fd00:1::7]", true),
        ("10.19.255.255", false),
        ("10.21.0.0", false),
        ("[fd00:2::7]", false),
        // The address behind NAT64 is in another network, which is not allowed.
        ("[64:ff9b::10.20.0.1]", false),
        ("8.8.8.8", true),
    ] {
        let mut there = at("127.0.0.1:1".parse().unwrap());
        there.origin = format!("http://{host}").parse().unwrap();
        assert_eq!(client.destination("other", there).is_ok(), may, "{host}");
    }
}
