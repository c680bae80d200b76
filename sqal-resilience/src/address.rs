//! [`limited_as`], [`client_address`] and [`forwarded_client`]: which address stands for a client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address under which a limit counts a client. An IPv6 client owns its whole /64 and could use
/// another address for every request, so the /64 counts. An IPv4 address written as IPv6 counts as
/// that IPv4 address.
///
/// ```
/// use sqal_resilience::address::limited_as;
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

/// The address of the client behind proxies that write `X-Forwarded-For`. If the peer is a trusted
/// proxy, this is the last address of `X-Forwarded-For` that is not a trusted proxy's. If the peer
/// is not trusted, the field is ignored and this is the peer's address.
///
/// An entry is an address, an address with a port, or an IPv6 address in brackets with or without a
/// port. Each of these may be in quotes; proxies write all of them. An entry may hold no address
/// (`unknown`, `_hidden`, an address with a zone). That entry and all entries before it are then
/// ignored, and the nearest trusted proxy stands for the client.
///
/// ```
/// use sqal_resilience::address::client_address;
///
/// let proxy = "10.0.0.1".parse()?;
/// let trusted = |address: std::net::IpAddr| address == proxy;
/// assert_eq!(client_address(proxy, Some("198.51.100.1:5001"), trusted), "198.51.100.1".parse::<std::net::IpAddr>()?);
/// assert_eq!(client_address(proxy, Some("[2001:db8::7]:443"), trusted), "2001:db8::7".parse::<std::net::IpAddr>()?);
/// assert_eq!(client_address(proxy, Some("unknown"), trusted), proxy);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn client_address(peer: IpAddr, forwarded_for: Option<&str>, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let entries = forwarded_for.unwrap_or_default().rsplit(',');
    nearest_stranger(peer, entries.map(address_of), trusted)
}

/// The address of the client behind proxies that write `Forwarded` (RFC 7239): the last `for` that
/// is not a trusted proxy's, by the rules of [`client_address`].
///
/// ```
/// use sqal_resilience::address::forwarded_client;
///
/// let proxy = "10.0.0.1".parse()?;
/// let said = r#"for=192.0.2.43, for="[2001:db8::7]:443";proto=https"#;
/// assert_eq!(forwarded_client(proxy, said, |address| address == proxy), "2001:db8::7".parse::<std::net::IpAddr>()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn forwarded_client(peer: IpAddr, forwarded: &str, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let named = |element: &str| {
        let value = from_the_end(element, ';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value)
        });
        value.and_then(address_of)
    };
    nearest_stranger(peer, from_the_end(forwarded, ',').map(named), trusted)
}

/// Goes from the nearest entry to the furthest. Stops at the first address that is not a trusted
/// proxy's, and at an entry without an address.
fn nearest_stranger(
    peer: IpAddr,
    entries: impl Iterator<Item = Option<IpAddr>>,
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut client = peer.to_canonical();
    for entry in entries {
        if !trusted(client) {
            break;
        }
        let Some(address) = entry else { break };
        client = address.to_canonical();
    }
    client
}

/// The address of one entry, without its quotes, brackets and port.
fn address_of(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let entry = match entry.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?.trim(),
        None => entry,
    };
    if let Some(bracketed) = entry.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let port_is_right = port.is_empty() || port.strip_prefix(':').is_some_and(is_a_port);
        return port_is_right.then(|| address.parse().ok()).flatten();
    }
    if let Ok(address) = entry.parse() {
        return Some(address);
    }
    // An IPv6 address with a port has brackets, so a single colon is that of an IPv4 address.
    let (address, port) = entry.split_once(':')?;
    let address: Ipv4Addr = address.parse().ok()?;
    is_a_port(port).then_some(IpAddr::V4(address))
}

/// A number of at most 16 bits, or an obfuscated port (RFC 7239, 6.2).
fn is_a_port(text: &str) -> bool {
    let hidden = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && text.parse::<u16>().is_ok()) || text.strip_prefix('_').is_some_and(hidden)
}

/// The parts between separators outside of quotes, the last part first. The text is read from its
/// end, where the nearest proxy writes. A quote that a client has left open stands before that, so
/// it changes nothing behind it.
fn from_the_end(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let mut quoted = false;
        let at = whole.char_indices().rev().find_map(|(at, c)| {
            if c == '"' {
                let escapes = whole[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
                quoted ^= escapes.is_multiple_of(2);
            }
            (c == separator && !quoted).then_some(at)
        });
        let (before, part) = at.map_or((None, whole), |at| (Some(&whole[..at]), &whole[at + separator.len_utf8()..]));
        rest = before;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An address, and one of the forms in which proxies write it.
    fn spelled() -> impl Strategy<Value = (IpAddr, String)> {
        let v4 = (any::<u32>(), any::<u16>(), 0..4_usize).prop_map(|(bits, port, how)| {
            let address = Ipv4Addr::from_bits(bits);
            let text = match how {
                0 => address.to_string(),
                1 => format!("{address}:{port}"),
                2 => format!("\"{address}\""),
                _ => format!("\"{address}:{port}\""),
            };
            (IpAddr::V4(address), text)
        });
        let v6 = (any::<u128>(), any::<u16>(), 0..6_usize).prop_map(|(bits, port, how)| {
            let address = Ipv6Addr::from_bits(bits);
            let text = match how {
                0 => address.to_string(),
                1 => format!("[{address}]"),
                2 => format!("[{address}]:{port}"),
                3 => format!("\"[{address}]:{port}\""),
                4 => format!("\"[{address}]:_hidden\""),
                _ => format!("\"{address}\""),
            };
            (IpAddr::V6(address).to_canonical(), text)
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn an_address_in_any_spelling_is_that_address((address, text) in spelled(), before in "[ -~]{0,40}", space in " {0,3}") {
            let proxy: IpAddr = "10.0.0.1".parse().unwrap();
            prop_assume!(address != proxy);
            let said = format!("{before},{space}{text}{space}");
            prop_assert_eq!(client_address(proxy, Some(&said), |address| address == proxy), address);
            for said in [
                format!("{before},{space}For={text}{space}"),
                format!("{before}, proto=https;for={text};host=\"a,b;c\""),
                format!("for={text};by=\"[::1]\""),
            ] {
                prop_assert_eq!(forwarded_client(proxy, &said, |address| address == proxy), address, "{}", said);
            }
        }

        #[test]
        fn no_text_is_believed_of_a_stranger_and_none_panics(text in "\\PC{0,80}") {
            let stranger: IpAddr = "192.0.2.7".parse().unwrap();
            prop_assert_eq!(client_address(stranger, Some(&text), |_| false), stranger);
            prop_assert_eq!(forwarded_client(stranger, &text, |_| false), stranger);
            let _ = client_address(stranger, Some(&text), |_| true);
            let _ = forwarded_client(stranger, &text, |_| true);
        }
    }

    #[test]
    fn an_entry_without_an_address_stands_for_its_proxy() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let trusted = |address: IpAddr| address == proxy;
        for entry in [
            "unknown",
            "_hidden",
            "",
            "-",
            "\"",
            "\"192.0.2.1",
            "192.0.2.1\"",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:+80",
            "192.0.2",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]443",
            "fe80::1%eth0",
            "[fe80::1%25eth0]:443",
            "192.0.2.1, ",
        ] {
            assert_eq!(client_address(proxy, Some(entry), trusted), proxy, "{entry:?}");
            assert_eq!(forwarded_client(proxy, &format!("for=203.0.113.9, for={entry}"), trusted), proxy, "{entry:?}");
        }
        assert_eq!(forwarded_client(proxy, "for=203.0.113.9, proto=https", trusted), proxy);
        assert_eq!(
            forwarded_client(proxy, "for=\"203.0.113.9, for=192.0.2.1", trusted),
            "192.0.2.1".parse::<IpAddr>().unwrap(),
            "a quote that the client has left open hides nothing"
        );
    }
}
