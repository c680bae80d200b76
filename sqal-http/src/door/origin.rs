//! Refuses changes that pages of other sites request, by the page that the browser names.
//!
//! The check is needed on loopback too, because the operator's own browser reaches it.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};

use crate::door::problem::Problem;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Refuses a request from a page of another site. A program names no page.
///
/// The owner of a host name can make it mean this machine (DNS rebinding), and then both headers
/// agree. So only an address, `localhost`, or an allowed name shows that the page came from this
/// server.
pub(crate) fn same(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let page = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, page)| page);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let from_here = page.zip(host).is_some_and(|(page, host)| page == host && is_known(host, allowed));
    if from_here { Ok(()) } else { Err(Problem::forbidden_origin()) }
}

/// Refuses a request from a page of another site, for the endpoint of devices. Device libraries
/// send an `Origin` that no browser sends for the page of a site. A `file://` (a default of
/// `arduinoWebSockets`) and an address with a path (a default of `ArduinoWebsockets`) name no site
/// and are let through. A page without an origin sends `null`, so `null` is refused.
pub(crate) fn same_or_of_a_program(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| !may_be_of_a_page(origin)) { Ok(()) } else { same(headers, allowed) }
}

/// Whether a browser may send this as the origin of a page (RFC 6454, 6.2): `null`, or a scheme, a
/// host and perhaps a port.
fn may_be_of_a_page(origin: &str) -> bool {
    match origin.split_once("://") {
        Some((_, authority)) => !authority.is_empty() && !authority.contains(['/', '?', '#']),
        None => origin.is_empty() || origin.eq_ignore_ascii_case("null"),
    }
}

/// Refuses a request that a page of another host has sent with a cookie of this host. The host,
/// port and scheme that a trusted proxy reports are believed.
pub(crate) fn same_host(headers: &HeaderMap, by_trusted_proxy: bool) -> Result<(), Problem> {
    // A browser sends the origin of the page with every write. If a request has a cookie and no
    // origin, it is not from a browser.
    let origin = headers.get(header::ORIGIN).ok_or_else(Problem::forbidden_origin)?;
    let Some(page) = origin.to_str().ok().and_then(Page::of) else { return Err(Problem::forbidden_origin()) };
    let asked = Asked::of(headers, by_trusted_proxy);
    if asked.is_of(&page) {
        return Ok(());
    }
    let host = asked.hosts.first().copied().unwrap_or("missing");
    // The browser or its proxy sent both texts, so they are filtered and cut like every text from
    // outside.
    let shown = |text: &str| text.chars().filter(char::is_ascii_graphic).take(120).collect::<String>();
    let (page, host) = (shown(origin.to_str().unwrap_or_default()), shown(host));
    Err(Problem::other_origin(format!(
        "the page's origin is {page}, and this server was asked as {host}: a proxy in between must pass the host with its port (nginx: proxy_set_header Host \
         $http_host), or X-Forwarded-Host from a trusted proxy"
    )))
}

/// The origin of a page.
struct Page<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Page<'a> {
    fn of(origin: &'a str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        let (host, port) = host_and_port(authority)?;
        Some(Self { scheme, host, port: port.or_else(|| usual_port(scheme))? })
    }
}

/// The hosts under which a request has come, as far as they are believed.
struct Asked<'a> {
    hosts: Vec<&'a str>,
    port: Option<u16>,
    scheme: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn of(headers: &'a HeaderMap, by_trusted_proxy: bool) -> Self {
        let listed = |name: HeaderName| {
            let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(str::trim)
        };
        let mut hosts: Vec<_> = headers.get(header::HOST).and_then(|host| host.to_str().ok()).into_iter().collect();
        if !by_trusted_proxy {
            return Self { hosts, port: None, scheme: None };
        }
        hosts.extend(listed(FORWARDED_HOST));
        let port = listed(FORWARDED_PORT).next().and_then(|port| port.parse().ok());
        Self { hosts, port, scheme: listed(FORWARDED_PROTO).next() }
    }

    fn is_of(&self, page: &Page<'_>) -> bool {
        // If the host was asked with encryption, a page that came without encryption is not from
        // this host.
        let downgraded = page.scheme == "http" && self.scheme == Some("https");
        !downgraded
            && self.hosts.iter().filter_map(|host| host_and_port(host)).any(|(host, port)| {
                let port = port.or_else(|| usual_port(page.scheme));
                host.eq_ignore_ascii_case(page.host) && (port == Some(page.port) || self.port == Some(page.port))
            })
    }
}

/// The host of an authority, with its brackets if it has any, and the port.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let plain = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', ',']);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (authority, None),
    };
    let has_brackets = host.starts_with('[') && host.ends_with(']');
    (plain(host) && (has_brackets || !host.contains(':'))).then_some((host, port))
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Refuses a request under a host name that does not belong to this server.
///
/// If a name was made to mean this machine, a page under that name has the same origin for its
/// browser, and would read all that an open server shows. An address and `localhost` cannot be made
/// to mean another machine. A request without a host does not come from a browser.
pub(crate) fn known_host(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let Some(host) = headers.get(header::HOST) else { return Ok(()) };
    let is_right = host.to_str().is_ok_and(|host| is_known(host, allowed));
    if is_right { Ok(()) } else { Err(Problem::unknown_host()) }
}

/// Whether a host is `localhost`, an address, or one of these names, with any port.
fn is_known(host: &str, allowed: &[String]) -> bool {
    let Some((host, _)) = host_and_port(host) else { return false };
    let name = host.strip_suffix('.').unwrap_or(host);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok()
        || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_this_very_address_is_no_stranger() {
        let asks = |origin: Option<&str>, host: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::ORIGIN, origin), (header::HOST, host)] {
                value.map(|value| headers.insert(name, value.parse().unwrap()));
            }
            same(&headers, &[]).is_ok()
        };
        for (origin, host) in [
            (None, Some("line:8000")),
            (None, None),
            (Some("http://127.0.0.1:8000"), Some("127.0.0.1:8000")),
            (Some("http://localhost:8000"), Some("localhost:8000")),
            (Some("https://[::1]:8000"), Some("[::1]:8000")),
            (Some("http://192.168.1.7"), Some("192.168.1.7")),
        ] {
            assert!(asks(origin, host), "{origin:?} {host:?}");
        }
        for (origin, host) in [
            (Some("http://evil.example"), Some("127.0.0.1:8000")),
            // The name was made to mean this machine.
            (Some("http://evil.example:8000"), Some("evil.example:8000")),
            (Some("http://127.0.0.1:9000"), Some("127.0.0.1:8000")),
            (Some("null"), None),
            (Some("null"), Some("127.0.0.1:8000")),
            (Some(""), Some("")),
            (Some("http://127.0.0.1.evil.example"), Some("127.0.0.1.evil.example")),
        ] {
            assert!(!asks(origin, host), "{origin:?} {host:?}");
        }
    }

    #[test]
    fn a_cookie_is_believed_from_pages_of_this_host_only() {
        let asks = |origin: Option<&str>, host: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::ORIGIN, origin), (header::HOST, host)] {
                value.map(|value| headers.insert(name, value.parse().unwrap()));
            }
            same_host(&headers, false).is_ok()
        };
        assert!(asks(Some("https://line.example"), Some("line.example")));
        assert!(asks(Some("http://line:8000"), Some("line:8000")));
        for (origin, host) in [
            (None, None),
            (None, Some("line")),
            // A page without an origin, and a request without a host: the two are not equal.
            (Some("null"), None),
            (Some("null"), Some("null")),
            (Some(""), Some("")),
            (Some("https://"), None),
            (Some("https://evil.example"), Some("line.example")),
            (Some("https://evil.example/line.example"), Some("line.example")),
        ] {
            assert!(!asks(origin, host), "{origin:?} {host:?}");
        }
    }

    fn head(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    /// The default origins of device libraries name no page. An origin that a browser may send
    /// names one.
    #[test]
    fn a_program_that_names_a_file_is_a_program() {
        let host = ("host", "127.0.0.1:8000");
        for (origin, may) in [
            ("file://", true),
            ("https://github.com/gilmaimon/TinyWebsockets", true),
            ("arduino", true),
            ("http://127.0.0.1:8000", true),
            ("null", false),
            ("NULL", false),
            ("", false),
            ("http://evil.example", false),
            ("https://evil.example:8443", false),
            ("chrome-extension://abcdef", false),
            ("capacitor://localhost", false),
            ("http://127.0.0.1:9000", false),
        ] {
            let headers = head(&[host, ("origin", origin)]);
            assert_eq!(same_or_of_a_program(&headers, &[]).is_ok(), may, "{origin:?}");
            // On endpoints without devices, only this address is a page of this address.
            assert_eq!(same(&headers, &[]).is_ok(), origin == "http://127.0.0.1:8000", "{origin:?}");
        }
        assert!(same_or_of_a_program(&head(&[host]), &[]).is_ok());
        let refused = same_or_of_a_program(&head(&[host, ("origin", "null")]), &[]).unwrap_err();
        assert!(refused.detail.contains("setExtraHeaders") && refused.detail.contains("Authorization"));
    }

    /// A proxy may be on any port. The host that it passes on is enough, if the proxy is trusted.
    #[test]
    fn a_page_behind_a_proxy_on_any_port_is_of_this_host() {
        const NONE: &[(&str, &str)] = &[];
        for (origin, host, forwarded, trusted, stranger) in [
            ("https://plant:8443", "plant:8443", NONE, true, true),
            ("https://plant", "plant", &[], true, true),
            ("https://plant", "plant:443", &[], true, true),
            ("http://Plant", "pLANT:80", &[], true, true),
            ("https://[2001:db8::7]:8443", "[2001:db8::7]:8443", &[], true, true),
            ("https://plant:8443", "plant", &[], false, false),
            ("https://plant:8443", "plant", &[("x-forwarded-port", "8443")], true, false),
            ("https://plant:8443", "127.0.0.1:8000", &[("x-forwarded-host", "plant:8443")], true, false),
            (
                "https://plant:8443",
                "127.0.0.1:8000",
                &[("x-forwarded-host", "plant, inner"), ("x-forwarded-port", "8443")],
                true,
                false,
            ),
            ("https://plant:8443", "plant:8443", &[("x-forwarded-proto", "https")], true, true),
            ("http://plant:8443", "plant:8443", &[("x-forwarded-proto", "https")], false, true),
            ("https://plant:8443", "plant:8443", &[("x-forwarded-proto", "http")], true, true),
            ("https://evil.example", "plant", &[("x-forwarded-host", "plant")], false, false),
            ("https://plant:8443", "plant", &[("x-forwarded-port", "9443")], false, false),
            ("https://plant:8443@evil.example", "plant:8443", &[], false, false),
            ("null", "plant", &[("x-forwarded-host", "null")], false, false),
        ] {
            let fields: Vec<_> =
                [("host", host), ("origin", origin)].into_iter().chain(forwarded.iter().copied()).collect();
            let headers = head(&fields);
            assert_eq!(same_host(&headers, true).is_ok(), trusted, "{fields:?}");
            assert_eq!(same_host(&headers, false).is_ok(), stranger, "{fields:?}");
        }
        let refused = same_host(&head(&[("host", "plant"), ("origin", "https://plant:8443")]), true).unwrap_err();
        for part in ["https://plant:8443", "asked as plant:", "$http_host"] {
            assert!(refused.detail.contains(part), "{}", refused.detail);
        }
    }

    #[test]
    fn an_open_server_has_no_name_but_those_it_was_given() {
        let allowed = ["line.example".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "localhost.",
            "127.0.0.1:8000",
            "127.8.9.1",
            "[::1]:8000",
            "192.168.1.7",
            "Line.example:8000",
        ] {
            assert!(known_host(&head(&[("host", host)]), &allowed).is_ok(), "{host}");
        }
        for host in [
            "evil.example:8111",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "127.0.0.1@evil.example",
            "evil.example, localhost",
            "localhost:x",
        ] {
            let refused = known_host(&head(&[("host", host)]), &allowed).unwrap_err();
            assert!(refused.status == 403 && refused.detail.contains("an allowed host name"), "{host}");
        }
        assert!(known_host(&HeaderMap::new(), &[]).is_ok(), "a call of this process");
        let page = head(&[("host", "line.example:8000"), ("origin", "http://line.example:8000")]);
        assert!(same(&page, &allowed).is_ok() && same(&page, &[]).is_err(), "its page may write under its name");
    }
}
