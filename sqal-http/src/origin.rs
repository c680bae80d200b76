//! A browser names the page that asks: what changes something is refused to pages of other sites, because the operator's own browser reaches
//! loopback too.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::Problem;

/// Refuses a page of another site; whoever is no browser names none.
///
/// A name can be made to mean this machine by whoever owns it (DNS rebinding), and then both headers agree: only an address, or `localhost`, says
/// that the page came from here.
pub(crate) fn same(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    if host_of_page(origin, headers).is_some_and(is_an_address) { Ok(()) } else { Err(Problem::forbidden_origin()) }
}

/// Refuses what a page of another host has sent with a cookie of this one.
pub(crate) fn same_host(headers: &HeaderMap) -> Result<(), Problem> {
    // A browser says where a page is from whenever it writes; whoever sends a cookie and no origin is none.
    let origin = headers.get(header::ORIGIN).ok_or_else(Problem::forbidden_origin)?;
    host_of_page(origin, headers).map(|_| ()).ok_or_else(Problem::forbidden_origin)
}

/// The host that was asked, if a page of this origin came from it.
fn host_of_page<'a>(origin: &HeaderValue, headers: &'a HeaderMap) -> Option<&'a str> {
    let (_, page) = origin.to_str().ok()?.split_once("://")?;
    headers.get(header::HOST)?.to_str().ok().filter(|host| *host == page)
}

fn is_an_address(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost" || name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
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
            same(&headers).is_ok()
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
            same_host(&headers).is_ok()
        };
        assert!(asks(Some("https://line.example"), Some("line.example")));
        assert!(asks(Some("http://line:8000"), Some("line:8000")));
        for (origin, host) in [
            (None, None),
            (None, Some("line")),
            // A page without an origin, of a request without a host: neither is the same as the other.
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
}
