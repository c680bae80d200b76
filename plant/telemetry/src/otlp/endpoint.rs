//! [`OtlpEndpoint`]: the address of a collector, and the protocol that it speaks.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

/// The path of the method of gRPC that takes traces.
const GRPC_METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The path of traces below the address of a collector over HTTP.
const HTTP_PATH: &str = "/v1/traces";

/// The protocol of a collector. Both carry the messages of protobuf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OtlpProtocol {
    /// gRPC over HTTP/2.
    #[default]
    Grpc,
    /// A POST over HTTP/1.1.
    HttpProtobuf,
}

impl OtlpProtocol {
    /// The name of the protocol in the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        }
    }

    /// The address that the specification gives a collector on this machine.
    #[must_use]
    pub const fn usual_endpoint(self) -> &'static str {
        match self {
            Self::Grpc => "http://localhost:4317",
            Self::HttpProtobuf => "http://localhost:4318",
        }
    }
}

impl FromStr for OtlpProtocol {
    type Err = InvalidOtlpProtocol;

    fn from_str(text: &str) -> Result<Self, InvalidOtlpProtocol> {
        [Self::Grpc, Self::HttpProtobuf].into_iter().find(|known| known.as_str() == text).ok_or(InvalidOtlpProtocol)
    }
}

/// A text that names no protocol of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected grpc or http/protobuf")]
pub struct InvalidOtlpProtocol;

/// A text that is no address of a collector. It does not repeat the text, which may hold a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOtlpEndpoint {
    /// The text is no URL of a host.
    #[error("expected http:// or https://, a host and perhaps a port from 1 to 65535")]
    Url,
    /// The URL holds a login.
    #[error("expected no login in the address: give it in the header fields of the export")]
    Login,
    /// The URL has a query or a fragment.
    #[error("expected neither ? nor # in the address")]
    Query,
    /// The URL has a path, which gRPC has no place for.
    #[error("expected no path, because grpc has one of its own")]
    Path,
}

/// The address of a collector of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint {
    target: Uri,
    protocol: OtlpProtocol,
}

impl OtlpEndpoint {
    /// The address of a collector of all signals. With `http/protobuf`, its traces are at
    /// `v1/traces` below it.
    ///
    /// ```
    /// use sqal_telemetry::otlp::{OtlpEndpoint, OtlpProtocol};
    ///
    /// let endpoint = OtlpEndpoint::new("https://collector.example:4318/plant-1", OtlpProtocol::HttpProtobuf)?;
    /// assert_eq!(endpoint.to_string(), "https://collector.example:4318/plant-1/v1/traces");
    /// assert!(OtlpEndpoint::new("collector.example:4318", OtlpProtocol::HttpProtobuf).is_err());
    /// # Ok::<(), sqal_telemetry::otlp::InvalidOtlpEndpoint>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpEndpoint`] if the text is no such address.
    pub fn new(text: &str, protocol: OtlpProtocol) -> Result<Self, InvalidOtlpEndpoint> {
        let base = checked(text)?;
        let below = format!("{}{HTTP_PATH}", base.path().trim_end_matches('/'));
        Self::at(&base, &below, protocol)
    }

    /// The address of a collector of traces alone. With `http/protobuf` it is used as it is.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpEndpoint`] if the text is no such address.
    pub fn of_traces(text: &str, protocol: OtlpProtocol) -> Result<Self, InvalidOtlpEndpoint> {
        let whole = checked(text)?;
        Self::at(&whole, whole.path(), protocol)
    }

    fn at(base: &Uri, path: &str, protocol: OtlpProtocol) -> Result<Self, InvalidOtlpEndpoint> {
        let path = match protocol {
            OtlpProtocol::Grpc if !matches!(base.path(), "" | "/") => return Err(InvalidOtlpEndpoint::Path),
            OtlpProtocol::Grpc => GRPC_METHOD,
            OtlpProtocol::HttpProtobuf => path,
        };
        let (scheme, authority) = (base.scheme_str().unwrap_or_default(), base.authority());
        let authority = authority.ok_or(InvalidOtlpEndpoint::Url)?.as_str();
        let target = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build();
        Ok(Self { target: target.map_err(|_| InvalidOtlpEndpoint::Url)?, protocol })
    }

    /// The protocol of the collector.
    #[must_use]
    pub const fn protocol(&self) -> OtlpProtocol {
        self.protocol
    }

    /// The host of the collector, with its port if one is given.
    #[must_use]
    pub fn host(&self) -> &str {
        self.target.authority().map_or("", |authority| authority.as_str())
    }

    /// Whether the connection is encrypted, and the collector needs a certificate.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.target.scheme() == Some(&Scheme::HTTPS)
    }

    /// The target of each request.
    pub(super) const fn target(&self) -> &Uri {
        &self.target
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

/// A URL of a host that is reached by HTTP.
fn checked(text: &str) -> Result<Uri, InvalidOtlpEndpoint> {
    // The parser drops a fragment silently.
    if text.contains(['?', '#']) {
        return Err(InvalidOtlpEndpoint::Query);
    }
    let uri: Uri = text.parse().map_err(|_| InvalidOtlpEndpoint::Url)?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(InvalidOtlpEndpoint::Url);
    };
    if authority.as_str().contains('@') {
        return Err(InvalidOtlpEndpoint::Login);
    }
    let (host, port) = (authority.host(), authority.port_u16());
    let is_port = match authority.as_str().strip_prefix(host) {
        Some("") => true,
        Some(_) => port.is_some_and(|port| port > 0),
        None => false,
    };
    if host.is_empty() || !is_port { Err(InvalidOtlpEndpoint::Url) } else { Ok(uri) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str, protocol: OtlpProtocol) -> String {
        OtlpEndpoint::new(text, protocol).unwrap().to_string()
    }

    #[test]
    fn each_protocol_has_its_path_below_the_address() {
        for (text, expected) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://c.example/a/b/", "https://c.example/a/b/v1/traces"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ] {
            assert_eq!(target(text, OtlpProtocol::HttpProtobuf), expected);
        }
        let grpc = target("http://localhost:4317", OtlpProtocol::Grpc);
        assert_eq!(grpc, "http://localhost:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        assert_eq!(target("http://localhost:4317/", OtlpProtocol::Grpc), grpc);
    }

    #[test]
    fn the_address_of_traces_is_used_as_it_is() {
        let of = |text, protocol| OtlpEndpoint::of_traces(text, protocol).map(|endpoint| endpoint.to_string());
        assert_eq!(of("http://t:1/x", OtlpProtocol::HttpProtobuf).unwrap(), "http://t:1/x");
        assert_eq!(of("http://t:1", OtlpProtocol::HttpProtobuf).unwrap(), "http://t:1/");
        assert_eq!(of("http://t:1/x", OtlpProtocol::Grpc), Err(InvalidOtlpEndpoint::Path));
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for (text, why) in [
            ("", InvalidOtlpEndpoint::Url),
            ("localhost:4317", InvalidOtlpEndpoint::Url),
            ("/v1/traces", InvalidOtlpEndpoint::Url),
            ("ftp://host", InvalidOtlpEndpoint::Url),
            ("unix:///run/otlp", InvalidOtlpEndpoint::Url),
            ("http://", InvalidOtlpEndpoint::Url),
            ("http://:4317", InvalidOtlpEndpoint::Url),
            ("http://host:0", InvalidOtlpEndpoint::Url),
            ("http://host:99999", InvalidOtlpEndpoint::Url),
            ("http://host:port", InvalidOtlpEndpoint::Url),
            ("http://ho st", InvalidOtlpEndpoint::Url),
            ("http://me:hunter2@host:1", InvalidOtlpEndpoint::Login),
            ("http://host:1?key=hunter2", InvalidOtlpEndpoint::Query),
            ("http://host:1/#hunter2", InvalidOtlpEndpoint::Query),
        ] {
            let told = OtlpEndpoint::new(text, OtlpProtocol::Grpc).unwrap_err();
            assert_eq!(told, why, "{text}");
            assert!(!told.to_string().contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn the_host_is_that_of_the_address_and_https_is_encrypted() {
        let endpoint = OtlpEndpoint::new("https://c.example:4317", OtlpProtocol::Grpc).unwrap();
        assert_eq!((endpoint.host(), endpoint.is_encrypted()), ("c.example:4317", true));
        assert!(!OtlpEndpoint::new("http://c.example", OtlpProtocol::Grpc).unwrap().is_encrypted());
    }
}
