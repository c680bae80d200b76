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
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let host = text(header::HOST).unwrap_or("");
    let from_here = origin.split_once("://").is_some_and(|(_, page)| page == host) && is_an_address(host);
    if from_here { Ok(()) } else { Err(Problem::forbidden_origin()) }
}

/// Refuses what a page of another host has sent with a cookie of this one.
pub(crate) fn same_host(headers: &HeaderMap) -> Result<(), Problem> {
    let page = headers.get(header::ORIGIN).map(|origin| origin.as_bytes().splitn(2, |byte| *byte == b'/').last());
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    // A browser says where a page is from whenever it writes; whoever sends a cookie and no origin is none.
    let from_here = page.is_some_and(|page| page.and_then(|page| page.strip_prefix(b"/")) == host);
    if from_here { Ok(()) } else { Err(Problem::forbidden_origin()) }
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
}
