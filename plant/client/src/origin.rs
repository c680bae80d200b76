//! [`Origin`]: the scheme, host and port of a destination, without user, path or query.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// Where a destination is: `https://api.example.com` or `http://10.0.0.7:8080`. It has no user, no
/// path and no query.
///
/// ```
/// use sqal_client::Origin;
///
/// let origin: Origin = "https://api.example.com:8443".parse()?;
/// assert_eq!((origin.host(), origin.port()), ("api.example.com", 8443));
/// assert!("https://user:secret@api.example.com".parse::<Origin>().is_err());
/// # Ok::<(), sqal_client::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

/// A text that is not a valid origin. The error does not repeat the text, because it may hold a
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrigin {
    /// The text is not an absolute URI.
    #[error("origin: expected a scheme, a host and perhaps a port, such as https://api.example.com")]
    Form,
    /// The scheme is neither `http` nor `https`.
    #[error("origin: the scheme is neither https nor http")]
    Scheme,
    /// The text has a user or a password, which belong in a header of the request.
    #[error("origin: a user before the host, expected none")]
    User,
    /// The text has a path or a query, which belong in the request.
    #[error("origin: something behind the host and port, expected nothing")]
    Path,
    /// The port is not one of 1 to 65535.
    #[error("origin: the port is not one of 1 to 65535")]
    Port,
}

impl Origin {
    /// The host: a name or an address; an IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// The port. If none was given, it is 443 for `https` and 80 for `http`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_plain() { 80 } else { 443 })
    }

    /// Whether the scheme is `http`, so that every network in between can read and change the
    /// traffic.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    /// The address, if the host is an address and not a name.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        literal(self.host())
    }

    /// A path and query under this origin.
    pub(super) fn at(&self, path: PathAndQuery) -> Uri {
        let parts = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path);
        parts.build().unwrap_or_else(|_| unreachable!("a scheme, an authority and a path make a URI"))
    }
}

/// The address in the host of a URI; `None` for a name. An IPv6 address may be in brackets.
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
        // A colon followed by nothing, or by too much, is a port that cannot be parsed.
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
