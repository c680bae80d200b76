//! [`OriginSettings`]: through which proxies, under which host names and from which pages callers
//! come.

use std::net::IpAddr;

use axum::http::HeaderValue;

use super::row::Setting;
use super::values::Values;

pub(super) const TRUSTED_PROXIES: Setting = Setting::plain(
    "SQAL_TRUSTED_PROXIES",
    Some(""),
    "addresses with commas between",
    "Proxies whose X-Forwarded-For, -Host, -Port and -Proto or Forwarded is believed",
);

pub(super) const ALLOWED_HOSTS: Setting = Setting::plain(
    "SQAL_ALLOWED_HOSTS",
    Some(""),
    "names of hosts like line.example, without ports, with commas between",
    "Names under which a server without a token file answers, beside localhost and addresses",
);

pub(super) const CORS_ORIGINS: Setting = Setting::plain(
    "CORS_ORIGINS",
    Some(""),
    "origins like http://localhost:5173 with commas between",
    "Pages of other sites that may read",
);

/// The proxies, host names and pages through which callers come.
#[derive(Clone, Debug)]
pub struct OriginSettings {
    /// The addresses of proxies whose forwarding headers are trusted.
    pub trusted_proxies: Vec<IpAddr>,
    /// The host names under which a server without a token file answers.
    pub allowed_hosts: Vec<String>,
    /// The origins of other sites whose pages may read.
    pub cors_origins: Vec<HeaderValue>,
}

impl OriginSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let trusted_proxies = listed(values, &TRUSTED_PROXIES, |part| part.parse().ok());
        let allowed_hosts = listed(values, &ALLOWED_HOSTS, host_name);
        let cors_origins = listed(values, &CORS_ORIGINS, origin);
        Some(Self { trusted_proxies: trusted_proxies?, allowed_hosts: allowed_hosts?, cors_origins: cors_origins? })
    }
}

/// The values of a setting with commas between. One that `make` refuses is a mistake.
fn listed<T>(values: &mut Values, setting: &Setting, make: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    values.read(setting, |text| text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(make).collect())
}

/// The name of a host without a port.
fn host_name(text: &str) -> Option<String> {
    let right = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    right.then(|| text.to_owned())
}

/// An origin as a browser sends it: a scheme and a host, without a path.
fn origin(text: &str) -> Option<HeaderValue> {
    let (scheme, host) = text.split_once("://")?;
    let right = matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/');
    HeaderValue::try_from(text).ok().filter(|_| right)
}
