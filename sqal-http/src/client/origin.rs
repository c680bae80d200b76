//! [`Origin`]: a scheme, a host and a port, and nothing else that could lead elsewhere.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, PathAndQuery, Scheme};

/// Where a destination is: `https://api.example.com` or `http://10.0.0.7:8080`. It has no user, no path and no query.
///
/// ```
/// use sqal_http::client::Origin;
///
/// let origin: Origin = "https://api.example.com:8443".parse()?;
/// assert_eq!((origin.host(), origin.port()), ("api.example.com", 8443));
/// assert!("https://user:secret@api.example.com".parse::<Origin>().is_err());
/// # Ok::<(), sqal_http::client::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

/// A text that is no origin. What was read is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrigin {
    /// It is not an absolute URI.
    #[error("origin: expected a scheme, a host and perhaps a port, such as https://api.example.com")]
    Form,
    /// A scheme that is neither of HTTP's.
    #[error("origin: the scheme is neither https nor http")]
    Scheme,
    /// A user or a password; it belongs in a header of the request.
    #[error("origin: a user before the host, expected none")]
    User,
    /// A path or a query; they belong in the request.
    #[error("origin: something behind the host and port, expected nothing")]
    Path,
    /// A port that no connection can have.
    #[error("origin: the port is not one of 1 to 65535")]
    Port,
}

impl Origin {
    /// The host: a name or an address, one of IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// The port, 443 or 80 if none was given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_plain() { 80 } else { 443 })
    }

    /// Whether everybody on the way can read and change what is said: `http`.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    /// The address, if the host is one and no name.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        literal(self.host())
    }

    /// A path and query under this origin.
    pub(super) fn at(&self, path: PathAndQuery) -> Uri {
        let parts = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path);
        parts.build().unwrap_or_else(|_| unreachable!("a scheme, an authority and a path make a URI"))
    }
}

/// The address that a host of a URI is, if it is no name; IPv6 stands in brackets.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl TryFrom<&Uri> for Origin {
    type Error = InvalidOrigin;

    fn try_from(uri: &Uri) -> Result<Self, InvalidOrigin> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else { return Err(InvalidOrigin::Form) };
        if authority.as_str().contains('@') {
            return Err(InvalidOrigin::User);
        }
        if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
            return Err(InvalidOrigin::Scheme);
        }
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(InvalidOrigin::Path);
        }
        if authority.host().is_empty() {
            return Err(InvalidOrigin::Form);
        }
        // A colon with nothing or with too much behind it is a port that does not parse.
        let rest = &authority.as_str()[authority.host().len()..];
        if !rest.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(InvalidOrigin::Port);
        }
        Ok(Self { scheme: scheme.clone(), authority: authority.clone() })
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        Self::try_from(&text.parse::<Uri>().map_err(|_| InvalidOrigin::Form)?)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}
